"""A server that the project file describes: its launch, and its installation where somebody asked for it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import structs

from pytest_llmeval.errors import ServerError
from pytest_llmeval.servertable import PORT

from .server import Launch, is_installed, spawn

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmeval.model import Endpoint

    from .server import OnWait

_DEFAULT_PORTS = {"http": 80, "https": 443}
_POLL_S = 0.2


def launch_of(endpoint: Endpoint, *, log: Path) -> Launch:
    """How to start the endpoint's own server now: a free port is chosen where none is said."""
    server = endpoint.server
    assert server is not None
    port = str(server.port or _port_of(endpoint.url) or free_port())
    return Launch(
        name=endpoint.name,
        command=tuple(part.replace(PORT, port) for part in server.command),
        log=log,
        url=endpoint.url or f"http://127.0.0.1:{port}",
        ready=server.ready.replace(PORT, port),
        ready_status=server.ready_status,
        timeout_s=server.timeout_s,
        stop_signal=server.stop_signal,
        grace_s=server.grace_s,
        env={name: value.replace(PORT, port) for name, value in server.env.items()},
        cwd=server.cwd,
        install=server.install,
    )


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def install(launch: Launch, *, log: Path, on_wait: OnWait) -> None:
    """Run the server's ``install`` command in a shell where its own command is not there.

    Without one, nothing happens: starting it will say so. Raises ``ServerError`` with the tail of the log;
    what ``on_wait`` raises ends the installation.
    """
    if launch.install is None or is_installed(launch):
        return
    command = ("/bin/sh", "-c", launch.install)
    with spawn(structs.replace(launch, command=command, log=log, announce=None)) as shell:
        while shell.alive:
            on_wait(time.perf_counter() - shell.started)
            time.sleep(_POLL_S)
        if shell.status == 0 and is_installed(launch):
            return
        missing = "" if shell.status else f", and {launch.command[0]!r} is still not there"
        raise ServerError(
            f"its installation {shell.death}{missing}: {launch.install}",
            where=launch.name,
            hint=f"see its log {log}:\n{shell.tail()}",
        )


def _port_of(url: str | None) -> int | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return parts.port or _DEFAULT_PORTS[parts.scheme]
