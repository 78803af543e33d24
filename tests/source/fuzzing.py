"""A program that reads damaged sources for a while, one behind the other, as the scan would.

    python fuzzing.py SEED SECONDS FOLDER

What it is about to read is kept in FOLDER/input first: whoever started it finds there what ended
or stopped it, also where that was a signal. It prints how many it has read.
"""

from __future__ import annotations

import os
import random
import re
import sys
import sysconfig
import time
from encodings.aliases import aliases
from pathlib import Path

from mandala_git.source.codes import file_codes
from mandala_git.source.definitions import pack, unpack
from mandala_git.source.outline import outline
from mandala_git.source.pieces import Source
from mandala_git.source.scan import scan_texts
from mandala_git.source.texts import definition_from_text

HERE = Path(__file__).parent
STDLIB = Path(sysconfig.get_path("stdlib"))
MODULES = ("ast", "contextlib", "dataclasses", "enum", "fractions", "inspect", "pprint", "tokenize",
           "typing", "test/test_grammar", "test/test_fstring", "test/test_patma",
           "test/test_type_params", "test/test_unpack_ex", "test/test_scope")  # fmt: skip
TOKEN = re.compile(rb"\w+|[ \t]+|\n|[^\w\s]")
PIECES = [
    b"\0", b"\r", b"\r\n", b"\x0c", b"\x0b", b"\x1a", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    "\u2028".encode(), b"\xc2\x85", b"\xc2\xa0", "\N{LATIN SMALL LIGATURE FI}".encode(), b"\\\n",
    b"\\", b"\t", b"\n", b"\n    ", b"\n  ", b"'''", b'"""', b"'", b'"', b"f'{", b"rf\"{", b"t'",
    b"b'", b"b''", b"u''", b"{", b"}", b"(", b")", b"[", b"]", b":", b":=", b"*", b"**", b"/", b"->",
    b"@", b"...", b".", b"..", b";", b",", b"=", b"==", b"!=", b"<>", b"$", b"?", b"!", b"`", b"~",
    b" if ", b" else ", b" lambda ", b" await ", b" async ", b" yield ", b" from ", b" import ",
    b" not ", b" in ", b" is ", b" for ", b" with ", b" as ", b" match ", b" case _", b" type ",
    b" class ", b" def ", b" return ", b" global x", b" nonlocal x", b" del ", b" print 1",
    b" exec 'x'", b"except* ", b"except A, b:", b"finally:", b"None", b"__debug__", b"0777", b"0x",
    b"1_", b"1e", b"1j", b"9" * 5000, b"'\\ud800'", b"'\\N{x}'", b"'\\777'", b"_", b"x",
]  # fmt: skip
NESTING = [b"(", b"[", b"{", b"-", b"not ", b"lambda: ", b"a.", b"a+", b"a if a else ", b"()",
           b"f'{", b"a[", b"a,", b"\n", b"if a:\n", b" ", b"*", b"a=", b"@a\n", b"'a' "]  # fmt: skip


def sources() -> list[bytes]:
    """Return pieces of real files, none of them large."""
    files = [*HERE.glob("*.py"), *HERE.glob("rules/*.txt"), HERE / "new_syntax.txt"]
    files += [file for name in MODULES if (file := STDLIB / f"{name}.py").is_file()]
    found = []
    for file in sorted(files):
        lines = file.read_bytes().splitlines(keepends=True)
        tops = [n for n, line in enumerate(lines) if n and line[:1].strip()]
        for start in range(0, len(tops), 25):
            end = tops[start + 25] if start + 25 < len(tops) else len(lines)
            found.append(b"".join(lines[tops[start] : end]))
    return [piece for piece in found if len(piece) < 6000]


def damaged(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Damage a source in one way."""
    way = chance.randrange(10)
    at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    end = min(end, at + chance.choice((1, 5, 50, 500)))
    if way == 0:
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    if way == 1:
        return data[:at] + chance.choice(PIECES) + data[at:]
    if way == 2:
        return data[:at] + data[end:]
    if way == 3:
        return data[:at] + data[at:end] * chance.choice((2, 3, 400)) + data[end:]
    if way == 4:
        other = chance.choice(others)
        start = chance.randrange(len(other) + 1)
        return data[:at] + other[start : start + chance.choice((20, 200))] + data[end:]
    if way == 5:
        return data[:at] + chance.choice(NESTING) * chance.choice((30, 300, 1500)) + data[at:]
    if way == 6:
        cookie = chance.choice(sorted(aliases)).encode()
        return b"# coding: " + cookie + chance.choice((b"\n", b"\r\n", b"\r", b"")) + data
    tokens = TOKEN.findall(data)
    if not tokens:
        return data
    at = chance.randrange(len(tokens))
    if way == 7:
        del tokens[at]
    elif way == 8:
        tokens[at] = chance.choice((chance.choice(tokens), chance.choice(PIECES)))
    else:
        other = chance.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    return b"".join(tokens)


def read(data: bytes) -> None:
    """Read a source in all ways; whatever it is, nothing of this may raise."""
    facts, texts = scan_texts("pkg/m.py", data)
    assert unpack(pack(facts)) == facts
    assert not facts.error or not facts.definitions
    file_codes(data, "pkg/m.py")
    for definition in facts.definitions:
        derived = definition_from_text(texts[definition.text_id])
        assert derived == definition._replace(lines=(0, 0)), definition.key
        outline(None, (definition, Source(data)))


def main(seed: int, seconds: float, folder: Path) -> None:
    """Read damaged sources until the time is over."""
    chance, whole = random.Random(seed), sources()
    kept = os.open(folder / "input", os.O_RDWR | os.O_CREAT)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = chance.choice(whole)
        for _ in range(chance.choice((1, 1, 2, 5))):
            data = damaged(data, whole, chance)[:200_000]
        os.ftruncate(kept, 0)
        os.pwrite(kept, data, 0)
        read(data)
        count += 1
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
