"""Arguments and results of every type: what comes back is what went in, or says why it cannot go in."""

from __future__ import annotations

import array
import ctypes
import datetime
import math
import os
import pathlib
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gomp import arrays

pytestmark = pytest.mark.timeout(120)

often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LIMITS = {f"int{n}": (-(1 << n - 1), (1 << n - 1) - 1) for n in (8, 16, 32, 64)}
LIMITS |= {f"uint{n}": (0, (1 << n) - 1) for n in (8, 16, 32, 64)}
LIMITS |= {"int": LIMITS["int64"], "uint": LIMITS["uint64"]}
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES += ["float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("kind", LIMITS)
def test_ints(pack: Any, kind: str) -> None:
    least, most = LIMITS[kind]

    @often
    @given(st.integers(least, most))
    def there_and_back(x: int) -> None:
        assert pack[kind](x) == x

    there_and_back()
    for x in (least, most, 0):
        assert pack[kind](x) == x
    assert pack[kind](np.int8(7)) == 7
    for x in (least - 1, most + 1, 1 << 80):
        with pytest.raises(OverflowError, match=rf"kernel {kind}, parameter x \({kind}\): .*{x}"):
            pack[kind](x)
    for wrong in (1.0, "1", None, [1], b"1"):
        with pytest.raises(TypeError, match=rf"kernel {kind}, parameter x \({kind}\): a whole number"):
            pack[kind](wrong)


def same(x: float, y: float) -> bool:
    return struct.pack("d", x) == struct.pack("d", y) or (math.isnan(x) and math.isnan(y))


@often
@given(x=st.floats())
def test_float64(pack: Any, x: float) -> None:
    assert same(pack.float64(x), x)


@often
@given(x=st.floats(width=32))
def test_float32(pack: Any, x: float) -> None:
    assert same(pack.float32(x), x)


def test_floats_that_do_not_fit(pack: Any) -> None:
    assert pack.float64(3) == 3.0
    assert pack.float64(np.float32(0.5)) == 0.5
    assert pack.float32(3.4028235677973360e38) == float(np.float32(3.4028234e38))  # it is rounded, not refused
    for kind, x in (("float32", 3.5e38), ("float32", -1e300), ("float64", 10**400)):
        with pytest.raises(OverflowError, match=rf"kernel {kind}, parameter x \({kind}\)"):
            pack[kind](x)
    for wrong in ("1", None, 1j, [1.0]):
        with pytest.raises(TypeError, match=r"kernel float64, parameter x \(float64\): a number is needed, not"):
            pack.float64(wrong)


def test_bools(pack: Any) -> None:
    assert [pack.bool(x) for x in (True, False, np.True_)] == [True, False, True]
    for wrong in (1, 0.0, None, "True"):
        with pytest.raises(TypeError, match=r"kernel bool, parameter x \(bool\): True or False"):
            pack.bool(wrong)


@often
@given(x=st.text(st.characters(exclude_categories=["Cs"])))
def test_strings(pack: Any, x: str) -> None:
    assert pack.string(x) == x


@often
@given(x=st.binary(max_size=300))
def test_bytes(pack: Any, x: bytes) -> None:
    assert pack.bytes(x) == x
    assert pack.bytes(bytearray(x)) == x
    assert pack.bytes(memoryview(x)[::2]) == x[::2]


def test_strings_and_bytes_of_all_sizes(pack: Any) -> None:
    for n in (0, 1, 255, 256, 8191, 8192, 8193, 65535, 65536, 1 << 20):
        assert pack.string("x" * n) == "x" * n
        assert pack.bytes(b"x" * n) == b"x" * n
    for kind, wrong in (("string", b"x"), ("bytes", "x"), ("bytes", 3)):
        with pytest.raises(TypeError, match=rf"kernel {kind}, parameter x"):
            pack[kind](wrong)
    with pytest.raises(
        ValueError, match=r"kernel string, parameter x \(string\): text without surrogates is needed, not"
    ):
        pack.string("\ud800")
    assert pack.string(pathlib.Path("/etc/hostname")) == "/etc/hostname"
    with pytest.raises(TypeError, match="a str is needed"):
        pack.string(os.fsencode("/etc/hostname"))


@often
@given(x=st.datetimes(timezones=st.just(datetime.UTC)))
def test_times(pack: Any, x: datetime.datetime) -> None:
    assert pack.time(x) == x


def test_naive_times_are_local(pack: Any) -> None:
    x = datetime.datetime(2024, 5, 6, 7, 8, 9, 10)
    assert pack.time(x) == x.astimezone()
    with pytest.raises(TypeError, match=r"parameter x \(time.Time\): a datetime"):
        pack.time(datetime.date(2024, 5, 6))


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
int64s = st.integers(*LIMITS["int64"])
real = st.floats(allow_nan=False)
point = st.fixed_dictionaries({"x": real, "y": real, "names": st.lists(names), "marks": st.dictionaries(names, int64s)})


@often
@given(x=st.lists(real), rows=st.lists(st.lists(real)), ints=st.lists(int64s), bools=st.lists(st.booleans()))
def test_slices(pack: Any, x: list[float], rows: Any, ints: Any, bools: Any) -> None:
    assert pack.floats(x) == x
    assert pack.floats(tuple(x)) == x
    assert pack.floats(array.array("d", x)) == x
    assert pack.rows(rows) == rows
    assert pack.ints(ints) == ints
    assert pack.ints(array.array("q", ints)) == ints
    assert pack.bools(bools) == bools
    assert pack.bools(np.array(bools, bool)) == bools


@often
@given(table=st.dictionaries(names, st.lists(int64s)), counts=st.dictionaries(int64s, names), points=st.lists(point))
def test_maps_and_structs(pack: Any, table: Any, counts: Any, points: Any) -> None:
    assert pack.table(table) == table
    assert pack.counts(counts) == counts
    assert pack.points(points) == points


def test_slices_of_buffers(pack: Any) -> None:
    for made in (
        bytearray(b"\1\2"),
        array.array("b", [1, 2]),
        (ctypes.c_int32 * 2)(1, 2),
        np.array([1, 2], ">i4"),
        range(1, 3),
    ):
        assert pack.ints(made) == [1, 2]
    for shape in ((0,), (3,), (70000,)):
        x = np.arange(math.prod(shape), dtype=float).reshape(shape)
        assert pack.floats(x) == x.tolist()
        assert pack.floats(x[::-1]) == x[::-1].tolist()
    for shape in ((0, 0), (3, 0), (0, 3), (2, 3), (300, 300)):
        x = np.arange(math.prod(shape), dtype=float).reshape(shape)
        assert pack.rows(x) == x.tolist()
        assert pack.rows(np.asfortranarray(x)) == x.tolist()
        assert pack.rows(x.T) == x.T.tolist()
    whole = arrays.copy(np.arange(20.0).reshape(4, 5))
    assert pack.rows(whole[::2, 1:4]) == whole[::2, 1:4].tolist()
    assert pack.rows(np.broadcast_to(whole[0], (3, 5))) == [whole[0].tolist()] * 3


def test_what_does_not_fit_inside(pack: Any) -> None:
    whole = r"kernel {}, parameter x \({}\): "
    with pytest.raises(TypeError, match=whole.format("floats", r"\[\]float64") + "a number is needed"):
        pack.floats([1.0, "2"])
    with pytest.raises(OverflowError, match=whole.format("int16s", r"\[\]int16")):
        pack.int16s([1, 1 << 15])
    with pytest.raises(TypeError, match=whole.format("floats", r"\[\]float64") + "a sequence is needed, not 'abc'"):
        pack.floats("abc")
    with pytest.raises(TypeError, match=whole.format("floats", r"\[\]float64")):
        pack.floats(np.zeros((2, 2)))
    with pytest.raises(TypeError, match=whole.format("table", r"map\[string\]\[\]int") + "a dict is needed"):
        pack.table([("a", [1])])
    with pytest.raises(
        TypeError, match=whole.format("point", "main.Point") + "a dict, or an object, with x, y, names, marks"
    ):
        pack.point({"x": 1.0})
    with pytest.raises(TypeError, match=whole.format("point", "main.Point")):
        pack.point(3)


class Place:
    """Has the fields of a struct."""

    def __init__(self) -> None:
        self.x, self.y, self.names, self.marks, self.other = 1.0, 2.0, ["a"], {"b": 3}, "more"


def test_objects_as_structs(pack: Any) -> None:
    assert pack.point(Place()) == {"x": 1.0, "y": 2.0, "names": ["a"], "marks": {"b": 3}}


plain = st.none() | st.booleans() | int64s | real | names | st.binary()
anything = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=10)


