"""Nothing grows, and nothing is left. What is made and deleted is in leaks.py."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import leaks
import pytest

HERE = pathlib.Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [*leaks.KINDS, *leaks.USED])
def test_nothing_grows(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "leaks.py"), kind],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=115,
    )
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout


FAMILY = """
import os, sys, time
import gomp

def work(q, lock, n):
    if n:
        gomp.Process(target=work, args=(q, lock, n - 1)).start()
    while True:
        with lock:
            q.put(bytes(20_000))
            q.get()

if __name__ == "__main__":
    ctx = gomp.get_context(sys.argv[1])
    gomp.set_start_method(sys.argv[1])
    q, lock, array, event = ctx.Queue(), ctx.Lock(), ctx.Array("d", 100_000), ctx.Event()
    for _ in range(3):
        ctx.Process(target=work, args=(q, lock, 1)).start()
    while q.qsize() == 0:
        time.sleep(0.001)
    print("running", flush=True)
    time.sleep(60)
"""


def session(leader: int) -> set[int]:
    """The processes that belong to the session, but for those that are no more."""
    members = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(number) == leader and state not in "ZX":
            members.add(int(path.parent.name))
    return members


def files_of(pids: set[int]) -> set[str]:
    """What the processes have open or mapped that is memory by name."""
    names = set()
    for pid in pids:
        for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            names.add(os.readlink(fd))
    return {name for name in names if name.startswith("/dev/shm/")}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_nothing_is_left_of_a_family_that_was_killed(method: str, tmp_path: pathlib.Path) -> None:
    script = tmp_path / "family.py"
    script.write_text(FAMILY)
    leader = subprocess.Popen(
        [sys.executable, str(script), method],
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert leader.stdout is not None and leader.stdout.readline() == "running\n"
        members = session(leader.pid)
        assert len(members) >= 4
        assert not files_of(members), "memory with a name"
    finally:
        end = time.monotonic() + 10
        while members := session(leader.pid):  # some may start others meanwhile
            for pid in members:
                os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < end
            time.sleep(0.005)
        leader.communicate()
