"""The sampler: out of the way, patient with a hiccup, done with what is not there, and prompt at its end."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry import sampler as sampler_module
from pytest_llmeval.measure.telemetry.sampler import FAILURES, Sampler

pytestmark = pytest.mark.alone


class Source:
    """A source that tells ``level`` and a counter of readings, or raises what ``errors`` says by turn."""

    settle_s = 0.0

    def __init__(self, name: str = "server", *, interval_s: float = 0.01) -> None:
        self.name = name
        self.interval_s = interval_s
        self.level = 1.0
        self.errors: list[Exception | None] = []
        self.asked = 0
        self.threads: set[str] = set()
        self.understood_in: set[str] = set()
        self.closed = 0

    def read(self):
        self.asked += 1
        self.threads.add(threading.current_thread().name)
        if self.errors and (error := self.errors.pop(0)):
            raise error
        figures = {f"{self.name}_level": self.level, f"{self.name}_reads_total": float(self.asked)}

        def understand():
            self.understood_in.add(threading.current_thread().name)
            return figures

        return understand

    def close(self) -> None:
        self.closed += 1


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "llmeval-telemetry"]


class Loaded(Source):
    """Tells 1 before a window, 5 while it is open and 2 afterwards, however late its thread comes."""

    over: threading.Event

    def read(self):
        self.level = 1.0 if not self.asked else 2.0 if self.over.is_set() else 5.0
        return super().read()


def test_a_window() -> None:
    source = Loaded()
    sampler = Sampler([source])
    source.over = threading.Event()
    sampler.start()
    assert sampler._window is not None
    source.over = sampler._window._over
    time.sleep(0.1)
    seen = sampler.stop()
    assert not threads()
    assert seen.peak == {"server_level": 5.0}
    assert seen.mean == {"server_level": 5.0}  # before and after are not while
    assert seen.total["server_reads_total"] == source.asked - 1 == seen.samples - 1
    assert 4 <= seen.samples <= 30
    assert 0.1 <= seen.wall_s < 1
    assert 0 < seen.cpu_s < 0.05
    assert (seen.absent, seen.missed) == ({}, 0)


def test_nothing_is_parsed_in_the_thread() -> None:
    source = Source()
    sampler = Sampler([source])
    sampler.start()
    time.sleep(0.05)
    sampler.stop()
    assert "llmeval-telemetry" in source.threads
    assert source.understood_in == {threading.current_thread().name}


def test_a_short_cell_is_seen_inside() -> None:
    source = Source(interval_s=0.2)
    sampler = Sampler([source])
    sampler.start()
    source.level = 9.0
    time.sleep(0.1)
    source.level = 0.0
    assert sampler.stop().mean == {"server_level": 9.0}


def test_a_cell_shorter_than_that_has_its_two_ends() -> None:
    source = Source(interval_s=60.0)
    sampler = Sampler([source])
    sampler.start()
    source.level = 3.0
    seen = sampler.stop()
    assert (seen.samples, seen.mean, seen.peak) == (2, {"server_level": 2.0}, {"server_level": 3.0})
    assert seen.total == {"server_reads_total": 1.0}


def test_windows_are_apart() -> None:
    source = Source(interval_s=60.0)
    sampler = Sampler([source])
    for _ in range(3):
        sampler.start()
        assert sampler.stop().total == {"server_reads_total": 1.0}
    sampler.close()
    assert source.closed == 1


def test_one_failure_is_a_gap() -> None:
    source = Source()
    source.errors = [None, OSError("hiccup")]
    sampler = Sampler([source])
    sampler.start()
    time.sleep(0.1)
    seen = sampler.stop()
    assert seen.missed == 1
    assert seen.samples > 2
    assert seen.absent == {}


def test_failing_often_is_the_end() -> None:
    source, other = Source(), Source("gpu")
    source.errors = [OSError("refused")] * 100
    sampler = Sampler([source, other])
    sampler.start()
    time.sleep(0.2)
    seen = sampler.stop()
    assert source.asked == seen.missed == FAILURES
    assert seen.absent == {"server": f"failed {FAILURES} times in a row, at last with: refused"}
    assert set(seen.peak) == {"gpu_level"}
    sampler.start()
    assert sampler.stop().absent == seen.absent
    assert source.asked == FAILURES


def test_failures_count_in_a_row_only() -> None:
    source = Source()
    source.errors = [OSError("hiccup"), OSError("hiccup"), None] * 30
    sampler = Sampler([source])
    sampler.start()
    time.sleep(0.15)
    assert sampler.stop().absent == {}


def test_what_is_not_there_is_asked_once() -> None:
    source = Source()
    source.errors = [TelemetryError("no such page")]
    sampler = Sampler([source], {"gpu": "the server runs elsewhere"})
    sampler.start()
    time.sleep(0.05)
    seen = sampler.stop()
    assert source.asked == 1
    assert seen.absent == {"gpu": "the server runs elsewhere", "server": "no such page"}
    assert (seen.peak, seen.mean, seen.total, seen.samples, seen.missed) == ({}, {}, {}, 0, 0)


def test_an_answer_that_means_nothing_is_dropped_before_the_first_request() -> None:
    source = Source()
    source.read = lambda: lambda: {}[0]  # type: ignore[method-assign]
    sampler = Sampler([source])
    sampler.start()
    seen = sampler.stop()
    assert seen.absent == {"server": "KeyError: 0"}


def test_no_sources() -> None:
    sampler = Sampler([], {"gpu": "no"})
    sampler.start()
    seen = sampler.stop()
    assert (seen.samples, seen.absent) == (0, {"gpu": "no"})
    assert not threads()


def test_the_end_is_prompt() -> None:
    sampler = Sampler([Source(interval_s=60.0)])
    sampler.start()
    time.sleep(0.02)
    started = time.perf_counter()
    sampler.stop()
    assert time.perf_counter() - started < 0.1


def test_a_source_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_module, "PATIENCE_S", 0.1)
    hanging, other = Source(), Source("gpu")
    release = threading.Event()
    read = hanging.read

    def hang():
        if threading.current_thread().name == "llmeval-telemetry":
            release.wait(5)
        return read()

    hanging.read = hang  # type: ignore[method-assign]
    sampler = Sampler([other, hanging])
    sampler.start()
    time.sleep(0.05)
    started = time.perf_counter()
    seen = sampler.stop()
    assert time.perf_counter() - started < 0.4
    assert seen.absent == {"server": "did not answer within 0.1 s"}
    assert "gpu_level" in seen.peak
    asked = other.asked
    release.set()
    for _ in range(100):
        if not threads():
            break
        time.sleep(0.01)
    assert not threads()
    assert other.asked == asked  # an abandoned thread touches nothing any more
    sampler.start()
    assert sampler.stop().absent == seen.absent
    sampler.close()


def test_closing_in_the_middle() -> None:
    source = Source()
    sampler = Sampler([source])
    sampler.start()
    sampler.close()
    sampler.close()
    assert not threads()
    assert source.closed == 2


def test_counters_settle_first() -> None:
    source = Source()
    source.settle_s = 0.05
    sampler = Sampler([source])
    sampler.start()
    started = time.perf_counter()
    sampler.stop()
    assert 0.05 <= time.perf_counter() - started < 0.2
