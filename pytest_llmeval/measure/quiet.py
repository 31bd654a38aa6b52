"""While streams run: no garbage collection in this process, and the event loop's lag is watched.

A collection stops everything for milliseconds, which would pass for a stall of the server. What else stops
the loop (another thread, a busy machine) can't be prevented but is seen: a timer that fires late by *x* says
that every read may be stamped *x* late.
"""

from __future__ import annotations

import gc
import time
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from .tape import Tape

TICK_S = 0.002
"""Stops shorter than this may be missed; 500 ticks a second cost about 0.3 % of a core."""


class Quiet:
    """One event loop's watch. Idle, it costs nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._streams = 0
        self._late_ns = array("q")
        self._due_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def stream(self, tape: Tape) -> Iterator[None]:
        """Watch while the block runs and leave the largest lag in ``tape.lag_s``."""
        if not self._streams:
            _hold_collection()
            self._wait()
        self._streams += 1
        first = len(self._late_ns)
        try:
            yield
        finally:
            self._note()
            tape.lag_s = max(self._late_ns[first:]) / 1e9
            self._streams -= 1
            if not self._streams:
                self._stop()

    def _wait(self) -> None:
        self._due_ns = time.perf_counter_ns() + int(TICK_S * 1e9)
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._note()
        self._wait()

    def _note(self) -> None:
        self._late_ns.append(max(0, time.perf_counter_ns() - self._due_ns))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        del self._late_ns[:]
        _release_collection()


class _Collection:
    """How many loops of this process hold the collector, and whether it was on before."""

    holders = 0
    was_enabled = False


def _hold_collection() -> None:
    if not _Collection.holders:
        _Collection.was_enabled = gc.isenabled()
        gc.disable()
        gc.freeze()
    _Collection.holders += 1


def _release_collection() -> None:
    _Collection.holders -= 1
    if not _Collection.holders:
        gc.unfreeze()
        if _Collection.was_enabled:
            gc.enable()
