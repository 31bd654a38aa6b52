"""Where endpoints are opened: servers started, models and windows asked for, once per run.

Servers belong to the controller, whose desk is the ``LocalDesk``; workers reach it through ``remote``.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, structs

from pytest_llmeval import wire
from pytest_llmeval.errors import CeilingError, EndpointError, LLMEvalError
from pytest_llmeval.measure import rounds, timing
from pytest_llmeval.model import Endpoint, Facts
from pytest_llmeval.secret import Blotter

from . import lines
from .hosting import DEATH_S, Host, is_ours
from .leases import Leases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmeval.measure.endpoints import Factory
    from pytest_llmeval.model import Hosted
    from pytest_llmeval.settings import Settings

HERE = "this process"
"""Who asks where nobody says."""


class Opened(Struct, frozen=True, kw_only=True):
    """An endpoint that answers. ``url`` is where: for a server of ours it is known only now.

    Of a server of ours: ``start`` counts its starts from 1, ``group`` is its process group, ``cold_start_s``
    what this start took.
    """

    facts: Facts
    url: str | None
    start: int = 0
    group: int | None = None
    cold_start_s: float | None = None


class Desk(Protocol):
    """What a bench needs of the run's endpoints."""

    def open(self, name: str) -> Opened:
        """The endpoint, ready to be asked until ``park``. Raises ``EndpointError``.

        In an exclusive group it waits until no other endpoint of the group is needed.
        """
        ...

    def park(self) -> None:
        """The cell is over; another one of the same endpoint may follow soon."""
        ...

    def drop(self) -> None:
        """The next cell is of another endpoint."""
        ...

    def restart(self, name: str) -> Opened:
        """Stop and start its server, which is ours; back as soon as it is ready. Raises ``EndpointError``."""
        ...

    def obituary(self, name: str) -> str | None:
        """How its server died, if it is ours and is dead; None where it lives."""
        ...

    def hold_on(self) -> None:
        """The run is interrupted, and this process has something of it still to tell."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


class LocalDesk:
    """The controller's: starts what must be started and remembers every answer."""

    def __init__(
        self,
        settings: Settings,
        *,
        log_folder: Path,
        locks: Path,
        kinds: Mapping[str, Factory] | None = None,
    ) -> None:
        self.settings = settings
        self.facts: dict[str, Facts] = {}
        """Of every endpoint that answered."""
        self.leases = Leases(exclusive_groups(settings))
        self._kinds = kinds or {}
        self._locks_folder = locks
        self._closing = threading.Event()
        self._answers: dict[str, Opened | EndpointError] = {}
        self._endpoints = {endpoint.name: endpoint for endpoint in settings.endpoints}
        self._turns = {name: threading.RLock() for name in self._endpoints}
        blotter = Blotter(settings.secrets.values())
        self._hosts = {
            name: Host(
                endpoint,
                folder=log_folder,
                installs=settings.install,
                on_wait=self._on_wait,
                blotter=blotter,
            )
            for name, endpoint in self._endpoints.items()
            if is_ours(endpoint)
        }

    # -- what a bench asks ---------------------------------------------------------------------------------

    def open(self, name: str, holder: object = HERE) -> Opened:
        """See ``Desk``. A second caller waits for the first one's answer.

        An error stays what it is; a log is shown to the first who hears of it.
        """
        self.leases.take(name, holder)
        with self._turns[name]:
            if name not in self._answers:
                self._answers[name] = self._kept(name)
            answer = self._answers[name]
            if isinstance(answer, Opened) and (death := self._death(name)):
                answer = death
            if isinstance(answer, EndpointError):
                self._answers[name] = _in_short(answer)
        if isinstance(answer, EndpointError):
            raise answer
        return answer

    def park(self, holder: object = HERE) -> None:
        """See ``Desk``."""
        self.leases.park(holder)

    def drop(self, holder: object = HERE) -> None:
        """See ``Desk``."""
        self.leases.drop(holder)

    def restart(self, name: str) -> Opened:
        """See ``Desk``."""
        with self._turns[name]:
            before, host = self._answers[name], self._hosts[name]
            if isinstance(before, EndpointError):
                raise before
            host.stop()
            try:
                host.start()
            except LLMEvalError as error:
                self._answers[name] = failed = _as_endpoint_error(error)
                raise failed from None
            self._answers[name] = opened = self._opened(host, before.facts)
            return opened

    def obituary(self, name: str) -> str | None:
        """See ``Desk``."""
        with self._turns[name]:
            death = self._death(name, within_s=DEATH_S)
            if death is None:
                return None
            self._answers[name] = _in_short(death)
        return f"{death.what}\n  -> {death.hint}"

    # -- opening -------------------------------------------------------------------------------------------

    def hold_on(self) -> None:
        """See ``Desk``: this process waits for itself."""

    def _kept(self, name: str) -> Opened | EndpointError:
        """The answer to remember."""
        try:
            for rival in self.leases.rivals(name):
                self._make_room(rival)
            return self._open(self._endpoints[name])
        except LLMEvalError as error:
            return _as_endpoint_error(error)

    def _make_room(self, rival: str) -> None:
        """Stop the server of an endpoint that nobody needs now; it may be started again."""
        with self._turns[rival]:
            self._hosts[rival].stop()
            if isinstance(self._answers.get(rival), Opened):
                del self._answers[rival]

    def _open(self, endpoint: Endpoint) -> Opened:
        host = self._hosts.get(endpoint.name)
        if host is None:
            facts, _ = asyncio.run(self._meet(endpoint, None))
            self.facts[endpoint.name] = facts
            return Opened(facts=facts, url=endpoint.url)
        server = host.start()
        # The embedded engine serves one model under its full name; `local:smollm2` only chose the file.
        model = None if endpoint.kind == "local" else endpoint.model
        try:
            facts, cold_ttft_s = asyncio.run(
                self._meet(structs.replace(endpoint, url=server.url, model=model), host)
            )
        except EndpointError as error:
            death = host.obituary(DEATH_S)
            host.stop()
            raise death or error from None
        if server.launch.identity:
            facts = structs.replace(facts, server=server.launch.identity)
        host.ready(facts, cold_ttft_s)
        self.facts[endpoint.name] = facts
        return self._opened(host, facts)

    def _opened(self, host: Host, facts: Facts) -> Opened:
        return Opened(
            facts=facts, url=host.url, start=host.starts, group=host.group, cold_start_s=host.cold_start_s
        )

    async def _meet(self, endpoint: Endpoint, host: Host | None) -> tuple[Facts, float | None]:
        """What the endpoint is; of a server of ours the TTFT of its first request, where it may be warmed."""
        client = lines.connect(self.settings, endpoint, locks=self._locks_folder, kinds=self._kinds)
        try:
            facts = wire.build(wire.plain(await client.describe()), Facts)  # a name may hold half a letter
            if host is None:
                return facts, None
            host.loaded(facts)
            if not self.settings.warmup:
                return facts, None
            response = await client.stream(rounds.warm_up_request(self.settings.timeout_s))
        except CeilingError:  # the cells will say so
            return facts, None
        finally:
            await client.aclose()
        return facts, timing.of(response).ttft_s

    def refuse(self, name: str, error: LLMEvalError) -> None:
        """Answer every ``open`` of this endpoint with an error that is known already."""
        self._answers[name] = _as_endpoint_error(error)

    # -- what is known of its servers ----------------------------------------------------------------------

    def _death(self, name: str, within_s: float = 0.0) -> EndpointError | None:
        host = self._hosts.get(name)
        return host.obituary(within_s) if host else None

    @property
    def servers(self) -> dict[str, Hosted]:
        """What became of those that came up."""
        return {name: life for name, host in self._hosts.items() if (life := host.life)}

    @property
    def memory_steps(self) -> dict[str, dict[str, dict[str, float]]]:
        """Endpoint -> step -> metric -> value, as in ``Telemetry.steps``."""
        return {name: host.steps.taken for name, host in self._hosts.items() if host.steps.taken}

    # -- the end -------------------------------------------------------------------------------------------

    def _on_wait(self, _elapsed_s: float) -> None:
        if self._closing.is_set():
            raise EndpointError("the run is over")

    def close(self) -> None:
        """Stop every server, all at once, also one that is just being started."""
        self._closing.set()
        self.leases.close()
        if not self._hosts:
            return
        with ThreadPoolExecutor(len(self._hosts), "llmeval-stop") as stopping:
            list(stopping.map(self._stop, self._hosts))

    def _stop(self, name: str) -> None:
        with self._turns[name]:
            self._hosts[name].stop()


def exclusive_groups(settings: Settings) -> dict[str, str]:
    """Endpoint -> the exclusive group of its server. A reference has its group for itself, and is in none."""
    return {
        endpoint.name: endpoint.server.exclusive
        for endpoint in settings.candidates
        if endpoint.server is not None and endpoint.server.exclusive is not None
    }


def _as_endpoint_error(error: LLMEvalError) -> EndpointError:
    return (
        error
        if isinstance(error, EndpointError)
        else EndpointError(error.what, where=error.where, hint=error.hint)
    )


def _in_short(error: EndpointError) -> EndpointError:
    """Without the lines of a log."""
    if error.hint is None or "\n" not in error.hint:
        return error
    return EndpointError(error.what, where=error.where, hint=error.hint.splitlines()[0].rstrip(":"))
