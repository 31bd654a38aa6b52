"""The desk: every endpoint is opened once, for workers over a channel as for the process itself."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import EndpointError, ModelFetchError
from pytest_llmeval.measure import turns
from pytest_llmeval.model import Endpoint, Facts
from pytest_llmeval.plugin.desk import LocalDesk, Opened
from pytest_llmeval.plugin.remote import DeskServer, RemoteDesk
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS = Facts(kind="fake", server="fake 1.0", model="코더", context_window=4096)
GONE = EndpointError("nothing listens", where="http://gone", hint="start it")
SOON_S = 10.0


class Client:
    """Describes itself as a function says."""

    def __init__(self, describe: Callable[[], Facts]) -> None:
        self._describe = describe

    async def describe(self) -> Facts:
        return self._describe()

    async def aclose(self) -> None:
        pass


class Kinds:
    """Endpoints of kind ``fake``: what each answers when it is asked what it is, and how often it was."""

    def __init__(self) -> None:
        self.answers: dict[str, Facts | Exception] = {"good": FACTS, "gone": GONE}
        self.asked: list[str] = []
        self.takes_s = 0.0

    def connect(self, endpoint: Endpoint, **_: Any) -> Any:
        def describe() -> Facts:
            self.asked.append(endpoint.name)
            time.sleep(self.takes_s)
            answer = self.answers[endpoint.name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return Client(describe)


@pytest.fixture
def kinds() -> Kinds:
    return Kinds()


@pytest.fixture
def local(tmp_path: Path, kinds: Kinds) -> Iterator[LocalDesk]:
    """The controller's desk, with the endpoints ``good`` and ``gone``."""
    endpoints = tuple(Endpoint(name=name, kind="fake", url=f"http://{name}") for name in kinds.answers)
    settings = Settings(endpoints=endpoints)
    factories: Any = {"fake": kinds.connect}
    desk = LocalDesk(settings, log_folder=tmp_path, locks=tmp_path / "turns", kinds=factories)
    yield desk
    desk.close()


class End:
    """One end of a channel as execnet's behave; closing either closes both."""

    def __init__(self, inbox: SimpleQueue[str | None], outbox: SimpleQueue[str | None]) -> None:
        self._inbox = inbox
        self._outbox = outbox

    def send(self, item: Any) -> None:
        assert isinstance(item, str)
        self._outbox.put(item)

    def receive(self) -> str:
        item = self._inbox.get()
        if item is None:
            self._inbox.put(None)  # for who asks again
            raise EOFError
        return item

    def close(self) -> None:
        self._inbox.put(None)
        self._outbox.put(None)


def channel() -> tuple[End, End]:
    there: SimpleQueue[str | None] = SimpleQueue()
    back: SimpleQueue[str | None] = SimpleQueue()
    return End(there, back), End(back, there)


def worker_of(server: DeskServer) -> RemoteDesk:
    here, there = channel()
    server.serve(here)
    return RemoteDesk(there)


@pytest.fixture
def server(local: LocalDesk, tmp_path: Path) -> Iterator[DeskServer]:
    server = DeskServer(local, locks=tmp_path / "turns")
    yield server
    server.close()


@pytest.fixture
def worker(server: DeskServer) -> Iterator[RemoteDesk]:
    remote = worker_of(server)
    yield remote
    remote.close()


# -- the controller's own ----------------------------------------------------------------------------------


def test_an_endpoint_is_asked_once_what_it_is(local: LocalDesk, kinds: Kinds) -> None:
    first = local.open("good")
    assert first == Opened(facts=FACTS, url="http://good")
    assert local.open("good") is first
    assert kinds.asked == ["good"]
    assert local.facts == {"good": FACTS}


def test_an_endpoint_that_is_gone_stays_gone(local: LocalDesk, kinds: Kinds) -> None:
    for _ in range(2):
        with pytest.raises(EndpointError) as caught:
            local.open("gone")
        assert caught.value is GONE
        kinds.answers["gone"] = FACTS
    assert kinds.asked == ["gone"]
    assert local.facts == {}


def test_any_error_of_ours_is_that_of_the_endpoint(local: LocalDesk, kinds: Kinds) -> None:
    kinds.answers["gone"] = ModelFetchError("no source had it", where="local", hint="look at the disk")
    with pytest.raises(EndpointError, match="no source had it") as caught:
        local.open("gone")
    assert (caught.value.where, caught.value.hint) == ("local", "look at the disk")


def test_what_is_known_before_is_not_asked(local: LocalDesk, kinds: Kinds) -> None:
    local.refuse("good", ModelFetchError("the disk is full", hint="make room"))
    with pytest.raises(EndpointError, match=r"the disk is full\n  -> make room"):
        local.open("good")
    assert kinds.asked == []


def test_two_who_ask_at_once_get_one_answer(local: LocalDesk, kinds: Kinds) -> None:
    kinds.takes_s = 0.2
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(local.open, ["good"] * 4, range(4)))
    assert opened == [Opened(facts=FACTS, url="http://good")] * 4
    assert kinds.asked == ["good"]


# -- over a channel ----------------------------------------------------------------------------------------


def test_a_worker_gets_the_same_facts(local: LocalDesk, worker: RemoteDesk) -> None:
    assert worker.open("good") == local.open("good")
    assert worker.obituary("good") is None
    worker.park()
    worker.drop()


