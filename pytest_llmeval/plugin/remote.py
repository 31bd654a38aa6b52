"""The desk over xdist's own connections: workers ask their controller, which starts every server once.

Each worker has a channel of execnet beside xdist's, so there is no port and no key, and a worker on another
machine asks as one on this does. Messages are JSON, which carries the lone surrogates that execnet refuses:
``{"ask": METHOD, …}`` and ``{"value": …}`` or ``{"error": [what, where, hint]}``. A channel that ends gives
up what it held.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import turns

from .desk import Opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from .desk import LocalDesk


class Channel(Protocol):
    """What is used of execnet's: both ends have one."""

    def send(self, item: object) -> None:
        """Raises ``OSError`` where it is closed."""
        ...

    def receive(self) -> Any:
        """Waits. Raises ``EOFError`` once either end closed it, or is gone."""
        ...

    def close(self) -> None:
        """Also ends a ``receive`` of another thread of this process. Safe to call twice."""
        ...


class DeskServer:
    """The controller's side. ``scopes``: node id -> what must stay together, as workers collected them.

    ``resumed``: what changed since the run broke off, and the endpoints that are still to be asked.
    ``collected``: what each worker would ask where some are elsewhere, see ``elsewhere.identity``.
    ``interrupted``: payloads of the cells that workers were in the middle of. ``locks``: the folder of the
    turns, which are taken here for workers that have no such disk.
    """

    def __init__(self, desk: LocalDesk, *, locks: Path) -> None:
        self.scopes: dict[str, str] = {}
        self.resumed: tuple[list[str], list[str]] = ([], [])
        self.collected: list[dict[str, str]] = []
        self.interrupted: list[dict[str, Any]] = []
        self._busy: set[Channel] = set()
        self._desk = desk
        self._locks = locks
        self._serving: dict[Channel, threading.Thread] = {}

    def serve(self, channel: Channel) -> None:
        """Answer a worker until the channel ends."""
        thread = threading.Thread(target=self._serve, args=(channel,), name="llmeval-desk", daemon=True)
        self._serving[channel] = thread
        thread.start()

    def _serve(self, channel: Channel) -> None:
        turn = _Turn(self._locks)
        try:
            with suppress(EOFError, OSError):
                while True:
                    message = json.loads(channel.receive())
                    channel.send(json.dumps(self._answer(message, channel, turn)))
        finally:
            turn.close()
            self._desk.leases.drop(channel)

    def _answer(self, message: Mapping[str, Any], holder: Channel, turn: _Turn) -> dict[str, Any]:
        try:
            return {"value": wire.plain(self._value(message, holder, turn))}
        except EndpointError as error:
            return {"error": [error.what, error.where, error.hint]}
        except Exception as error:  # noqa: BLE001  a worker that gets no answer waits for ever
            hint = "run again with -n0, which shows where"
            return {"error": [f"the controller failed: {error!r}", None, hint]}

    def _value(self, message: Mapping[str, Any], holder: Channel, turn: _Turn) -> object:
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
            case {"ask": "turn", "slots": slots, "alone_there": alone_there}:
                turn.take(slots, alone_there=alone_there)
            case {"ask": "turn over"}:
                turn.end()
            case {"ask": "scopes", "scopes": scopes}:
                self.scopes.update(scopes)
            case {"ask": "collected", "identity": identity}:
                self.collected.append(identity)
            case {"ask": "hold on"}:
                self._busy.add(holder)
            case {"ask": "interrupted", "payload": payload}:
                self.interrupted.append(payload)
            case {"ask": "resumed", "changed": changed, "endpoints": endpoints}:
                self.resumed = changed, endpoints
        return None

    def wait(self, first_s: float = 2.0, busy_s: float = 20.0) -> None:
        """Until every worker has hung up that a Ctrl-C reached: it says so at once, scores what it has, and
        tells it. Of one that says nothing in ``first_s`` seconds there is nothing to come; the others have
        ``busy_s`` seconds in all.
        """
        started_s = time.monotonic()
        for limit_s, all_of_them in ((first_s, True), (busy_s, False)):
            for channel, thread in self._serving.items():
                if all_of_them or channel in self._busy:
                    thread.join(max(0.0, started_s + limit_s - time.monotonic()))

    def close(self) -> None:
        """Hang up on everybody. Safe to call twice."""
        serving, self._serving = self._serving, {}
        for channel in serving:
            with suppress(OSError):  # the worker is gone
                channel.close()


class _Turn:
    """What the controller holds for one worker elsewhere: the locks that its own workers take themselves.

    For one thread, because locks belong to it.
    """

    def __init__(self, locks: Path) -> None:
        self._locks = locks
        self._runner: asyncio.Runner | None = None
        self._held = AsyncExitStack()

    def take(self, slots: Mapping[str, int], *, alone_there: bool) -> None:
        """Wait for it. A worker that dies meanwhile gives it back at once."""
        self._runner = self._runner or asyncio.Runner()
        turn = turns.turns(self._locks, slots, alone_there=alone_there)
        self._runner.run(self._held.enter_async_context(turn))

    def end(self) -> None:
        """Give it back."""
        if self._runner is not None:
            self._runner.run(self._held.aclose())

    def close(self) -> None:
        """Give back what is still held."""
        self.end()
        if self._runner is not None:
            self._runner.close()


class RemoteDesk:
    """A worker's side; see ``Desk``."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

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

    @asynccontextmanager
    async def turns(self, slots: Mapping[str, int], *, alone_there: bool = False) -> AsyncIterator[None]:
        """As ``measure.turns.turns``, held by the controller."""
        try:
            await asyncio.to_thread(self._ask, "turn", slots=dict(slots), alone_there=alone_there)
        except asyncio.CancelledError:  # Ctrl-C: nobody is to wait for a turn
            self.close()
            raise
        try:
            yield
        finally:
            with suppress(EndpointError):  # the run is over
                self._ask("turn over")

    def tell_scopes(self, scopes: Mapping[str, str]) -> None:
        """Node ids of cells -> what they must stay together with; known when this returns."""
        self._ask("scopes", scopes=dict(scopes))

    def tell_collected(self, identity: Mapping[str, str]) -> None:
        """What this worker would ask; known to the controller when this returns."""
        self._ask("collected", identity=dict(identity))

    def tell_resumed(self, changed: Sequence[str], endpoints: Sequence[str]) -> None:
        """What changed since the run broke off, and whom the rest of it asks."""
        self._ask("resumed", changed=list(changed), endpoints=list(endpoints))

    def hold_on(self) -> None:
        """See ``Desk``."""
        with suppress(EndpointError):
            self._ask("hold on")

    def tell_interrupted(self, payload: dict[str, Any]) -> None:
        """What there is of the cell that this worker was in the middle of, unless the run is over already."""
        with suppress(EndpointError):
            self._ask("interrupted", payload=payload)

    def close(self) -> None:
        """Hang up, also while another thread waits for an answer."""
        with suppress(OSError):  # the controller is gone
            self._channel.close()

    def _ask(self, method: str, **arguments: Any) -> Any:
        try:
            self._channel.send(json.dumps({"ask": method, **arguments}))
            answer = json.loads(self._channel.receive())
        except (EOFError, OSError):
            raise EndpointError("the run is over", where=arguments.get("name")) from None
        if "error" in answer:
            what, where, hint = answer["error"]
            raise EndpointError(what, where=where, hint=hint)
        return answer["value"]