@often
@given(x=anything)
def test_any(pack: Any, x: Any) -> None:
    assert pack.any(x) == x


@pytest.mark.parametrize("large", [2**63, [1, 2**64 - 1], {"x": 2**63}])
def test_any_of_what_go_would_make_negative(pack: Any, large: Any) -> None:
    with pytest.raises(
        TypeError, match=r"kernel any: x: \d+ does not fit any: only uint64 has integers from 2\*\*63 on"
    ):
        pack.any(large)


def test_any_of_what_is_no_messagepack(pack: Any) -> None:
    assert pack.any(np.float64(2.5)) == 2.5
    assert pack.any(np.arange(3)) == [0, 1, 2]
    with pytest.raises(TypeError, match="object"):
        pack.any(object())


# ---- arrays


def sample(dtype: str, shape: Any) -> Any:
    n = math.prod(shape)
    return (np.arange(n) % 2 if dtype == "bool" else np.arange(n)).astype(dtype).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shared", [False, True])
def test_arrays(pack: Any, dtype: str, shared: bool) -> None:
    echo = pack[f"array_{dtype}"]
    for shape in ((), (0,), (1,), (5,), (3, 0, 2), (2, 3, 4), (90_000,), (300, 301)):
        a = sample(dtype, shape)
        if shared:
            a = arrays.copy(a)
        for view in (a, np.asfortranarray(a), a.T, a[..., ::2] if shape else a, a[..., ::-1] if shape else a):
            b = echo(view)
            assert b.dtype == a.dtype
            assert b.shape == view.shape
            assert np.array_equal(b, view)
        a = a.view()
        a.flags.writeable = False
        assert np.array_equal(echo(a), a)


