"""One process: start it, wait for it, look at its exit code, under each start method."""

import argparse
import os

import gomp as multiprocessing


def task(name, parent):
    """Say who and where this is, and check that it is not the parent."""
    print(f"  {name}: process {os.getpid()}, child of {os.getppid()}", flush=True)
    if os.getpid() == parent:
        raise SystemExit("this is no process of its own")


def run(method):
    """Run the task in a child made by this start method."""
    context = multiprocessing.get_context(method)
    process = context.Process(target=task, args=("worker", os.getpid()))
    print(f"{method}: {process.name} is alive: {process.is_alive()}", flush=True)
    process.start()
    process.join(30)
    print(f"{method}: {process.name} has ended with exit code {process.exitcode}")
    assert process.exitcode == 0


def main():
    """Run the start methods asked for, or all."""
    methods = multiprocessing.get_all_start_methods()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=methods, help="one start method (default: each of them)")
    arguments = parser.parse_args()
    for method in [arguments.method] if arguments.method else methods:
        run(method)


if __name__ == "__main__":
    main()
