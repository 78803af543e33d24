"""Tables for people, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mandala_git.views.tables import as_csv, as_json, as_rows, short
from mandala_git.views.text import plain

GOLDEN = Path(__file__).parent / "golden"


class Model:
    pass


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


ROWS = [
    {
        "n_trees": 10,
        "scale": True,
        "acc": 0.9472222,
        "X": np.zeros((1797, 64)),
        "model": Model(),
        "seconds": 0.84,
        "note": "first",
    },
    {
        "n_trees": 100,
        "scale": False,
        "acc": float("nan"),
        "X": pd.DataFrame({"a": [1, 2]}),
        "model": None,
        "seconds": 7500.0,
        "note": "a long note\nover two lines, " + "and on " * 10,
    },
]


def test_for_people() -> None:
    text = plain(as_rows(ROWS, width=100, times=["seconds"]))
    assert text == (GOLDEN / "table.txt").read_text(encoding="utf-8")
    assert all(len(line) <= 100 for line in text.splitlines())


def test_empty_tables() -> None:
    assert as_rows([]) == []
    assert plain(as_rows([], ["a", "bc"])) == "a  bc\n"
    assert as_csv([], ["a"]) == "a\n"
    assert json.loads(as_json([])) == {"format": 1, "columns": [], "rows": []}


def test_csv_can_be_read_again() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert rows[1]["note"] == ROWS[1]["note"]
    assert float(rows[0]["acc"]) == ROWS[0]["acc"]
    assert rows[0]["X"] == "array(1797, 64) float64"
    assert rows[1]["model"] == ""


def test_json_keeps_values() -> None:
    values = {
        "a": np.float64(1.5),
        "b": np.arange(3),
        "c": float("-inf"),
        "d": {"x": (1, None)},
        "e": {1: 2},
        "f": Model(),
        "g": 10**30,
        "h": True,
    }
    data = json.loads(as_json([values]))
    assert data["rows"] == [
        {
            "a": 1.5,
            "b": [0, 1, 2],
            "c": "-Infinity",
            "d": {"x": [1, None]},
            "e": {"type": "dict", "repr": "{1: 2}"},
            "f": {"type": "Model", "repr": "<Model>"},
            "g": 10**30,
            "h": True,
        }
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0.1 + 0.2, "0.3"),
        ("plain", "plain"),
        ("", "''"),
        ("two\nlines", "'two\\nlines'"),
        ("x" * 100, "x" * 45 + "..."),
        (np.zeros((2, 3), dtype=np.int8), "array(2, 3) int8"),
        (np.float64(0.25), "0.25"),
        (np.array(3), "3"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame(2, 1)"),
        (pd.Series([1, 2]), "Series(2) int64"),
        (list(range(100)), "list(100 items)"),
        ([1, 2], "[1, 2]"),
        (Model(), "<Model>"),
        (Broken(), "<Broken>"),
        (np.longdouble(2), repr(np.longdouble(2))),
    ],
)
def test_short(value: object, text: str) -> None:
    assert short(value) == text
