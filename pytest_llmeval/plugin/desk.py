"""Where endpoints are opened: servers started, models and windows asked for, once per run.

Servers belong to the controller. A worker asks it over a local socket (``RemoteDesk``) and waits; both answer
``open(name)`` alike. Messages are JSON, the connection is authenticated by a random key.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from multiprocessing import connection as sockets
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, structs

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError, LLMEvalError
from pytest_llmeval.model import Endpoint, Facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmeval.measure.endpoints import Factory
    from pytest_llmeval.measure.server import Server
    from pytest_llmeval.settings import Settings


RETRY_S = 0.05


class Opened(Struct, frozen=True):
    """An endpoint that answers. ``url`` is where: for a server of ours it is known only now."""

    facts: Facts
    url: str | None


class Desk(Protocol):
    """What a bench needs of the run's endpoints."""

    def open(self, name: str) -> Opened:
        """The endpoint's facts. Raises ``EndpointError``, the same at every call."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


class LocalDesk:
    """The controller's: starts what must be started and remembers every answer."""

    def __init__(
        self, settings: Settings, *, log_folder: Path, kinds: Mapping[str, Factory] | None = None
    ) -> None:
        self.settings = settings
        self.kinds = kinds or {}
        self.log_folder = log_folder
        self.opened: dict[str, Opened | EndpointError] = {}
        self.servers: list[Server] = []
        self._locks = {endpoint.name: threading.Lock() for endpoint in settings.endpoints}
        self._listener: sockets.Listener | None = None
        self._closing = threading.Event()

    def open(self, name: str) -> Opened:
        """See ``Desk``. A second caller waits for the first one's answer."""
        with self._locks[name]:
            if name not in self.opened:
                endpoint = next(one for one in self.settings.endpoints if one.name == name)
                try:
                    self.opened[name] = self._open(endpoint)
                except EndpointError as error:
                    self.opened[name] = error
                except LLMEvalError as error:
                    self.opened[name] = EndpointError(error.what, where=error.where, hint=error.hint)
        answer = self.opened[name]
        if isinstance(answer, EndpointError):
            raise answer
        return answer

    def _open(self, endpoint: Endpoint) -> Opened:
        from pytest_llmeval.measure.endpoints import connect

        server = self._start(endpoint) if endpoint.kind == "local" else None
        if server is not None:
            # It serves one model, under its full name; `local:smollm2` only chose the file.
            endpoint = structs.replace(endpoint, url=server.url, model=None)
        key = self.settings.secrets.get(endpoint.name)

        async def describe() -> Facts:
            client = connect(endpoint, api_key=key, kinds=self.kinds)
            try:
                facts: Facts = await client.describe()
                return facts
            finally:
                await client.aclose()

        facts = asyncio.run(describe())
        if server is not None and server.launch.identity:
            facts = structs.replace(facts, server=server.launch.identity)
        return Opened(facts, endpoint.url)

    def _start(self, endpoint: Endpoint) -> Server:
        from pytest_llmeval.measure import engine, weights

        server = engine.start(
            weights.resolve(endpoint.path or endpoint.model or ""),
            log=self.log_folder / f"{endpoint.name}.log",
            parallel=endpoint.concurrency,
        )
        self.servers.append(server)
        return server

    def refuse(self, name: str, error: LLMEvalError) -> None:
        """Answer every ``open`` of this endpoint with an error that is known already."""
        self.opened[name] = EndpointError(error.what, where=error.where, hint=error.hint)

    @property
    def facts(self) -> dict[str, Facts]:
        """Of every endpoint that answered."""
        return {name: one.facts for name, one in self.opened.items() if isinstance(one, Opened)}

    def serve(self) -> dict[str, Any]:
        """Answer workers from a thread; the address to send them, plain. Called again: the same address."""
        if self._listener is None:
            self._key = secrets.token_hex(16)
            self._listener = sockets.Listener(("127.0.0.1", 0), authkey=self._key.encode())
            threading.Thread(
                target=self._accept, args=(self._listener,), name="llmeval-desk", daemon=True
            ).start()
        host, port = self._listener.address
        return {"host": host, "port": port, "key": self._key}

    def _accept(self, listener: sockets.Listener) -> None:
        while not self._closing.is_set():
            try:
                connection = listener.accept()
            except Exception:  # noqa: BLE001  a stranger's failed handshake must not end the desk
                self._closing.wait(RETRY_S)
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: sockets.Connection) -> None:
        with connection:
            while True:
                try:
                    name = json.loads(connection.recv_bytes())["open"]
                except (EOFError, OSError):
                    return
                try:
                    opened = self.open(name)
                    answer = {"opened": wire.plain(opened)}
                except EndpointError as error:
                    answer = {"error": [error.what, error.where, error.hint]}
                connection.send_bytes(json.dumps(answer).encode())

    def close(self) -> None:
        """Stop servers and the listener."""
        self._closing.set()
        if self._listener is not None:
            self._listener.close()
        while self.servers:
            self.servers.pop().stop()


class RemoteDesk:
    """A worker's: asks the controller."""

    def __init__(self, address: dict[str, Any]) -> None:
        self._connection = sockets.Client((address["host"], address["port"]), authkey=address["key"].encode())
        self._answers: dict[str, Opened | EndpointError] = {}

    def open(self, name: str) -> Opened:
        """See ``Desk``."""
        if name not in self._answers:
            self._connection.send_bytes(json.dumps({"open": name}).encode())
            answer = json.loads(self._connection.recv_bytes())
            if "error" in answer:
                what, where, hint = answer["error"]
                self._answers[name] = EndpointError(what, where=where, hint=hint)
            else:
                self._answers[name] = wire.build(answer["opened"], Opened)
        opened = self._answers[name]
        if isinstance(opened, EndpointError):
            raise opened
        return opened

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
