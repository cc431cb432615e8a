"""Shared numbers: a counter that ten processes increment, and an array that four processes fill."""

import argparse
import math

import gomp as multiprocessing

PARTS, LENGTH = 4, 1000


def increment(counter, lock):
    """Add one; read and write are two steps, hence the lock."""
    with lock:
        counter.value += 1


def fill(array, part):
    """Fill this part of the array with square roots."""
    for index in range(part * LENGTH // PARTS, (part + 1) * LENGTH // PARTS):
        array[index] = math.sqrt(index)


def run(processes):
    """Start all, wait for all."""
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0


def main():
    """Count, fill, and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    counter, lock = multiprocessing.Value("i", 0), multiprocessing.Lock()
    run([multiprocessing.Process(target=increment, args=(counter, lock)) for _ in range(10)])
    print(f"ten processes counted to {counter.value}")
    assert counter.value == 10

    array = multiprocessing.Array("d", LENGTH)
    run([multiprocessing.Process(target=fill, args=(array, part)) for part in range(PARTS)])
    print(f"{PARTS} processes filled {len(array)} elements, from {array[0]} to {array[-1]:.6f}")
    assert list(array) == [math.sqrt(index) for index in range(LENGTH)]


if __name__ == "__main__":
    main()
