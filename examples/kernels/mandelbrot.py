"""The Mandelbrot set, row by row, in Python and by a kernel: numerics without arrays.

Each row is a task; the picture that is drawn is the kernel's, and the two sets of numbers are the same.
"""

import argparse
import pathlib
import time

import chart

import gomp as multiprocessing
from gomp import kernels


def python_row(y, width, height, iterations):
    """Do what kernels.mandelbrot_row does."""
    imaginary = -1.25 + 2.5 * (y + 0.5) / height
    counts = []
    for x in range(width):
        real = -2.0 + 3.0 * (x + 0.5) / width
        u = v = 0.0
        count = iterations
        for n in range(iterations):
            u, v = u * u - v * v + real, 2 * u * v + imaginary
            if u * u + v * v > 4.0:
                count = n
                break
        counts.append(count)
    return counts


def main():
    """Run both, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=480, help="pixels in a row (default: 480)")
    parser.add_argument("--png", type=pathlib.Path, default=pathlib.Path("mandelbrot.png"))
    arguments = parser.parse_args()
    width, height, iterations = arguments.width, arguments.width * 5 // 6, 200
    tasks = [(y, width, height, iterations) for y in range(height)]
    with multiprocessing.Pool() as pool:
        began = time.perf_counter()
        rows = pool.starmap(kernels.mandelbrot_row, tasks)
        took_kernel = time.perf_counter() - began
        began = time.perf_counter()
        python = pool.starmap(python_row, tasks)
        took_python = time.perf_counter() - began
    print(f"{width} x {height} points: {took_python:.2f} s in Python, {took_kernel:.3f} s by the kernel")
    alike = sum(a == b for row, other in zip(rows, python, strict=True) for a, b in zip(row, other, strict=True))
    print(f"{alike / (width * height):.2%} of the points have the same count")
    assert alike > 0.99 * width * height  # rounding may tell two points on the edge apart
    picture = [bytes(v for n in row for v in shade(int(n), iterations)) for row in rows]
    arguments.png.write_bytes(chart.png(picture))
    print(f"wrote {arguments.png}")


def shade(count, iterations):
    """Return a colour: black inside, and outside the brighter the later it was told."""
    if count >= iterations:
        return 0, 0, 0
    share = (count / iterations) ** 0.4
    return int(255 * share), int(200 * share), int(80 + 120 * share)


if __name__ == "__main__":
    main()
