"""A proxy that makes a real server's streams slower by a known factor: a regression to order.

Bytes pass through unchanged. The first read of an answer that carries text is held until its time since the
request has been stretched by ``ttft_factor``, every later one until its time since that first token has been
stretched by ``factor``: 2.0 means half the tokens per second. The schedule is absolute, so lateness does not
add up. The server behind is read at full speed and does not notice.

Run it: ``python benchmarks/throttle.py http://127.0.0.1:8000/v1 --factor=2`` prints ``listening on PORT``.
Import it: ``with running("http://127.0.0.1:8000/v1", factor=2) as url`` starts the process.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_BYTES = 64 * 1024
TEXT = re.compile(rb'"(?:content|text|reasoning|reasoning_content|thinking)"\s*:\s*"[^"]')
"""Text that is not empty, in an event of any of the known servers."""

_End = tuple[float, bytes]


class Stretch:
    """The schedule of one exchange: when a read may leave. Times in seconds of one clock."""

    def __init__(self, asked: float, *, factor: float, ttft_factor: float) -> None:
        self._asked = asked
        self._factor = factor
        self._ttft_factor = ttft_factor
        self._first: float | None = None

    def leave(self, now: float, data: bytes) -> float:
        """When ``data`` may leave; never before it came."""
        if self._first is None:
            if not TEXT.search(data):
                return now
            self._first = now
        first_leaves = self._asked + (self._first - self._asked) * self._ttft_factor
        return first_leaves + (now - self._first) * self._factor


class Throttle:
    """The proxy itself, on the running loop."""

    def __init__(self, upstream: str, *, factor: float = 2.0, ttft_factor: float = 1.0) -> None:
        if min(factor, ttft_factor) < 1:
            raise ValueError("a factor below 1 would need bytes that have not come yet")
        self._upstream: SplitResult = urlsplit(upstream)
        if self._upstream.scheme != "http" or not self._upstream.hostname:
            raise ValueError(f"the upstream must be an http:// URL, not {upstream!r}")
        self._factor = factor
        self._ttft_factor = ttft_factor

    async def serve(self, port: int = 0) -> asyncio.Server:
        """Listen on loopback; 0 lets the system choose the port."""
        return await asyncio.start_server(self._connection, "127.0.0.1", port)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(
                self._upstream.hostname, self._upstream.port or 80
            )
        except OSError:
            writer.close()
            return
        # A pipe of both directions: the first that ends takes the other along, as a direct connection would.
        one = _Pipe(self._factor, self._ttft_factor)
        directions = (
            asyncio.create_task(one.requests(reader, upstream_writer)),
            asyncio.create_task(one.answers(upstream_reader)),
            asyncio.create_task(one.send(writer)),
        )
        await asyncio.wait((directions[0], directions[2]), return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for end in (upstream_writer, writer):
            end.close()
            with suppress(OSError):
                await end.wait_closed()


class _Pipe:
    """One connection: requests go at once, answers when their schedule says."""

    def __init__(self, factor: float, ttft_factor: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._factors = {"factor": factor, "ttft_factor": ttft_factor}
        self._stretch = Stretch(self._loop.time(), **self._factors)
        self._held: asyncio.Queue[_End] = asyncio.Queue()

    async def requests(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            self._stretch = Stretch(self._loop.time(), **self._factors)
            upstream.write(data)
            await upstream.drain()

    async def answers(self, upstream: asyncio.StreamReader) -> None:
        leaves = 0.0
        try:
            while data := await upstream.read(READ_BYTES):
                leaves = self._stretch.leave(self._loop.time(), data)
                self._held.put_nowait((leaves, data))
        finally:
            self._held.put_nowait((leaves, b""))

    async def send(self, writer: asyncio.StreamWriter) -> None:
        while True:
            leaves, data = await self._held.get()
            await asyncio.sleep(leaves - self._loop.time())
            if not data:
                return
            writer.write(data)
            await writer.drain()


@contextmanager
def running(upstream: str, *, factor: float = 2.0, ttft_factor: float = 1.0) -> Iterator[str]:
    """A proxy in a process of its own while the block runs; yields its URL, with the upstream's path."""
    options = (f"--factor={factor}", f"--ttft-factor={ttft_factor}")
    command = [sys.executable, __file__, upstream, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the proxy did not start: {line!r}")
            yield f"http://127.0.0.1:{int(line.split()[-1])}{urlsplit(upstream).path}"
        finally:
            process.kill()


async def _main(options: argparse.Namespace) -> None:
    throttle = Throttle(options.upstream, factor=options.factor, ttft_factor=options.ttft_factor)
    server = await throttle.serve(options.port)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Slow the streams of an OpenAI-compatible server down.")
    parser.add_argument("upstream", help="http://HOST:PORT[/PATH]")
    parser.add_argument("--factor", type=float, default=2.0, help="stretches the time between tokens")
    parser.add_argument(
        "--ttft-factor", type=float, default=1.0, help="stretches the time to the first token"
    )
    parser.add_argument("--port", type=int, default=0)
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))
