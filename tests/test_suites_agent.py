"""The agent suite: prompts of the sizes that it names, and notes that only a whole reading finds."""

from __future__ import annotations

import re

import pytest

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.filler import BYTES_A_TOKEN
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.scorers import prose
from pytest_llmeval.score.scorers.protocol import Answer, Means

(FILE,) = shipped.files("agent")
SCENARIOS = {scenario.id: scenario for scenario in scenarios.load(FILE).scenarios}
QWEN_TOKENS = {"context-4k": 4_065, "context-16k": 15_958, "context-22k": 21_917}
"""Of system text and prompt together, as Qwen 2.5's tokenizer counts them (llama.cpp's ``/tokenize``)."""
CODE = re.compile(r"NOTE TO THE AGENT: the (?:first|second|third) release code is ([a-z]+-\d{4})\.")


def test_three_sizes() -> None:
    assert list(SCENARIOS) == list(QWEN_TOKENS)


@pytest.mark.parametrize("name", QWEN_TOKENS)
def test_the_prompt_is_as_large_as_its_name_says(name: str) -> None:
    scenario = SCENARIOS[name]
    size = len(f"{scenario.system}{scenario.prompt['en']}".encode()) / BYTES_A_TOKEN
    thousands = int(name.removeprefix("context-").removesuffix("k")) * 1000
    assert QWEN_TOKENS[name] == pytest.approx(thousands, rel=0.05)
    assert size == pytest.approx(QWEN_TOKENS[name], rel=0.06), "count the tokens again"


@pytest.mark.parametrize("name", QWEN_TOKENS)
def test_a_note_lies_at_the_start_in_the_middle_and_at_the_end(name: str) -> None:
    prompt = SCENARIOS[name].prompt["en"]
    places = [match.start() / len(prompt) for match in CODE.finditer(prompt)]
    assert places == pytest.approx([0.03, 0.5, 0.98], abs=0.05)


@pytest.mark.parametrize("name", QWEN_TOKENS)
def test_its_codes_are_what_is_checked_and_are_nowhere_else(name: str) -> None:
    scenario = SCENARIOS[name]
    codes = CODE.findall(scenario.prompt["en"])
    assert [check.contains for check in scenario.prose_checks] == [(code,) for code in codes]
    for code in codes:
        assert scenario.prompt["en"].count(code) == 1
        others = [other for key, other in SCENARIOS.items() if key != name]
        assert not any(code in other.prompt["en"] for other in others), "or a cache could tell it"

    def correctness(text: str) -> float | None:
        return prose.score(scenario, Answer(text), Means(Analyser())).correctness

    assert correctness("\n".join(codes)) == 10
    assert correctness("\n".join(codes[1:])) == pytest.approx(6.667)
    assert correctness("I can not find any notes.") == 0


def test_agents_ask_for_more_than_fits_and_must_not_be_cut_off() -> None:
    for scenario in SCENARIOS.values():
        assert scenario.parameters.max_tokens == 32_768
        assert scenario.parameters.temperature == 0
        assert scenario.finish == "stop"
        assert scenario.system is not None
        assert "<read_file>" in scenario.system


def test_the_text_is_modest_and_tells_nothing_of_a_machine() -> None:
    files = sorted((FILE.parent / "repository").iterdir())
    assert sum(path.stat().st_size for path in files) <= 150_000
    largest = SCENARIOS["context-22k"].prompt["en"]
    named = {path.name for path in files if f'<file path="repository/{path.name}">' in largest}
    assert named == {path.name for path in files}, "a file that no prompt holds is ballast"
    for path in files:
        assert not re.search(r"/(?:work|root|home|Users)/|/tmp/\w", path.read_text("utf-8")), path.name
