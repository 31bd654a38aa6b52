"""What shards are split by."""

from __future__ import annotations

from pytest_llmeval.judge.sessions import Baseline, CellFigures, Epoch, Session
from pytest_llmeval.model import Facts
from pytest_llmeval.plugin import sharding


def cell(**samples: tuple[float, ...]) -> CellFigures:
    return CellFigures(prompt_sha256="p", parameters_sha256="q", samples=samples)


def test_durations_are_those_of_the_latest_session_that_has_the_cell() -> None:
    old = Session(
        run="1", date="d", cells={"s/a/en": cell(latency_s=(9.0,)), "s/b/en": cell(latency_s=(1.0, 2.0))}
    )
    new = Session(
        run="2", date="d", cells={"s/a/en": cell(latency_s=(4.0, 5.0)), "s/c/en": cell(quality=(7.0,))}
    )
    baseline = Baseline(endpoint="box", epochs=(Epoch(facts=Facts(kind="x"), sessions=(old, new)),))
    assert sharding.durations_s({"box": baseline}) == {"box s/a/en": 9.0, "box s/b/en": 3.0}
