"""Python -> Go -> Python: a kernel's process smooths what one of Python's measures, and Python sums it up.

The three run at once, each as far ahead of the next one as its queue is long. The same in Python alone is the check.
"""

import argparse
import time

import numpy as np

import gomp

STAGE = """
package stage

import (
	"context"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Batch is the readings of a sensor.
type Batch struct {
	Sensor   string                `codec:"sensor"`
	Readings kernel.Array[float64] `codec:"readings"`
}

// Smooth replaces the readings of each batch by the means of so many of them, until there are no more batches.
func Smooth(ctx context.Context, from, to *kernel.Queue, width int) error {
	for {
		var batch *Batch
		if err := from.Get(ctx, &batch); err != nil {
			return err
		}
		if batch == nil {
			return to.Put(ctx, nil)
		}
		batch.Readings = means(batch.Readings.Data, width)
		if err := to.Put(ctx, *batch); err != nil {
			return err
		}
	}
}

func means(readings []float64, width int) kernel.Array[float64] {
	out := make([]float64, max(len(readings)-width+1, 0))
	sum := 0.0
	for i, x := range readings {
		if sum += x; i >= width {
			sum -= readings[i-width]
		}
		if i >= width-1 {
			out[i-width+1] = sum / float64(width)
		}
	}
	return kernel.Of(out, len(out))
}
"""
SENSORS = ["north", "east", "south", "west"]


def measured(number, size):
    """Return the readings of batch `number`: a wave of the sensor's own, and noise."""
    noise = np.random.default_rng(number).normal(0, 1, size)
    return np.sin(np.arange(size) / 500) * (1 + number % len(SENSORS)) + noise


def measure(queue, batches, size):
    """Put the batches, then None."""
    for number in range(batches):
        queue.put({"sensor": SENSORS[number % len(SENSORS)], "readings": measured(number, size)})
    queue.put(None)


def largest(batches):
    """Return the largest reading of each sensor."""
    peaks = dict.fromkeys(SENSORS, 0.0)
    for sensor, readings in batches:
        peaks[sensor] = max(peaks[sensor], float(readings.max()))
    return peaks


def smoothed(readings, width):
    """Return the means of `width` readings each."""
    return np.convolve(readings, np.ones(width) / width, "valid")


def main():
    """Run the pipeline, and the same by itself; compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=100)
    arguments = parser.parse_args()
    stage = gomp.kernel.compile(STAGE)

    begin = time.perf_counter()
    raw, smooth = gomp.Queue(8, codec="msgpack"), gomp.Queue(8, codec="msgpack")
    source = gomp.Process(target=measure, args=(raw, arguments.batches, arguments.size))
    middle = gomp.Process(target=stage.Smooth, args=(raw, smooth, arguments.width))
    source.start()
    middle.start()
    found = largest((batch["sensor"], batch["readings"]) for batch in iter(lambda: smooth.get(timeout=60), None))
    source.join(60)
    middle.join(60)
    pipeline = time.perf_counter() - begin

    begin = time.perf_counter()
    expected = largest(
        (SENSORS[n % len(SENSORS)], smoothed(measured(n, arguments.size), arguments.width))
        for n in range(arguments.batches)
    )
    alone = time.perf_counter() - begin

    print("sensor  largest mean")
    for sensor, peak in found.items():
        print(f"{sensor:6}  {peak:12.6f}")
        assert abs(peak - expected[sensor]) < 1e-9
    assert source.exitcode == middle.exitcode == 0
    print(f"{arguments.batches} batches of {arguments.size} readings: {pipeline:.2f} s; Python alone {alone:.2f} s")


if __name__ == "__main__":
    main()
