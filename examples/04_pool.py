"""A pool of workers: map, apply_async with callbacks, imap_unordered, the with statement."""

import argparse
import os

import gomp as multiprocessing


def compute(number):
    """Square a number."""
    return number * number


def fail(number):
    """Raise, to be seen by the error callback."""
    raise ValueError(f"no square for {number}")


def where(number):
    """Tell which worker took this number."""
    return number, os.getpid()


def main():
    """Use the pool in each of its ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    with multiprocessing.Pool(4) as pool:
        squares = pool.map(compute, range(10))
        print(f"map: {squares}")
        assert squares == [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]

        results, errors = [], []
        good = pool.apply_async(compute, (12,), callback=results.append, error_callback=errors.append)
        bad = pool.apply_async(fail, (13,), callback=results.append, error_callback=errors.append)
        good.wait(30)
        bad.wait(30)
        print(f"apply_async: callback got {results}, error_callback got {errors}")
        assert good.get() == 144
        assert results == [144]
        assert [str(error) for error in errors] == ["no square for 13"]
        try:
            bad.get()
        except ValueError as error:
            print(f"apply_async: get() raised {error!r}")
        else:
            raise SystemExit("the worker's exception did not reach the parent")

        seen = list(pool.imap_unordered(where, range(100), chunksize=5))
        workers = {pid for _, pid in seen}
        print(f"imap_unordered: {len(seen)} results from {len(workers)} workers")
        assert sorted(number for number, _ in seen) == list(range(100))
        assert os.getpid() not in workers
    try:
        pool.apply(compute, (1,))
    except ValueError as error:
        print(f"after the with statement: {error}")
    else:
        raise SystemExit("the pool is still open")


if __name__ == "__main__":
    main()
