"""Ops: functions whose calls are recorded."""

from __future__ import annotations

import builtins
import functools
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Self, TypeVar

from mandala_git.errors import UsageError, VersionError
from mandala_git.ops.arguments import CAPTURED, Bound, IgnoringPlan, Plan
from mandala_git.ops.context import CONTEXT
from mandala_git.ops.declared import Path, declared_files, declared_globals
from mandala_git.ops.refs import unwrap
from mandala_git.ops.special import settled
from mandala_git.ops.wrapped import around, cells, own_function
from mandala_git.results.naming import importable
from mandala_git.versions.seen import stat_of

if TYPE_CHECKING:
    from mandala_git.ops.annotations import Specs

P = ParamSpec("P")
T = TypeVar("T")
_GENERATOR, COROUTINE = 0x20 | 0x200, 0x80
"""Flags of code, as `inspect` names them; to import that takes 10 ms."""

Nout = int | Literal["auto", "var"]

_files: dict[str, tuple[int, ...]] = {}
_ops: weakref.WeakSet[Op[..., Any]] = weakref.WeakSet()


def decorated_files() -> dict[str, tuple[int, ...]]:
    """Return the files in which ops were decorated so far, each with its stat at that time."""
    return dict(_files)


def decorated() -> list[Op[..., Any]]:
    """Return the ops of this process."""
    return list(_ops)


