"""Runs the small programs of the golden cases and tells all that can be seen of them."""

from __future__ import annotations

import builtins
import inspect
import itertools
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from running import compiled

Truth = Callable[[int], bool]
# What the n-th test of a run says.
WORLDS: tuple[Truth, ...] = (
    lambda n: True,
    lambda n: False,
    lambda n: n % 2 == 0,
    lambda n: n % 2 == 1,
)
REAL = sys.stdlib_module_names | {"mandala_git"}
FREE = "abcdghq"  # names that a program need not bind; the classes A and B neither


class Log:
    """What a run did, in order."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.tests = 0
        self.lines: list[str] = []

    def test(self) -> bool:
        self.tests += 1
        return self.truth(self.tests)


class Probe:
    """A value that takes part in everything and tells of it."""

    def __init__(self, log: Log, name: str) -> None:
        vars(self).update(_log=log, _name=name)

    def _told(self, what: str) -> Probe:
        self._log.lines.append(what)
        return Probe(self._log, what)

    def __repr__(self) -> str:
        return str(self._name)

    def __str__(self) -> str:
        return f"str of {self._name}"

    def __format__(self, spec: str) -> str:
        return str(self._told(f"{self._name} as {spec!r}"))

    def __hash__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Probe:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._told(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        self._told(f"{self._name}.{name} = {value!r}")

    def __delattr__(self, name: str) -> None:
        self._told(f"del {self._name}.{name}")

    def __call__(self, *args: object, **keys: object) -> Probe:
        given = [*map(repr, args), *(f"{k}={v!r}" for k, v in keys.items())]
        return self._told(f"{self._name}({', '.join(given)})")

    def keys(self) -> list[str]:
        return ["k", "l"]

    def __getitem__(self, key: object) -> Probe:
        return self._told(f"{self._name}[{key!r}]")

    def __setitem__(self, key: object, value: object) -> None:
        self._told(f"{self._name}[{key!r}] = {value!r}")

    def __delitem__(self, key: object) -> None:
        self._told(f"del {self._name}[{key!r}]")

    def __contains__(self, item: object) -> bool:
        self._told(f"{item!r} in {self._name}")
        return self._log.test()

    def __bool__(self) -> bool:
        self._told(f"bool {self._name}")
        return self._log.test()

    def __iter__(self) -> Iterator[object]:
        self._told(f"iter {self._name}")
        return iter([(1, Probe(self._log, f"{self._name}0")), (2, 3)])

    def __enter__(self) -> Probe:
        return self._told(f"enter {self._name}")

    def __exit__(self, *error: object) -> None:
        self._told(f"exit {self._name}")

    async def __aenter__(self) -> Probe:
        return self._told(f"aenter {self._name}")

    async def __aexit__(self, *error: object) -> None:
        self._told(f"aexit {self._name}")

    def __await__(self) -> Iterator[object]:
        self._told(f"await {self._name}")
        return iter(())

    async def __aiter__(self) -> Any:
        self._told(f"aiter {self._name}")
        for item in (1, 2):
            yield item


def _operation(name: str, sign: str) -> Callable[[Probe, object], Probe]:
    return lambda self, other: self._told(f"({self!r} {sign} {other!r})")


def _single(sign: str) -> Callable[[Probe], Probe]:
    return lambda self: self._told(f"({sign}{self!r})")


for _name, _sign in {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
    "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
    "rshift": ">>", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">=",
    "radd": "r+", "rsub": "r-", "iadd": "+=", "isub": "-=",
}.items():  # fmt: skip
    setattr(Probe, f"__{_name}__", _operation(_name, _sign))
for _name, _sign in {"neg": "-", "pos": "+", "invert": "~"}.items():
    setattr(Probe, f"__{_name}__", _single(_sign))


class Module(Probe):
    """A module that nobody brought along; to read from it tells nothing."""

    def __getattr__(self, name: str) -> Probe:
        if name.startswith("__"):
            raise AttributeError(name)
        return Probe(self._log, f"{self._name}.{name}")


class Modules:
    """Imports: modules that a case brings along, those of Python, and probes for the rest."""

    def __init__(self, log: Log, beside: Mapping[str, str], names: dict[str, Any]) -> None:
        self.log = log
        self.beside = beside
        self.builtins = names
        self.made: dict[str, Any] = {}

    def load(
        self,
        name: str,
        globals: object = None,
        locals: object = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level == 0 and name.partition(".")[0] in REAL:
            return builtins.__import__(name, {}, {}, fromlist or (), 0)
        whole = "." * level + name
        module = self.module(whole)
        if fromlist:
            return module
        return self.module(whole.partition(".")[0]) if level == 0 else module

    def module(self, name: str) -> Any:
        if name in self.made:
            return self.made[name]
        source = self.beside.get(name)
        if source is not None:
            module = self.made[name] = types.ModuleType(name)
            vars(module)["__builtins__"] = self.builtins
            exec(compiled(source), vars(module))
            return module
        self.log.lines.append(f"import {name}")
        probe = self.made[name] = Module(self.log, name)
        vars(probe).update({"__all__": ["q"], "q": Probe(self.log, f"{name}.q")})
        parent, _, last = name.rpartition(".")
        if parent.strip("."):
            vars(self.module(parent))[last] = probe
        return probe


def seen(
    source: bytes | str, calls: Sequence[str] = (), beside: Mapping[str, str] | None = None
) -> list[str]:
    """Run a program and tell what can be seen of it, once in each of the worlds.

    Args:
        calls: expressions; by default `f` is called with a probe for each parameter, and the
            class `C` and the global `x` are described.
        beside: sources of modules that it can import.
    """
    return [_seen(source, calls, beside or {}, truth) for truth in WORLDS]


def _seen(
    source: bytes | str, calls: Sequence[str], beside: Mapping[str, str], truth: Truth
) -> str:
    log = Log(truth)
    names: dict[str, Any] = {"__name__": "m"}
    known = dict(vars(builtins))
    known.update({name: Probe(log, name) for name in FREE})
    known.update({name: type(name, (), {}) for name in "AB"})
    known["__import__"] = Modules(log, beside, known).load
    names["__builtins__"] = known
    try:
        exec(compiled(source), names)
    except Exception as error:  # noqa: BLE001 - what is raised is compared
        log.lines.append(f"raises {told(error)}")
    for call in calls:
        try:
            log.lines.append(told(eval(call, {**helpers(log, names), **names})))
        except Exception as error:  # noqa: BLE001
            log.lines.append(f"raises {told(error)}")
    if not calls:
        log.lines += _described(names, log)
    return re.sub(" at 0x[0-9a-f]+", "", "\n".join(log.lines))


def _described(names: dict[str, Any], log: Log) -> Iterator[str]:
    function = names.get("f")
    if isinstance(function, types.FunctionType):
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        params = code.co_varnames[:count]
        given = [Probe(log, name) for name in params[: code.co_argcount]]
        keys = {name: Probe(log, name) for name in params[code.co_argcount :]}
        try:
            yield f"f: {told(function(*given, **keys))}"
        except Exception as error:  # noqa: BLE001
            yield f"f raises {told(error)}"
    if isinstance(names.get("C"), type):
        yield told(names["C"])
    if "x" in names:
        yield f"x: {told(names['x'])}"


def told(value: Any) -> str:
    """Write a value: what a generator yields, what a class holds, never an address."""
    if isinstance(value, types.GeneratorType):
        return f"generator {[told(item) for item in itertools.islice(value, 5)]}"
    if inspect.iscoroutine(value):
        return f"coroutine {told(_finished(value))}"
    if isinstance(value, type) and value.__module__ == "m":
        held = {k: told(v) for k, v in vars(value).items() if not k.startswith("__")}
        notes = inspect.get_annotations(value)
        return f"class {[b.__name__ for b in value.__mro__[1:]]} {held} {list(notes.items())}"
    if isinstance(value, (NameError, TypeError, AttributeError)):
        return type(value).__name__  # what it says spells names of variables
    return f"{type(value).__name__} {value!r}"


def _finished(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    return "waits"


class Labelled(str):
    """A value with attributes, for patterns and private names."""

    __match_args__ = ("x",)
    x = b = 1
    _A__y, _B__y, __y__ = "A", "B", "C"


class Table:
    """Looks the names in its strings up in the frame of its caller, as some libraries do."""

    def query(self, text: str) -> object:
        return sys._getframe(1).f_locals.get(re.findall(r"@(\S+)", text)[0], "nothing")

    eval = query

    def sql(self, text: str) -> object:
        return sys._getframe(1).f_locals.get(re.findall(r"from (\S+)", text)[0], "nothing")


def helpers(log: Log, names: dict[str, Any]) -> dict[str, Any]:
    """Return what calls can use beside the names of the program."""

    def say(*args: object, **keys: object) -> None:
        log.lines.append(f"say {args} {keys}")

    def stop(*args: object) -> None:
        log.lines.append("stop")
        raise ValueError("stop")

    def stop_many(*args: object) -> None:
        raise ExceptionGroup("many", [ValueError("stop")])

    def cause(function: Callable[..., object]) -> object:
        try:
            function(1, 2)
        except ValueError as error:
            return repr(error.__cause__)
        return None

    return {
        "signature": inspect.signature,
        "table": Table(),
        "labelled": Labelled("text"),
        "names_around": lambda: sorted(sys._getframe(1).f_locals),
        "globals_of": lambda function: function.__globals__,
        "globals_": names,
        "notes": names.get("__annotations__"),
        "types": lambda thing: [
            (type(t).__name__, t.__name__, getattr(t, "__bound__", None))
            for t in thing.__type_params__
        ],
        "say": say,
        "stop": stop,
        "stop_many": stop_many,
        "cause": cause,
    }
