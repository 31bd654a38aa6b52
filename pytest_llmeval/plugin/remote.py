"""The desk over a local socket: workers ask their controller, which starts every server once for all.

Messages are JSON, ``{"ask": METHOD, …}`` and ``{"value": …}`` or ``{"error": [what, where, hint]}``; the
connection is authenticated by a random key. A connection that ends gives up what it held.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from multiprocessing import connection as sockets
from typing import TYPE_CHECKING, Any

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError

from .desk import Opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .desk import LocalDesk

RETRY_S = 0.05


class DeskServer:
    """The controller's side. ``scopes``: node id -> exclusive group, as workers collected them.

    ``resumed``: what changed since the run broke off, and the endpoints that are still to be asked.
    """

    def __init__(self, desk: LocalDesk) -> None:
        self.scopes: dict[str, str] = {}
        self.resumed: tuple[list[str], list[str]] = ([], [])
        self._desk = desk
        self._key = secrets.token_hex(16)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._connections: set[sockets.Connection] = set()
        self._accepting = threading.Thread(target=self._accept, name="llmeval-desk", daemon=True)
        self._accepting.start()

    @property
    def address(self) -> dict[str, Any]:
        """What a worker needs to reach it, plain."""
        host, port = self._listener.getsockname()
        return {"host": host, "port": port, "key": self._key}

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:  # out of file descriptors, perhaps
                self._closing.wait(RETRY_S)
                continue
            connection = sockets.Connection(peer.detach())
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: sockets.Connection) -> None:
        try:
            with connection, suppress(EOFError, OSError):
                if not self._is_ours(connection):
                    return
                while True:
                    message = json.loads(connection.recv_bytes())
                    connection.send_bytes(json.dumps(self._answer(message, connection)).encode())
        finally:
            self._connections.discard(connection)
            self._desk.leases.drop(connection)

    def _is_ours(self, connection: sockets.Connection) -> bool:
        """Whether it holds the key; asked in its own thread, where a silent stranger keeps nobody waiting."""
        key = self._key.encode()
        try:
            sockets.deliver_challenge(connection, key)
            sockets.answer_challenge(connection, key)
        except Exception:  # noqa: BLE001  whatever a stranger says must not end the desk
            return False
        return True

    def _answer(self, message: Mapping[str, Any], holder: object) -> dict[str, Any]:
        try:
            return {"value": wire.plain(self._value(message, holder))}
        except EndpointError as error:
            return {"error": [error.what, error.where, error.hint]}

    def _value(self, message: Mapping[str, Any], holder: object) -> object:
        match message:
            case {"ask": "open", "name": name}:
                return self._desk.open(name, holder)
            case {"ask": "restart", "name": name}:
                return self._desk.restart(name)
            case {"ask": "obituary", "name": name}:
                return self._desk.obituary(name)
            case {"ask": "park"}:
                self._desk.park(holder)
            case {"ask": "drop"}:
                self._desk.drop(holder)
            case {"ask": "scopes", "scopes": scopes}:
                self.scopes.update(scopes)
            case {"ask": "resumed", "changed": changed, "endpoints": endpoints}:
                self.resumed = changed, endpoints
        return None

    def close(self) -> None:
        """Hang up on everybody. Safe to call twice."""
        self._closing.set()
        with suppress(OSError):  # closing alone would not wake the thread that accepts
            socket.create_connection(self._listener.getsockname(), timeout=1).close()
        self._accepting.join()
        self._listener.close()
        for connection in list(self._connections):
            _hang_up(connection)


class RemoteDesk:
    """A worker's side; see ``Desk``."""

    def __init__(self, address: Mapping[str, Any]) -> None:
        self._connection = sockets.Client((address["host"], address["port"]), authkey=address["key"].encode())

    def open(self, name: str) -> Opened:
        """See ``Desk``."""
        return wire.build(self._ask("open", name=name), Opened)

    def park(self) -> None:
        """See ``Desk``."""
        self._ask("park")

    def drop(self) -> None:
        """See ``Desk``."""
        self._ask("drop")

    def restart(self, name: str) -> Opened:
        """See ``Desk``."""
        return wire.build(self._ask("restart", name=name), Opened)

    def obituary(self, name: str) -> str | None:
        """See ``Desk``."""
        told: str | None = self._ask("obituary", name=name)
        return told

    def tell_scopes(self, scopes: Mapping[str, str]) -> None:
        """Node ids of cells -> their exclusive group; known to the controller when this returns."""
        self._ask("scopes", scopes=dict(scopes))

    def tell_resumed(self, changed: Sequence[str], endpoints: Sequence[str]) -> None:
        """What changed since the run broke off, and whom the rest of it asks."""
        self._ask("resumed", changed=list(changed), endpoints=list(endpoints))

    def close(self) -> None:
        """Hang up, also while another thread waits for an answer."""
        if not self._connection.closed:
            _hang_up(self._connection)
            self._connection.close()

    def _ask(self, method: str, **arguments: Any) -> Any:
        try:
            self._connection.send_bytes(json.dumps({"ask": method, **arguments}).encode())
            answer = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise EndpointError("the run is over", where=arguments.get("name")) from None
        if "error" in answer:
            what, where, hint = answer["error"]
            raise EndpointError(what, where=where, hint=hint)
        return answer["value"]


def _hang_up(connection: sockets.Connection) -> None:
    """End both directions; whoever reads gets an end of file, which closing alone would not do on Linux."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as both:
        both.shutdown(socket.SHUT_RDWR)
