"""What the proof on a real model counts, and when it says that a promise is broken."""

from __future__ import annotations

from typing import Any

import gate_proof
import pytest


def seen(step: str, **known: Any) -> gate_proof.Seen:
    fixed: dict[str, Any] = {
        "run": "r",
        "date": "2026-11-21T10:00:00Z",
        "load": 0.5,
        "wall_s": 21.4,
        "exit": 0,
        "verdicts": {},
        "red": [],
        "confirmed": {},
        "kept": False,
    }
    return gate_proof.Seen(**fixed | known, step=step)


def runs(step: str, hits: int, **known: Any) -> list[gate_proof.Seen]:
    """As many runs as the step has, ``hits`` of them like ``known``."""
    whole = next(one.runs for one in gate_proof.STEPS if one.name == step)
    return [seen(step, **(known if number < hits else {})) for number in range(whole)]


@pytest.mark.parametrize(
    ("step", "known", "hits", "kept"),
    [
        ("unchanged", {"red": ["quality"]}, 1, True),
        ("unchanged", {"red": ["quality"]}, 2, False),
        ("slowed", {"red": ["output_tps"]}, 5, True),
        ("slowed", {"red": ["output_tps of smoke/greeting/ko"]}, 4, False),
        ("slowed", {"red": ["quality"]}, 5, False),
        ("reference", {"red": ["output_tps"]}, 4, True),
        ("reference", {"red": ["output_tps"]}, 3, False),
        ("reference-unchanged", {"red": ["output_tps"]}, 2, False),
        ("baseline", {"kept": True}, 4, False),
        ("swapped", {"verdicts": {"correctness": "regressed", "output_tps": "improved"}}, 1, True),
        ("swapped", {"verdicts": {"correctness": "regressed", "output_tps": "ok"}}, 1, False),
    ],
)
def test_a_promise_is_kept_or_broken(step: str, known: dict[str, Any], hits: int, *, kept: bool) -> None:
    text, is_kept = gate_proof.table(runs(step, hits, **known))
    assert is_kept is kept
    assert len(text.splitlines()) == 3, "a step that was not made has no line"


def test_a_step_that_is_under_way_breaks_nothing_yet() -> None:
    text, kept = gate_proof.table([seen("slowed", effect=-0.26, detectable=0.12)])
    assert kept
    cells = text.splitlines()[-1].strip("| ").split(" | ")
    assert cells[:4] == ["1 of 5", "25 % slower", "5 or more slower", "0 slower"]
    assert cells[4:] == ["−26.0 %", "12.0 %", "21 s", "2026-11-21", "0.5–0.5"]
