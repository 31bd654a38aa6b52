"""The shipped suites: they load, promise nothing, and smoke stays small."""

from __future__ import annotations

import pytest

from pytest_llmeval import scenarios, shipped

FILES = sorted(shipped.folder().glob("*/*.eval.yaml"))
PROMISED_SMOKE = [("greeting", "ko"), ("fibonacci", "ko"), ("list-or-tuple", "ko"), ("count-vowels", "en")]


def test_there_are_shipped_suites():
    assert "smoke" in shipped.names()
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_a_shipped_file_is_a_suite_of_its_folders_name_without_floors(path):
    suite = scenarios.load(path)
    assert suite.name == path.parent.name
    for scenario in suite.scenarios:
        assert scenario.floor == {}, "what is good enough is for the user to say"
        assert scenario.category != "general"
        if scenario.answer.code == "python" and scenario.category != "unit-test":
            assert scenario.answer.requires, "an answer without a contract can't be scored"


def test_ids_are_unique_across_the_files_of_a_suite():
    scenarios.check_unique(scenarios.load(path) for path in FILES)


def test_smoke_is_four_cells_of_at_most_96_tokens():
    cells = [
        (scenario, language)
        for path in shipped.files("smoke")
        for scenario in scenarios.load(path).scenarios
        for language in scenario.prompt
    ]
    assert [(scenario.id, language) for scenario, language in cells] == PROMISED_SMOKE
    for scenario, language in cells:
        assert scenario.parameters.max_tokens is not None
        assert 0 < scenario.parameters.max_tokens <= 96
        hangul = sum("가" <= character <= "힣" for character in scenario.prompt[language])
        assert (hangul > 10) is (language == "ko")


REFERENCES = {
    "fibonacci": """
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
""",
    "count-vowels": """
def count_vowels(text: str) -> int:
    return sum(letter in "aeiou" for letter in text.lower())
""",
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_right_answer_passes_the_checks_of_smoke(name):
    (path,) = shipped.files("smoke")
    scenario = next(one for one in scenarios.load(path).scenarios if one.id == name)
    namespace: dict[str, object] = {}
    exec(REFERENCES[name], namespace)
    assert scenario.checks
    for check in scenario.checks:
        assert eval(check.call, namespace) == check.equals, check.call
