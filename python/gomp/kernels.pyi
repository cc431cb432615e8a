"""The kernels that ship with gomp; `help(gomp.kernels.sum)` tells of one."""

# Written by gomp/kernels/pack/stub.py; run `make generate`.

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._kernel import Kernel, Pack

_P = ParamSpec("_P")
_R = TypeVar("_R", covariant=True)

class _Typed(Kernel, Generic[_P, _R]):
    def __call__(self, *args: _P.args, **kwds: _P.kwargs) -> _R: ...

def _typed(function: Callable[_P, _R]) -> _Typed[_P, _R]: ...

PACK: Pack

@_typed
def blur_frames(frames: ArrayLike, sigma: float) -> NDArray[np.uint8]:
    """blur_frames is gaussian_blur for each frame of a clip, of shape (N, H, W, C); the result is of
    the same shape.

    It fails if frames has not four dimensions, and if sigma is not above 0 and at most 1000.

    Method: that of gaussian_blur.
    """

@_typed
def csv_aggregate(
    path: str, offset: int, length: int, filter: Sequence[Any], group: str, value: str
) -> dict[str, dict[str, Any]]:
    """csv_aggregate groups the records of a CSV file by the column group and returns for each group
    the number, sum, minimum and maximum of the column value: {name: {"count", "sum", "min",
    "max"}}. Records that do not pass all conditions of filter are left out; each is a dict with
    "column", "op" and "value". The ops "==" and "!=" compare texts, "<", "<=", ">" and ">="
    numbers. A record whose value is empty is left out. Neither an empty field nor NaN passes a
    comparison of numbers.

    The file is as RFC 4180 has it: commas, fields in quotes if they contain commas, quotes (twice)
    or line ends, which are CR LF or LF. Its first record, after a byte order mark if there is
    one, names the columns; of two that have one name the first counts. Blank lines are passed
    over. The text is UTF-8; in a group's name each byte that is not becomes U+FFFD.

    What is read are the records that begin in the range: length bytes from offset on, or fewer
    where the file ends. The range has to begin where a record does, for elsewhere nothing tells
    whether a line end is one or is inside of quotes: split_csv gives such ranges. The counts,
    minima and maxima over several ranges make up those over the file exactly, the sums but for
    rounding.

    It fails if offset or length is negative, if offset is not the beginning of a line, if there
    is no such column or op, if a field that is needed as a number is none, at a record that does
    not keep to RFC 4180 or is longer than 16 MiB, and if the file cannot be read.
    """

@_typed
def cumsum(values: ArrayLike) -> NDArray[np.float64]:
    """cumsum gives the prefix sums of values, of any shape, taken in C order: element i of the
    result (n,) is the sum of the values up to and including i.

    Method: one addition after the other, as numpy does it.
    """

@_typed
def dot(left: ArrayLike, right: ArrayLike) -> float:
    """dot is the sum of the products of left (n,) and right (n,): 0 if n is 0.

    It fails if the shapes differ or have not one dimension.

    Method: BLAS's dot, of gonum.
    """

@_typed
def equalize(image: ArrayLike) -> NDArray[np.uint8]:
    """equalize spreads the values of image, of shape (H, W) or (H, W, C), so that each channel's
    histogram becomes as flat as it can; the result is of the same shape.

    It fails if image has another number of dimensions.

    Method: the lookup table of Pillow's ImageOps.equalize.
    """

@_typed
def equalize_f32(image: ArrayLike, bins: int) -> NDArray[np.float32]:
    """equalize_f32 is equalize for float32 of any scale: each value becomes the share of its channel's
    values that are not above it, from 0 to 1, as told by a histogram of that many bins. NaN is
    not counted and stays NaN; a channel of one value becomes 1.

    It fails if image has another number of dimensions or has infinities, and if bins is not from
    1 to 16777216.

    Method: the cumulative histogram, interpolated between the middles of the bins, as
    scikit-image's exposure.equalize_hist of each channel.
    """

