"""``select:``: a suite of other files' scenarios, and every mistake with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.errors import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

ALGORITHM = """\
suite: large
scenarios:
- id: easy
  category: algorithm
  prompt: {en: One., ko: 하나.}
  parameters: {max_tokens: 512, temperature: 0.5}
  rounds: 5
  tags: [mini, quick]
- id: hard
  category: algorithm
  prompt: {en: Two.}
"""
REGEX = """\
suite: large
scenarios:
- id: digits
  category: regex
  prompt: {en: Three., ko: 셋.}
  parameters: {max_tokens: 64}
  tags: [mini]
- id: endless
  category: regex
  prompt: {ko: 넷.}
  parameters: {max_tokens: -1}
"""


@pytest.fixture
def select(tmp_path: Path):
    """Write a file that selects with these keys, and load it."""
    large = tmp_path / "suites" / "large"
    large.mkdir(parents=True)
    (large / "algorithm.eval.yaml").write_text(ALGORITHM, encoding="utf-8")
    (large / "regex.eval.yaml").write_text(REGEX, encoding="utf-8")

    def load(select: str, above: str = ""):
        path = tmp_path / "suites" / "small" / "small.eval.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{above}select: {{{select}}}\n", encoding="utf-8")
        return scenarios.load(path, root=tmp_path)

    return load


def test_scenarios_of_a_folder_become_scenarios_of_this_suite(select, tmp_path: Path) -> None:
    suite = select("from: ../large, tags: [mini], languages: [en], rounds: 1, max_tokens: 256")
    assert suite.name == "small"
    assert suite.path == str(tmp_path / "suites" / "small" / "small.eval.yaml")
    easy, digits = suite.scenarios
    assert (easy.suite, easy.id, easy.prompt, easy.rounds) == ("small", "easy", {"en": "One."}, 1)
    assert (easy.parameters.max_tokens, easy.parameters.temperature) == (256, 0.5)
    assert (digits.prompt, digits.parameters.max_tokens) == ({"en": "Three."}, 64), "at most 256"
    assert (digits.path, digits.line) == (str(tmp_path / "suites" / "large" / "regex.eval.yaml"), 3)


@pytest.mark.parametrize(
    ("keys", "ids"),
    [
        ("from: ../large", ["easy", "hard", "digits", "endless"]),
        ("from: ../large/regex.eval.yaml", ["digits", "endless"]),
        ("from: ../large, ids: [hard, digits]", ["hard", "digits"]),
        ("from: ../large, categories: [regex]", ["digits", "endless"]),
        ("from: ../large, tags: [quick, mini]", ["easy", "digits"]),
        ("from: ../large, tags: [mini], categories: [algorithm]", ["easy"]),
        ("from: ../large, languages: [ko]", ["easy", "digits", "endless"]),
    ],
)
def test_a_scenario_meets_every_filter_by_one_of_its_values(select, keys: str, ids: list[str]) -> None:
    assert [scenario.id for scenario in select(keys).scenarios] == ids


def test_what_is_not_said_is_left_as_it_was(select) -> None:
    easy, hard, _, endless = select("from: ../large").scenarios
    assert (easy.rounds, easy.parameters.max_tokens, len(easy.prompt)) == (5, 512, 2)
    assert (hard.rounds, hard.parameters.max_tokens) == (None, None)
    assert endless.parameters.max_tokens == -1
    _, hard, _, endless = select("from: ../large, max_tokens: 9").scenarios
    assert (hard.parameters.max_tokens, endless.parameters.max_tokens) == (9, 9)


@pytest.mark.parametrize(
    ("keys", "above", "told"),
    [
        ("tags: [mini]", "", "small.eval.yaml:1: select.from is missing"),
        ("from: ../huge", "", "small.eval.yaml:1: select.from: there is no suite at "),
        ("from: ../large, tags: [minni]", "", "no scenario is left that has minni\n  -> did you mean mini?"),
        (
            "from: ../large, tags: [quick], categories: [regex]",
            "",
            "select.tags: no scenario is left that has quick",
        ),
        ("from: ../large, tags: mini", "", "select.tags: expected a list"),
        ("from: ../large, round: 1", "", "select has no key"),
        ("from: ../large, rounds: 0", "", "select.rounds: expected a whole number of at least 1"),
        ("from: ../large, max_tokens: -1", "", "select.max_tokens: expected a whole number of at least 1"),
        ("from: ../large", "system: Hi.\n", "small.eval.yaml:1: system: belongs to a file with scenarios"),
        ("from: .", "", "select.from: suites/small/small.eval.yaml selects too"),
    ],
)
def test_a_mistake_is_told_with_its_line(select, keys: str, above: str, told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        select(keys, above)
    assert told in str(caught.value)


def test_a_mistake_in_a_file_that_is_selected_from_is_told_there(select, tmp_path: Path) -> None:
    (tmp_path / "suites" / "large" / "regex.eval.yaml").write_text(REGEX.replace("  prompt", "  promt", 1))
    with pytest.raises(ScenarioError, match=r"^suites/large/regex\.eval\.yaml:5: "):
        select("from: ../large")


def test_an_id_that_two_files_have_is_told(select, tmp_path: Path) -> None:
    (tmp_path / "suites" / "large" / "more.eval.yaml").write_text(
        REGEX.replace("suite: large", "suite: more")
    )
    with pytest.raises(ScenarioError, match="suite small has the id digits already"):
        select("from: ../large")


def test_coding_mini_is_one_english_cell_of_each_category_of_coding() -> None:
    (path,) = shipped.files("coding-mini")
    small = scenarios.load(path).scenarios
    large = [one for file in shipped.files("coding") for one in scenarios.load(file).scenarios]
    assert {one.category for one in small} == {one.category for one in large}
    assert len({one.category for one in small}) == len(small)
    for one in small:
        assert (one.suite, list(one.prompt), one.rounds) == ("coding-mini", ["en"], 1)
        assert one.parameters.max_tokens is not None
        assert 0 < one.parameters.max_tokens <= 256
