"""A pipe: the child sends a message and closes its end; the parent receives it, then sees the end."""

import argparse

import gomp as multiprocessing


def talk(connection):
    """Send one message and hang up."""
    connection.send("message")
    connection.close()


def main():
    """Receive until the other end is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=talk, args=(theirs,))
    child.start()
    theirs.close()  # the child has its own: while this one is open, the pipe has not ended
    received = []
    try:
        while ours.poll(30):
            received.append(ours.recv())
            print(f"received {received[-1]!r}")
    except EOFError:
        print("then the end of the pipe")
    else:
        raise SystemExit("the pipe did not end")
    child.join(30)
    assert received == ["message"]
    assert child.exitcode == 0


if __name__ == "__main__":
    main()
