"""The programs that the fork tests run, each in an interpreter of its own: ``scenarios.py NAME [ARGUMENT...]``.

Each prints "ok" when all its children did as they should.
"""

from __future__ import annotations

import ctypes
import faulthandler
import glob
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable

from crowd import Crowd, run_and_exit

from gomp import _ctl

GOROUTINES = 60
CHECKSUM = 1807564

stop = threading.Event()


def use_core() -> None:
    """One use of the core: scheduler, channels, timers, allocation, collection."""
    sum = _ctl.SelfTest(GOROUTINES)
    assert sum == CHECKSUM, sum


def use_core_much() -> None:
    """The core used from several threads, started together where the core may not be up yet."""
    gate = threading.Barrier(3)
    failed: list[BaseException] = []

    def use() -> None:
        try:
            gate.wait()
            use_core()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert _ctl.Collect() > 0
    use_core()


def make_busy() -> None:
    """A parent that is hard to fork: goroutines that collect, threads inside Go calls, threads that come and go."""

    def repeat(action: Callable[[], object]) -> None:
        while not stop.is_set():
            action()

    def short_lived() -> None:
        threads = [threading.Thread(target=_ctl.Goroutines) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    _ctl.Background(3)
    actions = (lambda: _ctl.SelfTest(20), lambda: _ctl.Spin(300_000), _ctl.Collect, short_lived)
    for action in actions:
        threading.Thread(target=repeat, args=(action,), daemon=True).start()


def all_ended(crowd: Crowd, count: int, code: int = 0) -> None:
    ended = crowd.finish()
    assert ended == {code: count}, ended
    use_core()  # and the parent is well


# --- ways to end ---


def end_by_return() -> None:
    use_core_much()


def end_by_sys_exit() -> None:
    use_core_much()
    stop.set()
    sys.exit(7)


def end_by_os_exit() -> None:
    use_core_much()
    os._exit(7)


def end_by_exception() -> None:
    use_core_much()
    raise ValueError("as planned")


def end_by_thread() -> None:
    """A thread that has used Go ends, then the main thread does: the way of the ordinary interpreter's exit."""
    use_core_much()
    thread = threading.Thread(target=use_core)
    thread.start()
    thread.join()
    sys.exit(7)


def end_by_sigterm() -> None:
    use_core_much()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


ENDS: dict[str, tuple[Callable[[], None], int]] = {
    "return": (end_by_return, 0),
    "sys.exit": (end_by_sys_exit, 7),
    "os._exit": (end_by_os_exit, 7),
    "exception": (end_by_exception, 1),
    "thread": (end_by_thread, 7),
    "SIGTERM": (end_by_sigterm, -signal.SIGTERM),
}


def ends(how: str, count: int) -> None:
    """Children of a busy parent that end in the given way, through the interpreter's own end where it has one."""
    body, code = ENDS[how]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    make_busy()
    crowd = Crowd()
    for _ in range(count):
        while len(crowd.living) >= crowd.at_once:
            crowd.reap()
        pid = os.fork()
        if pid == 0:
            os.dup2(nowhere, 2)  # the exception's traceback is not news
            body()
            sys.exit(0)
        crowd.add(pid)
    all_ended(crowd, count, code)


def unused(count: int) -> None:
    """Children of a busy parent that never use the core: no signal and no thread's end leads into the parent's."""

    def body() -> None:
        thread = threading.Thread(target=time.sleep, args=(0.001,))
        thread.start()
        for number in (signal.SIGURG, signal.SIGPIPE):
            os.kill(os.getpid(), number)
        thread.join()

    make_busy()
    crowd = Crowd()
    for _ in range(count):
        crowd.fork(body)
    all_ended(crowd, count)


def before_load(count: int) -> None:
    """Children that are forked before the parent has used the core, and are the first to load it."""
    crowd = Crowd()
    for _ in range(count):
        crowd.fork(use_core_much)
    all_ended(crowd, count)


def at_once(rounds: int, size: int) -> None:
    """Children that all start to use the core at the same moment."""
    make_busy()
    for _ in range(rounds):
        start, release = os.pipe()

        def body(start: int = start, release: int = release) -> None:
            os.close(release)
            os.read(start, 1)
            use_core_much()

        crowd = Crowd(size)
        for _ in range(size):
            crowd.fork(body)
        os.close(start)
        os.close(release)
        all_ended(crowd, size)


def nested(chains: int, depth: int) -> None:
    """Chains of processes, each forked from the one before while its core is busy."""

    def link(left: int) -> None:
        use_core()
        if left == 0:
            return
        _ctl.Background(2)
        crowd = Crowd()
        crowd.fork(lambda: link(left - 1))
        _ctl.Background(0)
        ended = crowd.finish()
        assert ended == {0: 1}, ended
        use_core()

    crowd = Crowd(2)
    for _ in range(chains):
        crowd.fork(lambda: link(depth - 1))
    all_ended(crowd, chains)


# --- forks from a thread ---


def fork_in_thread(body: Callable[[], object], crowd: Crowd) -> None:
    """Forks in a thread that has used Go; in the child that thread runs the body and returns."""
    pids: list[int] = []

    def fork() -> None:
        use_core()
        pid = os.fork()
        if pid:
            pids.append(pid)
        else:
            body()

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    if pids:  # not in the child, whose forking thread has returned
        crowd.add(pids[0])


def from_thread(count: int, what: str) -> None:
    """Children forked from a thread, which then returns: nothing else ends them."""
    make_busy()
    crowd = Crowd()
    body = {"used": use_core_much, "unused": lambda: None, "os._exit": lambda: run_and_exit(use_core)}[what]
    for _ in range(count):
        while len(crowd.living) >= crowd.at_once:
            crowd.reap()
        fork_in_thread(body, crowd)
    all_ended(crowd, count)


def leader_first(count: int) -> None:
    """The thread that forked returns while another is still at work, which must come to its end."""
    use_core()
    crowd = Crowd()
    result, report = os.pipe()

    def work() -> None:
        time.sleep(0.1)
        use_core()
        os.write(report, b".")

    for _ in range(count):
        fork_in_thread(lambda: threading.Thread(target=work).start(), crowd)
    all_ended(crowd, count)
    os.close(report)
    assert os.read(result, 2 * count) == b"." * count


# --- the dynamic linker ---

CHURN = """
#include <dlfcn.h>
#include <pthread.h>
static const char *paths[64];
static int count;
void add(const char *path) { paths[count++] = path; }
static void *churn(void *unused) {
  for (int i = 0;; i++) {
    void *library = dlopen(paths[i % count], RTLD_NOW | RTLD_LOCAL);
    if (library) dlclose(library);
  }
  return unused;
}
void start(void) { pthread_t thread; pthread_create(&thread, 0, churn, 0); }
"""


def while_dlopen(count: int) -> None:
    """Children forked while a C thread opens and closes libraries all the time, so often inside its lock."""
    use_core()
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "churn.c")
        source.write_text(CHURN)
        library = source.with_suffix(".so")
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        churn = ctypes.CDLL(str(library))
    names = ("libz.", "libbz2.", "liblzma.", "libexpat.", "libncurses", "libreadline.", "libgmp.", "libuuid.")
    paths = [path for path in glob.glob("/usr/lib/*/lib*.so.*") if any(name in path for name in names)]
    kept = [path.encode() for path in sorted(paths)[:64]]
    assert kept, "no library to open"
    for path in kept:
        churn.add(path)
    churn.start()
    time.sleep(0.05)
    crowd = Crowd(4)
    for _ in range(count):
        crowd.fork(use_core_much)
    all_ended(crowd, count)