def test_a_worker_gets_the_same_error(local: LocalDesk, worker: RemoteDesk) -> None:
    for _ in range(2):
        with pytest.raises(EndpointError) as caught:
            worker.open("gone")
        assert (caught.value.what, caught.value.where, caught.value.hint) == (
            GONE.what,
            GONE.where,
            GONE.hint,
        )
        assert str(caught.value) == str(GONE)


def test_a_worker_is_told_where_the_controller_failed(
    local: LocalDesk, worker: RemoteDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(local, "open", full)
        with pytest.raises(EndpointError, match=r"the controller failed: OSError.*No space left"):
            worker.open("good")
    assert worker.open("good").facts == FACTS, "it is still answered"


def test_workers_wait_for_one_answer(server: DeskServer, kinds: Kinds) -> None:
    kinds.takes_s = 0.3
    workers = [worker_of(server) for _ in range(4)]
    with ThreadPoolExecutor(len(workers)) as pool:
        opened = list(pool.map(lambda worker: worker.open("good"), workers))
    for worker in workers:
        worker.close()
    assert opened == [Opened(facts=FACTS, url="http://good")] * 4
    assert kinds.asked == ["good"]


def test_who_waits_hears_what_workers_were_in_the_middle_of(server: DeskServer, worker: RemoteDesk) -> None:
    silent = worker_of(server)
    worker.hold_on()
    slow = threading.Timer(0.6, lambda: (worker.tell_interrupted({"records": ["half"]}), worker.close()))
    slow.start()
    started = time.monotonic()
    server.wait(0.3)
    assert server.interrupted == [{"records": ["half"]}], "who says so is waited for"
    assert 0.5 < time.monotonic() - started < 10, "who says nothing is not"
    slow.join()
    silent.close()
    server.wait(30)
    assert time.monotonic() - started < 20, "nobody is left to wait for"
    worker.tell_interrupted({})
    assert len(server.interrupted) == 1, "the run is over"


def test_the_controller_learns_what_workers_collected(server: DeskServer, worker: RemoteDesk) -> None:
    worker.tell_scopes({"m::a": "gpu0"})
    worker.tell_scopes({"m::b": "gpu1"})
    assert server.scopes == {"m::a": "gpu0", "m::b": "gpu1"}
    worker.tell_collected({"questions": "1f"})
    assert server.collected == [{"questions": "1f"}]
    worker.tell_resumed(["a changed"], ["good"])
    assert server.resumed == (["a changed"], ["good"])


# -- the end -----------------------------------------------------------------------------------------------


def desk_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that were started since and live on after a while."""
    deadline = time.monotonic() + SOON_S
    while (
        left := [one for one in threading.enumerate() if one not in before]
    ) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def test_closing_ends_every_thread(local: LocalDesk, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    server = DeskServer(local, locks=tmp_path)
    workers = [worker_of(server) for _ in range(2)]
    assert workers[0].open("good").facts == FACTS
    server.close()
    assert desk_threads(before) == []
    for worker in workers:
        with pytest.raises(EndpointError, match="the run is over"):
            worker.open("good")
        worker.close()
        worker.close()


def test_a_worker_that_waits_is_told_that_the_run_is_over(
    server: DeskServer, worker: RemoteDesk, kinds: Kinds
) -> None:
    kinds.takes_s = 1.0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(worker.open, "good")
        time.sleep(0.2)
        server.close()
        with pytest.raises(EndpointError, match="the run is over"):
            waiting.result(SOON_S)


def test_a_worker_that_ends_lets_go_of_what_it_held(local: LocalDesk, server: DeskServer) -> None:
    dropped = threading.Event()
    local.leases.drop = lambda holder: dropped.set()  # type: ignore[method-assign]
    worker_of(server).close()
    assert dropped.wait(SOON_S)


def test_messages_are_json(server: DeskServer) -> None:
    here, there = channel()
    server.serve(here)
    there.send(json.dumps({"ask": "open", "name": "gone"}))
    assert json.loads(there.receive()) == {"error": ["nothing listens", "http://gone", "start it"]}


# -- turns of workers elsewhere ----------------------------------------------------------------------------


def is_free(folder: Path) -> bool:
    """Whether a worker of this machine would get the turn at once."""

    async def taken() -> bool:
        try:
            async with asyncio.timeout(0.1), turns.turns(folder, {"good": 1}):
                return True
        except TimeoutError:
            return False

    return asyncio.run(taken())


def test_the_controller_holds_a_turn_for_a_worker_elsewhere(worker: RemoteDesk, tmp_path: Path) -> None:
    async def measured() -> bool:
        async with worker.turns({"good": 1}):
            return await asyncio.to_thread(is_free, tmp_path / "turns")

    for _ in range(2):
        assert not asyncio.run(measured())
        assert is_free(tmp_path / "turns")


def test_a_worker_that_dies_in_its_turn_frees_it(server: DeskServer, tmp_path: Path) -> None:
    dying = worker_of(server)

    async def measured() -> None:
        async with dying.turns({"good": 1}, alone_there=True):
            dying.close()

    asyncio.run(measured())
    deadline = time.monotonic() + SOON_S
    while not is_free(tmp_path / "turns"):
        assert time.monotonic() < deadline
