"""A server whose every byte is scripted: whatever can go wrong on a wire, on a real socket.

``with running() as url`` starts it as a process of its own. ``URL/SLUG`` is an endpoint at which that
fault of ``faults`` happens to every POST; other requests are answered 404. At ``URL/get/SLUG`` it happens to
these too. ``log(url)`` tells the requests so
far, as ``{"name", "method", "path", "authorization"}``. Run it: ``python benchmarks/fault_server.py`` prints
``listening on PORT``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from faults import RESET, SILENCE, TABLE, Again, Step, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_LONG_AGO = struct.pack("ii", 1, 0)
"""``SO_LINGER`` of 0 s: closing resets."""


class Server:
    """Plays the scripts; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.faults = {fault.slug: fault for fault in TABLE}

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after another, until its script ends it."""
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            with suppress(ConnectionError):
                writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection is to be kept."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        if path == "/log":
            body = json.dumps(self.asked).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            return True
        gets = path.startswith("/get/")
        name = path.split("/")[2 if gets else 1]
        self.asked.append(
            {"name": name, "method": method, "path": path, "authorization": fields.get("authorization")}
        )
        fault = self.faults.get(name)
        if fault is None or (method != "POST" and not gets):
            writer.write(NOT_FOUND)
            return True
        script = fault.script
        if fault.later and sum(one["name"] == name for one in self.asked) % 2 == 0:
            script = fault.later
        await play(script, reader, writer)
        return fault.keeps


async def play(script: Sequence[Step], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every step in its order."""
    for step in script:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, Wait):
            await asyncio.sleep(step.s)
        elif isinstance(step, Again):
            left = step.times
            while left is None or left > 0:
                writer.write(step.data)
                await writer.drain()
                left = None if left is None else left - 1
                if step.pause_s:
                    await asyncio.sleep(step.pause_s)
        elif step is SILENCE:
            await reader.read()
        elif step is RESET:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LONG_AGO)
            writer.transport.abort()


@contextmanager
def running() -> Iterator[str]:
    """The server in a process of its own while the block runs; yields its URL."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the fault server did not start: {line!r}")
            yield f"http://127.0.0.1:{int(line.split()[-1])}"
        finally:
            process.kill()


def log(url: str) -> list[dict[str, Any]]:
    """What was asked so far, oldest first."""
    with urlopen(f"{url}/log", timeout=10) as answer:
        return list(json.loads(answer.read()))


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Server().connection, "127.0.0.1", 0, backlog=512)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
