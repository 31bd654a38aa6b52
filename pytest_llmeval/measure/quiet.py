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

from . import asleep

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from .tape import Tape

TICK_S = 0.002
"""Stops shorter than this may be missed; 500 ticks a second cost about 0.3 % of a core."""
STOPPED_S = 0.5
"""A loop that lagged so much did not run at all: the process was stopped, or its machine was frozen."""


class Quiet:
    """One event loop's watch. Idle, it costs nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tapes: dict[int, Tape] = {}
        self._late_ns = array("q")
        self._due_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def stream(self, tape: Tape) -> Iterator[None]:
        """Watch while the block runs and leave the largest lag in ``tape.lag_s``."""
        if not self._tapes:
            _hold_collection()
            self._wait()
        self._tapes[id(tape)] = tape
        first, slept_ns = len(self._late_ns), asleep.so_far_ns()
        try:
            yield
        finally:
            self._note()
            slept_ns = asleep.so_far_ns() - slept_ns
            lag_ns = max(self._late_ns[first:])
            tape.lag_s = (slept_ns if slept_ns > asleep.LEAST_NS else lag_ns) / 1e9
            del self._tapes[id(tape)]
            if not self._tapes:
                self._stop()

    def _wait(self) -> None:
        self._due_ns = time.perf_counter_ns() + int(TICK_S * 1e9)
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._note()
        self._wait()

    def _note(self) -> None:
        late_ns = max(0, time.perf_counter_ns() - self._due_ns)
        self._late_ns.append(late_ns)
        if late_ns > STOPPED_S * 1e9:
            for tape in self._tapes.values():
                tape.lost_ns += late_ns

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
