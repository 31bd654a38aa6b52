"""What a forked child must not inherit: descriptors that hold a lock, or a pipe whose end tells something.

A test, or a plugin, may fork at any moment, and its child may outlive the run. A copy of a descriptor would
hold the lock as long, or keep a pipe from ending. In a child each of them becomes ``/dev/null`` at once: a
number that was merely closed would soon be another file's.
"""

from __future__ import annotations

import os

_kept: set[int] = set()


def keep(descriptor: int) -> None:
    """No forked child has it."""
    _kept.add(descriptor)


def forget(descriptor: int) -> None:
    """It is about to be closed. Safe to call twice."""
    _kept.discard(descriptor)


def _leave_behind() -> None:
    """In the child."""
    if not _kept:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _kept:
        os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)
