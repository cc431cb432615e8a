"""A manager: a dict, a list and a namespace that live in a server process and are changed by several."""

import argparse

import gomp as multiprocessing


def work(number, results, names, settings, lock):
    """Leave this process's traces in each of them."""
    results[number] = number**2
    names.append(f"worker {number}")
    with lock:
        settings.finished += 1


def main():
    """Share, and look at what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    with multiprocessing.Manager() as manager:
        results, names = manager.dict(), manager.list()
        settings = manager.Namespace(title="squares", finished=0)
        lock = manager.Lock()
        processes = [
            multiprocessing.Process(target=work, args=(number, results, names, settings, lock)) for number in range(5)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        print(f"dict: {settings.title} {dict(sorted(results.items()))}")
        print(f"list: {sorted(names)}")
        print(f"namespace: {settings.finished} processes have finished")
        assert results.copy() == {number: number**2 for number in range(5)}
        assert sorted(names) == [f"worker {number}" for number in range(5)]
        assert settings.finished == 5
        assert all(process.exitcode == 0 for process in processes)


if __name__ == "__main__":
    main()
