"""Sums over a table of a few million bytes, by ranges of the file: batch data by a kernel, beside Python's csv module.

The table is made here, and removed again.
"""

import argparse
import csv
import pathlib
import random
import tempfile
import time

import gomp as multiprocessing
from gomp import kernels

REGIONS = ["north", "south", "east", "west", "overseas, by ship"]


def write_table(path, rows):
    """Write a table of sales."""
    source = random.Random(3)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["region", "article", "amount", "price"])
        for _ in range(rows):
            region, article = source.choice(REGIONS), f"article {source.randrange(1000)}"
            table.writerow([region, article, source.randrange(1, 20), f"{source.uniform(1, 99):.2f}"])


def python_sums(path):
    """Do what kernels.csv_aggregate does, for the whole file."""
    groups = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if int(row["amount"]) >= 10:
                group = groups.setdefault(row["region"], {"count": 0, "sum": 0.0})
                group["count"] += 1
                group["sum"] += float(row["price"])
    return groups


def kernel_sums(pool, path):
    """Have the kernel sum ranges of the file, and add them up."""
    wanted = [{"column": "amount", "op": ">=", "value": "10"}]
    ranges = kernels.split_csv(str(path), 8)
    parts = pool.starmap(
        kernels.csv_aggregate, [(str(path), offset, length, wanted, "region", "price") for offset, length in ranges], 1
    )
    groups = {}
    for part in parts:
        for region, found in part.items():
            group = groups.setdefault(region, {"count": 0, "sum": 0.0})
            group["count"] += found["count"]
            group["sum"] += found["sum"]
    return groups


def main():
    """Run both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the table (default: 300000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool() as pool:
        path = pathlib.Path(folder, "sales.csv")
        write_table(path, arguments.rows)
        began = time.perf_counter()
        sums = kernel_sums(pool, path)
        took_kernel = time.perf_counter() - began
        began = time.perf_counter()
        python = python_sums(path)
        took_python = time.perf_counter() - began
        size = path.stat().st_size / 1e6
    print(f"{size:.1f} MB: {took_python:.2f} s by Python's csv, {took_kernel:.3f} s by the kernel")
    print(f"{'region':20} {'sales':>8} {'mean price':>10}")
    for region in sorted(sums):
        group, other = sums[region], python[region]
        assert group["count"] == other["count"] and abs(group["sum"] - other["sum"]) < 1e-6 * other["sum"]
        print(f"{region:20} {group['count']:8} {group['sum'] / group['count']:10.2f}")


if __name__ == "__main__":
    main()
