"""Dagster: a job with a dynamic output, in one process and with a process for each step."""

from pathlib import Path

import dagster

import work


def versions() -> str:
    return f"Dagster {dagster.__version__}"


@dagster.op(config_schema={"n": int}, out=dagster.DynamicOut(int))
def generate(context):
    for number in work.generate(context.op_config["n"]):
        yield dagster.DynamicOutput(number, mapping_key=str(number))


double, total = map(dagster.op, (work.double, work.total))


@dagster.job
def fan_out():
    total(generate().map(double).collect())


def run(n: int, setting: str) -> int:
    config = {
        "ops": {"generate": {"config": {"n": n}}},
        "loggers": {"console": {"config": {"log_level": "WARNING"}}},
    }
    if setting == "memory":
        result = fan_out.execute_in_process(config, instance=dagster.DagsterInstance.ephemeral())
        return result.output_for_node("total")

    config["execution"] = {"config": EXECUTORS[setting]}
    home = dagster.DagsterInstance.local_temp(str(Path.cwd()), overrides={"telemetry": {"enabled": False}})
    with dagster.execute_job(dagster.reconstructable(fan_out), home, config) as result:
        return result.output_for_node("total")


EXECUTORS = {
    "sqlite": {"in_process": {}},
    "multiprocess": {"multiprocess": {"max_concurrent": 2, "start_method": {"forkserver": {}}}},
}
