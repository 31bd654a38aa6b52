"""Files that are written whole or not at all: into one beside it, flushed to the disk, renamed.

A writer that is killed leaves the one beside it (``.NAME.PID-XXXX.tmp``). While it lives it holds a lock on
it, which the kernel lets go of, so whoever writes that name next, or sweeps the folder, can tell what is left
from what is being written.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from . import forks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

if sys.platform != "win32":  # there, what a killed writer left stays
    import fcntl

_LEFT = re.compile(r"\.(?P<name>.+)\.\d+-[0-9a-f]{4}\.tmp")


def write(path: Path, data: bytes | Iterable[bytes], *, quick: bool = False) -> None:
    """Write a file; a reader sees the old one or the new one. Its folder is made where it is missing.

    It is on the disk when this returns, unless it is to be ``quick``: then only another process's death does
    it no harm, and nothing is swept. Raises ``OSError``, and what ``data`` raises; then the old file is as it
    was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not quick:
        sweep(path.parent, path.name)
    temporary, lock = _beside(path)
    try:
        with temporary.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if not quick:
                os.fsync(file.fileno())
        temporary.replace(path)
        if not quick:
            _flush(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _let_go(lock)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed writers left in a folder: of the file ``name``, or of all."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # no such folder, or not ours
        for path in folder.iterdir():
            found = _LEFT.fullmatch(path.name)
            if found and name in (None, found["name"]):
                _remove(path)


def _remove(path: Path) -> None:
    """Unless its writer lives."""
    with suppress(OSError):  # gone by now, or another user's
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(lock)


def _beside(path: Path) -> tuple[Path, int]:
    """A new file beside it, and a descriptor that holds its lock."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(2)}.tmp")
        with suppress(FileExistsError):
            lock = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            forks.keep(lock)
            if _is_held(lock, temporary):
                return temporary, lock
            _let_go(lock)


def _is_held(lock: int, path: Path) -> bool:
    """False where a sweeper was quicker than the lock: it has removed the file, or is about to."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody sweeps there
        return True
    try:
        return path.stat().st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False


def _let_go(lock: int) -> None:
    forks.forget(lock)
    os.close(lock)


def _flush(folder: Path) -> None:
    """Make a rename durable, where the system lets folders be opened and flushed."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