@_typed
def exp(x: float) -> float:
    """exp is e to the power of x. It is applied to each element of an array."""

@_typed
def fft(values: ArrayLike) -> NDArray[np.complex128]:
    """fft is the discrete Fourier transform of values along the last axis, of the same shape:
    element k is the sum over j of values[j]*exp(-2πijk/n), not scaled.

    It fails if there is no last axis or nothing in it.

    Method: mixed-radix FFT of gonum (after FFTPACK); Bluestein's where n has a large prime factor.
    """

@_typed
def gaussian_blur(image: ArrayLike, sigma: float) -> NDArray[np.uint8]:
    """gaussian_blur convolves image, of shape (H, W) or (H, W, C), with a Gaussian of standard
    deviation sigma, in pixels, which is cut off at 4 sigma; the result is of the same shape,
    rounded to nearest.

    It fails if image has another number of dimensions, and if sigma is not above 0 and at most 1000.

    Method: two one-dimensional convolutions in float32, as scipy.ndimage.gaussian_filter of the
    image as float.
    """

@_typed
def gaussian_blur_f32(image: ArrayLike, sigma: float) -> NDArray[np.float32]:
    """gaussian_blur_f32 is gaussian_blur for float32, not rounded. NaN and infinities spread to the
    pixels within 4 sigma.

    Method: two one-dimensional convolutions in float32, as scipy.ndimage.gaussian_filter.
    """

@_typed
def gzip_compress(data: bytes, level: int) -> bytes:
    """gzip_compress returns data in the gzip format (RFC 1952, by github.com/klauspost/compress). The
    level is from 0, which only stores, over 1, the fastest, to 9, the smallest. The same data and
    level give the same bytes.

    It fails for other levels.
    """

@_typed
def gzip_compress_file(source: str, destination: str, level: int) -> int:
    """gzip_compress_file writes the file source in the gzip format (RFC 1952, by
    github.com/klauspost/compress) to the file destination and returns the latter's size in bytes.
    The level is from 0, which only stores, over 1, the fastest, to 9, the smallest.

    The destination is replaced as a whole at the end: it is never there in part. A process that is
    killed leaves destination.NUMBER.part behind.

    It fails for other levels, and if a file cannot be read or written.
    """

@_typed
def gzip_decompress(data: bytes, limit: int) -> bytes:
    """gzip_decompress returns what data in the gzip format holds (RFC 1952), if that is not more than
    limit bytes: without a limit a few bytes could fill the memory. Members that follow each other
    are decompressed to one.

    It fails if there is more, if data is empty, cut off or not in this format, if a checksum is
    wrong, and if limit is negative.
    """

@_typed
def gzip_decompress_file(source: str, destination: str, limit: int) -> int:
    """gzip_decompress_file writes what the file source holds in the gzip format (RFC 1952) to the file
    destination and returns the latter's size in bytes, if that is not more than limit. Members
    that follow each other are decompressed to one.

    The destination is replaced as a whole at the end: it is never there in part. A process that is
    killed leaves destination.NUMBER.part behind.

    It fails if there is more, if the source is empty, cut off or not in this format, if a checksum
    is wrong, if limit is negative, and if a file cannot be read or written.
    """

@_typed
def heat_steps(temperature: ArrayLike, alpha: float, dt: float, dx: float, steps: int) -> NDArray[np.float64]:
    """heat_steps lets heat flow in a plate and returns the temperature after some steps of length dt.

    temperature is a (rows, columns) array, in any unit, on a square grid of spacing dx; alpha is
    the thermal diffusivity, a square of the unit of dx per unit of dt. The outermost rows and
    columns keep their temperature.

    It is an error if alpha*dt/dx**2 is above 1/4, where the method is unstable; if dt or dx
    is not positive, alpha or steps negative, or anything not finite.

    Source: forward in time, centred in space (FTCS), the five-point stencil: first order
    in dt, second in dx.
    """

