"""Runs the same work on fanfold and its peers, one after another, and prints a Markdown table.

Called by `run`, which has installed them. Arguments are the peers to measure; without any, all."""

import datetime
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import on_fanfold
import process_tree
from systems import SYSTEMS, System, Unmeasured

TARGET = Path(os.environ["PEERS_TARGET"])
RUNS = 3
TIME_LIMIT = 300  # seconds for one run


class Measures(NamedTuple):
    start_up: float  # seconds
    wall: float  # seconds
    memory: int  # bytes


def main(chosen: list[str]) -> int:
    if unknown := set(chosen) - {system.peer for system in SYSTEMS}:
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}")
    process_tree.adopt_orphans()
    print("| system | N | wall | start-up | per step | peak memory | isolation of a step | survives a kill |")
    print("| --- | --: | --: | --: | --: | --: | --- | --- |")
    unmeasured = 0
    for system in SYSTEMS:
        if chosen and system.peer not in chosen:
            continue
        try:
            name = versions(system.peer)
            numbers = cells(system, measure(system))
        except Unmeasured as reason:
            name, numbers = system.peer, f"not measured: {reason} | | |"
            unmeasured += 1
        print(f"| {name}, {system.setup} | {system.n:,} | {numbers} | {system.isolation} | {system.survives} |", flush=True)
    print(f"\n{machine()}")
    return min(unmeasured, 1)


def cells(system: System, measures: Measures) -> str:
    each = (measures.wall - measures.start_up) / (system.n - 1)
    return f"{measures.wall:.2f} s | {measures.start_up:.2f} s | {each * 1000:,.3f} ms | {measures.memory / 2**20:,.0f} MiB"


def measure(system: System) -> Measures:
    """The first run makes what a system keeps for later ones (databases, compiled code), and does not count.

    Memory has a run of its own, since looking at it takes time."""
    once(system, 1)
    start_up = min(once(system, 1) for _ in range(RUNS))
    wall = min(once(system, system.n) for _ in range(RUNS))
    with process_tree.PeakMemory() as memory:
        once(system, system.n)
    return Measures(start_up, wall, memory.peak)


def once(system: System, n: int) -> float:
    """Seconds from starting the process to its end. A wrong total is an error."""
    state = TARGET / "state" / f"{system.peer}-{system.setting}"
    state.mkdir(parents=True, exist_ok=True)
    os.chdir(state)
    started = time.monotonic()
    total = last_line(command(system, n))
    wall = time.monotonic() - started
    process_tree.settle()
    if total != str(n * (n - 1)):
        raise Unmeasured(f"the total is `{total}`")
    print(f"{system.peer} {system.setting} {n}: {wall:.2f} s", file=sys.stderr)
    return wall


def command(system: System, n: int) -> list[str]:
    if system.peer == "fanfold":
        return on_fanfold.command(n, system.setting)
    return in_environment(system.peer, system.setting, str(n))


def versions(peer: str) -> str:
    failure = TARGET / f"{peer}.failure"
    if failure.exists():
        raise Unmeasured(f"not installed: {failure.read_text().strip().splitlines()[-1]}")
    return on_fanfold.versions() if peer == "fanfold" else last_line(in_environment(peer))


def in_environment(peer: str, *arguments: str) -> list[str]:
    return [str(TARGET / peer / "bin/python"), "-m", "one_run", peer, *arguments]


def last_line(command: list[str]) -> str:
    """The last line on standard output; what is on standard error stays in a file."""
    with open("stderr.log", "w") as stderr:
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise Unmeasured(f"not done after {TIME_LIMIT} s") from None
    if done.returncode != 0:
        raise Unmeasured(f"exit code {done.returncode}, see {Path('stderr.log').absolute()}")
    return done.stdout.strip().splitlines()[-1]


def machine() -> str:
    cpu = next(line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{datetime.date.today()}: {os.cpu_count()} x {cpu}, {memory:.0f} GiB of memory, "
        f"Linux {platform.release()}, Python {platform.python_version()}; the best of {RUNS} runs."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
