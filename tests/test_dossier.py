"""What is gathered for a report: the prompt that was asked, answers by what they say, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_llmeval import dossier, evaluate, hashes, scenarios
from pytest_llmeval.model import Host, Record, Run, Sample, Scenario

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """\
scenarios:
- id: add
  prompt: {en: "Write add(a, b)."}
  system: Be brief.
  answer: {code: python, requires: ["add(a, b)"]}
"""
CODE = "def add(a, b):\n    return a + b"
ANSWER = f"Here:\n```python\n{CODE}\n```\n"


def run_of(root: Path) -> tuple[Run, Scenario]:
    path = root / "mine.eval.yaml"
    path.write_text(SUITE)
    (scenario,) = scenarios.load(path, root=root).scenarios
    samples = tuple(
        Sample(round=at, at_s=0.0, ok=True, answer_sha256=evaluate.sha256(ANSWER)) for at in range(2)
    )
    record = Record(
        endpoint="box", suite=scenario.suite, scenario="add", language="en", category="c",
        prompt_sha256=hashes.prompt_sha256(scenario, "en"), parameters_sha256="", samples=samples,
        nodeid="mine.eval.yaml::add[box-en]",
    )  # fmt: skip
    host = Host(cpus=2, os="o", python="p")
    run = Run(id="r", started="", finished="", complete=True, plugin="0", host=host, cells=(record,))
    return run, scenario


def line(**fields: Any) -> dict[str, Any]:
    return {"endpoint": "box", "cell": "mine/add/en", "round": 0, "text": ANSWER, "reasoning": ""} | fields


def test_a_cell_with_prompt_answer_and_code(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path)
    lines = [
        line(),
        line(round=1),
        line(endpoint="other"),
        line(cell="mine/sub/en"),
        {"cell": 3},
        line(text=None),
    ]
    (cell,) = dossier.gathered([run], root=tmp_path, answers={"r": lines}).cells
    assert cell.question is not None
    assert cell.question.prompt == "Write add(a, b)."
    assert cell.question.system == "Be brief."
    (given,) = cell.answers
    assert given.rounds == (0, 1)
    assert given.code is not None
    assert given.code.strip() == CODE


def test_a_prompt_that_changed_since_is_not_shown(tmp_path: Path) -> None:
    run, scenario = run_of(tmp_path)
    path = tmp_path / "mine.eval.yaml"
    path.write_text(SUITE.replace("Write", "Please write"))
    (cell,) = dossier.gathered([run], root=tmp_path, answers={}).cells
    assert cell.question is None
    path.write_text("no: [suite")
    (cell,) = dossier.gathered([run], root=tmp_path, answers={}).cells
    assert cell.question is None
    (cell,) = dossier.gathered([run], root=tmp_path, answers={}, asked={"mine/add/en": scenario}).cells
    assert cell.question is not None, "a test asked it, and no file has it"


def test_the_prompt_of_a_shipped_suite(tmp_path: Path) -> None:
    from pytest_llmeval import shipped

    (path, *_) = shipped.files("smoke")
    scenario = scenarios.load(path).scenarios[0]
    language = next(iter(scenario.prompt))
    run, _ = run_of(tmp_path)
    record = structs.replace(
        run.cells[0], suite="smoke", scenario=scenario.id, language=language,
        prompt_sha256=hashes.prompt_sha256(scenario, language),
        nodeid=f"{shipped.PREFIX}/smoke/{path.name}::{scenario.id}[box-{language}]",
    )  # fmt: skip
    (cell,) = dossier.gathered([structs.replace(run, cells=(record,))], root=tmp_path, answers={}).cells
    assert cell.question is not None
    assert cell.question.prompt == scenario.prompt[language]


def test_answers_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert list(dossier.lines(tmp_path / "answers.jsonl")) == []
    (tmp_path / "answers.jsonl").write_text('{"cell": "a"}\n[1]\n{"torn')
    assert list(dossier.lines(tmp_path / "answers.jsonl")) == [{"cell": "a"}]
