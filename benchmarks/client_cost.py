"""What measuring costs the client, and how far off its figures are, beside every other way to read a stream.

    python benchmarks/client_cost.py [--repeats=5] [--only=ours,httpx] [--json=FILE]

Needs two cores: the mock server is pinned to the first, the client under test to the second, each contender
in a process of its own. All take turns within every repeat, so that a machine that slows down slows all of
them; figures are medians over the repeats, marks are ratios. Peers that are not installed are left out
(``pip install openai aiohttp httpx-aiohttp uvloop`` brings all).

Closed loop, 64 streams of 200 tokens, 5.25 ms apart, TTFT 50 ms: 12,190 tokens/s. Every contender parses
every event, as a client must. CPU is the process's own (user and system) while streams run. The TTFT error
is the client's TTFT less what follows from the server's stamps (first text sent - request read); our clock
starts at the write, that of clients that don't tell it at the call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import mock_server
import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, installed or not

from contenders import CONTENDERS

from pytest_llmeval.measure.timing import percentile

if TYPE_CHECKING:
    from contenders import Contender, Seen

STREAMS = 64
REQUESTS_EACH = 3
TOKENS = 200
GAP_S = 0.00525
TTFT_S = 0.05


class Result(msgspec.Struct):
    """What one process measured: TTFT errors, and the 99th percentile of gaps less the server's own."""

    cpu_ms_per_1000: float
    errors_ms: list[float]
    gap_errors_ms: list[float]


# -- the client's process ----------------------------------------------------------------------------------


async def load(contender: Contender, streams: int, requests_each: int) -> list[Seen]:
    """A closed loop; starts are spread over one stream's length, so that the load is even."""

    async def worker(index: int) -> list[Seen]:
        await asyncio.sleep(index / streams * (TTFT_S + TOKENS * GAP_S))
        return [await contender.ask() for _ in range(requests_each)]

    return [seen for each in await asyncio.gather(*(worker(i) for i in range(streams))) for seen in each]


async def measure(name: str, url: str, streams: int) -> Result:
    """One contender under load, after a round that opens its connections."""
    contender = CONTENDERS[name][0](url)
    await asyncio.gather(*(contender.ask() for _ in range(streams)))
    cpu = time.process_time()
    seen = await load(contender, streams, REQUESTS_EACH)
    cpu = time.process_time() - cpu
    await contender.close()
    tokens = sum(len(one.stamps_ns) for one in seen)
    assert tokens == streams * REQUESTS_EACH * TOKENS, tokens
    log = await asyncio.to_thread(mock_server.log, url)
    sent = {entry["id"]: entry for entry in log}
    errors, gap_errors = [], []
    for one in seen:
        entry = sent[one.id]
        true_ttft_ns = entry["sent_ns"][0] - entry["received_ns"]
        errors.append((one.stamps_ns[0] - one.started_ns - true_ttft_ns) / 1e6)
        gap_errors.append((p99_gap_ns(one.stamps_ns) - p99_gap_ns(entry["sent_ns"])) / 1e6)
    return Result(cpu / tokens * 1e6, errors, gap_errors)


def p99_gap_ns(stamps: list[int]) -> float:
    """The 99th percentile of the gaps between stamps."""
    return percentile(sorted(float(after - before) for before, after in pairwise(stamps)), 99) or 0.0


def child(options: argparse.Namespace) -> None:
    """Measure one contender and print its `Result`."""
    factory = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    with asyncio.Runner(loop_factory=factory) as runner:
        result = runner.run(measure(options.contender, options.url, options.streams))
    sys.stdout.write(msgspec.json.encode(result).decode())


# -- the driver --------------------------------------------------------------------------------------------