class Op(Generic[P, T]):
    """A function whose calls are recorded inside a `with storage:` block.

    Attributes:
        func: the plain function, or what a decorator under `@op` made of it.
        own: the function whose code is the op's own, which other people's decorators wrap.
        plan: how its arguments bind.
        arity: how many arguments passed by position are each one of a call, and all of it; -1:
            that depends.
        nout: number of outputs, see `op`.
        output_names: names of the outputs, None for `output_0`, `output_1`, ...
        round_floats: significant digits of floats by which calls are found, None for all.
        unstored: names of arguments whose values are not stored.
        refs: whether the function gets Refs, and calls inside it give Refs: a superop.
        depends_on: patterns of files whose content counts as the code does.
        untracked: names of globals that do not count.
    """

    _settings: dict[str, Any]

    def __new__(cls, func: Callable[P, T], **settings: Any) -> Self:
        """Note how it is made, for a process that it is sent to."""
        op = super().__new__(cls)
        op._settings = settings
        return op

    def __init__(
        self,
        func: Callable[P, T],
        *,
        nout: Nout = "auto",
        output_names: Sequence[str] | None = None,
        ignore_args: Sequence[str] = (),
        unstored_args: Sequence[str] = (),
        round_floats: int | None = None,
        refs: bool = False,
        depends_on: Sequence[Path] = (),
        untracked: Sequence[str] = (),
    ) -> None:
        if isinstance(func, Op):
            raise UsageError(f"{func!r} is an op already", hint="Write @op once.")
        own = own_function(func)
        if own is None:
            raise UsageError(
                f"@op wants a function, not {type(func).__name__}",
                hint="Put @op directly above `def`, under other decorators.",
            )
        flags = func.__code__.co_flags if isinstance(func, FunctionType) else 0
        if flags & _GENERATOR:
            raise UsageError(
                f"{own.__qualname__} is a generator: what it yields has no end to record",
                hint="Return a list, or make an op of what is done with one element.",
            )
        functools.update_wrapper(self, func)
        self.func = func
        self.own = own
        self._captures = func is not own or bool(own.__closure__)
        self._stated = func is own
        self.plan = IgnoringPlan(func, ignore_args) if ignore_args else Plan(func)
        self.arity = -1
        if type(self.plan) is Plan and self.plan.names is not None and not self._captures:
            self.arity = len(self.plan.names)
        self.unstored = self.plan.named(unstored_args, "unstored_args") if unstored_args else ()
        self.nout = nout
        self.output_names = tuple(output_names) if output_names is not None else None
        self._check_outputs(output_names)
        self._shape: bytes | None = None
        # Replaced, never changed: decorators around the op share what its attributes hold.
        self._specs: tuple[tuple[bool, Specs | None], ...] = ()
        if round_floats is not None and (
            type(round_floats) is not int or not 1 <= round_floats <= 15
        ):
            raise UsageError(
                f"{own.__qualname__}: round_floats={round_floats!r} is no number of digits",
                hint="Use 1 to 15 significant digits, or leave it out: all digits count.",
            )
        self.round_floats = round_floats
        self.refs = refs
        self.depends_on = declared_files(self, depends_on) if depends_on else ()
        self.untracked = declared_globals(self, untracked) if untracked else ()
        _ops.add(self)
        filename = own.__code__.co_filename
        if filename not in _files:
            _files[filename] = stat_of(filename)

    def _check_outputs(self, given: Sequence[str] | None) -> None:
        """Refuse a number or names of outputs that make no sense.

        Raises:
            UsageError: they do not.
        """
        name, nout, names = self.name, self.nout, self.output_names
        if nout not in ("auto", "var") and (type(nout) is not int or nout < 0):
            raise UsageError(
                f"{name}: nout={nout!r} is no number of outputs",
                hint='Use a number, "auto" or "var".',
            )
        if names is None:
            return
        if isinstance(given, str) or not all(isinstance(each, str) for each in names):
            raise UsageError(
                f"{name}: output_names={given!r} is no list of names",
                hint='Write output_names=["first", "second"].',
            )
        if len(set(names)) != len(names):
            raise UsageError(
                f"{name}: output_names={given!r} names two outputs alike",
                hint="Give each output a name of its own.",
            )
        clash = set(names) & set(self.plan.names or self.plan.signature.parameters)
        if clash:
            raise UsageError(
                f"{name}: {', '.join(sorted(clash))} names an input and an output",
                hint="Choose other output_names.",
            )
        if isinstance(nout, int) and nout != len(names):
            raise UsageError(
                f"{name}: nout={nout}, but {len(names)} output_names",
                hint="Leave nout out: the names say how many there are.",
            )
        self.nout = len(names)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.own.__qualname__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run, or find the recorded call; outside a block run plainly."""
        context = CONTEXT.get()
        if context is None:
            return self.run_plainly(args, kwargs)
        answer: T = context.block.call(self, args, kwargs, context)
        return answer

    def run_plainly(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> T:
        """Run the function, and nothing else."""
        plan = self.plan
        if plan.special:
            bound = plan.bind(tuple(args), dict(kwargs))
            args, kwargs = plan.passed(bound, [unwrap(value) for _, value in bound])
        plain: Callable[..., T] = self.func
        returned: T = settled(
            plain(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})
        )
        return returned

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """Return (name, value) of every argument and then of every captured value.

        Raises:
            CallError: the arguments do not fit the signature (a TypeError as well).
        """
        bound = self.plan.bind(args, kwargs)
        return bound + self.captured() if self._captures else bound

    def captured(self) -> Bound:
        """Return (name, value) of every captured value."""
        captured = [
            (f"{CAPTURED}{name}", value)
            for name, value in cells(self.own)
            if value is not self.own and not (isinstance(value, Op) and value.func is self.func)
        ]  # but for what calls itself
        if not self._stated and not self._is_stated():
            captured += around(self.func, self.own)
        return tuple(captured)

    def rebound(self, bound: Bound) -> list[int]:
        """Return the places of captured values among `bound` that are other objects by now."""
        if not self._captures:
            return []
        now = {f"{CAPTURED}{name}": value for name, value in cells(self.own)}
        return [at for at, (name, was) in enumerate(bound) if now.get(name, was) is not was]

    def _is_stated(self) -> bool:
        """Tell whether source says what decorators are around the op: it stands under its name."""
        found: Any = sys.modules.get(self.own.__module__)
        for part in self.name.split("."):
            found = getattr(found, part, None)
        found = getattr(found, "__func__", found)  # of a class method
        for _ in range(100):
            if found is self or found is None:
                break
            found = getattr(found, "__wrapped__", None)
        self._stated = found is self
        return self._stated

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __mandala_hash__(self) -> object:
        return self.own

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Where its name leads to it, it is pickled as functions are. Not so by cloudpickle in a
        # worker of joblib or dask, which has another `__main__`, or none of our cells.
        writer = sys._getframe(1).f_globals.get("__name__", "")
        if writer.endswith("cloudpickle") and not _is_imported(self):
            return _made_again, (type(self), self.func, self._settings)
        return self.own.__qualname__

    @property
    def shape(self) -> bytes | None:
        """What stands for declared outputs where calls are looked up; None where none are.

        How many they are, and which is which, is recorded with names alone: a call that was
        recorded under another declaration is none of this op's.
        """
        if self._shape is None and self.nout not in ("auto", "var"):
            from mandala_git.results.ids import cid

            self._shape = cid((self.nout, self.output_names))
        return self._shape

    def specs(self, transparent: bool) -> Specs | None:
        """Return what annotations say of containers; None where that is nothing.

        Args:
            transparent: whether `list[T]` says what `MList[T]` does, and so on.
        """
        for asked, known in self._specs:
            if asked is transparent:
                return known
        found = None
        if any(_says_more(each, transparent) for each in self.own.__annotations__.values()):
            from mandala_git.ops.annotations import specs_of

            found = specs_of(self.own, self.nout, transparent=transparent)
        self._specs = (*self._specs, (transparent, found))
        return found

    def label(self, number: int) -> str:
        """Return the name of an output."""
        return f"output_{number}" if self.output_names is None else self.output_names[number]

    def split(self, returned: Any, specs: Specs | None = None) -> tuple[Any, ...]:
        """Return the outputs in what the function returned.

        Args:
            returned: that.
            specs: what annotations say of containers.
        """
        if isinstance(self.nout, int):
            if self.nout == 1:
                return (returned,)
            if self.nout == 0 and returned is None:
                return ()
            if not self.nout or type(returned) is not tuple or len(returned) != self.nout:
                raise VersionError(
                    f"{self.name} has nout={self.nout}, but returned {type(returned).__name__}"
                    + (f" of {len(returned)}" if isinstance(returned, tuple) else ""),
                    hint=f"Return a tuple of {self.nout} values, or change nout."
                    if self.nout
                    else "Return nothing, or change nout.",
                )
            return returned
        if type(returned) is tuple and len(returned) > 1 and not (specs and specs.whole):
            return returned
        return (returned,)


def is_given(found: object) -> None:
    """See to it that something is an op.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(found, Op):
        raise UsageError(
            f"{found!r:.80} is no op", hint="Give the function under @op itself, not its name."
        )


