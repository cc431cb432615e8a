"""Kernels for data in files give what Python's own modules give."""

from __future__ import annotations

import collections
import csv
import gzip
import hashlib
import json
import math
import random

import pytest

from gomp import KernelError, kernels

WORDS = ["to", "be", "or", "not", "Käse", "naïve", "\u00a0x", "😀", "a,b", '"', "x" * 300]


@pytest.fixture
def chance():
    return random.Random(1)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data")


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def merged(results):
    """What a caller does with the results over ranges."""
    total = {}
    for groups in results:
        for name, group in groups.items():
            known = total.setdefault(name, {"count": 0, "sum": 0.0, "min": math.inf, "max": -math.inf})
            known["count"] += group["count"]
            known["sum"] += group["sum"]
            known["min"] = min(known["min"], group["min"])
            known["max"] = max(known["max"], group["max"])
    return total


def aggregated(pairs):
    return merged({name: {"count": 1, "sum": x, "min": x, "max": x}} for name, x in pairs)


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
def test_word_count(parts, path, chance):
    text = "".join(chance.choice(WORDS) + chance.choice([" ", "\n", "\t  ", "\r\n"]) for _ in range(500))
    write(path, text)
    ranges = kernels.split_file(path, parts)
    assert len(ranges) == parts
    counts = collections.Counter()
    for offset, length in ranges:
        counts.update(kernels.word_count(path, offset, length))
    assert counts == {word.decode(): n for word, n in collections.Counter(text.encode().split()).items()}


def test_word_count_of_what_is_not_utf8(path):
    with open(path, "wb") as file:
        file.write(b"a\xff b")
    assert kernels.word_count(path, 0, 4) == {"a\ufffd": 1, "b": 1}


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_aggregate(parts, end, path, chance):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator=end)
        out.writerow(["city\nname", "price", "n"])
        for i in range(300):
            name = chance.choice(["Bonn", "", 'a "b"', "two\nlines", "two\r\nlines", "a,b", "Käse"])
            out.writerow([name, chance.choice(["", chance.randrange(100), chance.randrange(8) / 8]), i])
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    where = [
        {"column": "n", "op": "<", "value": "200"},
        {"column": "n", "op": ">=", "value": "20"},
        {"column": "city\nname", "op": "!=", "value": "Bonn"},
    ]
    expected = aggregated(
        (row["city\nname"], float(row["price"]))
        for row in rows
        if row["price"] and 20 <= float(row["n"]) < 200 and row["city\nname"] != "Bonn"
    )
    ranges = kernels.split_csv(path, parts)
    assert merged(kernels.csv_aggregate(path, *r, where, "city\nname", "price") for r in ranges) == expected
    everything = kernels.csv_aggregate(path, 0, 1 << 40, [], group="city\nname", value="n")
    assert everything == aggregated((row["city\nname"], float(row["n"])) for row in rows)


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_ndjson_aggregate(parts, ascii_only, path, chance):
    records = [
        {
            "name": chance.choice(["Bonn", "", 'a "b"', "two\nlines", "Käse", "😀", "\\u0041"]),
            "price": chance.choice([None, chance.randrange(100), chance.randrange(8) / 8, -1e-300]),
            "more": {"price": [[], {}, "}", chance.random()]},
            "ok": chance.choice([True, False]),
        }
        for _ in range(300)
    ]
    write(path, "\n".join(json.dumps(r, ensure_ascii=ascii_only) + chance.choice(["", "\n"]) for r in records))
    where = [{"column": "ok", "op": "==", "value": "true"}, {"column": "price", "op": ">", "value": "-0.5"}]
    expected = aggregated(
        (r["name"], float(r["price"])) for r in records if r["ok"] and r["price"] is not None and r["price"] > -0.5
    )
    ranges = kernels.split_file(path, parts)
    assert merged(kernels.ndjson_aggregate(path, *r, where, "name", "price") for r in ranges) == expected


def test_mistakes_are_told_with_their_place(path):
    write(path, "name,price\nBonn,dear\n")
    with pytest.raises(KernelError, match='at byte 11: column price: "dear" is not a number'):
        kernels.csv_aggregate(path, 0, 100, [], "name", "price")
    with pytest.raises(KernelError, match="no record begins at offset 3"):
        kernels.csv_aggregate(path, 3, 100, [], "name", "price")
    with pytest.raises(KernelError, match="at byte 0: this is not a JSON object"):
        kernels.ndjson_aggregate(path, 0, 100, [], "name", "price")
    with pytest.raises(KernelError, match="no such file"):
        kernels.word_count(path + "x", 0, 1)


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_sha256(size, path, chance):
    data = chance.randbytes(size)
    with open(path, "wb") as file:
        file.write(data)
    assert kernels.sha256(data) == kernels.sha256_file(path) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 100_000])
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_gzip(size, level, chance):
    data = bytes(chance.choices(b"abcd", k=size))
    small = kernels.gzip_compress(data, level)
    assert gzip.decompress(small) == data
    assert level == 0 or len(small) < size / 2 + 100
    assert kernels.gzip_decompress(gzip.compress(data, level), size) == data


@pytest.mark.parametrize("size", [0, 1, 100_000])
@pytest.mark.parametrize("level", [1, 3, 22])
def test_zstd(size, level, chance):
    data = bytes(chance.choices(b"abcd", k=size))
    small = kernels.zstd_compress(data, level)
    assert small[:4] == b"\x28\xb5\x2f\xfd"
    assert len(small) < size / 2 + 100
    assert kernels.zstd_decompress(small, size) == data


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_compressed_files(name, path):
    write(path, "to be or not to be, " * 1000)
    size = getattr(kernels, f"{name}_compress_file")(path, path + ".small", 3)
    with open(path + ".small", "rb") as file:
        data = file.read()
    assert len(data) == size
    assert getattr(kernels, f"{name}_decompress")(data, 20000) == b"to be or not to be, " * 1000
    assert getattr(kernels, f"{name}_decompress_file")(path + ".small", path + ".back", 20000) == 20000
    assert kernels.sha256_file(path + ".back") == kernels.sha256_file(path)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_bombs_are_refused(name):
    bomb = getattr(kernels, f"{name}_compress")(bytes(10_000_000), 6)
    assert len(bomb) < 20_000
    with pytest.raises(KernelError, match="more than the limit of 1000000 bytes"):
        getattr(kernels, f"{name}_decompress")(bomb, 1_000_000)
