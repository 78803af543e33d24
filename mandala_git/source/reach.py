"""What reaches names that its source does not write: `eval`, frames, modules by their names."""

from __future__ import annotations

_DYNAMIC = frozenset(
    [
        "builtins.eval",
        "builtins.exec",
        "builtins.globals",
        "builtins.locals",
        "builtins.vars",
        "builtins.__import__",
        "builtins.getattr",
        "builtins.hasattr",
        "builtins.setattr",
        "builtins.delattr",
        "sys.modules",
        "sys._getframe",
        "sys._current_frames",
        "inspect.stack",
        "inspect.currentframe",
        "inspect.trace",
        "inspect.getsource",
        "inspect.getsourcelines",
        "inspect.getmodule",
        "inspect.getdoc",
        "operator.attrgetter",
        "operator.methodcaller",
        "pydoc.locate",
    ]
)
# What reads the names of locals, of its own frame or of its callers'.
_FRAMES = frozenset(
    [
        "builtins.eval",
        "builtins.exec",
        "builtins.locals",
        "builtins.vars",
        "builtins.dir",
        "builtins.breakpoint",
        "sys._getframe",
        "sys._current_frames",
        "sys.settrace",
        "sys.setprofile",
        "threading.settrace",
        "threading.setprofile",
        "code.interact",
        "code.InteractiveConsole",
    ]
)
_FRAME_MODULES = ("inspect.", "traceback.", "pdb.", "bdb.", "dis.", "IPython.", "varname.")
# Names that no file binds; IPython's magics and shell lines read variables, local ones too.
_REACHING = frozenset(["__builtins__", "get_ipython"])
_DYNAMIC_MODULES = ("importlib.", "runpy.", "pkgutil.", "builtins.__builtins__", "sys.modules")


def reaches_names(target: str, name: str) -> bool:
    """Whether code may use globals, modules or attributes that nobody can see in it.

    Args:
        target: what the code uses, dotted, as far as its file says.
        name: how it calls that.
    """
    return target in _DYNAMIC or target.startswith(_DYNAMIC_MODULES) or name in _REACHING


def reads_frames(target: str, name: str) -> bool:
    """Whether code may see the names of locals; for the arguments see `reaches_names`."""
    return target in _FRAMES or target.startswith(_FRAME_MODULES) or name in _REACHING
