"""What telemetry costs the streams beside it.

    python benchmarks/sampler_cost.py              # about a minute
    python benchmarks/sampler_cost.py --rounds=30

Streams of a mock of known schedule are measured in turns without telemetry, with it, and with it against a
server that sends its whole 64 KB page each second instead of the series that are needed. Every round runs all
three, in an order that rotates. Prints the medians over the rounds: how late tokens were stamped (against the
mock's own stamps of its writes), the event loop's largest lag, the client's CPU, and what the sampler says
that it took itself.

With Prometheus' Python library installed (vLLM's), prints first how long a server that writes such a page can
do nothing else, for the whole page and for the series that are asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import importlib
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import mock_server

from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.telemetry import choose, prometheus
from pytest_llmeval.model import Endpoint, Facts, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.measure.telemetry.sampler import Sampler

TOKENS, GAP_S = 400, 0.005
PAGE = Path(__file__).parents[1] / "fixtures" / "transcripts" / "vllm-0.32.0-cpu" / "30_metrics_after.txt"


def page_text() -> str:
    """The body of the recorded answer."""
    return re.split(r"\r?\n\r?\n", PAGE.read_text("utf-8"), maxsplit=1)[1]


def server_cost() -> None:
    """Write a page with the series of the recorded one, whole and restricted."""
    try:
        client = importlib.import_module("prometheus_client")
    except ImportError:
        print("pip install prometheus_client to see what a page costs the server\n")
        return
    registry = client.CollectorRegistry()
    text = page_text()
    labels = {"model_name": "qwen", "engine": "0"}
    for name, kind in re.findall(r"^# TYPE (vllm:\S+) (\w+)$", text, re.MULTILINE):
        if kind == "histogram":
            edges = re.findall(rf'^{name}_bucket\{{[^}}]*le="([^"+]+)"', text, re.MULTILINE)
            buckets = sorted({float(edge) for edge in edges})
            histogram = client.Histogram(name, name, labels, registry=registry, buckets=buckets)
            histogram.labels(**labels).observe(1)
        elif kind == "counter":
            client.Counter(name, name, labels, registry=registry).labels(**labels).inc()
        elif not name.endswith("_created"):
            client.Gauge(name, name, labels, registry=registry).labels(**labels).set(1)
    names = prometheus.names_of(prometheus.RULES["vllm"])
    ways = {"whole": registry, "asked for": registry.restricted_registry(names)}
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(200):
        for way, series in ways.items():
            started = time.perf_counter()
            client.generate_latest(series)
            took[way].append((time.perf_counter() - started) * 1e3)
    for way, series in ways.items():
        size = len(client.generate_latest(series))
        print(f"the server writes its page, {way:<10} {median(took[way]):6.2f} ms, {size:,} bytes")
    print(f"ratio {median(took['whole']) / median(took['asked for']):.1f}\n")


def serve_page() -> None:
    """``/metrics``: the series that ``name[]`` asks for, ``/whole``: all of them."""
    whole = page_text().encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            names = {name.encode() for name in parse_qs(url.query).get("name[]", [])}
            body = whole
            if url.path != "/whole":
                lines = whole.splitlines()
                body = b"\n".join(line for line in lines if line.partition(b"{")[0] in names) + b"\n"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def page_server() -> Iterator[tuple[str, int]]:
    with subprocess.Popen([sys.executable, __file__, "--serve-page"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
        process.kill()


async def once(client: Client, url: str, streams: int, sampler: Sampler | None) -> dict[str, float]:
    request = Request(messages=(("user", "count"),), max_tokens=TOKENS)
    if sampler is not None:
        await asyncio.to_thread(sampler.start)
    cpu_s = time.process_time()
    answers = await asyncio.gather(*(client.stream(request) for _ in range(streams)))
    cpu_s = time.process_time() - cpu_s
    telemetry = await asyncio.to_thread(sampler.stop) if sampler is not None else None
    late_ms: list[float] = []
    sent = [entry["sent_ns"] for entry in mock_server.log(url)[-streams:]]
    sent.sort(key=lambda stamps: stamps[0])
    for answer, stamps in zip(sorted(answers, key=lambda one: one.chunks[0].at_ns), sent, strict=True):
        assert answer.failure is None, answer.failure
        late_ms += [(chunk.at_ns - at_ns) / 1e6 for chunk, at_ns in zip(answer.chunks, stamps, strict=True)]
    parts = quantiles(late_ms, n=1000)
    return {
        "late p50 ms": median(late_ms),
        "late p99 ms": parts[989],
        "late p99.9 ms": parts[998],
        "lag max ms": max(answer.lag_s or 0.0 for answer in answers) * 1e3,
        "client CPU ms": cpu_s * 1e3,
        "sampler CPU ms": telemetry.cpu_s * 1e3 if telemetry else 0.0,
        "readings": telemetry.samples if telemetry else 0.0,
    }


async def measure(url: str, page: str, pid: int, streams: int, rounds: int) -> dict[str, dict[str, float]]:
    endpoint = Endpoint(name="mock", url=f"{url}/v1", model="mock")
    client = connect(endpoint)
    await client.describe()

    def sampler(path: str) -> Sampler | None:
        facts = Facts(kind="openai", server="vllm 0.32.0", here=True)
        chosen = Endpoint(name="mock", url=f"{url}/v1", metrics=f"{page}{path}")
        return choose.sources(chosen, facts, group=pid).sampler()

    ways = {"without": None, "with": sampler("/metrics"), "whole page": sampler("/whole")}
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(rounds + 1):
        for name in order:
            figures = await once(client, url, streams, ways[name])
            if number:  # the first round warms up
                seen[name].append(figures)
        order = order[1:] + order[:1]
    await client.aclose()
    for one in ways.values():
        if one is not None:
            one.close()
    return {
        name: {figure: median(row[figure] for row in rows) for figure in rows[0]}
        for name, rows in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve-page", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_page:
        serve_page()
        return
    server_cost()
    print(f"{TOKENS} tokens, {GAP_S * 1e3:g} ms apart; medians of {options.rounds} rounds\n")
    for streams in (1, 16):
        with (
            mock_server.running(tokens=TOKENS, gap_s=GAP_S, flavour="vllm") as url,
            page_server() as (page, pid),
        ):
            table = asyncio.run(measure(url, page, pid, streams, options.rounds))
        figures = list(table["without"])
        print(
            f"{streams:>2} stream{'s' if streams > 1 else ' '}  " + "".join(f"{name:>16}" for name in figures)
        )
        for way, row in table.items():
            print(f"{way:<12}" + "".join(f"{row[name]:>16.3f}" for name in figures))
        print()


if __name__ == "__main__":
    main()
