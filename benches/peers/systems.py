"""What is measured: each system, how it is set up, what keeps its steps apart, and what is left when it is killed.

N is chosen for a run of some ten seconds; fanfold is also measured at the size of others."""

from typing import NamedTuple


class System(NamedTuple):
    peer: str
    setting: str
    setup: str
    n: int
    isolation: str
    survives: str


class Unmeasured(Exception):
    """Why there are no numbers, in one line."""


SANDBOX = "WebAssembly sandbox per step; memory, time and output limited"
WORKER = "process per worker, shared by steps"
NOTHING = "nothing"
RECORDED = "recorded steps; `resume` runs the rest"
RERUN = "of a worker: its steps run again; of the client: nothing"
STATES = "states written so far; results if persisted"
EVENTS = "event log and outputs; re-execution from failure"

SYSTEMS = [
    System("fanfold", "store", "default store, 2 workers", 1_000_000, SANDBOX, RECORDED),
    System("fanfold", "store", "default store, 2 workers", 10_000, SANDBOX, RECORDED),
    System("fanfold", "memory", "`--store memory`, 2 workers", 1_000_000, SANDBOX, NOTHING),
    System("dask", "threads", "threaded scheduler, 2 workers", 10_000, "none", NOTHING),
    System("dask", "distributed", "`LocalCluster`, 2 workers", 5_000, WORKER, RERUN),
    System("ray", "local", "local cluster, 2 workers", 20_000, WORKER, RERUN),
    System("prefect", "threads", "ephemeral server on SQLite, 2 threads", 2_000, "none", STATES),
    System("dagster", "memory", "in process, in-memory instance, 1 worker", 1_000, "none", NOTHING),
    System("dagster", "sqlite", "in process, SQLite and files, 1 worker", 300, "none", EVENTS),
    System("dagster", "multiprocess", "multiprocess, SQLite and files, 2 workers", 20, "process per step", EVENTS),
]
