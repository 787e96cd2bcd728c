"""Prefect: a flow on threads, beside a server of its own that keeps states in SQLite."""

import prefect
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

import work

generate, double, total = (
    prefect.task(function, cache_policy=NO_CACHE) for function in (work.generate, work.double, work.total)
)


def versions() -> str:
    return f"Prefect {prefect.__version__}"


def run(n: int, _setting: str) -> int:
    return fan_out(n)


@prefect.flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def fan_out(n: int) -> int:
    return total(double.map(generate(n)))