@_typed
def histogram(values: ArrayLike, bins: int, low: float, high: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """histogram counts the values, of any shape, in bins of equal width from low to high, and gives
    the counts (bins,) and the edges of the bins (bins+1,). A bin has its left edge, the last one
    has its right edge too. Values outside and NaN are not counted.

    It fails if bins is not from 1 to 16777216, and if low and high are not finite with low < high.

    Method: that of numpy.histogram with a range.
    """

@_typed
def hsv_to_rgb(image: ArrayLike) -> NDArray[np.uint8]:
    """hsv_to_rgb turns hue, saturation and value into red, green and blue, each from 0 to 255; image
    and result are of shape (H, W, 3).

    It fails if image is of another shape.

    Method: A. R. Smith, "Color gamut transform pairs", 1978, as Pillow converts from mode "HSV".
    """

@_typed
def hsv_to_rgb_f32(image: ArrayLike) -> NDArray[np.float32]:
    """hsv_to_rgb_f32 is hsv_to_rgb for float32, all from 0 to 1; a hue beyond that turns on. NaN makes
    NaN of what depends on it.

    Method: that of Python's colorsys.
    """

@_typed
def ifft(values: ArrayLike) -> NDArray[np.complex128]:
    """ifft is the inverse of the discrete Fourier transform of values along the last axis, of the
    same shape: element k is 1/n times the sum over j of values[j]*exp(2πijk/n).

    It fails if there is no last axis or nothing in it.

    Method: that of fft.
    """

@_typed
def kmeans_step(
    points: ArrayLike, centres: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32], float]:
    """kmeans_step assigns points to their nearest centres and returns what the next centres are made
    of: sums, the (k, d) sum of the points of each centre; counts, the (k,) int64 number of
    them; labels, the (n,) int32 index of each point's centre; inertia, the sum of the squares of the
    distances.

    points is an (n, d) array and centres a (k, d) array, of any unit. Sums, counts and
    inertia of several chunks of points can be added; then sums/counts[:, None] are the next centres. A
    centre without points has a count of 0. Of centres at equal distances the first is taken.

    It is an error if the numbers of columns differ or are 0, if there is no centre, and if
    anything is not finite. A square that overflows counts as infinite.

    Source: Lloyd, "Least squares quantization in PCM" (1982).
    """

