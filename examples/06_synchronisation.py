"""RLock, Semaphore, BoundedSemaphore, Condition, Event and Barrier, each among several processes.

Each is also waited for in vain: a timeout expires.
"""

import argparse
import threading
import time

import gomp as multiprocessing

SHORT, LONG = 0.05, 30.0


def start(target, count, *args):
    """Start several processes on one function."""
    processes = [multiprocessing.Process(target=target, args=args) for _ in range(count)]
    for process in processes:
        process.start()
    return processes


def finish(processes):
    """Wait for processes; all must have ended well."""
    for process in processes:
        process.join(LONG)
        assert process.exitcode == 0, process


def expires(wait, *args):
    """Check that a wait fails, and not before its time; return how long it took."""
    began = time.monotonic()
    assert not wait(*args)
    took = time.monotonic() - began
    assert took >= SHORT * 0.9, took
    return f"{took * 1000:.0f} ms"


def deposit(lock, balance):
    """Add 100 under a lock that is taken twice."""
    for _ in range(100):
        with lock, lock:
            balance.value += 1


def try_in_vain(lock):
    """Wait for a lock that another process holds."""
    expires(lock.acquire, True, SHORT)


def rlock():
    """A lock that its owner may take again, and nobody else."""
    lock, balance = multiprocessing.RLock(), multiprocessing.RawValue("i", 0)
    finish(start(deposit, 3, lock, balance))
    assert balance.value == 300
    with lock:
        finish(start(try_in_vain, 2, lock))
    print(f"RLock: three processes deposited {balance.value}; two others waited in vain")


def visit(semaphore, inside, most):
    """Be one of the few inside for a while."""
    for _ in range(20):
        with semaphore:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            time.sleep(0.001)
            with inside.get_lock():
                inside.value -= 1


def semaphores():
    """Never more than two inside at once; a bounded semaphore also refuses a release too many."""
    for kind in (multiprocessing.Semaphore, multiprocessing.BoundedSemaphore):
        semaphore = kind(2)
        inside, most = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
        finish(start(visit, 4, semaphore, inside, most))
        assert 1 <= most.value <= 2
        with semaphore, semaphore:
            took = expires(semaphore.acquire, True, SHORT)
        print(f"{kind.__name__}: four processes, at most {most.value} inside; a third permit: none in {took}")
    try:
        semaphore.release()
    except ValueError as error:
        print(f"BoundedSemaphore: {error}")
    else:
        raise SystemExit("a bounded semaphore was released too many times")


def await_turn(condition, turn, number, order):
    """Wait until it is this process's turn, then pass the turn on."""
    with condition:
        assert condition.wait_for(lambda: turn.value == number, LONG)
        order[number] = turn.value
        turn.value += 1
        condition.notify_all()


def condition():
    """Processes that run one after the other, whatever order they were started in."""
    condition = multiprocessing.Condition()
    turn, order = multiprocessing.RawValue("i", -1), multiprocessing.RawArray("i", 4)
    processes = []
    for number in reversed(range(4)):
        processes += start(await_turn, 1, condition, turn, number, order)
    with condition:
        took = expires(condition.wait, SHORT)
        turn.value = 0
        condition.notify_all()
    finish(processes)
    assert list(order) == [0, 1, 2, 3]
    print(f"Condition: four processes took turns {list(order)}; nobody notified for {took}")


def await_event(ready, go, arrived):
    """Tell that this process is there, and wait for the event."""
    arrived.release()
    assert not ready.wait(SHORT)
    assert go.wait(LONG)


def event():
    """Processes that all go at once."""
    never, go, arrived = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Semaphore(0)
    processes = start(await_event, 3, never, go, arrived)
    for _ in processes:
        assert arrived.acquire(timeout=LONG)
    took = expires(never.wait, SHORT)
    go.set()
    finish(processes)
    assert go.is_set() and not never.is_set()
    print(f"Event: three processes went at once; another event did not come for {took}")


def meet(barrier, rounds, leaders):
    """Meet the others a few times; one of them leads each time."""
    for _ in range(rounds):
        if barrier.wait(LONG) == 0:
            with leaders.get_lock():
                leaders.value += 1


def barrier():
    """Processes that wait for each other, and a meeting that one party misses."""
    leaders = multiprocessing.Value("i", 0)
    kept = multiprocessing.Barrier(3)
    finish(start(meet, 3, kept, 5, leaders))
    assert leaders.value == 5
    missed = multiprocessing.Barrier(2)
    try:
        missed.wait(SHORT)
    except threading.BrokenBarrierError:
        assert missed.broken
    else:
        raise SystemExit("a barrier for two let one through")
    print(f"Barrier: three processes met {leaders.value} times; a meeting that one misses is broken")


def main():
    """Use each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)
    for use in (rlock, semaphores, condition, event, barrier):
        use()


if __name__ == "__main__":
    main()
