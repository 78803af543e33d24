"""sha256 without OpenSSL: to load it, as `hashlib` does, would cost every process 3 ms."""

from __future__ import annotations

try:
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found]  # Python 3.11
    except ImportError:  # an interpreter that was built without its own
        from hashlib import sha256 as _sha256


def sha256(data: bytes) -> str:
    """Return the sha256 of bytes as 64 hex digits."""
    found: str = _sha256(data).hexdigest()
    return found