def run_child(name: str, loop: str, url: str, streams: int, cpu: int | None) -> Result:
    """One contender in a process of its own."""
    command = [sys.executable, __file__, f"--contender={name}", f"--loop={loop}", f"--url={url}"]
    command += [f"--streams={streams}", *([] if cpu is None else [f"--cpu={cpu}"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise SystemExit(f"{name} on {loop} failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout, type=Result)


def compete(options: argparse.Namespace) -> dict[str, list[Result]]:
    """Every contender on every loop, in turns; ``"single/<loop>"`` is ours with one stream."""
    names = options.only.split(",") if options.only else list(CONTENDERS)
    names = [name for name in names if find_spec(CONTENDERS[name][2])]
    loops = ["asyncio", *(["uvloop"] if find_spec("uvloop") else [])]
    cores = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    server_cpu, client_cpu = cores if len(cores) == 2 else (None, None)
    results: dict[str, list[Result]] = {}
    schedule: dict[str, Any] = {"tokens": TOKENS, "gap_s": GAP_S, "ttft_s": TTFT_S}
    with mock_server.running(cpu=server_cpu, keep_alive_s=60.0, **schedule) as url:
        for repeat in range(options.repeats):
            for loop in loops:
                for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
                    print(f"\r{repeat + 1}/{options.repeats} {name} on {loop}      ", end="", file=sys.stderr)
                    result = run_child(name, loop, url, STREAMS, client_cpu)
                    results.setdefault(f"{name}/{loop}", []).append(result)
                if "ours" in names:
                    result = run_child("ours", loop, url, 1, client_cpu)
                    results.setdefault(f"single/{loop}", []).append(result)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return results


def cpu_of(results: dict[str, list[Result]], key: str) -> float | None:
    """CPU-ms per 1,000 tokens, the median over the repeats."""
    return median(result.cpu_ms_per_1000 for result in results[key]) if key in results else None


def error_of(results: dict[str, list[Result]], key: str, percent: float) -> float | None:
    """A percentile of the TTFT errors in ms within a repeat, the median over the repeats."""
    if key not in results:
        return None
    return median(percentile(sorted(result.errors_ms), percent) or 0.0 for result in results[key])


def table(results: dict[str, list[Result]]) -> None:
    """One line per contender and loop."""
    print(f"{STREAMS} streams, {STREAMS / GAP_S:,.0f} tokens/s; CPU-ms per 1,000 tokens, TTFT error in ms\n")
    print("| client | loop | CPU | x ours | TTFT error p50 | p99 |")
    print("|---|---|---:|---:|---:|---:|")
    for key in results:
        name, _, loop = key.partition("/")
        if name == "single":
            continue
        cpu, ours = cpu_of(results, key), cpu_of(results, f"ours/{loop}")
        ratio = f"{cpu / ours:.1f}" if cpu and ours else ""
        p50, p99 = (error_of(results, key, percent) for percent in (50, 99))
        print(f"| {CONTENDERS[name][1]} | {loop} | {cpu:.1f} | {ratio} | {p50:+.2f} | {p99:+.2f} |")


def marks(results: dict[str, list[Result]]) -> list[tuple[str, float, str, float, bool]]:
    """The promises of this package: what, found, sign, limit, kept. Those that lack a peer are left out."""
    found: list[tuple[str, float, str, float, bool]] = []

    def at_least(what: str, value: float | None, limit: float) -> None:
        if value is not None:
            found.append((what, value, ">=", limit, value >= limit))

    def at_most(what: str, value: float | None, limit: float) -> None:
        if value is not None:
            found.append((what, value, "<=", limit, value <= limit))

    def times(key: str, other: str) -> float | None:
        above, below = cpu_of(results, key), cpu_of(results, other)
        return above / below if above and below else None

    at_least("CPU of httpx / ours, asyncio", times("httpx/asyncio", "ours/asyncio"), 3.5)
    at_least("CPU of httpx on asyncio / ours on uvloop", times("httpx/asyncio", "ours/uvloop"), 5.5)
    for loop in ("asyncio", "uvloop"):
        at_most(f"CPU of ours / bare, {loop}", times(f"ours/{loop}", f"bare/{loop}"), 1.6)
        for name in ("aiohttp", "httpx-aiohttp", "httpx", "openai"):
            at_least(f"CPU of {name} / ours, {loop}", times(f"{name}/{loop}", f"ours/{loop}"), 1.0)
        at_most(f"TTFT error p50, ms, {loop}", error_of(results, f"ours/{loop}", 50), 0.5)
        at_most(f"TTFT error p99, ms, {loop}", error_of(results, f"ours/{loop}", 99), 2.0)
        if single := results.get(f"single/{loop}"):
            error = median(abs(value) for result in single for value in result.gap_errors_ms)
            at_most(f"single stream: gap p99 off by, ms, {loop}", error, 0.5)
    return found


def main() -> None:
    """Driver or, with ``--contender``, client process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    for name, kind in (("contender", str), ("loop", str), ("url", str), ("streams", int), ("cpu", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        child(options)
        return
    results = compete(options)
    table(results)
    print()
    for what, value, sign, limit, kept in marks(results):
        print(f"{'met    ' if kept else 'NOT MET'}  {what}: {value:.2f} ({sign} {limit:g})")
    if options.json:
        options.json.write_bytes(msgspec.json.encode(results))


if __name__ == "__main__":
    main()