# --- signals ---


def storm(seconds: float) -> None:
    """Timers, SIGCHLD and user signals, with Python handlers, over a busy core; then the same in a child."""
    seen = {signal.SIGALRM: 0, signal.SIGCHLD: 0, signal.SIGUSR1: 0}

    def count(number: int, _: object) -> None:
        seen[signal.Signals(number)] += 1

    def strike() -> None:
        while not stop.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.002)

    def blow() -> None:
        for number in seen:
            signal.signal(number, count)
        make_busy()
        threading.Thread(target=strike, daemon=True).start()
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        crowd = Crowd()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            use_core()
            crowd.fork(use_core_much)
        signal.setitimer(signal.ITIMER_REAL, 0)
        ended = crowd.finish()
        assert list(ended) == [0], ended
        assert all(seen.values()), seen

    outer = Crowd()
    outer.fork(blow)
    all_ended(outer, 1)
    blow()
    outer.fork(blow)
    all_ended(outer, 2)


def interrupts(count: int) -> None:
    """SIGINT reaches Python's handler, in the parent and in children, soon."""

    def interrupted() -> None:
        use_core()
        _ctl.Background(1)
        delay = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        begun = time.monotonic()
        try:
            delay.start()
            time.sleep(10)
        except KeyboardInterrupt:
            assert time.monotonic() - begun < 5
            use_core()
        else:
            raise AssertionError("no KeyboardInterrupt")

    def default_action() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        use_core()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)

    interrupted()
    crowd = Crowd(4)
    for _ in range(count):
        crowd.fork(interrupted)
    all_ended(crowd, count)
    crowd = Crowd(4)
    for _ in range(count):
        crowd.fork(default_action)
    all_ended(crowd, count, -signal.SIGINT)


def waited_signals(count: int) -> None:
    """A signal that the program has blocked, to wait for it, must not kill the process through a thread of Go."""

    def wait() -> None:
        use_core()
        _ctl.Background(2)
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.pthread_sigmask(signal.SIG_BLOCK, [number])
            os.kill(os.getpid(), number)
            time.sleep(0.001)
            assert signal.sigwait([number]) == number

    crowd = Crowd(4)
    for _ in range(count):
        crowd.fork(wait)
    all_ended(crowd, count)