def test_arrays_that_overlap(pack: Any) -> None:
    a = arrays.copy(np.arange(10.0))
    windows = np.lib.stride_tricks.sliding_window_view(a, 4)
    for view in (windows, np.broadcast_to(a, (3, 10)), np.broadcast_to(np.float64(3), (200, 200))):
        assert np.array_equal(pack.array_float64(view), view)


def test_shared_arrays_are_read_in_place(pack: Any) -> None:
    a = arrays.copy(np.arange(20_000.0).reshape(100, 200))
    b = pack.same(a)
    assert np.shares_memory(a, b)
    assert pack.strides(a[::2, ::3]) == ([50, 67], [400, 3], False)
    assert pack.strides(a.T) == ([200, 100], [1, 200], False)
    private = np.arange(20_000.0)
    assert not np.shares_memory(pack.same(private), private)
    private.flags.writeable = False
    assert pack.strides(private)[2]


def test_arrays_are_converted_where_nothing_is_lost(pack: Any) -> None:
    assert pack.array_float64([1, 2]).tolist() == [1.0, 2.0]
    assert pack.array_float64(np.array([1, 2], "float32")).tolist() == [1.0, 2.0]
    assert pack.array_float64(np.array([1, 2], ">f8")).tolist() == [1.0, 2.0]
    assert pack.array_uint8([1, 255]).tolist() == [1, 255]
    assert pack.array_float32([0.1]).tolist() == [np.float32(0.1)]
    for kind, wrong in (
        ("uint8", [256]),
        ("uint8", [-1]),
        ("int32", np.array([1.0])),
        ("float32", np.array([1.0])),
        ("float64", np.array([1j])),
        ("float64", "12"),
        ("float64", {"a": 1}),
        ("float64", None),
        ("bool", np.array([1])),
    ):
        with pytest.raises(TypeError, match=rf"kernel array_{kind}, parameter a \(kernel.Array\[{kind}\]\): an array"):
            pack[f"array_{kind}"](wrong)


def test_arrays_inside(pack: Any) -> None:
    big = np.arange(20_000.0)
    cloud = {"name": "c", "points": big}
    back = pack.clouds({"a": [cloud, {"name": "d", "points": np.zeros((2, 0))}], "b": []})
    assert back["a"][0]["name"] == "c"
    assert np.array_equal(back["a"][0]["points"], big)
    assert back["a"][1]["points"].shape == (2, 0)
    assert back["b"] == []
    one, two = pack.twice(20_000)
    assert np.array_equal(one, two)
    assert not np.shares_memory(one, two)


def test_temporary_arrays_do_not_meet(pack: Any) -> None:
    """Temporaries may get one address after the other: each is a part of its own."""
    clouds = [{"name": str(i), "points": [float(i)] * 10_000} for i in range(20)]
    back = pack.clouds({"a": clouds})["a"]
    assert [c["points"][0] for c in back] == list(range(20))


def test_arrays_that_are_none(pack: Any) -> None:
    import gomp

    with pytest.raises(gomp.KernelError, match="shape"):
        pack.no_array()
    with pytest.raises(gomp.KernelError, match="more elements than memory"):
        pack.huge()


ALONE = """
import sys
sys.modules["numpy"] = None
import array
from gomp import arrays, kernel
pack = kernel.load(sys.argv[1])
assert pack.floats(array.array("d", [1, 2])) == [1, 2]
for letter, kind in zip("bhiqBHIQfd", "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()):
    for n in (0, 3, 30_000):
        a = array.array(letter, [1] * n)
        b = pack[f"array_{kind}"](a)
        assert b.format == letter and b.tolist() == a.tolist(), (b.format, letter)
m = memoryview(array.array("d", range(6))).cast("B").cast("d", (2, 3))
assert pack.array_float64(m).tolist() == m.tolist()
assert pack.array_float64(m[::1]).shape == (2, 3)
assert pack.array_float64(memoryview(array.array("d", range(6)))[::2]).tolist() == [0, 2, 4]
assert pack.array_bool(memoryview(b"\\1\\0").cast("?")).tolist() == [True, False]
assert pack.array_bool(memoryview(b"").cast("?")).tolist() == []
assert pack.array_float64(memoryview(array.array("d", [4])).cast("B").cast("d", ())).tolist() == 4.0
assert pack.bools([True, False]) == [True, False]
try:
    pack.array_float64([1.0])
except TypeError as e:
    assert "numpy would convert" in str(e), e
else:
    assert False
print("ok")
"""


def test_without_numpy(pack: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE, pack.path], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("ok\n", "")
