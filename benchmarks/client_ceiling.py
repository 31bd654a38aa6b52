"""Where one process of the client ends, and what it gets wrong before that.

    python benchmarks/client_ceiling.py                     # about a minute; the machine must be idle
    python benchmarks/client_ceiling.py --streams=16

Batches of streams from a mock of known schedule, at more and more tokens a second, as a load cell asks them.
The mock has one core and the client the other. For each: the rate that came, the share of its core that the
client was busy, the ceiling that follows, how late first tokens were stamped (against the mock's own stamps
of its writes) and whether the batch would be void.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from statistics import median, quantiles
from typing import TYPE_CHECKING

import mock_server

from pytest_llmeval.measure import ceiling, load, throughput
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.model import Endpoint, LoadPlan, Request
from pytest_llmeval.plugin.bench import _loop_factory

if TYPE_CHECKING:
    from pytest_llmeval.measure.throughput import Reply

TOKENS = 300
GAPS_MS = (20, 10, 5, 3, 2, 1.5, 1, 0.5, 0)
"""Between the tokens of one stream; 0 is a flood."""


async def batch(url: str, streams: int, gap_s: float) -> tuple[throughput.Load, list[float]]:
    """The figures of a batch of as many requests as streams, and how late each first token was, in ms."""
    client = connect(Endpoint(name="mock", url=f"{url}/v1", model="mock"))
    await client.describe()
    mock_server.control(url, gap_s=gap_s)
    request = Request(messages=(("user", "count"),), max_tokens=TOKENS)
    plan = LoadPlan(requests=streams, concurrency=streams)
    await load.run(client, request, plan, [])
    replies: list[Reply] = []
    with ceiling.watch() as busy:
        await load.run(client, request, plan, replies)
    await client.aclose()
    sent = sorted(entry["sent_ns"][0] for entry in mock_server.log(url)[-streams:])
    stamps = sorted(reply.response.chunks[0].at_ns for reply in replies)
    late_ms = [(stamp - at) / 1e6 for stamp, at in zip(stamps, sent, strict=True)]
    return throughput.figures(replies, plan, busy=busy.share), late_ms


def main() -> None:
    """Print a line a rate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=64)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    factory = _loop_factory()
    print(f"{options.streams} streams of {TOKENS} tokens, {'uvloop' if factory else 'asyncio'}")
    print(f"{'gap ms':>7}{'tok/s':>9}{'busy':>6}{'ceiling':>9}{'late p50':>10}{'p99 ms':>8}  void")
    with mock_server.running(tokens=TOKENS, ttft_s=0.05, cpu=cores[-1]) as url:
        for gap_ms in GAPS_MS:
            with asyncio.Runner(loop_factory=factory) as runner:
                figures, late_ms = runner.run(batch(url, options.streams, gap_ms / 1000))
            print(
                f"{gap_ms:>7}{figures.load_tps or 0:>9,.0f}{figures.client_busy or 0:>6.0%}"
                f"{figures.client_ceiling_tps or 0:>9,.0f}{median(late_ms):>10.2f}"
                f"{quantiles(late_ms, n=100)[98]:>8.2f}  {figures.void or ''}",
                flush=True,
            )


if __name__ == "__main__":
    main()
