"""Kernels for images give what Pillow, scipy, colorsys and scikit-image's formulas give."""

from __future__ import annotations

import colorsys

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import scipy.ndimage

from gomp import KernelError, kernels

random = np.random.default_rng(1)

FILTERS = {"bilinear": PIL.Image.Resampling.BILINEAR, "bicubic": PIL.Image.Resampling.BICUBIC}


def picture(*shape):
    """Make noise with edges in it."""
    values = random.integers(0, 256, shape, dtype=np.uint8)
    values[: shape[0] // 2, : shape[1] // 3] = 250
    return values


def every_colour():
    """Make an image of all values of the first channel and most of the others."""
    steps = np.unique(np.r_[0:256:3, 126:130, 255]).astype(np.uint8)
    return np.stack(np.meshgrid(np.arange(256, dtype=np.uint8), steps, steps, indexing="ij"), -1).reshape(256, -1, 3)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("height, width", [(1, 1), (10, 90), (90, 10), (30, 41), (60, 82), (17, 23)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_resize(name, height, width, channels):
    image = picture(30, 41, *channels)
    # Two steps, since Pillow itself chooses which direction comes first, and so where it rounds.
    across = PIL.Image.fromarray(image).resize((width, 30), FILTERS[name])
    want = np.asarray(across.resize((width, height), FILTERS[name]))
    np.testing.assert_array_equal(kernels.resize(image, height, width, name), want)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("height, width", [(10, 90), (90, 10), (30, 41)])
def test_resize_f32(name, height, width):
    image = random.normal(size=(30, 41)).astype(np.float32)
    want = np.asarray(PIL.Image.fromarray(image).resize((width, height), FILTERS[name]))
    np.testing.assert_allclose(kernels.resize_f32(image, height, width, name), want, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.7, 12.0])
@pytest.mark.parametrize("shape", [(30, 41), (30, 41, 3), (1, 7), (300, 200)])
def test_gaussian_blur(sigma, shape):
    image = picture(*shape)
    want = scipy.ndimage.gaussian_filter(image.astype(float), sigma, axes=(0, 1))
    np.testing.assert_allclose(kernels.gaussian_blur(image, sigma), want, atol=0.5001)
    np.testing.assert_allclose(kernels.gaussian_blur_f32(image.astype(np.float32), sigma), want, atol=2e-4)


def test_gaussian_blur_of_a_view():
    image = picture(30, 40, 3)[::-2, 1::3]
    want = scipy.ndimage.gaussian_filter(image.astype(float), 1.5, axes=(0, 1))
    np.testing.assert_allclose(kernels.gaussian_blur(image, 1.5), want, atol=0.5001)


def test_blur_frames():
    frames = random.integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    want = scipy.ndimage.gaussian_filter(frames.astype(float), 2, axes=(1, 2))
    np.testing.assert_allclose(kernels.blur_frames(frames, 2), want, atol=0.5001)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_gaussian_blur_refuses(sigma):
    with pytest.raises(KernelError, match="sigma must be above 0"):
        kernels.gaussian_blur(picture(3, 3), sigma)


@pytest.mark.parametrize("shape", [(30, 41), (30, 41, 3), (1, 7)])
def test_sobel(shape):
    image = picture(*shape)
    want = np.hypot(*(scipy.ndimage.sobel(image.astype(float), axis) for axis in (0, 1)))
    if len(shape) == 3:  # scipy smooths along every other axis, the channels too
        planes = np.moveaxis(image.astype(float), 2, 0)
        want = np.stack([np.hypot(scipy.ndimage.sobel(p, 0), scipy.ndimage.sobel(p, 1)) for p in planes], -1)
    np.testing.assert_allclose(kernels.sobel(image), want, rtol=1e-6)
    np.testing.assert_allclose(kernels.sobel_f32(image.astype(np.float32)), want, rtol=1e-6)


def test_rgb_to_gray():
    image = every_colour()
    np.testing.assert_array_equal(kernels.rgb_to_gray(image), np.asarray(PIL.Image.fromarray(image).convert("L")))
    want = image @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(kernels.rgb_to_gray_f32(image.astype(np.float32)), want, atol=1e-4)


def test_rgb_to_hsv():
    image = every_colour()
    np.testing.assert_array_equal(kernels.rgb_to_hsv(image), np.asarray(PIL.Image.fromarray(image).convert("HSV")))


def test_hsv_to_rgb():
    image = every_colour()
    want = np.asarray(PIL.Image.fromarray(image, "HSV").convert("RGB"))
    np.testing.assert_array_equal(kernels.hsv_to_rgb(image), want)


def test_hsv_of_floats():
    colours = random.random((10, 20, 3)).astype(np.float32)
    for kernel, oracle in [
        (kernels.rgb_to_hsv_f32, colorsys.rgb_to_hsv),
        (kernels.hsv_to_rgb_f32, colorsys.hsv_to_rgb),
    ]:
        want = np.array([oracle(*pixel) for pixel in colours.reshape(-1, 3).astype(float)]).reshape(colours.shape)
        np.testing.assert_allclose(kernel(colours), want, atol=2e-5)


@pytest.mark.parametrize("shape", [(30, 41), (30, 41, 3), (4, 4), (200, 200)])
def test_equalize(shape):
    image = np.clip(random.normal(100, 20, shape), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(
        kernels.equalize(image), np.asarray(PIL.ImageOps.equalize(PIL.Image.fromarray(image)))
    )


def equalize_hist(image, bins):
    """Do as skimage.exposure.equalize_hist."""
    counts, edges = np.histogram(image, bins)
    shares = counts.cumsum() / counts.sum()
    return np.interp(image, (edges[:-1] + edges[1:]) / 2, shares)


def test_equalize_f32():
    image = random.normal(size=(50, 60, 2)).astype(np.float32)
    want = np.stack([equalize_hist(image[..., c].astype(float), 256) for c in range(2)], -1)
    np.testing.assert_allclose(kernels.equalize_f32(image, 256), want, atol=1e-5)


@pytest.mark.parametrize("name", ["rgb_to_gray", "rgb_to_hsv", "hsv_to_rgb"])
def test_colours_refuse_other_shapes(name):
    with pytest.raises(KernelError, match="image must be of shape"):
        getattr(kernels, name)(picture(4, 4))
