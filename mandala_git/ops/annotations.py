"""What annotations say of containers: `MList[Tree]` is a list whose elements are Refs of their own."""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mandala_git.records import NamedTuple
from mandala_git.results.ids import cid

__all__ = ["MDict", "MList", "MSet", "MTuple", "Spec", "Specs", "specs_of"]

if TYPE_CHECKING:
    from mandala_git.ops.op import Nout

    MList = list
    MDict = dict
    MSet = set
    from builtins import tuple as MTuple
else:

    class _Mark:
        def __class_getitem__(cls, of: Any) -> Any:
            return types.GenericAlias(cls, of)

    class MList(_Mark):
        """As an annotation, `MList[T]`: a list, each of whose elements is a Ref of its own."""

    class MDict(_Mark):
        """As an annotation, `MDict[K, V]`: a dict, each of whose values is a Ref of its own."""

    class MSet(_Mark):
        """As an annotation, `MSet[T]`: a set, each of whose elements is a Ref of its own."""

    class MTuple(_Mark):
        """As an annotation, `MTuple[A, B]` or `MTuple[T, ...]`: a tuple, one output, of Refs."""


class Spec:
    """Which containers are structural at a place, and what holds for their elements.

    Attributes:
        kinds: {list, tuple, dict or set: (specs by place, spec of all further elements)}.
    """

    __slots__ = ("kinds",)

    def __init__(self, kinds: Mapping[type, tuple[tuple[Spec | None, ...], Spec | None]]) -> None:
        self.kinds = kinds

    def has(self, kind: type) -> bool:
        """Say whether containers of a kind are structural here."""
        return kind in self.kinds

    def at(self, kind: type, place: int) -> Spec | None:
        """Return what holds for an element of a container."""
        places, rest = self.kinds.get(kind, ((), None))
        return places[place] if place < len(places) else rest

    def without(self, kind: type) -> Spec | None:
        """Return what it says of all other kinds."""
        kinds = {each: said for each, said in self.kinds.items() if each is not kind}
        return Spec(kinds) if kinds else None

    def __str__(self) -> str:
        return "|".join(
            f"{kind.__name__}({','.join(map(str, places))};{rest})"
            for kind, (places, rest) in sorted(self.kinds.items(), key=lambda each: str(each[0]))
        )


class Specs(NamedTuple):
    """What the annotations of a function say of its arguments and outputs.

    Attributes:
        arguments: by name, of those for which anything is said.
        outputs: of the first outputs.
        rest: of all further ones.
        whole: whether a returned tuple is one output.
        shape: stands for what is said of outputs where calls are looked up; None: nothing is.
    """

    arguments: dict[str, Spec]
    outputs: tuple[Spec | None, ...]
    rest: Spec | None
    whole: bool
    shape: bytes | None

    def argument(self, name: str) -> Spec | None:
        """Return what holds for an argument, as it is bound: `xs`, `args.0`, `options.k`."""
        return self.arguments.get(name) or self.arguments.get(name.partition(".")[0])

    def output(self, number: int) -> Spec | None:
        """Return what holds for an output."""
        return self.outputs[number] if number < len(self.outputs) else self.rest


_MARKS: dict[Any, type] = {MList: list, MDict: dict, MSet: set, MTuple: tuple}
_PLAIN: dict[Any, type] = {list: list, dict: dict, set: set, tuple: tuple}
_PLAIN |= {typing.List: list, typing.Dict: dict, typing.Set: set, typing.Tuple: tuple}  # noqa: UP006


