"""Workers elsewhere: who is, what stays here, who takes what, and that all would ask the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("xdist")
execnet = pytest.importorskip("execnet")

from pathlib import Path  # noqa: E402

from pytest_llmeval.errors import EndpointError  # noqa: E402
from pytest_llmeval.model import Endpoint, ManagedServer  # noqa: E402
from pytest_llmeval.plugin import elsewhere  # noqa: E402
from pytest_llmeval.plugin.scheduler import TogetherScheduling  # noqa: E402
from pytest_llmeval.settings import Settings  # noqa: E402

HERE, FAR = "popen", "socket=10.0.0.7:8888"
LAN = Endpoint(name="lan", url="http://10.0.0.9:8000/v1")
LOOPBACK = Endpoint(name="loopback", url="http://localhost:8000/v1")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [(HERE, False), (FAR, True), ("ssh=box", True), ("popen//chdir=/tmp", True), ("popen//via=proxy", True)],
)
def test_who_shares_no_disk_for_certain_is_elsewhere(spec: str, expected: bool) -> None:
    assert elsewhere.is_elsewhere(execnet.XSpec(spec)) is expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (LAN, False),
        (LOOPBACK, True),
        (Endpoint(name="e", kind="local"), True),
        (Endpoint(name="e", kind="replay", path="/recorded"), True),
        (Endpoint(name="e", server=ManagedServer(command=("serve",))), True),
        (Endpoint(name="e", kind="function", call="my.app:answer"), False),
    ],
)
def test_what_only_this_machine_can_ask_stays_here(endpoint: Endpoint, expected: bool) -> None:
    assert elsewhere.stays_here(endpoint) is expected
    if expected:
        with pytest.raises(EndpointError, match="only the controller's machine can ask it"):
            elsewhere.refuse_pinned(endpoint)
    else:
        elsewhere.refuse_pinned(endpoint)


def specs(*words: str) -> list[Any]:
    return list(map(execnet.XSpec, words))


def test_what_needs_this_machine_needs_a_worker_on_it() -> None:
    settings = Settings(endpoints=(LAN, LOOPBACK))
    elsewhere.refuse_impossible(settings, specs(FAR, HERE), reruns=False)
    with pytest.raises(pytest.UsageError, match=r"only this machine can ask loopback, .* add --tx=popen"):
        elsewhere.refuse_impossible(settings, specs(FAR, FAR), reruns=False)
    elsewhere.refuse_impossible(Settings(endpoints=(LAN,)), specs(FAR), reruns=False)


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        (FAR, True),
        ("ssh=me@box//python=python3", True),
        ("socket=127.0.0.1:8888//chdir=/tmp", False),
        ("socket=:8888", False),
        ("popen//chdir=/tmp", False),
    ],
)
def test_pytest_rerunfailures_stays_on_one_machine(spec: str, refused: bool) -> None:
    settings = Settings(endpoints=(LAN,))
    elsewhere.refuse_impossible(settings, specs(HERE, spec), reruns=False)
    if not refused:
        elsewhere.refuse_impossible(settings, specs(HERE, spec), reruns=True)
        return
    with pytest.raises(pytest.UsageError, match="add -p no:rerunfailures"):
        elsewhere.refuse_impossible(settings, specs(HERE, spec), reruns=True)


def test_a_reference_that_stays_keeps_every_cell() -> None:
    assert elsewhere.pinned(Settings(endpoints=(LAN, LOOPBACK))) == ["loopback"]
    assert elsewhere.pinned(Settings(endpoints=(LAN, LOOPBACK), reference="loopback")) == ["lan"]
    assert elsewhere.pinned(Settings(endpoints=(LOOPBACK, LAN), reference="lan")) == ["loopback"]


@pytest.mark.parametrize("given", [{"max_cost": 1.0}, {"record": Path("/recorded")}])
def test_what_needs_one_disk_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(pytest.UsageError, match="can't be kept by workers elsewhere"):
        elsewhere.refuse_impossible(Settings(endpoints=(LAN,), **given), specs(FAR, HERE), reruns=False)


def test_workers_that_would_ask_otherwise_are_refused() -> None:
    one = {"pylint": "4.0", "the scenarios and tests": "1f"}
    elsewhere.refuse_unlike([])
    elsewhere.refuse_unlike([one, dict(one)])
    with pytest.raises(pytest.UsageError, match="don't agree on the scenarios and tests: they would not be"):
        elsewhere.refuse_unlike([one, one, one | {"the scenarios and tests": "2e"}])


# -- the schedule ------------------------------------------------------------------------------------------


class Node:
    """A worker as the scheduler sees it."""

    def __init__(self, spec: str) -> None:
        self.gateway = SimpleNamespace(spec=execnet.XSpec(spec), id=spec)
        self.took: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.took += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def begun(nodes: list[Node], scopes: dict[str, str], pinned: set[str]) -> Any:
    """The schedule of what is in ``scopes``, node id -> scope, when its first tests were given out."""
    option = SimpleNamespace(loadscopereorder=False, debug=False)
    config: Any = SimpleNamespace(option=option, getvalue=lambda _: [node.gateway.id for node in nodes])
    log: Any = SimpleNamespace(loadscopesched=lambda *_: None)
    schedule: Any = TogetherScheduling(config, log, scopes, pinned)
    for node in nodes:
        schedule.add_node(node)
        schedule.add_node_collection(node, list(scopes))
    schedule.schedule()
    return schedule


def scheduled(nodes: list[Node], scopes: dict[str, str], pinned: set[str]) -> None:
    """Run all of it to the end."""
    schedule = begun(nodes, scopes, pinned)
    done = 0
    while done < sum(len(node.took) for node in nodes):
        done = 0
        for node in nodes:
            for index in node.took[:]:
                scope = list(scopes.values())[index]
                if not schedule.assigned_work.get(node, {}).get(scope, {}).get(list(scopes)[index], True):
                    schedule.mark_test_complete(node, index)
            done += len(node.took)


def test_pinned_scopes_go_to_workers_of_this_machine_alone() -> None:
    scopes = {"a1": "near", "b1": "lan", "a2": "near", "c1": "local", "b2": "lan", "plain": "plain"}
    far, here = Node(FAR), Node(HERE)
    scheduled([far, here], scopes, {"near", "local"})
    assert {0, 2, 3} <= set(here.took)
    assert sorted(far.took + here.took) == [0, 1, 2, 3, 4, 5]
    assert {1, 4} <= set(far.took) or {1, 4} <= set(here.took), "an endpoint's cells stay together"
    assert far.took
    assert far.shutting_down
    assert here.shutting_down


def test_a_worker_elsewhere_goes_home_first_where_there_is_little_to_do() -> None:
    far, here = Node(FAR), Node(HERE)
    scheduled([here, far], {"a1": "near", "a2": "near"}, {"near"})
    assert (here.took, far.took) == ([0, 1], [])
    far, here = Node(FAR), Node(HERE)
    scheduled([far, here], {"a1": "near", "a2": "near"}, {"near"})
    assert (here.took, far.took) == ([0, 1], [])


def test_the_test_that_a_worker_died_in_is_not_run_again() -> None:
    first, second = Node(HERE), Node(HERE)
    scopes = {"a1": "box", "a2": "box", "a3": "box", "b1": "other"}
    schedule = begun([first, second], scopes, set())
    assert (first.took, second.took) == ([0, 1, 2], [3])
    schedule.mark_test_complete(first, 0)
    assert schedule.remove_node(first) == "a2"
    third = Node(HERE)
    schedule.add_node(third)
    schedule.add_node_collection(third, list(scopes))
    schedule.schedule()
    assert sorted(third.took + second.took) == [2, 3]
