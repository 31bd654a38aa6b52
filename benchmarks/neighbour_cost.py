"""What scoring in one process does to a stream that another one measures.

    python benchmarks/neighbour_cost.py                     # about a minute; the machine must be idle
    python benchmarks/neighbour_cost.py --rounds=30

Streams of a mock of known schedule are measured in turns: alone, and beside a process that scores answers
without a pause, as a worker of pytest-xdist does that gave its turn away: pylint and radon in the analyser,
programs in the sandbox; with the priority of other processes, and giving way to them. Prints the medians
over the rounds: how late first tokens and all tokens were stamped (against the mock's own stamps of its
writes), the error of the median gap, the event loop's largest lag, how many samples would be void, and how
many answers were scored a second.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from statistics import median, quantiles
from typing import TYPE_CHECKING

import mock_server

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.model import Endpoint, Request
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.measure.endpoints.protocol import Client

TOKENS, GAP_S, TTFT_S = 200, 0.005, 0.05
ANSWER = """```python
def {name}(*values):
    total = 0
    for value in values:
        total += 1
    return total
```"""
VOID_MS = 5.0
WAYS = ("alone", "beside scoring", "beside one that yields")


def score_for_ever(*, gives_way: bool) -> None:
    """Score a small answer to every scenario of the `coding` suite that is executed; a line for each."""
    every = [
        one for path in shipped.files("coding") for one in scenarios.load(path).scenarios if one.is_executed
    ]
    sandbox = choice.usable("auto", gives_way=gives_way)
    with Analyser(gives_way=gives_way) as analyser:
        while True:
            for scenario in every:
                text = ANSWER.format(name=scenario.id.replace("-", "_"))
                rubric.score(scenario, next(iter(scenario.prompt)), text, analyser, sandbox)
                print("scored", flush=True)


@contextmanager
def neighbour(way: str) -> Iterator[list[int]]:
    """Such a process at work; how much it scored is appended when the block ends."""
    scored: list[int] = []
    command = [sys.executable, __file__, f"--score={way}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is warm
        yield scored
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        scored.append(process.stdout.read().count(b"scored"))


async def once(client: Client, url: str) -> dict[str, float]:
    answer = await client.stream(Request(messages=(("user", "count"),), max_tokens=TOKENS))
    assert answer.failure is None, answer.failure
    sent = mock_server.log(url)[-1]["sent_ns"]
    late_ms = [(chunk.at_ns - at_ns) / 1e6 for chunk, at_ns in zip(answer.chunks, sent, strict=True)]
    stamps = [chunk.at_ns for chunk in answer.chunks]
    gaps = [(after - before) / 1e6 for before, after in itertools.pairwise(stamps)]
    lag_ms = (answer.lag_s or 0.0) * 1e3
    return {
        "TTFT late ms": late_ms[0],
        "late p50 ms": median(late_ms),
        "late p99 ms": quantiles(late_ms, n=100)[98],
        "gap p50 off ms": abs(median(gaps) - GAP_S * 1e3),
        "lag max ms": lag_ms,
        "void": float(lag_ms > VOID_MS),
    }


async def measured(url: str, rounds: int) -> list[dict[str, float]]:
    client = connect(Endpoint(name="mock", url=f"{url}/v1", model="mock"))
    await client.describe()
    await once(client, url)
    seen = [await once(client, url) for _ in range(rounds)]
    await client.aclose()
    return seen


def main() -> None:
    """Print a line a way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--score", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score:
        score_for_ever(gives_way=options.score == WAYS[2])
    seen: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    rate: dict[str, list[float]] = {way: [0.0] for way in WAYS}
    with mock_server.running(tokens=TOKENS, gap_s=GAP_S, ttft_s=TTFT_S) as url:
        for _ in range(2):
            seen[WAYS[0]] += asyncio.run(measured(url, options.rounds))
            for way in WAYS[1:]:
                with neighbour(way) as scored:
                    started = time.perf_counter()
                    seen[way] += asyncio.run(measured(url, options.rounds))
                    wall_s = time.perf_counter() - started
                rate[way].append(scored[0] / wall_s)
    print(f"{len(os.sched_getaffinity(0))} cores, {2 * options.rounds} streams each")
    print(f"{'':<24}" + "".join(f"{name:>16}" for name in (*seen[WAYS[0]][0], "scored / s")))
    for way, rows in seen.items():
        centre = [(sum if name == "void" else median)([row[name] for row in rows]) for name in rows[0]]
        print(f"{way:<24}" + "".join(f"{value:>16.2f}" for value in (*centre, max(rate[way]))))


if __name__ == "__main__":
    main()
