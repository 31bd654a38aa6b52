"""Measuring suspected cells once more: how far it goes, and what keeps it from doing so."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from pytest_llmeval import evaluate, scenarios, wire
from pytest_llmeval.errors import CeilingError
from pytest_llmeval.model import Endpoint, Failure, Parameters, Record, Sample
from pytest_llmeval.plugin import confirmation
from pytest_llmeval.plugin.session import Recorder
from pytest_llmeval.plugin.view import View
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CELLS = tuple(f"mine/s{number}/en" for number in range(3))
SUITE = "suite: mine\nscenarios:\n" + "".join(f"- id: s{n}\n  prompt: {{en: {n}?}}\n" for n in range(3))


class Project:
    """A run of two endpoints that measured three cells, two rounds each, and was about to be red.

    ``asked``: what was measured once more; ``answer`` makes each outcome's samples, or raises.
    """

    def __init__(self, path: Path) -> None:
        file = path / "mine.eval.yaml"
        file.write_text(SUITE)
        view = View(path)
        view.saw(scenarios.load(file, root=path))
        self.asked: list[tuple[str, str, int]] = []
        self.told: list[str] = []
        self.answer: Callable[[int], tuple[Sample, ...]] = lambda rounds: tuple(
            Sample(round=n, at_s=9.0, ok=True) for n in range(rounds)
        )
        reporter = SimpleNamespace(ensure_newline=lambda: None, write_line=self.told.append)
        self.context: Any = SimpleNamespace(
            settings=Settings(endpoints=(Endpoint(name="box"), Endpoint(name="other"))),
            view=view,
            config=SimpleNamespace(
                rootpath=path,
                option=SimpleNamespace(verbose=0),
                pluginmanager=SimpleNamespace(getplugin=lambda _: reporter),
                get_terminal_writer=lambda: SimpleNamespace(width_of_current_line=0),
            ),
            started_unix=time.time() - 100,
            ran_s=100.0,
            is_spread=False,
            desk=SimpleNamespace(drop=lambda: None),
            bench=SimpleNamespace(run=self._run),
        )
        self.recorder = Recorder(self.context)
        two = tuple(Sample(round=n, at_s=0.0, ok=True) for n in range(2))
        for endpoint in ("box", "other"):
            records = [self._record(endpoint, key.split("/")[1], two) for key in CELLS]
            self.recorder.keep({"records": [wire.plain(one) for one in records], "answers": []})

    def _record(self, endpoint: str, scenario: str, samples: tuple[Sample, ...]) -> Record:
        (found,) = [one for one in self.context.view.suites[0].scenarios if one.id == scenario]
        cell = evaluate.Cell(endpoint=endpoint, scenario=found, language="en", parameters=Parameters())
        return evaluate.record(cell, samples)

    def _run(self, endpoint: Endpoint, scenario: Any, _: str, *, nodeid: object, rounds: int) -> Any:
        assert nodeid is None
        self.asked.append((endpoint.name, scenario.id, rounds))
        return evaluate.Outcome(self._record(endpoint.name, scenario.id, self.answer(rounds)), ())

    def measure(self, **suspects: tuple[str, ...]) -> dict[str, str]:
        return confirmation.measure(self.recorder, suspects)

    def samples(self, endpoint: str, cell: str) -> tuple[Sample, ...]:
        return wire.build(self.recorder.plain_records[endpoint, cell], Record).samples


@pytest.fixture
def red(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_samples_follow_those_that_are_there_and_say_what_they_are(red: Project) -> None:
    assert red.measure(box=CELLS[1:]) == {}
    assert red.asked == [("box", "s1", 3), ("box", "s2", 3)]
    samples = red.samples("box", CELLS[1])
    assert [one.round for one in samples] == [0, 1, 2, 3, 4]
    assert [one.confirms for one in samples] == [False, False, True, True, True]
    assert len(red.samples("box", CELLS[0])) == 2
    assert red.told == [
        "llmeval: box may have lost; before it is red, 2 cells are measured once more, 3 rounds each"
    ]


def test_what_was_measured_elsewhere_or_replayed_is_not_measured_here(red: Project) -> None:
    red.context.is_spread = True
    assert red.measure(box=CELLS) == {"box": "it was measured by workers on other machines"}
    red.context.is_spread = False
    red.context.settings = Settings(endpoints=(Endpoint(name="box", kind="replay"),))
    assert red.measure(box=CELLS) == {"box": "a recording can't be asked once more"}
    assert red.asked == red.told == []


def test_it_takes_no_longer_than_the_run_has_taken(red: Project) -> None:
    red.context.ran_s = -1.0
    assert red.measure(box=CELLS) == {"box": "only 1 of 3 cells were measured once more"}
    assert len(red.asked) == 1, "one at least"


def test_hundreds_of_suspects_are_not_all_measured(red: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "MOST_CELLS", 2)
    assert red.measure(box=CELLS) == {"box": "only 2 of 3 cells were measured once more"}
    assert [one[1] for one in red.asked] == ["s0", "s1"]


def test_an_endpoint_that_fails_leaves_the_others(red: Project) -> None:
    refused = Sample(round=0, at_s=9.0, ok=False, error=Failure("connect", "refused"))
    good = red.answer
    red.answer = lambda rounds: (refused,) if red.asked[-1][0] == "box" else good(rounds)
    assert red.measure(box=CELLS, other=CELLS[:1]) == {"box": "connect: refused"}
    assert len(red.samples("box", CELLS[0])) == 2, "a server that is gone is no failed cell"
    assert len(red.samples("other", CELLS[0])) == 5


def test_ctrl_c_ends_the_waiting_for_every_endpoint(red: Project) -> None:
    def interrupted(_: int) -> tuple[Sample, ...]:
        raise KeyboardInterrupt

    red.answer = interrupted
    assert red.measure(box=CELLS, other=CELLS) == dict.fromkeys(("box", "other"), confirmation.INTERRUPTED)
    assert len(red.asked) == 1


def test_a_ceiling_is_a_reason(red: Project) -> None:
    def spent(_: int) -> tuple[Sample, ...]:
        raise CeilingError("1.99 of --llm-max-cost=2 is spent")

    red.answer = spent
    assert red.measure(box=CELLS) == {"box": "1.99 of --llm-max-cost=2 is spent"}


def test_a_prompt_that_changed_meanwhile_is_another_question(red: Project, tmp_path: Path) -> None:
    key = ("box", CELLS[0])
    record = wire.build(red.recorder.plain_records[key], Record)
    red.recorder.plain_records[key] = wire.plain(structs.replace(record, prompt_sha256="old"))
    assert "changed while the run was under way" in red.measure(box=CELLS[:1])["box"]
    (tmp_path / "mine.eval.yaml").write_text(SUITE.replace("id: s1", "id: s9"))
    assert "was removed while the run was under way" in red.measure(box=CELLS[1:2])["box"]
