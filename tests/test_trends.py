"""An endpoint over its sessions: the gate's own figures, in the metric's unit."""

from __future__ import annotations

import pytest

from pytest_llmeval import trends
from pytest_llmeval.judge import Baseline, judge_run
from pytest_llmeval.judge.sessions import CellFigures, Epoch, Session
from pytest_llmeval.model import Facts, Host, Policy, Record, Run, Sample

CELLS = ("s/a/en", "s/b/en", "s/c/en")


def run(tps: float, name: str = "now", ttft_s: float | None = None) -> Run:
    cells = tuple(
        Record(
            endpoint="box", suite="s", scenario=key.split("/")[1], language="en", category="c",
            prompt_sha256="p", parameters_sha256="q",
            samples=tuple(
                Sample(
                    round=at, at_s=0.0, ok=True, output_tps=tps * factor, ttft_s=ttft_s, cache="cold",
                    transport="measured",
                )
                for at, factor in enumerate((1.0, 1.01, 0.99))
            ),
        )
        for key in CELLS
    )  # fmt: skip
    return Run(
        id=name, started="2026-11-21T03:45:01Z", finished="", complete=True, plugin="0",
        host=Host(cpus=2, os="o", python="p"), cells=cells,
        endpoints={"box": Facts(kind="openai", model="n")},
    )  # fmt: skip


def session(number: int, tps: float, prompt: str = "p") -> Session:
    figures = CellFigures(
        prompt_sha256=prompt, parameters_sha256="q",
        samples={"output_tps": (tps, tps * 1.01, tps * 0.99)},
    )  # fmt: skip
    return Session(
        run=f"run-{number}", date=f"2026-11-{number:02}T00:00:00Z", cells=dict.fromkeys(CELLS, figures)
    )


def baseline(*epochs: tuple[Session, ...]) -> Baseline:
    facts = [Facts(kind="openai", model=name) for name in "mn"]
    return Baseline(
        endpoint="box",
        epochs=tuple(Epoch(facts=facts[at], sessions=of_epoch) for at, of_epoch in enumerate(epochs)),
    )


LEVEL = tuple(session(number, tps) for number, tps in enumerate((50.0, 51.0, 49.5, 50.5), 1))


@pytest.mark.parametrize(("tps", "inside"), [(50.2, True), (42.0, False)])
def test_the_band_says_what_the_gate_says(tps: float, inside: bool) -> None:
    (trend,) = trends.of(baseline(LEVEL), run(tps))
    assert trend.metric == "output_tps"
    assert [point.run for point in trend.points] == ["run-1", "run-2", "run-3", "run-4", "now"]
    assert [point.value for point in trend.points] == pytest.approx([50.0, 51.0, 49.5, 50.5, tps], rel=1e-3)
    assert trend.band is not None
    low, high = trend.band
    assert low < 50.2 < high
    assert (low < trend.points[-1].value < high) is inside
    verdicts = judge_run({"box": baseline(LEVEL)}, run(tps), Policy())
    (whole,) = [one for one in verdicts if one.metric == "output_tps" and one.cell is None]
    assert (whole.verdict == "ok") is inside


def test_an_earlier_level_is_shown_and_does_not_count() -> None:
    before = tuple(session(number, 80.0) for number in (1, 2))
    after = tuple(session(number, tps) for number, tps in enumerate((50.0, 51.0, 49.5), 3))
    (trend,) = trends.of(baseline(before, after), run(50.0))
    assert [round(point.value) for point in trend.points] == [80, 80, 50, 51, 50, 50]
    assert trend.changes == {2: "model m → n"}
    assert trend.band is not None
    assert trend.band[1] < 60


def test_a_short_history_has_no_band() -> None:
    (trend,) = trends.of(baseline(LEVEL[:2]), run(50.0))
    assert trend.band is None


def test_a_run_is_no_session_of_its_own() -> None:
    (trend,) = trends.of(baseline(LEVEL), run(50.0, "run-4"))
    assert [point.run for point in trend.points] == ["run-1", "run-2", "run-3", "run-4"]


def test_times_are_times() -> None:
    figures = CellFigures(prompt_sha256="p", parameters_sha256="q", samples={"ttft_s": (0.2, 0.21, 0.19)})
    past = tuple(Session(run=f"r{at}", date="", cells=dict.fromkeys(CELLS, figures)) for at in range(4))
    (trend,) = trends.of(baseline(past), run(50.0, ttft_s=0.4))
    assert trend.metric == "ttft_s"
    assert [point.value for point in trend.points] == pytest.approx([0.2] * 4 + [0.4])
    assert trend.band is not None
    assert trend.band[0] < 0.2 < trend.band[1] < 0.4


def test_what_was_asked_otherwise_has_no_trend() -> None:
    others = tuple(session(number, 50.0, prompt="another") for number in range(1, 5))
    assert list(trends.of(baseline(others), run(50.0))) == []