@_typed
def knn(train: ArrayLike, queries: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """knn finds the k nearest neighbours of each query among the training points. It returns their
    indices, an (m, k) int64 array, and their Euclidean distances, an (m, k) array, the
    nearest first and among equals the one with the lower index.

    train is an (n, d) array and queries an (m, d) array, of any unit. Every pair is looked at: the
    cost is m*n*d.

    It is an error if k is not between 1 and n, if the numbers of columns differ or are 0,
    and if anything is not finite. A distance whose square overflows counts as infinite.

    Source: exhaustive search by blocks, each distance summed up in the order of the columns.
    """

@_typed
def life_steps(cells: ArrayLike, steps: int, wrap: bool) -> NDArray[np.uint8]:
    """life_steps plays Conway's Game of Life and returns the cells after some generations: 1 is alive,
    0 is dead.

    cells is a (rows, columns) array of uint8, where anything but 0 is alive. With wrap the edges
    are joined, top to bottom and left to right; otherwise all is dead outside.

    It is an error if cells is not two-dimensional or if steps is negative.

    Source: Gardner, Scientific American, October 1970: a cell lives on with two or three of its eight
    neighbours alive, and is born with three.
    """

@_typed
def logistic_epoch(
    features: ArrayLike, targets: ArrayLike, weights: ArrayLike, rate: float, l2: float, batch: int, seed: int
) -> tuple[NDArray[np.float64], float]:
    """logistic_epoch goes through the samples once, in random order, and moves the weights of a logistic
    regression down the gradient after each batch. It returns the new weights and the mean loss (the
    negative log-likelihood of a sample, in nats, without the penalty), each sample's taken
    before the step that it has a part in.

    features is an (n, d) array, targets an (n,) array of numbers from 0 to 1, weights a (d+1,) array, whose
    last element is the intercept. rate is the step's length, l2 the penalty: l2/2 times the
    squares of the weights, the intercept not among them, is added to the mean loss of a batch. The
    last batch may be smaller; a batch of n or more is plain gradient descent. The order depends on seed only.

    It is an error if shapes disagree, without samples, if anything is not finite, if a target is not
    from 0 to 1, if rate is not positive, l2 negative or batch less than 1, and if the weights overflow.

    Source: Bottou, "Stochastic gradient descent tricks" (2012).
    """

@_typed
def mandelbrot(first: int, last: int, width: int, height: int, iterations: int) -> NDArray[np.int32]:
    """mandelbrot is the rows from first up to but without last of an image of the Mandelbrot set,
    width by height pixels: an int32 array (last-first, width) of what mandelbrot_row gives.

    It fails if the rows are not within the height, if width or height is not from 1 to 16777216,
    and if iterations is not positive or above the greatest int32.

    Method: escape time.
    """

@_typed
def mandelbrot_row(y: int, width: int, height: int, iterations: int) -> NDArray[np.int32]:
    """mandelbrot_row is row y of an image of the Mandelbrot set, width by height pixels: an int32
    array (width,) of how many iterations z → z²+c each pixel took until |z| > 2, which is
    iterations if it never did. Pixel (x, y) stands for the point
    c = -2 + 3(x+½)/width + (-1.25 + 2.5(y+½)/height)i.

    It fails if y is not within the height, if width or height is not from 1 to 16777216, and if
    iterations is not positive or above the greatest int32.

    Method: escape time.
    """

@_typed
def matmul(left: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """matmul is the matrix product of left (n, k) and right (k, m), of shape (n, m); all zeros if
    k is 0. NaN and infinities spread as in the sums of products that make up the result.

    It fails if an array has not two dimensions, and if the inner dimensions differ.

    Method: blocked product of dot products, of gonum, on all cores.
    """

@_typed
def max(values: ArrayLike) -> float:
    """max is the greatest of all values, of any shape; NaN if one of them is.

    It fails if there are none.
    """

@_typed
def mean(values: ArrayLike) -> float:
    """mean is the arithmetic mean of all values, of any shape.

    It fails if there are none.

    Method: that of sum.
    """

@_typed
def min(values: ArrayLike) -> float:
    """min is the least of all values, of any shape; NaN if one of them is.

    It fails if there are none.
    """

@_typed
def monte_carlo_pi(samples: int, seed: int, stream: int) -> int:
    """monte_carlo_pi throws points into the unit square and counts those within a quarter of the unit
    circle: 4*hits/samples estimates pi, with a standard error of 1.64/sqrt(samples).

    The counts of different streams of one seed are independent and can be added. A point is a pair
    of 32-bit numbers of Philox4x32-10, two points to a block. It is compared exactly,
    in whole numbers.

    It is an error if samples is negative.
    """

@_typed
def nbody_steps(
    positions: ArrayLike, velocities: ArrayLike, masses: ArrayLike, dt: float, steps: int, softening: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """nbody_steps moves bodies under their mutual gravity and returns their positions and velocities
    after some steps of length dt, and their total energy then.

    positions and velocities are (n, 3) arrays, masses an (n,) array, in any units in which the
    constant of gravitation is 1. softening is a length: the potential of two bodies at a
    distance r is that of masses at sqrt(r**2 + softening**2) (Plummer), so that close encounters need no
    small steps. A negative dt goes back in time.

    It is an error if shapes disagree, if anything is not finite, if a mass, steps or softening is
    negative, and if the bodies come so close that forces overflow.

    Source: the leapfrog, kick-drift-kick form (Verlet 1967): second order, symplectic,
    so that the energy's error does not grow with time; direct sum over all pairs, n*(n-1)/2 of them at
    each step.
    """

@_typed
def ndjson_aggregate(
    path: str, offset: int, length: int, filter: Sequence[Any], group: str, value: str
) -> dict[str, dict[str, Any]]:
    """ndjson_aggregate groups the records of a file of newline-delimited JSON (RFC 8259, one object a
    line) by the member group and returns for each group the number, sum, minimum and maximum of
    the member value: {name: {"count", "sum", "min", "max"}}. Records that do not pass all
    conditions of filter are left out; each is a dict with "column" (a member's name), "op" and
    "value". The ops "==" and "!=" compare texts, "<", "<=", ">" and ">=" numbers. A record whose
    value is empty is left out. Neither an empty text nor NaN passes a comparison of numbers.

    A member's text is the string itself, or the number, true or false as it is written; of null,
    and of a member that is not there, it is empty. Strings are taken as numbers if they look so.
    Of two members of one name the last counts. Blank lines are passed over.

    What is read are the lines that begin in the range: length bytes from offset on, or fewer
    where the file ends. Any ranges that cover the file, as those of split_file, make up the whole:
    the counts, minima and maxima exactly, the sums but for rounding.

    It fails if offset or length is negative, if there is no such op, if a text that is needed as
    a number is none, if a member that is needed is an object or an array, at a line that is not a
    JSON object or is longer than 16 MiB, and if the file cannot be read.
    """

@_typed
def option_price(
    spot: float, strike: float, rate: float, volatility: float, years: float, paths: int, seed: int, stream: int
) -> tuple[float, float]:
    """option_price prices a European call option by Monte Carlo: the mean of the discounted payoff
    over paths of a geometric Brownian motion, whose end is drawn in one step. It returns the price and
    its standard error, in the currency of spot and strike.

    rate is the riskless rate and volatility the annual one, both as fractions with
    continuous compounding: 0.05 is 5 % a year; years is the time to maturity.
    Prices of different streams of one seed are independent: for streams of equal size
    the price is the mean of theirs, its standard error that of one divided by the square root of their number,
    nearly.

    It is an error if spot or strike is not positive, if volatility or years is negative,
    if any is not finite, if the price overflows, or with fewer than two paths.

    Source: Boyle, "Options: a Monte Carlo approach" (1977); normal deviates by
    Box and Muller (1958) from Philox4x32-10; mean and variance by Welford (1962).
    """

@_typed
def resize(image: ArrayLike, height: int, width: int, filter: str) -> NDArray[np.uint8]:
    """resize scales image, of shape (H, W) or (H, W, C), to height by width pixels: (height, width)
    or (height, width, C). The filter is "bilinear" or "bicubic" (Catmull-Rom), widened where the
    image shrinks, so that no pixel goes unseen.

    It fails if image is empty or of another number of dimensions, if height or width is not from
    1 to 16777216, and if the filter is none of these.

    Method: separable convolution in 22-bit fixed point, first to the width, then, rounded, to the
    height; the result is that of Pillow's Image.resize with BILINEAR or BICUBIC. Where Pillow
    begins with the height, some values differ by 1.
    """

@_typed
def resize_f32(image: ArrayLike, height: int, width: int, filter: str) -> NDArray[np.float32]:
    """resize_f32 is resize for float32. NaN and infinities spread as far as the filter reaches.

    Method: separable convolution, summed in float64; the result is that of Pillow's Image.resize
    in mode "F" with BILINEAR or BICUBIC.
    """

@_typed
def rgb_to_gray(image: ArrayLike) -> NDArray[np.uint8]:
    """rgb_to_gray is the luma of image, of shape (H, W, 3): (H, W), 0.299 R + 0.587 G + 0.114 B
    (ITU-R BT.601).

    It fails if image is of another shape.

    Method: 16-bit fixed point, as Pillow converts to mode "L".
    """

@_typed
def rgb_to_gray_f32(image: ArrayLike) -> NDArray[np.float32]:
    """rgb_to_gray_f32 is rgb_to_gray for float32, of any scale."""

@_typed
def rgb_to_hsv(image: ArrayLike) -> NDArray[np.uint8]:
    """rgb_to_hsv turns red, green and blue into hue, saturation and value, each from 0 to 255; image
    and result are of shape (H, W, 3). A hue of 255 is nearly a full turn.

    It fails if image is of another shape.

    Method: A. R. Smith, "Color gamut transform pairs", 1978, as Pillow converts to mode "HSV".
    """

@_typed
def rgb_to_hsv_f32(image: ArrayLike) -> NDArray[np.float32]:
    """rgb_to_hsv_f32 is rgb_to_hsv for float32, all from 0 to 1. NaN makes the pixel NaN.

    Method: that of Python's colorsys.
    """

@_typed
def sha256(data: bytes) -> str:
    """sha256 returns the SHA-256 digest of data (FIPS 180-4) in hexadecimal."""

@_typed
def sha256_file(path: str) -> str:
    """sha256_file returns the SHA-256 digest of a file's content (FIPS 180-4) in hexadecimal.

    It fails if the file cannot be read.
    """

@_typed
def sigmoid(x: float) -> float:
    """sigmoid is the logistic function 1/(1+exp(-x)). It is applied to each element of an array."""

@_typed
def sin(x: float) -> float:
    """sin is the sine of x, which is in radians; NaN if x is infinite. It is applied to each
    element of an array.
    """

@_typed
def sobel(image: ArrayLike) -> NDArray[np.float32]:
    """sobel is the magnitude of the gradient of image, of shape (H, W) or (H, W, C): a float32 array
    of the same shape, in the image's units times 8 per pixel.

    It fails if image has another number of dimensions.

    Method: the square root of gx²+gy², which are scipy.ndimage.sobel along the two axes.
    """

@_typed
def sobel_f32(image: ArrayLike) -> NDArray[np.float32]:
    """sobel_f32 is sobel for float32. NaN and infinities make NaN or infinities of their neighbours.

    Method: that of sobel.
    """

@_typed
def solve(matrix: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """solve is the solution x of matrix @ x = right, of the shape of right: matrix is (n, n), right
    is (n,) or (n, k), k systems at once.

    It fails if the shapes do not fit, if a value is infinite or NaN, and if matrix is singular:
    exactly so, as a matrix that is only nearly singular gives a result that is far off.

    Method: LU decomposition with partial pivoting (LAPACK's getrf and getrs), of gonum.
    """

@_typed
def sort(values: ArrayLike) -> NDArray[np.float64]:
    """sort gives values sorted along the last axis, ascending, NaN last; of the same shape. -0 comes
    before 0.

    It fails if values has no axis.

    Method: least-significant-digit radix sort on the bits of the numbers; quicksort for short rows.
    """

@_typed
def split_csv(path: str, parts: int) -> list[list[int]]:
    """split_csv cuts a CSV file into at most parts ranges for csv_aggregate and returns them as pairs
    of offset and length, in bytes. They cover the file, each begins where a record does, and all
    but very long records leave them of nearly one size. The file is read once: whether a line
    feed ends a record or is inside of quotes depends on all that comes before.

    It fails if parts is not from 1 to 1048576, or if the file cannot be read.
    """

@_typed
def split_file(path: str, parts: int) -> list[list[int]]:
    """split_file cuts a file into parts ranges of nearly one size and returns them as pairs of
    offset and length, in bytes, which cover it. None is empty: there are fewer if the file has
    fewer bytes, and none if it has none.

    It fails if parts is not from 1 to 1048576, or if there is no such file.
    """

@_typed
def sqrt(x: float) -> float:
    """sqrt is the square root of x; NaN if x is negative. It is applied to each element of an array."""

@_typed
def square(x: float) -> float:
    """square is x². It is applied to each element of an array."""

@_typed
def sum(values: ArrayLike) -> float:
    """sum adds all values, of any shape: 0 if there are none.

    Method: pairwise summation in blocks of 128, as numpy does it: the error grows with the
    logarithm of the number of values.
    """

@_typed
def tfidf(documents: Sequence[str]) -> tuple[list[str], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """tfidf weighs the words of documents, as scikit-learn's TfidfVectorizer does unless told otherwise.
    It returns the vocabulary in alphabetical order and a sparse matrix in CSR form, for
    scipy.sparse.csr_matrix((data, indices, indptr), (len(documents), len(vocabulary))): data
    float64, indices and indptr int64, the indices of a row in ascending order.

    A word is two or more letters, digits or underscores of Unicode, in lower case. Its weight in
    a document is the number of times it is there, times log((1+n)/(1+df)) + 1, where df of the n documents have it;
    then each row is scaled to a Euclidean length of 1. Without any words
    the vocabulary is empty, where scikit-learn raises an exception.

    Source: scikit-learn's user guide, "Tf-idf term weighting".
    """

@_typed
def variance(values: ArrayLike, ddof: int) -> float:
    """variance is the sum of the squared distances of all values, of any shape, from their mean,
    divided by n-ddof: ddof 0 gives the variance of the values, 1 the unbiased estimate from a sample.

    It fails if ddof is negative, and if there are no more than ddof values.

    Method: two passes with pairwise summation, as numpy does it.
    """

@_typed
def word_count(path: str, offset: int, length: int) -> dict[str, int]:
    """word_count counts the words of a text file that begin in a range of it: length bytes from
    offset on, or fewer where the file ends. Words are what stands between white space, which is
    space, tab, line feed, carriage return, vertical tab and form feed, as for bytes.split in
    Python; case and punctuation count. The text is UTF-8; each byte that is not becomes U+FFFD.

    It fails if offset or length is negative, if the file cannot be read, and at a word of more
    than 16 MiB.
    """

@_typed
def zstd_compress(data: bytes, level: int) -> bytes:
    """zstd_compress returns data in the Zstandard format (RFC 8878, by github.com/klauspost/compress).
    The level is from 1, the fastest, to 22, the smallest, as for the program zstd; there are four
    speeds, which begin at the levels 1, 3, 6 and 10.

    It fails for other levels.
    """

@_typed
def zstd_compress_file(source: str, destination: str, level: int) -> int:
    """zstd_compress_file writes the file source in the Zstandard format (RFC 8878, by
    github.com/klauspost/compress) to the file destination and returns the latter's size in bytes.
    The level is from 1, the fastest, to 22, the smallest, as for the program zstd; there are four
    speeds, which begin at the levels 1, 3, 6 and 10.

    The destination is replaced as a whole at the end: it is never there in part. A process that is
    killed leaves destination.NUMBER.part behind.

    It fails for other levels, and if a file cannot be read or written.
    """

@_typed
def zstd_decompress(data: bytes, limit: int) -> bytes:
    """zstd_decompress returns what data in the Zstandard format holds (RFC 8878), if that is not more
    than limit bytes: without a limit a few bytes could fill the memory. Frames that follow each
    other are decompressed to one.

    It fails if there is more, if data is empty, cut off or not in this format, if a checksum is
    wrong, if it needs a window of more than 128 MiB or a dictionary, and if limit is negative.
    """

@_typed
def zstd_decompress_file(source: str, destination: str, limit: int) -> int:
    """zstd_decompress_file writes what the file source holds in the Zstandard format (RFC 8878) to the
    file destination and returns the latter's size in bytes, if that is not more than limit. Frames
    that follow each other are decompressed to one.

    The destination is replaced as a whole at the end: it is never there in part. A process that is
    killed leaves destination.NUMBER.part behind.

    It fails if there is more, if the source is empty, cut off or not in this format, if a checksum
    is wrong, if it needs a window of more than 128 MiB or a dictionary, if limit is negative, and
    if a file cannot be read or written.
    """
