"""Thousands of good and faulty requests through one process: what leaks, and do the bad harm the good?

``python benchmarks/soak.py`` (20,000 requests, about seven minutes on two cores) asks ten at a time of a mock
of known schedule, and in every second block ten more at once of the fault server, every fault in turn. Blocks
go clean, mixed, mixed, clean …, so that what drifts is the same for both. It prints outcomes, memory, open
files and the medians of the good ones, clean and mixed. Exit code 1 where a fault came out other than
``faults`` says, memory grew by more than 10 % after the first 1,000 requests, a file stayed open, or a median
of TTFT, TPOT or latency differs by more than 5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import itertools
import math
import statistics
import sys
import time
from array import array
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fault_server
import mock_server
from faults import TABLE, Fault

from pytest_llmeval import evaluate
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.model import AnswerSpec, Endpoint, Facts, Parameters, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.model import Sample

AT_ONCE = 10
BLOCK = 200
"""Good requests of a block; a mixed one has as many faulty ones beside them."""
FLOODS_EVERY = 10
"""Faults that read up to a cap are asked once in so many turns: each takes a second of CPU."""
LEAST_S = 2.0
"""For one request: on a starved machine connecting alone may take half a second."""
M_MMAP_THRESHOLD = -3
METRICS = ("ttft_s", "tpot_s", "latency_s", "gap_p99_s")
SCENARIO = Scenario(
    suite="s", id="hello", category="chat", prompt={"en": "Say hello."}, answer=AnswerSpec(code=None)
)


class Good:
    """The figures of the good requests of one kind of block; samples themselves would look like a leak."""

    def __init__(self) -> None:
        self.count = self.void = 0
        self.seconds = {metric: array("d") for metric in METRICS}

    def add(self, sample: Sample) -> None:
        self.count += 1
        self.void += sample.void is not None
        for metric, seconds in self.seconds.items():
            value = getattr(sample, metric)
            if value is not None:
                seconds.append(value)


class Figures(NamedTuple):
    """What a soak came to. ``unexpected``: names of faults, or ``good``, with how often they came out wrong.

    ``rss_mib``, ``objects`` (of Python's allocator) and ``files`` after every block; the requests made
    until then are ``asked``.
    """

    clean: Good
    mixed: Good
    outcomes: Counter[str]
    unexpected: Counter[str]
    asked: list[int]
    rss_mib: list[float]
    objects: list[int]
    files: list[int]

    def medians(self, metric: str) -> tuple[float, float]:
        """Of the good requests of clean and of mixed blocks, in seconds; void ones too."""
        clean, mixed = (statistics.median(good.seconds[metric]) for good in (self.clean, self.mixed))
        return clean, mixed

    def growth(self, memory: Sequence[float], after: int) -> float:
        """Of ``rss_mib`` or ``objects``: the last blocks over the first after so many requests, less 1."""
        later = [taken for asked, taken in zip(self.asked, memory, strict=True) if asked >= after]
        part = max(1, len(later) // 5)
        return statistics.median(later[-part:]) / statistics.median(later[:part]) - 1


async def soak(
    good_url: str, faulty_url: str, requests: int, *, block: int = BLOCK, most_s: float = math.inf
) -> Figures:
    """Ask until ``requests`` are through, or so much time."""
    end = time.monotonic() + most_s
    figures = Figures(Good(), Good(), Counter(), Counter(), [], [], [], [])
    _give_big_buffers_back()
    good = _client(Endpoint(url=good_url, model="mock"))
    bad = {fault: _client(_endpoint(faulty_url, fault)) for fault in TABLE}
    turns = _turns()
    try:
        while sum(figures.outcomes.values()) < requests and time.monotonic() < end:
            for is_mixed in (False, True, True, False):
                samples = figures.mixed if is_mixed else figures.clean
                asking = [_good(good, samples, figures, block // AT_ONCE) for _ in range(AT_ONCE)]
                if is_mixed:
                    asking += [_bad(bad, turns, figures, block // AT_ONCE) for _ in range(AT_ONCE)]
                await asyncio.gather(*asking)
                gc.collect()
                figures.asked.append(sum(figures.outcomes.values()))
                figures.rss_mib.append(_rss_mib())
                figures.objects.append(sys.getallocatedblocks())
                figures.files.append(open_files())
    finally:
        for client in (good, *bad.values()):
            await client.aclose()
    return figures


def _client(endpoint: Endpoint) -> Client:
    return connect(endpoint, facts=Facts(kind=endpoint.kind, model=endpoint.model))


def _endpoint(url: str, fault: Fault) -> Endpoint:
    return Endpoint(kind=fault.api, url=f"{url}/{fault.slug}", model="m")


def _turns() -> Iterator[Fault]:
    """Every fault in turn, floods in few of the turns, first in the second: what they leave in the allocator
    is there once, and belongs to the first thousand requests.
    """
    for turn in itertools.count(1):
        yield from (fault for fault in TABLE if fault.mib <= 64 or turn % FLOODS_EVERY == 2)


async def _good(client: Client, samples: Good, figures: Figures, times: int) -> None:
    for _ in range(times):
        sample = await _asked(client, 20.0)
        samples.add(sample)
        figures.outcomes["good" if sample.ok else "good, failed"] += 1
        if not sample.ok:
            figures.unexpected["good"] += 1


async def _bad(clients: dict[Fault, Client], turns: Iterator[Fault], figures: Figures, times: int) -> None:
    for fault in itertools.islice(turns, times):
        sample = await _asked(clients[fault], max(fault.timeout_s, LEAST_S))
        kind = sample.error.kind if sample.error else None
        figures.outcomes[kind or "good after all"] += 1
        if kind != fault.kind:
            figures.unexpected[f"{fault.name}: {sample.error}"] += 1


async def _asked(client: Client, timeout_s: float) -> Sample:
    """One round of a cell, asked and assessed as a run does, but not scored."""
    cell = evaluate.Cell(
        endpoint="e",
        scenario=SCENARIO,
        language="en",
        parameters=Parameters(max_tokens=64),
        rounds=1,
        timeout_s=timeout_s,
    )
    asking = await evaluate.ask(client, cell, started_unix=time.time())
    analyser: Any = None
    (sample,) = evaluate.assess(cell, asking.asked, analyser).record.samples
    return sample


def _give_big_buffers_back() -> None:
    """Of a flood, when they are freed: otherwise glibc's threshold for that rises with each (mallopt(3)), and
    what they leave behind is its fragmentation, not ours.
    """
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 128 * 1024)


def _rss_mib() -> float:
    """What is in use, without what malloc keeps for later: after a flood that is up to 50 MiB."""
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print, judge."""
    parser = argparse.ArgumentParser(description="Thousands of good and faulty requests in one process.")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--most-minutes", type=float, default=30.0)
    options = parser.parse_args(arguments)
    started, before = time.monotonic(), open_files()
    with (
        mock_server.running(tokens=20, gap_s=0.004, ttft_s=0.04) as good,
        fault_server.running() as faulty,
    ):
        at_start = open_files()
        figures = asyncio.run(soak(good, faulty, options.requests, most_s=options.most_minutes * 60))
        left_open = open_files() - at_start
    print(f"{sum(figures.outcomes.values()):,} requests in {time.monotonic() - started:.0f} s:", end=" ")
    print(", ".join(f"{count:,} {name}" for name, count in figures.outcomes.most_common()))
    wrong = sum(figures.unexpected.values())
    print(f"came out otherwise than the table says: {wrong}")
    for name, count in figures.unexpected.most_common(20):
        print(f"  {count} x {name}")
    growth = figures.growth(figures.rss_mib, 1000)
    of_objects = figures.growth(figures.objects, 1000)
    peak, last = max(figures.rss_mib), figures.rss_mib[-1]
    print(f"memory after a block: {figures.rss_mib[0]:.0f} MiB at first, {last:.0f} at last,", end=" ")
    print(f"{peak:.0f} at most, {growth:+.1%} after the first 1,000 requests; objects {of_objects:+.2%}")
    print(f"open files {before} before, {max(figures.files)} at most, {left_open} left")
    for name, good_ones in (("clean", figures.clean), ("mixed", figures.mixed)):
        print(f"good ones of {name} blocks: {good_ones.count:,}, of them {good_ones.void:,} void")
    drifts = []
    for metric in METRICS:
        clean, mixed = figures.medians(metric)
        drifts.append(mixed / clean - 1)
        print(f"  {metric}: {clean * 1e3:.2f} ms clean, {mixed * 1e3:.2f} ms mixed: {drifts[-1]:+.1%}")
    harmed = any(abs(drift) > 0.05 for drift in drifts[:3])
    return 1 if wrong or max(growth, of_objects) > 0.1 or left_open or harmed else 0


if __name__ == "__main__":
    sys.exit(main())
