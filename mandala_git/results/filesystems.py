"""Whether a folder lies on a network file system, where SQLite must not use a WAL."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")

NETWORK = frozenset(
    [
        "9p",
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.rclone",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "virtiofs",
    ]
)
"""Types of file systems that several machines may have mounted at once (shared memory between
processes, which a WAL needs, works on none of them)."""


def network_type(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the network file system that a folder is on.

    Args:
        folder: an existing folder.
        mounts: the kernel's table of mounts.

    Returns:
        The type, e.g. "nfs4"; "" for a local file system or where there is no such table.
    """
    try:
        table = mounts.read_bytes().decode("utf-8", "surrogateescape")
        place = folder.resolve()
    except OSError:
        return ""
    above = {str(place), *map(str, place.parents)}
    best, best_type = "", ""
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescape(fields[1])
        # Of two mounts on one point the later one is seen.
        if point in above and len(point) >= len(best):
            best, best_type = point, fields[2]
    return best_type if best_type in NETWORK else ""


def _unescape(field: str) -> str:
    """Undo the kernel's octal escapes of blank, tab, newline and backslash."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field
