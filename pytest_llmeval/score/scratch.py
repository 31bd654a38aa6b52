"""Folders for what untrusted code writes: removed by their maker; after a SIGKILL by the next who makes one.

A folder is locked by its maker's process for as long as that lives; the kernel lets go of the lock, also for
processes of other containers that share the folder of temporary files.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from pytest_llmeval import forks

if sys.platform != "win32":  # there, what is left is left
    import fcntl

_YOUNG_S = 60.0
"""A folder of fewer seconds may not be locked yet."""


class Scratch:
    """A new folder, whose name begins with ``prefix``. Raises ``OSError`` where none can be made."""

    def __init__(self, prefix: str) -> None:
        _sweep(prefix, tempfile.gettempdir())
        self.path = tempfile.mkdtemp(prefix=prefix)
        self._lock = _locked(self.path)
        if self._lock is not None:
            forks.keep(self._lock)

    def outgrows(self, size_bytes: int, files: int) -> bool:
        """Whether more is in it than that, or what can't be looked at. Looks at one file more at most."""
        waiting, size, seen = [self.path], 0, 0
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                            size += entry.stat(follow_symlinks=False).st_size
                        seen += 1
                        if size > size_bytes or seen > files:
                            return True
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
            except FileNotFoundError:
                continue
            except OSError:  # a path that is too long, a folder that may not be read
                return True
        return False

    def remove(self) -> None:
        """Remove it with all that is in it. Safe to call twice."""
        _remove(self.path)
        lock, self._lock = self._lock, None
        if lock is not None:
            forks.forget(lock)
            os.close(lock)


@functools.cache
def _sweep(prefix: str, within: str) -> None:
    """Remove, once a process, the folders of makers that are gone."""
    for path in Path(within).glob(f"{prefix}*"):
        try:
            if path.stat(follow_symlinks=False).st_mtime > time.time() - _YOUNG_S:
                continue
            lock = _locked(str(path))
        except OSError:  # another user's, or gone by now
            continue
        if lock is not None:
            _remove(str(path))
            os.close(lock)


def _remove(path: str) -> None:
    """Remove a folder. Where others lie too deep in it for ``shutil.rmtree``, which recurses, lift them."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:
        _flatten(path)
        with contextlib.suppress(RecursionError):  # another user's, that can't be moved
            shutil.rmtree(path, ignore_errors=True)


def _flatten(path: str) -> None:
    """Lift every folder below to the first level, under a new name."""
    prefix, number = secrets.token_hex(8), 0
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        with contextlib.suppress(OSError):
            for inner in [one.path for one in os.scandir(folder) if one.is_dir(follow_symlinks=False)]:
                lifted = os.path.join(path, f"{prefix}-{number}")  # noqa: PTH118 - text in and out
                os.rename(inner, lifted)  # noqa: PTH104
                waiting.append(lifted)
                number += 1


def _locked(path: str) -> int | None:
    """A descriptor that holds the folder; None where another process holds it, or nobody can."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
