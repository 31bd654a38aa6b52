"""Measuring slots: what may be asked at once, and what the header says of more workers than that."""

from __future__ import annotations

import pytest

from pytest_llmeval.model import Endpoint, ManagedServer
from pytest_llmeval.plugin import slots
from pytest_llmeval.settings import Settings


def grouped(name: str, concurrency: int = 1) -> Endpoint:
    server = ManagedServer(command=("serve",), exclusive="gpu0")
    return Endpoint(name=name, server=server, concurrency=concurrency)


@pytest.mark.parametrize(
    ("endpoints", "count"),
    [
        ([Endpoint(name="a")], 1),
        ([Endpoint(name="a", concurrency=3), Endpoint(name="b")], 4),
        ([Endpoint(name="a", kind="local"), Endpoint(name="b", kind="local")], 1),
        ([grouped("a"), grouped("b", 2), Endpoint(name="c")], 3),
    ],
)
def test_slots_are_the_concurrency_of_what_can_run_at_once(endpoints: list[Endpoint], count: int) -> None:
    assert slots.count(Settings(endpoints=tuple(endpoints))) == count


def test_a_reference_is_in_every_turn() -> None:
    endpoints = (Endpoint(name="a"), Endpoint(name="b"), Endpoint(name="main"))
    assert slots.count(Settings(endpoints=endpoints)) == 3
    assert slots.count(Settings(endpoints=endpoints, reference="main")) == 1


def test_only_the_embedded_engine_is_kept_quiet_while_answers_are_scored() -> None:
    served = Endpoint(name="a", url="http://localhost:8000/v1")
    assert slots.while_scoring(Settings(endpoints=(served,))) == {}
    engines = (Endpoint(name="b", kind="local", concurrency=2), Endpoint(name="c", kind="local"))
    held = slots.while_scoring(Settings(endpoints=(served, *engines)))
    assert held == {slots.turn_name(engines[0]): 2}


def test_workers_are_counted_as_xdist_counts_them() -> None:
    assert slots.workers(["2*popen", "socket=10.0.0.7:8888", "popen//python=python3.11"]) == 4


def test_the_header_warns_of_more_workers_than_slots() -> None:
    settings = Settings(endpoints=(Endpoint(name="a", concurrency=2),))
    assert slots.warning(settings, ["popen", "popen"]) is None
    warning = slots.warning(settings, ["3*popen"])
    assert warning is not None
    assert warning.startswith("llmeval: 3 workers take turns at 2 measuring slots")
