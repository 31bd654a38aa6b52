"""Kinds of values that people write."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import scenarios, values
from pytest_llmeval.errors import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

DURATION = values.duration_kind()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), (" 1h ", 3600), ("1.5h", 5400), ("1m30", 90)],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert DURATION.read(text) == DURATION.accept(text) == DURATION.accept(seconds) == seconds


@pytest.mark.parametrize("wrong", ["", "m", "10x", "-5", "0", "0m", "1..5m", "30m1h", "nan", "1e3m"])
def test_what_is_no_duration_says_what_one_is(wrong: str) -> None:
    with pytest.raises(values.UnexpectedError, match="a time like 90s, 10m or 1h30m"):
        DURATION.read(wrong)


@pytest.mark.parametrize("wrong", [0, -1, True, None, math.inf, [10]])
def test_a_duration_of_a_file_is_a_number_above_0_or_a_text(wrong: object) -> None:
    with pytest.raises(values.UnexpectedError, match="a time like"):
        DURATION.accept(wrong)


@given(st.integers(1, 10**6))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert DURATION.read(values.duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("value", "other", "told"),
    [
        (20.0, 30.0, "20"),
        (9.96, 10.0, "9.96"),
        (9.9996, 10.0, "9.9996"),
        (0.1 + 0.2, 0.3, "0.30000000000000004"),
    ],
)
def test_two_figures_are_told_apart(value: float, other: float, told: str) -> None:
    assert values.apart(value, other) == told


@pytest.mark.parametrize("path", ["a/b.txt", "~/x", "한글.txt", "x" * 255, "\udcff"])
def test_a_path_that_a_file_can_have(path: str) -> None:
    assert values.PATH.accept(path) == path


@pytest.mark.parametrize(
    "path", ["", " ", "a\0b", "a/" + "x" * 256, "가" * 86, "\ud83d", "abc/" * 700, "가나다라/" * 200, 5]
)
def test_a_path_that_no_file_has(path: object) -> None:
    with pytest.raises(values.UnexpectedError, match="expected a path"):
        values.PATH.accept(path)


@pytest.mark.parametrize("key", ["tests", "oracle"])
def test_it_is_refused_with_its_line_where_a_scenario_names_it(tmp_path: Path, key: str) -> None:
    path = tmp_path / "x.eval.yaml"
    path.write_text(
        f'scenarios:\n- id: a\n  prompt: {{en: hi}}\n  answer: {{code: python}}\n  {key}: "{"x" * 300}"\n'
    )
    with pytest.raises(ScenarioError, match=rf"x\.eval\.yaml:5: {key}: expected a path"):
        scenarios.load(path)
