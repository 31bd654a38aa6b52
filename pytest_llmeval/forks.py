"""What a forked child must not inherit: descriptors that hold a lock, or a pipe whose end tells something.

A test, or a plugin, may fork at any moment, and its child may outlive the run. A copy of a descriptor would
hold the lock as long, or keep a pipe from ending. In a child each of them becomes ``/dev/null`` at once: a
number that was merely closed would soon be another file's.

``subprocess`` has a pipe of its own, whose end it waits for: where another thread forks just then, it waits
for that child. So forks wait for a start.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_start = threading.RLock()
_kept: set[int] = set()


def keep(descriptor: int) -> None:
    """No forked child has it."""
    _kept.add(descriptor)


def forget(descriptor: int) -> None:
    """It is about to be closed. Safe to call twice."""
    _kept.discard(descriptor)


@contextmanager
def held_back() -> Iterator[None]:
    """No other thread forks while the block starts a process (``subprocess`` itself does not count)."""
    with _start:
        yield


def _leave_behind() -> None:
    """In the child."""
    _start.release()
    if not _kept:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _kept:
        os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_start.acquire, after_in_parent=_start.release, after_in_child=_leave_behind)
