"""Reads the sources of one endpoint while a cell runs, from a thread, out of the streams' way.

The event loop never waits for it, and it holds Python's lock only for the moment of asking: what was read is
understood when the window is over. ``benchmarks/sampler_cost.py`` says what that costs.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.errors import TelemetryError

from . import summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmeval.model import Telemetry

    from .protocol import Figures, Reading, Source

FAILURES = 3
"""After so many failures in a row a source is not asked any more."""
PATIENCE_S = 2.0
"""How long the end of a window waits for a source that does not answer."""


class Sampler:
    """The sources of one endpoint over its cells, one window for each: ``start()``, requests, ``stop()``.

    ``absent``: source -> why, for those that are known not to be there.
    """

    def __init__(self, sources: Iterable[Source], absent: Mapping[str, str] | None = None) -> None:
        self._watched = [_Watched(source) for source in sources]
        self._absent = dict(absent or {})
        self._window: _Window | None = None

    def start(self) -> None:
        """Read every source once, then go on from a thread. Blocks for that first reading (1 s a source)."""
        assert self._window is None, "one window at a time"
        self._window = _Window([watched for watched in self._watched if watched.why is None])
        self._window.open()

    def stop(self) -> Telemetry:
        """Read every source a last time and sum up. Blocks for that, `PATIENCE_S` at most."""
        window, self._window = self._window, None
        assert window is not None, "no window is open"
        telemetry = window.close()
        dropped = {one.source.name: one.why for one in self._watched if one.why is not None}
        return structs.replace(telemetry, absent=self._absent | dropped)

    def close(self) -> None:
        """Let go of all sources, in the middle of a window too. Safe to call twice."""
        if self._window is not None:
            self.stop()
        for watched in self._watched:
            if not watched.is_reading:
                watched.source.close()


class _Watched:
    """A source over all windows. ``why``: the line that says why it is not asked any more."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.why: str | None = None
        self.is_reading = False
        self.missed = 0
        self._failures = 0

    def read(self) -> Reading | None:
        if self.why is not None:
            return None
        self.is_reading = True
        try:
            reading = self.source.read()
        except Exception as error:  # noqa: BLE001 - telemetry never breaks a measurement
            self._failed(error)
            return None
        finally:
            self.is_reading = False
        self._failures = 0
        return reading

    def understand(self, reading: Reading) -> Figures:
        try:
            return reading()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
            return {}

    def _failed(self, error: Exception) -> None:
        if isinstance(error, TelemetryError):
            self.why = error.what
            return
        if not isinstance(error, OSError):
            self.why = f"{type(error).__name__}: {error}"
            return
        self.missed += 1
        self._failures += 1
        if self._failures >= FAILURES:
            self.why = f"failed {FAILURES} times in a row, at last with: {error}"


class _Track:
    """One source's readings in one window: ``during`` marks those that were read between first and last."""

    def __init__(self, watched: _Watched) -> None:
        self.watched = watched
        self.readings: list[Reading] = []
        self.during = slice(0, None)
        self.due = 0.0
        self._missed_before = watched.missed
        self._pause_s = watched.source.interval_s / 4  # short cells are seen too

    def begin(self) -> None:
        """The first reading, understood at once: nothing streams yet, and what tells nothing is dropped."""
        self.read()
        self.readings = [partial(dict, self.watched.understand(reading)) for reading in self.readings]
        self.during = slice(len(self.readings), None)

    def read(self) -> None:
        reading = self.watched.read()
        if reading is not None:
            self.readings.append(reading)

    def plan(self, now: float) -> None:
        self.due = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, self.watched.source.interval_s)

    def summary(self) -> Telemetry:
        figures = [self.watched.understand(reading) for reading in list(self.readings)]
        told = summary.of_readings(figures, during=self.during)
        return structs.replace(told, missed=self.watched.missed - self._missed_before)


class _Window:
    """From ``open`` to ``close``; in between its thread reads whatever is due."""

    def __init__(self, watched: list[_Watched]) -> None:
        self._tracks = [_Track(one) for one in watched]
        self._over = threading.Event()
        self._is_abandoned = False
        self._thread = threading.Thread(target=self._run, name="llmeval-telemetry", daemon=True)
        self._cpu_s = 0.0
        self._started = 0.0

    def open(self) -> None:
        cpu_s = time.thread_time()
        for track in self._tracks:
            track.begin()
        self._cpu_s = time.thread_time() - cpu_s
        self._started = time.perf_counter()
        self._thread.start()

    def _run(self) -> None:
        for track in self._tracks:
            track.plan(self._started)
        while not self._over.wait(self._pause_s()):
            now = time.perf_counter()
            for track in self._tracks:
                if track.due <= now and not self._over.is_set():
                    track.read()
                    track.plan(time.perf_counter())
        for track in self._tracks:
            track.during = slice(track.during.start, len(track.readings))
        ended = time.perf_counter()
        for track in sorted(self._tracks, key=lambda one: one.watched.source.settle_s):
            if not self._is_abandoned and track.watched.why is None:
                time.sleep(max(0.0, ended + track.watched.source.settle_s - time.perf_counter()))
                track.read()
        self._cpu_s += time.thread_time()

    def _pause_s(self) -> float | None:
        """Until something is due; None, for ever, where nothing is left to read."""
        dues = [track.due for track in self._tracks if track.watched.why is None]
        return max(0.0, min(dues) - time.perf_counter()) if dues else None

    def close(self) -> Telemetry:
        wall_s = time.perf_counter() - self._started
        self._over.set()
        self._thread.join(PATIENCE_S)
        self._is_abandoned = self._thread.is_alive()
        cpu_s = time.thread_time()
        for track in self._tracks:
            if self._is_abandoned and track.watched.is_reading:
                track.watched.why = f"did not answer within {PATIENCE_S:g} s"
        whole = summary.together([track.summary() for track in self._tracks])
        return structs.replace(whole, wall_s=wall_s, cpu_s=self._cpu_s + time.thread_time() - cpu_s)