def specs_of(function: Callable[..., Any], nout: Nout, *, transparent: bool) -> Specs | None:
    """Return what the annotations of a function say; None where that is nothing.

    Args:
        function: the function.
        nout: its number of outputs, as for `op`.
        transparent: whether `list[T]` and the like say what `MList[T]` does.
    """
    marks = {**_MARKS, **_PLAIN} if transparent else _MARKS
    names = _Names(function)
    annotations = dict(getattr(function, "__annotations__", {}))
    outputs: tuple[Spec | None, ...] = ()
    rest: Spec | None = None
    whole = False
    if "return" in annotations:
        returned = names.evaluated(annotations.pop("return"))
        several = None if nout == 1 else _split(returned, names)
        if several is not None:
            outputs = tuple([_spec(each, marks, names) for each in several[0]])
            rest = several[1] and _spec(several[1], marks, names)
        else:
            own, marked = _spec(returned, marks, names), _spec(returned, _MARKS, names)
            whole = marked is not None and marked.has(tuple)
            if own is not None and not whole and nout != 1:
                own = own.without(tuple)  # which is several outputs
            outputs = (own,)
    specs = {name: _spec(each, marks, names) for name, each in annotations.items()}
    arguments = {name: spec for name, spec in specs.items() if spec is not None}
    said = [*outputs, rest]
    if not arguments and not any(said):
        return None
    shape = cid(("structural", [str(each) for each in said], whole)) if any(said) else None
    return Specs(arguments, outputs, rest, whole, shape)


def _alternatives(found: Any, names: _Names) -> list[Any]:
    """Return the types that a union, `Optional` or `Annotated` stands for."""
    todo, types_ = [found], []
    while todo:
        each = names.evaluated(todo.pop())
        origin = typing.get_origin(each)
        if origin is typing.Union or origin is types.UnionType:
            todo += typing.get_args(each)
        elif origin is typing.Annotated or origin in (typing.Final, typing.ClassVar):
            todo.append(typing.get_args(each)[0])
        elif isinstance(each, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            todo.append(each.__value__)
        else:
            types_.append(each)
    return types_


def _spec(found: Any, marks: Mapping[Any, type], names: _Names) -> Spec | None:
    kinds: dict[type, tuple[tuple[Spec | None, ...], Spec | None]] = {}
    for each in _alternatives(found, names):
        origin, args = typing.get_origin(each) or each, typing.get_args(each)
        kind = _looked_up(marks, each) or _looked_up(marks, origin)
        if kind is None:
            continue
        if kind is tuple and not (len(args) == 2 and args[1] is Ellipsis):
            kinds[kind] = tuple([_spec(arg, marks, names) for arg in args]), None
        else:
            of = args[min(len(args), 2) - 1] if kind is dict and args else next(iter(args), None)
            kinds[kind] = (), (None if of is None else _spec(of, marks, names))
    return Spec(kinds) if kinds else None


def _looked_up(marks: Mapping[Any, type], key: Any) -> type | None:
    try:
        return marks.get(key)
    except TypeError:  # not hashable
        return None


def _split(found: Any, names: _Names) -> tuple[list[Any], Any] | None:
    """Return the types of several outputs, and of all further ones; None where it is one."""
    for each in _alternatives(found, names):
        if typing.get_origin(each) is tuple:
            args = typing.get_args(each)
            if len(args) == 2 and args[1] is Ellipsis:
                return [], args[0]
            return list(args), None
    return None


class _Names(dict[str, Any]):
    """The names that an annotation may use; what is not there stands for some type."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._globals: dict[str, Any] = getattr(function, "__globals__", {})
        closure = getattr(function, "__closure__", None) or ()
        code = getattr(function, "__code__", None)
        for name, cell in zip(code.co_freevars if code else (), closure, strict=False):
            try:
                self[name] = cell.cell_contents
            except ValueError:  # not bound yet
                continue

    def __missing__(self, name: str) -> Any:
        found = self._globals.get(name, self)
        if found is self:
            found = getattr(builtins, name, _SOMETHING)
        return found

    def evaluated(self, annotation: Any) -> Any:
        """Return what an annotation stands for, also if it was written as a text."""
        if isinstance(annotation, typing.ForwardRef):
            annotation = annotation.__forward_arg__
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, {"__builtins__": {}}, self)
        except Exception:  # noqa: BLE001 - a wrong annotation means nothing
            return _SOMETHING


class _Something:
    """A name in an annotation that leads nowhere when it is looked up: only type checkers know."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, of: Any) -> Any:
        return self

    def __or__(self, other: Any) -> Any:
        return typing.Optional[other]  # noqa: UP045

    __ror__ = __or__

    def __call__(self, *args: Any) -> Any:
        return self

    def __hash__(self) -> int:
        return id(self)


_SOMETHING = _Something()
