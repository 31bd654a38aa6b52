"""Folders for what untrusted code writes: removed by their maker; after a SIGKILL by the next who makes one.

A folder is locked by its maker's process for as long as that lives; the kernel lets go of the lock, also for
processes of other containers that share the folder of temporary files.
"""

from __future__ import annotations

import functools
import os
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

    def remove(self) -> None:
        """Remove it with all that is in it. Safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
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
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


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
