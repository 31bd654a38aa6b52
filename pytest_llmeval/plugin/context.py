"""What one process knows of the run: settings, what was collected, its bench, and on the controller the
recorder.

One object per ``pytest.Config``, in a ``StashKey``. A worker of pytest-xdist gets settings, secrets and the
run's identity from its controller (``workerinput``) and resolves nothing itself.
"""

from __future__ import annotations

import os
import secrets
import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import language

from . import options, payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pytest_llmeval.journal import Unfinished
    from pytest_llmeval.judge import Baseline
    from pytest_llmeval.measure.endpoints import Factory
    from pytest_llmeval.settings import Settings

    from .bench import Bench
    from .desk import Desk, LocalDesk
    from .remote import DeskServer, RemoteDesk
    from .session import Recorder
    from .view import View

    TakeTurns = Callable[..., AbstractAsyncContextManager[None]]
    """Of ``slots``, and ``alone_there``: as ``measure.turns.turns``."""

KEY = pytest.StashKey["Context"]()


class Context:
    """See the module's text."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.is_worker = workerinput is not None
        self.given: dict[str, Any] = (workerinput or {}).get("llmeval", {})
        self.asked: bool = self.given.get("asked", options.any_given(config, os.environ))
        self.started_unix: float = self.given.get("started_unix", time.time())
        self.began_unix: float = self.given.get("began_unix", self.started_unix)
        """When this part of the run began; the run itself may have been resumed."""
        self.began_s: float = time.monotonic() - (time.time() - self.began_unix)
        """The same in ``time.monotonic``, for what must not end, or go on, because a clock was set."""
        self._pid = os.getpid()
        self.run_id: str = self.given.get("run_id") or _run_id(self.started_unix)
        self.everything = not self.is_worker and options.everything(config)
        self.has_own = False
        """Whether the project has a scenario file, or a test with the ``llm`` fixture, in view."""
        self.is_spread: bool = self.given.get("spread", False)
        """Whether any worker of pytest-xdist is elsewhere: on another machine, or in a folder of its own."""
        self.is_elsewhere: bool = self.given.get("elsewhere", False)
        """Whether this one is."""
        self.unfinished: Unfinished | None = None
        """On the controller: the run that this one takes up."""
        self.changed_cells: list[str] = []
        """Of the tests that it finished: what would be asked otherwise now."""
        self.recorder: Recorder | None = None
        self._bench: Bench | None = None
        self._language_before = language.current()

    @cached_property
    def settings(self) -> Settings:
        """Resolved at first use; a user's mistake is a ``pytest.UsageError``."""
        from pytest_llmeval import settings, wire
        from pytest_llmeval.errors import UsageError

        if self.given:
            return wire.build(self.given["settings"], settings.Settings)
        try:
            return settings.resolve(
                options.values(self.config),
                environ=os.environ,
                rootdir=self.config.rootpath,
                kinds=self.kinds,
            )
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    @property
    def finished(self) -> dict[str, dict[str, str]]:
        """Of a resumed run: node id of a finished test -> what it was asked, as hashes by name."""
        given: dict[str, dict[str, str]] = self.given.get("finished", {})
        return self.unfinished.identities if self.unfinished else given

    @property
    def ran_s(self) -> float:
        """Seconds for which the run has been under way, in all its parts."""
        parts = self.unfinished.parts if self.unfinished else ()
        before_s = sum(part.finished_s - part.started_s for part in parts)
        return before_s + time.monotonic() - self.began_s

    @property
    def is_copied(self) -> bool:
        """Whether this is a forked child, to which nothing of what is open belongs."""
        return os.getpid() != self._pid

    @cached_property
    def baselines(self) -> dict[str, Baseline]:
        """By endpoint, as they were when the run began; a mistake in one is a ``pytest.UsageError``.

        None of an endpoint that has none; with a reference nobody needs any.
        """
        from pytest_llmeval.errors import BaselineError
        from pytest_llmeval.judge import baselines

        if self.settings.reference is not None:
            return {}
        names = [endpoint.name for endpoint in self.settings.endpoints]
        try:
            found = {name: baselines.load(self.settings.baselines, name) for name in names}
        except BaselineError as error:
            raise pytest.UsageError(str(error)) from None
        return {name: baseline for name, baseline in found.items() if baseline is not None}

    @cached_property
    def durations_s(self) -> dict[str, float]:
        """``ENDPOINT CELL`` -> how long it took, as far as the baselines know: what shards are split by."""
        from . import sharding

        given: dict[str, float] | None = self.given.get("durations_s")
        return sharding.durations_s(self.baselines) if given is None else given

    @cached_property
    def view(self) -> View:
        """What this process collected."""
        from .view import View

        return View(self.config.rootpath)

    @property
    def folder(self) -> Path:
        """``.llmeval`` in pytest's rootdir; made by ``preparation``."""
        return self.config.rootpath / ".llmeval"

    @property
    def run_folder(self) -> Path:
        """``.llmeval/runs/<id>``: run file, answers, logs, locks; made by whoever writes first."""
        return self.folder / "runs" / self.run_id

    @property
    def locks(self) -> Path:
        """The folder of the locks by which processes of this machine take turns at an endpoint."""
        return self.run_folder / "turns"

    @property
    def take_turns(self) -> TakeTurns:
        """How a cell waits for its turn."""
        if self.is_elsewhere:
            return self.remote_desk.turns
        from pytest_llmeval.measure import turns

        return partial(turns.turns, self.locks)

    @property
    def answers_path(self) -> str | None:
        """Where the whole answers will be, relative to the rootdir."""
        kept = self.settings.answers
        return f".llmeval/runs/{self.run_id}/answers.jsonl" if kept else None

    @property
    def desk(self) -> Desk:
        """Where endpoints are opened: this process, or the controller behind a socket."""
        return self.remote_desk if "desk" in self.given else self.local_desk

    @cached_property
    def remote_desk(self) -> RemoteDesk:
        """The controller's desk, from a worker; ``given`` has this end of their channel."""
        from .remote import RemoteDesk

        return RemoteDesk(self.given["desk"])

    @cached_property
    def local_desk(self) -> LocalDesk:
        """The controller's own desk."""
        from .desk import LocalDesk

        return LocalDesk(self.settings, log_folder=self.run_folder, locks=self.locks, kinds=self.kinds)

    @cached_property
    def desk_server(self) -> DeskServer:
        """The controller's desk, for its workers."""
        from .remote import DeskServer

        return DeskServer(self.local_desk, locks=self.locks)

    @cached_property
    def exclusive(self) -> dict[str, str]:
        """Endpoint -> the exclusive group of its server; nothing is imported where nobody asked."""
        if not self.asked or not any(endpoint.server for endpoint in self.settings.endpoints):
            return {}
        from .desk import exclusive_groups

        return exclusive_groups(self.settings)

    @cached_property
    def kinds(self) -> dict[str, Factory]:
        """Endpoint kinds that extensions have registered."""
        registered = self.config.hook.pytest_llmeval_register_endpoints(config=self.config)
        return {kind: factory for one in registered for kind, factory in one.items()}

    @property
    def bench(self) -> Bench:
        """Where cells are measured."""
        if self._bench is None:
            from .bench import Bench

            self._bench = Bench(self)
        return self._bench

    def take_up(self) -> None:
        """Be the run that broke off, where the user asked to resume one."""
        if self.settings.resume:
            from . import resume

            self.unfinished = resume.find(self)
            self.run_id = self.unfinished.opening.run
            self.started_unix = self.unfinished.opening.started_unix

    def interrupted(self, item: pytest.Item) -> None:
        """Ctrl-C in a cell: keep what it has, then stop as pytest does. No report is made for such an
        item.
        """
        if self.recorder is not None:
            self.recorder.keep(item.stash[payload.KEY])
        else:
            self.remote_desk.tell_interrupted(item.stash[payload.KEY])
        raise KeyboardInterrupt

    def close(self) -> None:
        """Close the bench and the desk: connections, analyser, servers."""
        if self.is_copied:
            return
        bench, self._bench = self._bench, None
        if bench is not None:
            bench.close()
        if "desk" in self.given:
            self.remote_desk.close()
        if "desk_server" in self.__dict__:
            self.desk_server.close()
        if "local_desk" in self.__dict__:
            self.local_desk.close()

    def end(self) -> None:
        """Close what is still open, and speak as before: a run may be within another one's process."""
        self.close()
        language.use(self._language_before)

    def send_view(self) -> None:
        """A worker tells its controller what it collected; to be called before xdist sends its last
        message.
        """
        if self.is_worker and "view" in self.__dict__:
            output: dict[str, Any] = self.config.workeroutput  # type: ignore[attr-defined]
            output["llmeval"] = self.view.plain()


def begin(config: pytest.Config) -> None:
    """Make the process's context; resolve settings at once where the user asked for anything."""
    here = config.stash[KEY] = Context(config)
    if here.asked and not here.is_worker:
        from . import progress

        progress.remember_terminal(config)
        here.take_up()
    if not here.is_worker:
        from .session import Recorder

        here.recorder = Recorder(here)
        config.pluginmanager.register(here.recorder, "llmeval-recorder")
    if here.asked:
        from . import telling
        from .offspring import Offspring

        telling.watch(config, here.settings.secrets.values())
        config.pluginmanager.register(Offspring(), "llmeval-offspring")
        language.use(here.settings.report_language)
        options.check_suites(here.settings)
        options.only_suites(config, here.settings)


def of(config: pytest.Config) -> Context:
    """The context of this process."""
    return config.stash[KEY]


def end(config: pytest.Config) -> None:
    """Close what is still open; a configuration that never began has nothing."""
    here = config.stash.get(KEY, None)
    if here is not None:
        here.end()
        if here.asked and not here.is_worker:
            from . import progress

            progress.forget_terminal(config)


def _run_id(unix: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime(unix)) + secrets.token_hex(2)
