"""A batch of pictures, scaled down, blurred and searched for edges: images by kernels, beside numpy.

The pictures are made here. What is drawn is one of them and what became of it, side by side.
"""

import argparse
import pathlib
import time

import chart
import numpy as np

import gomp as multiprocessing
from gomp import kernels


def photograph(seed, size):
    """Return a picture of discs before a gradient, of shape (size, size, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.stack([80 + 100 * x, 90 + 60 * y, 160 - 80 * x * y], axis=2)
    for _ in range(12):
        centre, radius, colour = random.random(2), random.uniform(0.03, 0.15), random.uniform(0, 255, 3)
        picture[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = colour
    return (picture + random.normal(0, 12, picture.shape)).clip(0, 255).astype(np.uint8)


def python_edges(picture):
    """Halve, blur and differentiate a picture by numpy."""
    gray = picture @ np.array([0.299, 0.587, 0.114])
    half = gray.reshape(gray.shape[0] // 2, 2, gray.shape[1] // 2, 2).mean(axis=(1, 3))
    weights = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 1.5**2))
    for axis in (0, 1):
        padded = np.pad(half, [(6, 6) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        half = sum(
            w * np.take(padded, range(i, i + half.shape[axis]), axis) for i, w in enumerate(weights / weights.sum())
        )
    dy, dx = np.gradient(half)
    return np.hypot(dx, dy)


def kernel_edges(pool, pictures):
    """Do the same by kernels, each step of all pictures at once."""
    size = pictures[0].shape[0] // 2
    small = pool.starmap(kernels.resize, [(picture, size, size, "bilinear") for picture in pictures], 1)
    gray = pool.map(kernels.rgb_to_gray_f32, [picture.astype(np.float32) for picture in small], 1)
    blurred = pool.starmap(kernels.gaussian_blur_f32, [(picture, 1.5) for picture in gray], 1)
    return pool.map(kernels.sobel_f32, blurred, 1)


def main():
    """Run both, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="height and width of a picture (default: 512)")
    parser.add_argument("--png", type=pathlib.Path, default=pathlib.Path("photographs.png"))
    arguments = parser.parse_args()
    pictures = [photograph(seed, arguments.size) for seed in range(16)]
    with multiprocessing.Pool() as pool:
        kernel_edges(pool, pictures[:1])  # starts the kernels' process
        began = time.perf_counter()
        edges = kernel_edges(pool, pictures)
        took_kernel = time.perf_counter() - began
        began = time.perf_counter()
        python = pool.map(python_edges, pictures, 1)
        took_python = time.perf_counter() - began
    print(f"{len(pictures)} pictures: {took_python:.2f} s by numpy, {took_kernel:.3f} s by the kernels")
    alike = min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(edges, python, strict=True))
    print(f"the edges agree: correlation {alike:.3f} or more")
    assert alike > 0.9
    shown = np.repeat(np.repeat(edges[0], 2, 0), 2, 1)
    shown = (255 * shown / shown.max()).astype(np.uint8)
    both = np.concatenate([pictures[0], np.stack([shown] * 3, axis=2)], axis=1)
    arguments.png.write_bytes(chart.png([row.tobytes() for row in both]))
    print(f"wrote {arguments.png}")


if __name__ == "__main__":
    main()
