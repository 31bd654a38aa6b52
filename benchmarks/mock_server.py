"""An OpenAI-compatible server of known schedule: what a client measured can be held against what was sent.

Real sockets, its own process, an absolute schedule (event *i* leaves at ``received + ttft_s + i * gap_s``, so
lateness does not add up) and its own stamps of every write. ``time.perf_counter_ns`` is one clock for all
processes of a Linux or macOS machine, so its stamps can be subtracted from a client's.

Run it: ``python benchmarks/mock_server.py --port=0 --ttft-s=0.05 --answers=answers.json`` prints
``listening on PORT``. Every field of `Behaviour` is an option; the request field ``"mock": {...}`` overrides
them for one request, ``POST /control {...}`` for all that follow (``{"reset": true}`` first goes back to the
options, ``"answers"`` replaces the answers). ``GET /control`` tells the behaviour in force and the counters,
``GET /control/log`` the last 4,096 requests: ``{"id", "path", "body", "received_ns", "sent_ns", "aborted"}``,
where ``id`` is the ``chatcmpl-ID`` of the answer and ``sent_ns`` holds one stamp per text event, taken just
before its write.

Import it: ``with running(gap_s=0.001) as url`` starts the process, ``control(url, status=500)`` changes it,
``log(url)`` reads the log; ``await serve(...)`` puts it on the running loop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import msgspec
from mock_behaviour import Behaviour, State
from mock_connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext


async def serve(
    behaviour: Behaviour | None = None,
    answers: dict[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl: SSLContext | None = None,
) -> asyncio.Server:
    """Listen on the running loop; ``server.sockets[0].getsockname()[1]`` is the port."""
    state = State(behaviour or Behaviour(), answers or {})
    return await asyncio.get_running_loop().create_server(
        lambda: Connection(state), host, port, ssl=ssl, backlog=512
    )


@contextmanager
def running(*, answers: Path | None = None, cpu: int | None = None, **fields: Any) -> Iterator[str]:
    """A server in a process of its own while the block runs; yields its base URL without ``/v1``.

    ``cpu`` pins it to one core (Linux).
    """
    command = [sys.executable, __file__, "--port=0", f"--behaviour={msgspec.json.encode(fields).decode()}"]
    if answers:
        command.append(f"--answers={answers}")
    if cpu is not None:
        command.append(f"--cpu={cpu}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"the mock server did not start: {line!r}")
            yield f"http://127.0.0.1:{int(line.split()[-1])}"
        finally:
            process.kill()


def control(url: str, **change: Any) -> dict[str, Any]:
    """``POST /control``: change the behaviour of a running server; returns its status."""
    data = msgspec.json.encode(change) if change else None
    with urlopen(UrlRequest(f"{url}/control", data=data), timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=dict[str, Any])


def log(url: str) -> list[dict[str, Any]]:
    """``GET /control/log``: the last requests, oldest first."""
    with urlopen(f"{url}/control/log", timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=list[dict[str, Any]])


def arguments() -> argparse.ArgumentParser:
    """One option per field of `Behaviour`, and those of the process."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server of known schedule.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--answers", type=Path, metavar="FILE.json", help="substring of a prompt -> answer text"
    )
    parser.add_argument("--behaviour", default="{}", metavar="JSON", help="several fields at once")
    parser.add_argument("--cpu", type=int, help="pin the process to one core (Linux)")
    for item in msgspec.structs.fields(Behaviour):
        parser.add_argument(f"--{item.encode_name.replace('_', '-')}", metavar="VALUE", default=None)
    return parser


def behaviour_of(options: argparse.Namespace) -> Behaviour:
    """The behaviour that the command line asks for. A list is written with commas."""
    given: dict[str, Any] = msgspec.json.decode(options.behaviour, type=dict[str, Any])
    for item in msgspec.structs.fields(Behaviour):
        value = getattr(options, item.encode_name)
        if value is not None:
            given[item.encode_name] = value.split(",") if item.encode_name == "models" else value
    return msgspec.convert(given, Behaviour, strict=False)


async def main(options: argparse.Namespace) -> None:
    """Serve until killed."""
    answers: dict[str, str] = {}
    if options.answers:
        answers = msgspec.json.decode(options.answers.read_bytes(), type=dict[str, str])
    server = await serve(behaviour_of(options), answers, host=options.host, port=options.port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    chosen = arguments().parse_args()
    if chosen.cpu is not None:
        import os

        os.sched_setaffinity(0, {chosen.cpu})
    try:
        asyncio.run(main(chosen))
    except KeyboardInterrupt:
        sys.exit(130)
