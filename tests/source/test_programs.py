"""Laws of digests on random programs: harmless edits keep them, real changes do not.

The law that matters most: where all digests of a file are equal, it does the same.

How much is tried: a little in CI, much with `pytest -m slow tests/source/test_programs.py`.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Callable
from io import StringIO
from random import Random

import black
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from mutations import REAL, changed, scramble
from programs import POOL, program
from running import outcome
from templates import Choose

from mandala_git.config import ANNOTATIONS, EQUALITIES, NO_RULES, UNKEYED_PARAMETERS, Rules
from mandala_git.source.definitions import Kind
from mandala_git.source.scan import scan_file, scan_texts

pytestmark = pytest.mark.sweep

# Every choice is one of hypothesis, so that failures shrink.
CHANCE = st.randoms(use_true_random=False)
LONG = settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))


def briefly(examples: int) -> settings:
    """A few examples; a failure is shown as it is, because to shrink it may take minutes."""
    return settings(LONG, max_examples=examples, phases=set(Phase) - {Phase.shrink})


def digests(text: str, rules: Rules = NO_RULES, *, imports: bool = True) -> dict[str, str]:
    """Return the digest of every definition of a file."""
    facts = scan_file("m.py", text.encode(), rules=rules)
    assert facts.error == "", (facts.error, facts.error_line, text)
    return {
        d.qualname: f"{d.digest} {d.skeleton}"
        for d in facts.definitions
        if imports or d.kind is not Kind.IMPORT
    }


def exact(text: str) -> dict[str, str]:
    return {d.qualname: d.exact for d in scan_file("m.py", text.encode()).definitions}


# --- harmless edits -------------------------------------------------------------------------


def commented(text: str, choose: Choose) -> str:
    """Put comments at ends of lines, and between them."""
    lines = text.split("\n")
    tokens = list(tokenize.generate_tokens(StringIO(text).readline))
    ends = {t.end[0] for t in tokens if t.type == tokenize.NEWLINE}
    out = []
    for at, line in enumerate(lines, 1):
        plain = at in ends and not line.endswith("\\")
        out.append(f"{line}  # x = {at}: \"'" if plain and choose(3) == 0 else line)
        if plain and choose(8) == 0:
            out.append("    # v1 = 2")
    return "\n".join(out)


def blackened(text: str, choose: Choose) -> str:
    mode = black.Mode(
        line_length=(20, 60, 100)[choose(3)],
        string_normalization=bool(choose(2)),
        magic_trailing_comma=bool(choose(2)),
    )
    return black.format_str(text, mode=mode)


def unparsed(text: str, choose: Choose) -> str:
    return ast.unparse(ast.parse(text))


def windows(text: str, choose: Choose) -> str:
    return "\ufeff" + text.replace("\n", "\r\n")


EDITS = (commented, blackened, unparsed, windows)
"""Each writes a program otherwise, all names kept."""


def check_spellings(chance: Random) -> None:
    """Two ways to write a program: other spellings, names of variables, imports."""
    made = program(chance.randrange)
    before, after = made.write(), made.write(chance.randrange, pool=POOL)
    assert digests(before, imports=False) == digests(after, imports=False)
    assert outcome(before) == outcome(after)


def check_edits(chance: Random) -> None:
    """Another layout changes not even the exact digests."""
    before = program(chance.randrange).write(chance.randrange)
    after = chance.choice(EDITS)(before, chance.randrange)
    assert digests(before) == digests(after)
    assert exact(before) == exact(after)
    assert outcome(before) == outcome(after)


def check_names(chance: Random) -> None:
    """Other names of variables change the exact digests, and only those."""
    made = program(chance.randrange)
    before, after = made.write(stem="v"), made.write(stem="other")
    assert digests(before) == digests(after)
    assert (exact(before) == exact(after)) == (before == after)


def check_change(chance: Random) -> None:
    before = program(chance.randrange).write()
    after = changed(before, chance.choice(REAL), chance.randrange)
    assume(after is not None)
    assert digests(before) != digests(str(after))


def check_scramble(chance: Random) -> None:
    """Equal digests, equal behaviour; also under the equalities that can be asked for."""
    before = program(chance.randrange).write()
    tried = [t for _ in range(6) if (t := scramble(before, chance.randrange)) is not None]
    for after in tried:
        if any(digests(before, rules) == digests(after, rules) for rules in (NO_RULES, ASKED)):
            one, two = outcome(before), outcome(after)
            assert one == two or one is None or two is None


# Those of annotations and unkeyed parameters give up what programs could see.
ASKED = Rules(equal=frozenset(EQUALITIES) - {ANNOTATIONS, UNKEYED_PARAMETERS})


@briefly(40)
@given(CHANCE)
def test_spellings_keep_digests(chance: Random) -> None:
    check_spellings(chance)


@briefly(40)
@given(CHANCE)
def test_layout_keeps_exact_digests(chance: Random) -> None:
    check_edits(chance)


@briefly(20)
@given(CHANCE)
def test_names_of_variables_are_exact_only(chance: Random) -> None:
    check_names(chance)


@briefly(120)
@given(CHANCE)
def test_real_changes_change_digests(chance: Random) -> None:
    check_change(chance)


@briefly(80)
@given(CHANCE)
def test_equal_digests_do_the_same(chance: Random) -> None:
    check_scramble(chance)


@briefly(20)
@given(CHANCE)
def test_texts_do_not_depend_on_rules(chance: Random) -> None:
    """Verdicts and results cite texts: another setting or scheme must find them again."""
    data = program(chance.randrange).write(chance.randrange).encode()
    every = Rules(("m.py::deco",), frozenset(EQUALITIES))
    texts = [scan_texts("m.py", data, rules=rules)[1] for rules in (NO_RULES, every)]
    assert texts[0] == texts[1]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "check", [check_spellings, check_edits, check_names, check_change, check_scramble]
)
def test_laws_at_length(check: Callable[[Random], None]) -> None:
    LONG(given(CHANCE)(check))()
