"""The work of every peer's steps, which is next to nothing: what is measured is what surrounds it."""


def generate(n: int) -> list[int]:
    return list(range(n))


def double(number: int) -> int:
    return 2 * number


def total(numbers: list[int]) -> int:
    return sum(numbers)
