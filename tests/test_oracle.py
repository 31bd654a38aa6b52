"""A scenario's oracle: what a run reads of its folder, and every mistake with the scenario's line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import scenarios
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.model import Check

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """\
scenarios:
- id: merge
  prompt: {en: "Mend this.\\n{given}"}
  answer: {code: python, requires: [merge(intervals)]}
  oracle: oracles/merge
"""
PLAIN = SCENARIO.replace("\\n{given}", "")
QUERY = PLAIN.replace("{code: python, requires: [merge(intervals)]}", "{code: sql}")
VECTORS = {
    "schema": "llmeval-vectors/1",
    "made_by": {"python": "3.11", "hypothesis": "6.1"},
    "sources": {"reference.py": "00"},
    "vectors": [
        {"call": "merge([(1, 2)])", "returns": "[[1, 2]]"},
        {"call": "merge(None)", "raises": "TypeError"},
    ],
}


@pytest.fixture
def load(tmp_path: Path):
    def load(text: str, **files: str):
        folder = tmp_path / "oracles" / "merge"
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
        path = tmp_path / "x.eval.yaml"
        path.write_text(text, encoding="utf-8")
        return scenarios.load(path).scenarios[0]

    return load


def test_the_folder_gives_what_is_shown_what_is_right_and_the_vectors(load, tmp_path: Path) -> None:
    scenario = load(
        SCENARIO + "  checks: [{call: 'merge([])', equals: []}]\n",
        given_py="\ndef merge(intervals): ...\n\n",
        reference_py="def merge(intervals):\n    return intervals",
        vectors_json=json.dumps(VECTORS),
    )
    assert scenario.prompt["en"] == "Mend this.\ndef merge(intervals): ..."
    assert scenario.given == "def merge(intervals): ...\n"
    assert scenario.reference == "def merge(intervals):\n    return intervals\n"
    assert scenario.oracle == str(tmp_path / "oracles/merge")
    assert scenario.checks == (
        Check(call="merge([])", equals=[]),
        Check(call="merge([(1, 2)])", equals=[[1, 2]]),
        Check(call="merge(None)", raises="TypeError"),
    )


def test_tests_are_read_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text("def test_it(): pass\n", encoding="utf-8")
    path = tmp_path / "x.eval.yaml"
    text = "scenarios:\n- {id: a, prompt: {en: x}, answer: {code: python}, tests: checks.py}\n"
    path.write_text(text, encoding="utf-8")
    scenario = scenarios.load(path).scenarios[0]
    assert scenario.tests == "def test_it(): pass\n"
    assert scenario.is_executed


def changed(**fields: object) -> str:
    return json.dumps({**VECTORS, **fields})


@pytest.mark.parametrize(
    ("text", "files", "words"),
    [
        (PLAIN, {}, "holds no given.*, no reference.* and no vectors.json"),
        (PLAIN.replace("oracles/merge", "elsewhere"), {}, "oracle: there is no folder"),
        (PLAIN, {"reference_py": "", "reference_md": ""}, "holds reference.md, reference.py"),
        (PLAIN, {"vectors_json": "{"}, "holds no vectors"),
        (PLAIN, {"vectors_json": changed(schema="llmeval-vectors/2")}, "of schema llmeval-vectors/2"),
        (PLAIN, {"vectors_json": changed(vectors=[{"call": "f()", "returns": "f("}])}, "holds no vectors"),
        (QUERY, {"vectors_json": json.dumps(VECTORS)}, "this answer is no Python"),
        (SCENARIO + "  given: x\n", {"given_py": "y"}, "keep one of them"),
        (SCENARIO.replace("  oracle: oracles/merge", "  tests: nowhere.py"), {}, "can't be read"),
        (QUERY.replace("oracle", "tests"), {}, "tests: belongs to Python"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_the_scenarios_line(
    load, text: str, files: dict[str, str], words: str
) -> None:
    with pytest.raises(ScenarioError, match=words.replace("*", r"\*")) as caught:
        load(text, **files)
    assert 3 <= (caught.value.line or 0) <= 6