class AsyncOp(Op[P, T]):
    """An op that is awaited: `async def` under `@op`.

    Calls that wait for something let other tasks run, as any coroutine does; what a call is
    found by, and what it gives, is as for any other op.
    """

    def __init__(self, func: Callable[P, T], **settings: Any) -> None:
        super().__init__(func, **settings)
        if sys.version_info >= (3, 12):
            import inspect

            inspect.markcoroutinefunction(self)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:  # type: ignore[override]
        """Run, or find the recorded call; outside a block run plainly."""
        context = CONTEXT.get()
        if context is None:
            return await self.await_plainly(args, kwargs)
        answer: T = await context.block.call_async(self, args, kwargs, context)
        return answer

    async def await_plainly(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> T:
        """Run the coroutine function, and nothing else."""
        plain: Any = self.run_plainly(args, kwargs)
        returned: T = settled(await plain)
        return returned


def _is_imported(op: Op[..., Any]) -> bool:
    """Tell whether a process that imports the op's module finds it there."""
    module = op.own.__module__
    return module != "__main__" and importable(op, module, op.own.__qualname__)


def _made_again(cls: type[Op[..., Any]], func: Any, settings: dict[str, Any]) -> Op[..., Any]:
    """Make an op of a function that came from another process."""
    return cls(func, **settings)


def _says_more(annotation: Any, transparent: bool) -> bool:
    """Say whether an annotation may be one of a container: most are seen at once to be none."""
    if type(annotation) is str:
        return transparent or not (annotation.isidentifier() and hasattr(builtins, annotation))
    plain = isinstance(annotation, type) and annotation.__module__ == "builtins"
    return annotation is not None and (transparent or not plain)
