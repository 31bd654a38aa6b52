"""A server of ours: started, waited for, watched and stopped with everything it started.

The command runs under ``deathwatch``, so it ends with this process however this process ends, and Ctrl-C in
the terminal does not reach it: a stream is cut by us, not by the server's death. Linux and macOS.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
from msgspec import Struct, field

from pytest_llmeval import forks
from pytest_llmeval.errors import ServerError

from . import deathwatch

if TYPE_CHECKING:
    from types import TracebackType

OnWait = Callable[[float], None]
"""Called with the seconds since the start while a server is not ready yet."""

_TAIL_LINES = 20
_TAIL_BYTES = 65_536
_PROBE_TIMEOUT_S = 2.0
_FINAL_S = 5.0  # beyond the grace, for deathwatch itself


class Launch(Struct, frozen=True, kw_only=True):
    """How a server is started, when it is ready and how it stops.

    ``url`` is the server's root; a server that picks its own port writes its root to the file ``announce``
    instead. ``ready`` is a path below the root, or a whole URL, that answers ``ready_status`` once it serves.
    ``env`` is laid over this process's environment. ``log`` is overwritten. ``install`` says how to get the
    command; it is shown, never run. ``identity``: the server's name and version for ``Facts.server``, where
    whoever launches it knows better than the server says itself.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    url: str | None = None
    announce: Path | None = None
    ready: str = "/health"
    ready_status: int = 200
    timeout_s: float = 120.0
    stop_signal: str = "SIGTERM"
    grace_s: float = 10.0
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    install: str | None = None
    identity: str | None = None


