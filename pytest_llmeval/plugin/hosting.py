"""One endpoint's server of ours, from its first start to the end of the run.

``LocalDesk`` calls it under the endpoint's lock.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import httpx
from msgspec import structs

from pytest_llmeval.errors import LLMEvalError, ServerError
from pytest_llmeval.measure import engine, managed, server, weights
from pytest_llmeval.measure.discreet import without_keys
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.measure.telemetry import choose
from pytest_llmeval.measure.telemetry.steps import MemorySteps
from pytest_llmeval.model import Facts, Hosted

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmeval.measure.server import OnWait, Server
    from pytest_llmeval.measure.telemetry.protocol import Source
    from pytest_llmeval.measure.telemetry.steps import Step
    from pytest_llmeval.model import Endpoint
    from pytest_llmeval.secret import Blotter

DEATH_S = 1.0
"""How long after a connection broke its server may still be about to die."""
_POLL_S = 0.02


def is_ours(endpoint: Endpoint) -> bool:
    """Whether the run starts the endpoint's server."""
    return endpoint.kind == "local" or endpoint.server is not None


def environment(endpoint: Endpoint) -> dict[str, str]:
    """What the endpoint's server is started with; empty where others started it."""
    if not is_ours(endpoint):
        return {}
    return {**os.environ, **(endpoint.server.env if endpoint.server else {})}


class Host:
    """``installs``: run the ``install`` command where its own is missing. ``on_wait`` may end a start.

    ``blotter``: what its logs must not keep. A server writes them itself: they are read again when it stops.
    """

    def __init__(
        self, endpoint: Endpoint, *, folder: Path, installs: bool, on_wait: OnWait, blotter: Blotter
    ) -> None:
        self.endpoint = endpoint
        self.starts = 0
        self.steps = MemorySteps()
        self._folder = folder
        self._installs = installs
        self._on_wait = on_wait
        self._blotter = blotter
        self._server: Server | None = None
        self._first: Hosted | None = None
        self._death: str | None = None

    # -- up and down ---------------------------------------------------------------------------------------

    def start(self) -> Server:
        """Start it and wait until it is ready. Raises what ``engine.start`` and ``server.start`` raise."""
        assert self._server is None, "one at a time"
        if not self.starts:
            self._take("before", Facts(kind=self.endpoint.kind, here=self._is_here()), only="gpu")
        number = f".{self.starts + 1}" if self.starts else ""
        log = self._folder / f"{self.endpoint.name}{number}.log"
        try:
            self._server = self._started(log)
        except LLMEvalError as error:
            self._clean(log)
            raise without_keys(error, self._blotter) from None
        self.starts += 1
        if self._first is None:
            self._first = Hosted(starts=1, cold_start_s=self._server.cold_start_s, log=log.name)
        self._first = structs.replace(self._first, starts=self.starts, log=log.name)
        return self._server

    def _started(self, log: Path) -> Server:
        if self.endpoint.server is None:
            model = weights.resolve(self.endpoint.path or self.endpoint.model or "")
            return engine.start(
                model,
                log=log,
                parallel=self.endpoint.concurrency,
                context_window=self.endpoint.context_window or engine.CONTEXT_WINDOW,
                on_wait=self._on_wait,
            )
        launch = managed.launch_of(self.endpoint, log=log)
        if self._installs:
            managed.install(launch, log=_install_log(log), on_wait=self._on_wait)
        return server.start(launch, self._on_wait)

    def stop(self) -> None:
        """Stop it where it is up."""
        self._death = self._death or (self._server.death if self._server else None)
        up, self._server = self._server, None
        if up is not None:
            up.stop()
            self._clean(up.launch.log)

    def _clean(self, log: Path) -> None:
        """Without the keys that its server, or the command that installed it, wrote into it."""
        for path in (log, _install_log(log)):
            self._blotter.file(path)

    # -- what is known of it -------------------------------------------------------------------------------

    @property
    def url(self) -> str | None:
        """Its root, while it is up."""
        return self._server.url if self._server else None

    @property
    def group(self) -> int | None:
        """Its process group, while it is up."""
        return self._server.pid if self._server else None

    @property
    def cold_start_s(self) -> float | None:
        """Of its last start, while it is up."""
        return self._server.cold_start_s if self._server else None

    def obituary(self, within_s: float = 0.0) -> ServerError | None:
        """Why it died, with the tail of its log; None where it is alive, or was stopped by us."""
        up = self._server
        if up is None:
            return None
        deadline = time.monotonic() + within_s
        while up.alive and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if up.alive:
            return None
        error = ServerError(
            f"its server {up.death}",
            where=self.endpoint.name,
            hint=f"see its log {up.launch.log}:\n{up.tail()}",
        )
        return without_keys(error, self._blotter)

    def loaded(self, facts: Facts) -> None:
        """It says that it serves: note its memory, at its first start."""
        if self.starts == 1:
            self._take("loaded", facts)

    def ready(self, facts: Facts, cold_ttft_s: float | None) -> None:
        """It has answered a first request: note how long that took, and its memory, at its first start."""
        if self.starts == 1 and self._first is not None:
            self._first = structs.replace(self._first, cold_ttft_s=cold_ttft_s)
            self._take("ready", facts)

    @property
    def life(self) -> Hosted | None:
        """For the run file; None where it never came up."""
        if self._first is None:
            return None
        death = self._death or (self._server.death if self._server else None)
        return structs.replace(self._first, death=death)

    def _take(self, step: Step, facts: Facts, only: str | None = None) -> None:
        endpoint = structs.replace(self.endpoint, url=self.url or self.endpoint.url)
        sources: tuple[Source, ...] = choose.sources(
            endpoint, facts, group=self.group, environment=environment(self.endpoint)
        ).sources
        self.steps.take(step, [one for one in sources if only in (None, one.name)])
        for source in sources:
            source.close()

    def _is_here(self) -> bool:
        return self.endpoint.url is None or is_loopback(httpx.URL(self.endpoint.url))


def _install_log(log: Path) -> Path:
    """Beside the server's own."""
    return log.with_suffix(".install.log")
