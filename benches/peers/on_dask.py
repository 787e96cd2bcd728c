"""Dask: the scheduler for one process' threads, and the distributed one with a process for each worker."""

import dask
import distributed

import work


def versions() -> str:
    return f"Dask {dask.__version__}"


def run(n: int, setting: str) -> int:
    return {"threads": on_threads, "distributed": on_cluster}[setting](n)


def on_threads(n: int) -> int:
    generate, double, total = map(dask.delayed, (work.generate, work.double, work.total))
    # There is nothing to optimize, and trying takes time that grows with the square of N.
    with dask.config.set(scheduler="threads", num_workers=2):
        numbers = generate(n).compute()
        doubled = dask.compute(*map(double, numbers), optimize_graph=False)
        return total(doubled).compute(optimize_graph=False)


def on_cluster(n: int) -> int:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        numbers = client.submit(work.generate, n).result()
        return client.submit(work.total, client.map(work.double, numbers)).result()