class Server:
    """A server that is up. ``url`` is its root without a slash at the end, ``pid`` leads its process group.

    ``started`` is a ``time.perf_counter`` figure, ``cold_start_s`` runs from there to ready.
    """

    def __init__(self, launch: Launch, process: subprocess.Popen[bytes], pid: int, started: float) -> None:
        self.launch = launch
        self.pid = pid
        self.url = ""
        self.cold_start_s = 0.0
        self._process = process
        self.started = started

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status, 128 + n for signal n; None while it runs."""
        return self._process.poll()

    @property
    def death(self) -> str | None:
        """Why it does not run any more, in words; None while it runs."""
        status = self.status
        if status is None:
            return None
        if status > 128 and (number := status - 128) in set(signal.Signals):
            reason = f"was killed by {signal.Signals(number).name}"
            return f"{reason} (out of memory?)" if number == signal.SIGKILL else reason
        return f"ended with status {status}"

    def tail(self) -> str:
        """The last lines of its log, for an error's hint; without our own probes, which may fill it."""
        return _tail(self.launch.log, without=f"GET {self.launch.ready}")

    def stop(self) -> None:
        """Stop it and all that it started; at once where it is gone already. Safe to call twice."""
        _cut_lifeline(self._process)
        try:
            self._process.wait(self.launch.grace_s + _FINAL_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        finally:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(launch: Launch, on_wait: OnWait | None = None) -> Server:
    """Start a server and wait until it is ready; whatever goes wrong, nothing of it is left running.

    Raises ``ServerError``, with the tail of the log where there is one.
    """
    if sys.platform == "win32":
        raise ServerError(
            "servers are started on Linux and macOS only",
            where=launch.name,
            hint="start the server yourself and name its URL",
        )
    _refuse_taken_port(launch)
    server = spawn(launch)
    try:
        _wait(server, on_wait)
    except BaseException:
        server.stop()
        raise
    return server


def spawn(launch: Launch) -> Server:
    """Start its command and wait for nothing. Raises ``ServerError`` where it can't be run at all."""
    environment = {**os.environ, **launch.env}
    if not is_installed(launch):
        raise ServerError(
            f"the command {launch.command[0]!r} is not installed or not on PATH",
            where=launch.name,
            hint=f"install it: {launch.install}" if launch.install else "install it first",
        )
    if launch.cwd is not None and not Path(launch.cwd).is_dir():
        raise ServerError(f"the working folder {launch.cwd} does not exist", where=launch.name)
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    if launch.announce is not None:
        launch.announce.unlink(missing_ok=True)
    watch = (sys.executable, "-I", deathwatch.__file__, launch.stop_signal, str(launch.grace_s))
    started = time.perf_counter()
    with launch.log.open("wb") as log, forks.held_back():
        process = subprocess.Popen(  # noqa: S603 - the user's own command
            (*watch, *launch.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=launch.cwd,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
    except BaseException:
        _cut_lifeline(process)
        raise
    server = Server(launch, process, int(line or 0), started)
    if not line:
        server.stop()
        raise _dead(server)
    return server


def is_installed(launch: Launch) -> bool:
    """Whether the command is on the server's PATH, or a program by its path."""
    program = launch.command[0]
    path = launch.env.get("PATH", os.environ.get("PATH"))
    relative = Path(launch.cwd or ".") / program
    return shutil.which(program, path=path) is not None or ("/" in program and os.access(relative, os.X_OK))


def _wait(server: Server, on_wait: OnWait | None) -> None:
    launch = server.launch
    with httpx.Client(trust_env=False, timeout=_PROBE_TIMEOUT_S) as client:
        while not _ready(server, client):
            elapsed_s = time.perf_counter() - server.started
            if not server.alive:
                raise _dead(server)
            if elapsed_s > launch.timeout_s:
                raise ServerError(
                    f"the server was not ready within {launch.timeout_s:g} s ({_waited_for(server)})",
                    where=launch.name,
                    hint=f"give it more time, or see its log {launch.log}:\n{server.tail()}",
                )
            if on_wait is not None:
                on_wait(elapsed_s)
            time.sleep(min(max(0.02, elapsed_s / 50), 0.5))  # a cold start is right to 2 %
    server.cold_start_s = time.perf_counter() - server.started


def _ready(server: Server, client: httpx.Client) -> bool:
    launch = server.launch
    root = launch.url
    if root is None and launch.announce is not None:
        with suppress(FileNotFoundError):
            root = launch.announce.read_text("utf-8").strip()
    if not root:
        return False
    server.url = root.rstrip("/")
    try:
        with client.stream("GET", httpx.URL(root).join(launch.ready)) as answer:  # the words don't matter
            return answer.status_code == launch.ready_status
    except httpx.HTTPError:
        return False


def _waited_for(server: Server) -> str:
    launch = server.launch
    if not server.url:
        return "it did not say where it listens"
    return f"waiting for HTTP {launch.ready_status} on {httpx.URL(server.url).join(launch.ready)}"


def _refuse_taken_port(launch: Launch) -> None:
    """A server that found its port taken would die, and the other one would answer in its place."""
    if launch.url is None:
        return
    url = httpx.URL(launch.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.host, port), timeout=1.0).close()
    except OSError:
        return
    raise ServerError(
        f"port {port} of {url.host} is taken: something answers there already",
        where=launch.name,
        hint="stop it, give this server another port, or leave out its command and use the one that runs",
    )


def _dead(server: Server) -> ServerError:
    launch = server.launch
    tail = server.tail()
    elapsed_s = time.perf_counter() - server.started
    what = f"the server {server.death}, {elapsed_s:.1f} s after its start"
    if "address already in use" in tail.lower() or "couldn't bind" in tail.lower():
        what += ": its port is taken"
    return ServerError(what, where=launch.name, hint=f"see its log {launch.log}:\n{tail}")


def _cut_lifeline(process: subprocess.Popen[bytes]) -> None:
    """Tell ``deathwatch`` to stop; by a signal first: a forked child of ours may hold the pipe open."""
    process.terminate()
    if process.stdin:
        with suppress(OSError):
            process.stdin.close()


def _tail(log: Path, without: str) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "     (no log)"
    told = [line for line in lines if without not in line]
    return "\n".join(f"     {line}" for line in told[-_TAIL_LINES:]) or "     (its log is empty)"
