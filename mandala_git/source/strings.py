"""The walk over constants: string literals merged, f-strings by value (rules 5, 6 and 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mandala_git.source import constants
from mandala_git.source.nodes import joined, source_of
from mandala_git.source.walk import END, READS_DOCS, Walk


class Strings(Walk):
    """Writes constants and strings."""

    def _Ellipsis(self, node: Any) -> None:
        self.out.append(b"Ke")

    def _Integer(self, node: Any) -> None:
        self.out.append(constants.integer(node.value))

    def _Float(self, node: Any) -> None:
        self.out.append(constants.floating(node.value))

    def _Imaginary(self, node: Any) -> None:
        self.out.append(constants.imaginary(node.value))

    def _SimpleString(self, node: Any) -> None:
        value = constants.string_value(node.value)
        if value in READS_DOCS:
            self.sink.reads_docs = True
        self.text(value)

    def _ConcatenatedString(self, node: Any) -> None:
        self.formatted(list(joined(node)))

    def _FormattedString(self, node: Any) -> None:
        self.formatted([node])

    def _TemplatedString(self, node: Any) -> None:
        self.formatted([node])

    def formatted(self, strings: list[Any]) -> None:
        """Write adjacent string literals as one: text merged, expressions in place (rule 6)."""
        kinds = {s.__class__.__name__ for s in strings}
        if kinds == {"SimpleString"}:
            values = [constants.string_value(s.value) for s in strings]
            if isinstance(values[0], bytes):
                whole: str | bytes = b"".join(v for v in values if isinstance(v, bytes))
            else:
                whole = "".join(v for v in values if isinstance(v, str))
            self.text(whole)
            return
        start = len(self.out)
        self.out.append(b"Ts" if "TemplatedString" in kinds else b"Fs")
        text: list[str] = []
        plain = True
        for string in strings:
            if string.__class__.__name__ == "SimpleString":
                text.append(str(constants.string_value(string.value)))
                continue
            plain = self._parts(string.parts, "r" in string.start.lower(), text) and plain
        if plain and "TemplatedString" not in kinds:
            del self.out[start:]
            self.text("".join(text))
            return
        self._flush(text)
        self.out.append(END)

    def _parts(self, parts: Iterable[Any], raw: bool, text: list[str]) -> bool:
        plain = True
        for part in parts:
            if part.__class__.__name__.endswith("StringText"):
                value = part.value.replace("{{", "{").replace("}}", "}")
                text.append(value if raw else constants.unescape(value))
                continue
            plain = False
            conversion = part.conversion or ""
            source = None
            if part.equal is not None or part.__class__.__name__.startswith("Templated"):
                source = source_of(part.whitespace_before_expression) + source_of(part.expression)
            if part.equal is not None:
                text.append(f"{source}{source_of(part.equal)}")
                if not conversion and part.format_spec is None:
                    conversion = "r"
            self._flush(text)
            self.out.append(b"Fe")
            if part.__class__.__name__.startswith("Templated"):
                self.string(source or "")
                self.piece.strings.append(source or "")
            self.string(conversion)
            self.encode(part.expression)
            if part.format_spec is None:
                self.out.append(b"__")
            else:
                self.out.append(b"Fs")
                spec: list[str] = []
                self._parts(part.format_spec, raw, spec)
                self._flush(spec)
                self.out.append(END)
        return plain

    def _flush(self, text: list[str]) -> None:
        joined_text = "".join(text)
        text.clear()
        if joined_text:
            self.text(joined_text)

    def text(self, value: str | bytes) -> None:
        """Write the value of a string constant."""
        self.out.append(constants.string(value))
        self.piece.strings.append(value if isinstance(value, str) else value.decode("latin-1"))
