"""A real job: the word frequencies of a few hundred text files, by a pool, checked against a serial run.

The texts are made first: sentences and paragraphs of words whose frequencies follow Zipf's law, as those of
natural languages do. They are removed at the end, unless --texts names a folder to keep them in.
"""

import argparse
import collections
import functools
import itertools
import pathlib
import random
import re
import tempfile
import time

import gomp as multiprocessing

VOCABULARY = 40_000
WORD = re.compile(r"[a-z]+")


@functools.cache
def vocabulary():
    """Make words out of syllables, the frequent ones short; return them with their cumulated frequencies."""
    syllables = ["".join(s) for s in itertools.product("bdfghklmnprstvwz", "aeiou", ["", "", "n", "r", "s"])]
    source, words = random.Random(1), {}
    while len(words) < VOCABULARY:
        length = 1 + len(words).bit_length() // 5
        words["".join(source.choices(syllables, k=length))] = None
    return list(words), list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))


def sentences(words, weights, source):
    """Yield sentences without end, a few of which close a paragraph."""
    while True:
        chosen = source.choices(words, cum_weights=weights, k=5000)
        while len(chosen) > 30:
            length = source.randint(4, 25)
            taken, chosen = chosen[:length], chosen[length:]
            taken[0] = taken[0].capitalize()
            if length > 12:
                taken[length // 2] += ","
            yield " ".join(taken) + source.choice((". ", ". ", ". ", "? ", "! ", ".\n\n"))


def write_text(path, size):
    """Write a text of about this size; the same path gives the same text."""
    written = 0
    with open(path, "w") as file:
        for sentence in sentences(*vocabulary(), random.Random(path.name)):
            file.write(sentence)
            written += len(sentence)
            if written >= size:
                break


def count_words(path):
    """Count the words of one file."""
    return collections.Counter(WORD.findall(path.read_text().lower()))


def receive_queue(queue):
    """Give a worker the queue for its progress: a queue is inherited, it cannot travel with a task."""
    global progress
    progress = queue


def count_and_report(path):
    """Count the words of one file and report it as done."""
    counted = count_words(path)
    progress.put((path.name, counted.total()))
    return counted


def parallel(paths, processes):
    """Count with a pool; watch its progress through a queue."""
    queue = multiprocessing.Queue()
    with multiprocessing.Pool(processes, receive_queue, (queue,)) as pool:
        result = pool.map_async(count_and_report, paths)
        done, words = 0, 0
        while done < len(paths):
            _, counted = queue.get(timeout=120)
            done, words = done + 1, words + counted
            if done * 4 % len(paths) < 4:
                print(f"  {done} files, {words} words", flush=True)
        total = collections.Counter()
        for counted in result.get(120):
            total.update(counted)
    assert total.total() == words
    return total


def serial(paths):
    """Count in this process alone."""
    total = collections.Counter()
    for path in paths:
        total.update(count_words(path))
    return total


def timed(function, *args):
    """Call a function; return its result and the seconds that it took."""
    began = time.perf_counter()
    return function(*args), time.perf_counter() - began


def run(directory, arguments):
    """Make the texts that are missing, count them in both ways, compare."""
    size = arguments.megabytes * 1_000_000 // arguments.files + 1
    paths = [directory / f"text-{number:04}.txt" for number in range(arguments.files)]
    missing = [(path, size) for path in paths if not path.exists()]
    with multiprocessing.Pool(arguments.processes) as pool:
        _, took = timed(pool.starmap, write_text, missing)
    total = sum(path.stat().st_size for path in paths)
    print(f"made {len(missing)} of {len(paths)} texts in {took:.1f} s; all have {total / 1e6:.1f} MB")
    assert total >= arguments.megabytes * 1_000_000

    together, took_together = timed(parallel, paths, arguments.processes)
    print(f"parallel: {together.total()} words, {len(together)} different ones, in {took_together:.2f} s")
    alone, took_alone = timed(serial, paths)
    print(f"serial: the same in {took_alone:.2f} s" if together == alone else "serial: something else")
    print("most frequent:", ", ".join(f"{word} {count}" for word, count in together.most_common(5)))
    assert together == alone


def main():
    """Count in a temporary folder, or in one that is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    parser.add_argument("--megabytes", type=int, default=52, help="size of all texts (default: 52)")
    parser.add_argument("--files", type=int, default=300, help="number of texts (default: 300)")
    parser.add_argument("--processes", type=int, default=None, help="workers (default: one for each CPU)")
    parser.add_argument("--texts", type=pathlib.Path, help="a folder to keep the texts in, or that has them")
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)
    if arguments.texts:
        arguments.texts.mkdir(parents=True, exist_ok=True)
        run(arguments.texts, arguments)
    else:
        with tempfile.TemporaryDirectory(prefix="word-frequencies-") as directory:
            run(pathlib.Path(directory), arguments)


if __name__ == "__main__":
    main()
