"""What a process and all that it starts need in memory, and that none of it stays behind. For Linux."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
BETWEEN_SAMPLES = 0.01  # seconds
UNTIL_KILLED = 10.0  # seconds


def adopt_orphans() -> None:
    """From now on, what a child leaves behind is a child of this process: nothing is missed."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "orphans cannot be adopted")


class PeakMemory(threading.Thread):
    """The largest sum of proportional set sizes, in bytes: a page that processes share counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(BETWEEN_SAMPLES):
            self.peak = max(self.peak, sum(map(proportional_set_size, descendants(os.getpid()))))

    def __enter__(self) -> "PeakMemory":
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.done.set()
        self.join()


def settle() -> None:
    """Waits until all that was started has ended, such as servers that were told to stop, and ends what does not."""
    patience = time.monotonic() + UNTIL_KILLED
    while left := list(descendants(os.getpid())):
        if time.monotonic() > patience:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(BETWEEN_SAMPLES)


def descendants(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            for child in map(int, thread.read_text().split()):
                yield child
                yield from descendants(child)


def proportional_set_size(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
