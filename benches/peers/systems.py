"""What is measured: each system, how it is set up, and what its documentation says of steps and of kills.

N is chosen for a run of some ten seconds."""

from typing import NamedTuple


class System(NamedTuple):
    peer: str
    setting: str
    setup: str
    n: int
    isolation: str
    survives: str


SANDBOX = "WebAssembly sandbox for each step; memory, time and output limited"
NOTHING = "nothing"
WORKER = "process for each worker, which steps share"

SYSTEMS = [
    System("fanfold", "store", "default store, 2 workers", 10_000, SANDBOX, "every recorded step; `resume` runs the rest"),
    System("fanfold", "store", "default store, 2 workers", 10_000, SANDBOX, "as above"),
    System("fanfold", "memory", "`--store memory`, 2 workers", 10_000, SANDBOX, NOTHING),
    System("dask", "threads", "threaded scheduler, 2 workers", 10_000, "none", NOTHING),
    System("dask", "distributed", "`LocalCluster`, 2 workers", 5_000, WORKER, "a worker's: its steps run again; the client's: nothing"),
    System("ray", "local", "local cluster, 2 workers", 2_000, WORKER, "a worker's: its step runs again; the driver's: nothing"),
    System("prefect", "threads", "ephemeral server on SQLite, 2 threads", 1_000, "none", "states written so far; results only if persisted"),
    System("dagster", "memory", "in process, in-memory instance, 1 worker", 1_000, "none", NOTHING),
    System("dagster", "sqlite", "in process, SQLite and files, 1 worker", 300, "none", "event log and outputs"),
    System("dagster", "multiprocess", "multiprocess, SQLite and files, 2 workers", 20, "process for each step", "event log and outputs"),
]
