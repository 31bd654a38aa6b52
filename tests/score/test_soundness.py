"""A scenario is tried on its own right answers, on what its prompt shows and on wrong variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import scenarios
from pytest_llmeval.score import soundness
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = """\
scenarios:
- id: clamp
  prompt: {en: "Write clamp(n, low, high).", ko: "clamp(n, low, high)를 작성해 주세요."}
"""
CODE = (
    HEAD
    + """\
  answer: {code: python, requires: ["clamp(n, low, high)"]}
  oracle: oracles/clamp
  checks:
  - {call: "clamp(5, 0, 9)", equals: 5}
  - {call: "clamp(-5, 0, 9)", equals: 0}
  - {call: "clamp(15, 0, 9)", equals: 9}
"""
)
SHOWN = CODE.replace('high)."', 'high).\\n{given}"').replace('주세요."', '주세요.\\n{given}"')
BLUNT = CODE[: CODE.index('  - {call: "clamp(5')] + '  - {call: "clamp(5, 5, 5)", equals: 5}\n'
RIGHT = "def clamp(n, low, high):\n    if n < low:\n        return low\n    return high if n > high else n\n"
SECOND = "def clamp(n, low, high):\n    return sorted([low, n, high])[1]\n"
WRONG = "def clamp(n, low, high):\n    return max(n, low)\n"
UNTIDY = """\
import os
import sys
def clamp(n, low, high):
    list = [low, n, high]
    try:
        unused = 1
        return sorted(list)[1]
    except:
        pass
"""


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser() as one:
        yield one


@pytest.fixture
def sound(tmp_path: Path, analyser: Analyser):
    """Write a suite and the files of its oracle, and try its one scenario."""

    def sound(text: str, **files: str) -> soundness.Soundness:
        folder = tmp_path / "oracles" / "clamp"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
        path = tmp_path / "x.eval.yaml"
        path.write_text(text, encoding="utf-8")
        (scenario,) = scenarios.load(path).scenarios
        return soundness.of(scenario, analyser, choice.choose())

    return sound


def test_a_sound_scenario_has_right_answers_that_score_and_variants_that_do_not(sound) -> None:
    found = sound(SHOWN, reference__py=RIGHT, second__py=SECOND, given__py=WRONG)
    assert found.mistakes == ()
    assert list(found.scores) == ["reference.py", "second.py"]
    assert all(score.correctness == 10 for score in found.scores.values())
    assert found.variants > 3
    assert len(found.survivors) < found.variants / 2, "two are as right as the reference"


@pytest.mark.parametrize(
    ("text", "files", "told"),
    [
        (
            CODE,
            {"reference__py": WRONG},
            "reference.py scores 6.7 for correctness, not 9.5: `clamp` fails on",
        ),
        (
            CODE,
            {"reference__py": RIGHT, "second__py": WRONG},
            "second.py scores 6.7 for correctness, not 8.0",
        ),
        (CODE, {"reference__py": UNTIDY}, "reference.py scores "),
        (CODE, {"reference__py": "def clamp("}, "reference.py scores 0.0 for correctness"),
        (
            SHOWN,
            {"reference__py": RIGHT, "given__py": SECOND},
            "what the prompt shows scores 10.0 as it stands",
        ),
        (BLUNT, {"reference__py": RIGHT}, "wrong variants of reference.py score like it: line 2: "),
    ],
)
def test_what_is_wrong_is_told(sound, text: str, files: dict[str, str], told: str) -> None:
    (mistake,) = sound(text, **files).mistakes
    assert told in mistake


def test_quality_is_asked_of_the_reference_alone(sound) -> None:
    assert "for quality, not 8.0" in sound(CODE, reference__py=UNTIDY).mistakes[0]
    assert sound(CODE, reference__py=RIGHT, second__py=UNTIDY).mistakes == ()


def test_a_variant_that_never_ends_is_soon_given_up(sound) -> None:
    endless = "def clamp(n, low, high):\n    while n < low:\n        n += 1\n    return min(n, high)\n"
    assert sound(CODE, reference__py=endless).mistakes == ()


def test_prose_is_answered_in_the_language_of_its_prompt(sound) -> None:
    text = HEAD + "  oracle: oracles/clamp\n  checks: [{contains: [low, 낮]}]\n"
    korean = "값이 너무 낮으면 아래쪽 한계를, 너무 높으면 위쪽 한계를 돌려줍니다."
    found = sound(text, reference__md="It is never too low.", reference__ko__md=korean)
    assert found.mistakes == ()
    assert list(found.scores) == ["reference.md", "reference.ko.md"]
    (mistake,) = sound(text, reference__ko__md="값이 너무 높습니다.").mistakes
    assert mistake.startswith("reference.ko.md scores 0.0 for correctness")


def test_without_checks_or_without_a_right_answer_nothing_is_said(sound) -> None:
    assert sound(HEAD).scores == {}
    assert sound(HEAD + "  checks: [{sentences: 1}]\n").mistakes == ()


def test_an_inline_reference_is_tried(sound) -> None:
    text = CODE.replace(
        "  oracle: oracles/clamp\n", "  reference: |\n    " + WRONG.replace("\n", "\n    ") + "\n"
    )
    (mistake,) = sound(text).mistakes
    assert mistake.startswith("reference: scores 6.7")