def dispositions() -> None:
    """Loading the core and starting it again leave every signal as it was, but for Go's own SIGURG."""

    def masks(number_of_go: int = 0) -> dict[str, int]:
        unseen = sum(1 << (number - 1) for number in (32, 33, number_of_go) if number)  # the C library's own
        status = pathlib.Path("/proc/self/status").read_text()
        values = (line.split() for line in status.splitlines() if line.startswith(("SigIgn", "SigCgt", "SigBlk")))
        return {name: int(mask, 16) & ~unseen for name, mask in values}

    before = masks()
    use_core()
    assert masks(signal.SIGURG) == before

    def unchanged() -> None:
        assert masks() == before
        use_core()
        assert masks(signal.SIGURG) == before

    crowd = Crowd()
    crowd.fork(unchanged)
    all_ended(crowd, 1)


def descriptors() -> None:
    """An idle core holds no descriptor, in a child neither."""

    def held() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    before = held()
    _ctl.Goroutines()
    assert held() == before

    def unchanged() -> None:
        _ctl.Goroutines()
        assert held() == before

    crowd = Crowd()
    crowd.fork(unchanged)
    all_ended(crowd, 1)


def preempted() -> None:
    """A tight loop in Go holds up the collector for milliseconds, not for as long as it runs."""
    use_core()
    loop = threading.Thread(target=_ctl.Spin, args=(4_000_000_000,), daemon=True)
    loop.start()
    time.sleep(0.05)
    begun = time.monotonic()
    for _ in range(5):
        _ctl.Collect()
    assert loop.is_alive(), "the loop is too short for this test"
    assert time.monotonic() - begun < 1.0
    print("ok")
    sys.stdout.flush()
    os._exit(0)


def faults(when: str, count: int) -> None:
    """A crash ends a process by its signal, with faulthandler's report if it is on, in children too."""
    if when == "before":
        faulthandler.enable()
    use_core()
    if when == "after":
        faulthandler.enable()

    def crash() -> None:
        ctypes.memset(8, 1, 1)

    def use_and_crash() -> None:
        use_core()
        crash()

    def crash_in_thread() -> None:
        use_core()
        thread = threading.Thread(target=use_and_crash)
        thread.start()
        thread.join()

    report, write = os.pipe()
    saved = os.dup(2)
    os.dup2(write, 2)
    os.close(write)
    crowd = Crowd(2)
    bodies = (crash, use_and_crash, crash_in_thread)
    for _ in range(count):
        for body in bodies:
            crowd.fork(body)
    ended = crowd.finish()
    os.dup2(saved, 2)
    assert ended == {-signal.SIGSEGV: count * len(bodies)}, ended
    with open(report) as stream:
        text = stream.read()
    # A report is several writes, between which those of another child may come.
    reports = [text.count(part) for part in ("Fatal Python error: ", "Segmentation fault")]
    assert reports == [0 if when == "never" else count * len(bodies)] * 2, reports


# --- other ways to fork ---


def subprocesses(count: int) -> None:
    """subprocess from a busy process and from its children, with and without a function to run before exec."""

    def spawn() -> None:
        use_core()
        # What runs before exec may use the core, but must not start its timers: subprocess then closes
        # their descriptors under the live runtime, which ends the child if it looks at them before exec.
        for prepare in (None, lambda: None, _ctl.Goroutines):
            done = subprocess.run(["/bin/echo", "hello"], preexec_fn=prepare, stdout=subprocess.PIPE, timeout=30)
            assert (done.returncode, done.stdout) == (0, b"hello\n"), done

    make_busy()
    for _ in range(count):
        spawn()
    crowd = Crowd(4)
    for _ in range(count):
        crowd.fork(spawn)
    all_ended(crowd, count)


def terminals(count: int) -> None:
    """os.forkpty()."""
    make_busy()
    crowd = Crowd()
    for _ in range(count):
        pid, terminal = os.forkpty()
        if pid == 0:
            run_and_exit(use_core_much)
        crowd.add(pid)
        all_ended(crowd, 1)
        crowd.ended.clear()
        os.close(terminal)


def bypassed() -> None:
    """A child made without libc's fork() is told so, and nothing worse."""
    use_core()

    def refused() -> None:
        for _ in range(2):
            try:
                use_core()
            except ImportError as error:
                assert "without libc's fork()" in str(error)
            else:
                raise AssertionError("the core was used")

    fork_number = {"x86_64": 57}.get(os.uname().machine)
    crowd = Crowd()
    if fork_number is None:
        return
    pid = ctypes.PyDLL(None).syscall(fork_number)
    if pid == 0:
        run_and_exit(refused)
    crowd.add(pid)
    all_ended(crowd, 1)


def main() -> None:
    warnings.simplefilter("ignore")  # os.fork() beside threads: that is the point
    name, *arguments = sys.argv[1:]
    scenario: Callable[..., None] = globals()[name]
    scenario(*(int(argument) if argument.isdigit() else argument for argument in arguments))
    print("ok")
    sys.stdout.flush()
    os._exit(0)  # past the busy daemon threads


if __name__ == "__main__":
    main()
