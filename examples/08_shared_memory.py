"""Shared memory by name: a numpy array that two processes see, and a list of plain values."""

import argparse

import numpy

import gomp as multiprocessing
from gomp import shared_memory

SHAPE = (512, 512)


def double(name):
    """Double, in place, the array in the block of this name."""
    block = shared_memory.SharedMemory(name)
    try:
        array = numpy.ndarray(SHAPE, numpy.float64, buffer=block.buf)
        array *= 2
        del array  # it points into the block, which cannot be closed before
    finally:
        block.close()


def amend(name):
    """Change a shared list that was made elsewhere."""
    values = shared_memory.ShareableList(name=name)
    try:
        values[0] = "HELLO"
        values[2] = values[2] + 1
    finally:
        values.shm.close()


def run(target, name):
    """Run one function in a process of its own."""
    process = multiprocessing.Process(target=target, args=(name,))
    process.start()
    process.join(30)
    assert process.exitcode == 0, process


def main():
    """Let another process change what is shared, and look at it here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    expected = numpy.arange(SHAPE[0] * SHAPE[1], dtype=numpy.float64).reshape(SHAPE)
    block = shared_memory.SharedMemory(create=True, size=expected.nbytes)
    try:
        array = numpy.ndarray(SHAPE, numpy.float64, buffer=block.buf)
        array[:] = expected
        run(double, block.name)
        print(f"SharedMemory: the other process doubled {array.size} numbers; their sum is {array.sum():.0f}")
        assert numpy.array_equal(array, expected * 2)
        del array
    finally:
        block.close()
        block.unlink()

    values = shared_memory.ShareableList(["hello", 2.5, 41, None, b"bytes", True])
    try:
        run(amend, values.shm.name)
        print(f"ShareableList: {list(values)}")
        assert list(values) == ["HELLO", 2.5, 42, None, b"bytes", True]
    finally:
        values.shm.close()
        values.shm.unlink()


if __name__ == "__main__":
    main()
