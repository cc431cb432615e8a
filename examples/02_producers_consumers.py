"""Producers and consumers over one queue: every order is served once, whoever takes it."""

import argparse

import gomp as multiprocessing

PRODUCERS, CONSUMERS, ORDERS = 2, 3, 500


def produce(queue, producer):
    """Put this producer's orders."""
    for number in range(ORDERS):
        queue.put({"producer": producer, "number": number, "text": f"order {producer}-{number}"})


def consume(queue, receipts):
    """Serve orders until there are no more, then hand in the receipts."""
    served = []
    while (order := queue.get(timeout=30)) is not None:
        served.append((order["producer"], order["number"]))
    receipts.put(served)


def main():
    """Run both sides and compare what was ordered with what was served."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    queue, receipts = multiprocessing.Queue(), multiprocessing.Queue()
    producers = [multiprocessing.Process(target=produce, args=(queue, n)) for n in range(PRODUCERS)]
    consumers = [multiprocessing.Process(target=consume, args=(queue, receipts)) for _ in range(CONSUMERS)]
    for process in producers + consumers:
        process.start()
    for process in producers:
        process.join(30)
    for _ in consumers:
        queue.put(None)
    served = [receipts.get(timeout=30) for _ in consumers]
    for process in consumers:
        process.join(30)

    print(f"{PRODUCERS} producers put {PRODUCERS * ORDERS} orders")
    print(f"{CONSUMERS} consumers served {sum(map(len, served))} of them: {sorted(map(len, served))}")
    assert sorted(order for orders in served for order in orders) == [
        (producer, number) for producer in range(PRODUCERS) for number in range(ORDERS)
    ]
    assert all(process.exitcode == 0 for process in producers + consumers)


if __name__ == "__main__":
    main()
