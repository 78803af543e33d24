"""Floats to a number of significant decimal digits, for ids that tolerate noise.

What is rounded is never given to anybody: it only decides which values have one id.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from mandala_git.results.atoms import ATOMS

MOST = 15
"""Decimal digits that every double keeps."""


@functools.cache
def atoms(digits: int) -> Mapping[type, Callable[[Any], bytes]]:
    """Return `ATOMS` with floats rounded."""
    of_float, of_complex = ATOMS[float], ATOMS[complex]
    return {
        **ATOMS,
        float: lambda value: of_float(rounded(value, digits)),
        complex: lambda value: of_complex(
            complex(rounded(value.real, digits), rounded(value.imag, digits))
        ),
    }


def rounded(value: float, digits: int) -> float:
    """Round half to even, as decimals are written; zeros lose their sign, nans all else."""
    found = float(f"{value:.{digits - 1}e}")
    return value if math.isinf(found) else found + 0.0


@functools.cache
def _powers() -> Any:
    """Return the powers of ten from -307 to 308, each the nearest double: no `pow` is exact."""
    import numpy as np

    return np.array([float(f"1e{exponent}") for exponent in range(-307, 309)])


def rounded_array(array: Any, digits: int) -> Any:
    """Round an array of floats or complex numbers element by element.

    Args:
        array: one-dimensional and contiguous.
        digits: 1 to `MOST`.

    Returns:
        A new array of the same dtype. Numbers below 1e-290 stay as they are.
    """
    import numpy as np

    if array.dtype.kind == "c":
        parts = array.view(array.real.dtype)
        return rounded_array(parts, digits).view(array.dtype)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    wide = native.astype(np.float64) if native.dtype.itemsize < 8 else native
    powers = _powers()
    with np.errstate(all="ignore"):
        regular = np.isfinite(wide) & (np.abs(wide) >= 1e-290)
        level = np.floor(np.log10(np.where(regular, np.abs(wide), 1.0))).astype(np.int64)
        for _ in range(2):
            scale = powers[np.clip(digits - 1 - level, -307, 308) + 307]
            whole = np.rint(wide * scale)
            # 9.996 became 10.00, which is the first number of the next decade.
            level += np.abs(whole) >= 10**digits
        found = (whole / scale).astype(native.dtype)
        found = np.where(regular & np.isfinite(found), found, native) + native.dtype.type(0)
    found[np.isnan(found)] = np.nan
    return found.astype(array.dtype)
