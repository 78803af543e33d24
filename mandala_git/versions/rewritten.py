"""Test files as pytest loads them: with its own code in place of each `assert`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

from mandala_git.source.codes import module_codes
from mandala_git.source.depth import parsed

_REWRITING = "_pytest.assertion.rewrite"


def is_rewritten(module: ModuleType | None) -> bool:
    """Tell whether pytest loaded a module and may have rewritten it."""
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return type(loader).__module__ == _REWRITING


def rewritten_codes(module: ModuleType, data: bytes) -> Mapping[tuple[str, int], bytes] | None:
    """Hash every code object that pytest makes of a source, see `codes.file_codes`.

    Args:
        module: that was made of it.
        data: the bytes of its file.

    Returns:
        As `file_codes`; None where this pytest cannot be asked, for what does it has no public
        name: then such functions are not proved, and their calls not reused.
    """
    file = str(module.__file__)
    try:
        tree = parsed(data, file)
        rewrite = import_module(_REWRITING).rewrite_asserts
        loader = module.__spec__.loader if module.__spec__ is not None else None
        rewrite(tree, data, file, getattr(loader, "config", None))
        return module_codes(compile(tree, file, "exec", dont_inherit=True))
    except (AttributeError, TypeError, ValueError, SyntaxError, RecursionError):
        return None
