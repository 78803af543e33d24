"""The trivial function whose calls are remembered."""


def successor(number: int) -> int:
    """The next number."""
    return number + 1
