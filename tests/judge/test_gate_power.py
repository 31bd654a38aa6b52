"""The table of targets, small and always the same: a change of the statistics that costs power is red."""

from __future__ import annotations

import random
from pathlib import Path

import gate_power
import gate_scores
import pytest

BUILDS = 250


@pytest.mark.parametrize(
    ("name", "world", "sessions", "goal"),
    [row for row in gate_power.SPEED if row[2] != 10],
    ids=lambda value: str(value) if isinstance(value, str | int) else "",
)
def test_speed(name: str, world: gate_power.World, sessions: int, goal: gate_power.Goal) -> None:
    """Within what 250 builds can tell: three points below a power, four above a rate of false alarms."""
    for figure in gate_power.speed(name, world, sessions, goal, random.Random(1), BUILDS):
        if figure.at_most is not None:
            assert figure.red <= figure.at_most + 2, gate_power.line(figure)
        if figure.at_least is not None:
            assert figure.red >= figure.at_least - 3, gate_power.line(figure)


@pytest.mark.parametrize(
    ("part", "builds"),
    [
        (gate_power.reference, BUILDS),
        (gate_scores.scores, BUILDS),
        (gate_scores.stuck, BUILDS),
        (gate_scores.in_turn, 50),
    ],
)
def test_the_other_kinds(part: object, builds: int) -> None:
    for figure in part(random.Random(2), builds):  # type: ignore[operator]
        assert figure.at_most is None or figure.red <= figure.at_most + 2, gate_power.line(figure)
        assert figure.at_least is None or figure.red >= figure.at_least - 3, gate_power.line(figure)


@pytest.mark.parametrize(("name", "shape", "sessions", "least"), gate_scores.BREAKING)
def test_answers_that_break_now_and_then(
    name: str, shape: dict[str, int | bool], sessions: int, least: float
) -> None:
    for figure in gate_scores.breaks(name, shape, sessions, least, random.Random(6), 60):
        assert figure.at_most is None or figure.red <= figure.at_most + 5, gate_power.line(figure)
        assert figure.at_least is None or figure.red >= figure.at_least - 8, gate_power.line(figure)


@pytest.mark.parametrize(
    ("name", "world", "sessions"), [row for row in gate_power.STALLS if row[1].cells < 100]
)
def test_a_second_look_takes_stalls_back(name: str, world: gate_power.World, sessions: int) -> None:
    first, second = gate_power.stalls(name, world, sessions, random.Random(7), 150)
    assert first.red > 3, "else there is nothing to take back"
    assert second.red <= 3, gate_power.line(second)


def test_pass_or_fail() -> None:
    for figure in gate_scores.pass_or_fail(random.Random(3), 80):
        assert figure.at_most is None or figure.red <= figure.at_most + 3, gate_power.line(figure)
        assert figure.at_least is None or figure.red >= figure.at_least - 6, gate_power.line(figure)


def test_whole_builds() -> None:
    for figure in gate_power.whole_builds(3, (3, 75, 89), random.Random(4), 80):
        assert figure.at_most is None or figure.red <= figure.at_most + 3, gate_power.line(figure)
        assert figure.at_least is None or figure.red >= figure.at_least - 8, gate_power.line(figure)


@pytest.mark.parametrize(
    ("name", "world", "sessions", "limit"), [row for row in gate_power.OTHER if row[1].cells < 100]
)
def test_other_noise_does_not_break_it(
    name: str, world: gate_power.World, sessions: int, limit: float
) -> None:
    (figure,) = gate_power.speed(name, world, sessions, (limit, None, None, None), random.Random(5), BUILDS)
    assert figure.red <= limit + 2.5, gate_power.line(figure)


def test_the_script_says_when_a_target_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["gate_power.py", "--builds=3", "--only=stuck"])
    assert gate_power.main() == 0
    impossible = gate_power.Figure("x", 3, "no change", red=5.0, at_most=3.0)
    assert "MISSED" in gate_power.line(impossible)
    monkeypatch.setattr(gate_power, "parts", lambda *_: iter([("x", lambda: iter([impossible]))]))
    monkeypatch.setattr("sys.argv", ["gate_power.py"])
    assert gate_power.main() == 1
    assert "1 targets missed" in capsys.readouterr().out
    assert Path(gate_power.__file__).name == "gate_power.py"
