"""Exclusive groups: never two of a group at once, nobody waits for ever, in whatever order workers come."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.plugin import leases
from pytest_llmeval.plugin.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = {"a": "gpu0", "b": "gpu0", "c": "gpu1"}
LONG_S = 20.0
SOON_S = 0.2


@pytest.fixture
def waiting() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def desk(waiting: ThreadPoolExecutor) -> Iterator[Leases]:
    desk = Leases(GROUPS)
    yield desk
    desk.close()


def is_waiting(future: Future[None]) -> bool:
    time.sleep(SOON_S)
    return not future.done()


def test_one_endpoint_is_shared_and_its_rival_waits_for_all(
    desk: Leases, waiting: ThreadPoolExecutor
) -> None:
    desk.take("a", 1)
    desk.take("a", 2)
    rival = waiting.submit(desk.take, "b", 3)
    assert is_waiting(rival)
    desk.drop(1)
    assert is_waiting(rival)
    desk.drop(2)
    rival.result(LONG_S)


def test_other_groups_and_endpoints_without_one_do_not_wait(desk: Leases) -> None:
    desk.take("a", 1)
    desk.take("c", 2)
    desk.take("plain", 3)
    assert desk.rivals("a") == ("b",)
    assert desk.rivals("c") == desk.rivals("plain") == ()


def test_who_asks_for_another_gives_up_what_it_held(desk: Leases, waiting: ThreadPoolExecutor) -> None:
    desk.take("a", 1)
    desk.take("b", 1)
    rival = waiting.submit(desk.take, "a", 2)
    assert is_waiting(rival)
    desk.take("c", 1)
    rival.result(LONG_S)


def test_a_parked_holder_keeps_its_endpoint_for_a_while_only(
    desk: Leases, waiting: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "PATIENCE_S", 3 * SOON_S)
    desk.take("a", 1)
    desk.park(1)
    rival = waiting.submit(desk.take, "b", 2)
    assert is_waiting(rival), "it may be about to come back"
    desk.take("a", 1)
    assert is_waiting(rival)
    assert is_waiting(rival)
    assert is_waiting(rival), "inside a cell nobody's patience counts"
    desk.park(1)
    rival.result(LONG_S)
    back = waiting.submit(desk.take, "a", 1)
    assert is_waiting(back)
    desk.drop(2)
    back.result(LONG_S)


def test_the_end_of_the_run_sends_everybody_away(desk: Leases, waiting: ThreadPoolExecutor) -> None:
    desk.take("a", 1)
    rival = waiting.submit(desk.take, "b", 2)
    assert is_waiting(rival)
    desk.close()
    with pytest.raises(EndpointError, match="the run is over"):
        rival.result(LONG_S)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=8), min_size=1, max_size=4),
    st.integers(min_value=0, max_value=2**32),
)
def test_any_order_of_cells_ends_and_none_overlap(queues: list[list[str]], seed: int) -> None:
    """As workers do: take, use, park; drop where the next is another; a worker may idle, parked, for ever."""
    desk = Leases(GROUPS)
    chance = random.Random(seed)
    using: dict[int, str] = {}
    overlaps: list[tuple[str, str]] = []
    guard = threading.Lock()

    def work(holder: int, queue: list[str], idles: bool) -> None:
        for place, endpoint in enumerate(queue):
            desk.take(endpoint, holder)
            with guard:
                using[holder] = endpoint
                groups = [(one, GROUPS[one]) for one in using.values()]
            overlaps.extend(
                (one, endpoint) for one, group in groups if group == GROUPS[endpoint] and one != endpoint
            )
            time.sleep(0.001)
            with guard:
                del using[holder]
            desk.park(holder)
            following = queue[place + 1] if place + 1 < len(queue) else None
            if following != endpoint and not (idles and following is None):
                desk.drop(holder)

    before, leases.PATIENCE_S = leases.PATIENCE_S, 0.02
    try:
        threads = [
            threading.Thread(target=work, args=(holder, queue, chance.random() < 0.5), daemon=True)
            for holder, queue in enumerate(queues)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG_S)
    finally:
        leases.PATIENCE_S = before
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    assert overlaps == []
