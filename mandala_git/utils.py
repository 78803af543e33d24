"""Small functions that programs written for mandala import from its `utils`."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable
from typing import Any


def get_content_hash(obj: Any) -> str:
    """Return the content id of a value, in hex; see `docs/values.md` for what is the same.

    Raises:
        UnhashableValue: it has none.
    """
    from mandala_git.results.ids import cid

    return cid(obj).hex()


def serialize(obj: Any) -> bytes:
    """Return a value as bytes."""
    return pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL)


def deserialize(data: bytes) -> Any:
    """Return the value that `serialize` was given; only for bytes that you trust."""
    return pickle.loads(data)


def mock_input(responses: Iterable[str]) -> Callable[[str], str]:
    """Return a stand-in for `input` that gives one answer after the other, and prints it.

    Args:
        responses: the answers. Asked once more, it raises `EOFError`, as `input` does at the end.
    """
    rest = iter(responses)

    def answer(prompt: str = "") -> str:
        try:
            given = next(rest)
        except StopIteration:
            raise EOFError("no answer is left") from None
        sys.stdout.write(f'{prompt}You answered: "{given}"\n')
        return given

    return answer
