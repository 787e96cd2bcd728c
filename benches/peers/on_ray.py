"""Ray: a cluster of one machine, with a process for each worker."""

import logging

import ray

import work


def versions() -> str:
    return f"Ray {ray.__version__}"


def run(n: int, _setting: str) -> int:
    with ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.WARNING):
        numbers = ray.get(ray.remote(work.generate).remote(n))
        double = ray.remote(work.double)
        doubled = [double.remote(number) for number in numbers]
        return ray.get(ray.remote(total).remote(*doubled))


def total(*numbers: int) -> int:
    """References are resolved only when they are arguments of their own."""
    return work.total(list(numbers))
