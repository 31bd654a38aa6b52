"""Load cells, cold cells, long prompts and answers that may not be cut off, as a user runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SUITE = """\
scenarios:
- id: load
  category: load
  prompt: {en: Say something.}
  load: {concurrency: 3, requests: 6, slo: {ttft_s: 60}}
  parameters: {max_tokens: 10}
- id: cold
  category: cold
  prompt: {en: Say something.}
  cold: true
- id: needle
  category: agent
  prompt: {en: "Read: {filler} What is the code?"}
  filler: {files: [notes.txt], tokens: 500, needles: [{at: 0.5, text: The code is amber-4172.}]}
  checks: [{contains: amber-4172}]
  finish: stop
  parameters: {max_tokens: 32768}
"""


def write(project: Any) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(SUITE, encoding="utf-8")
    (project.path / "suites" / "notes.txt").write_text("a line of notes\n" * 500, encoding="utf-8")


@pytest.mark.workers
def test_loads_are_batches_and_cold_starts_of_others_are_skipped(
    project: Any, answering: Callable[..., str]
) -> None:
    write(project)
    url = answering(answers={"amber": "It is amber-4172."})
    result = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=2", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*SKIPPED*a cold start is measured on a server that the run itself starts*"])
    cells = {cell["scenario"]: cell for cell in project.last_run()["cells"]}
    assert set(cells) == {"load", "needle"}
    load = cells["load"]
    assert [(one["round"], one["request"]) for one in load["samples"]] == [
        (batch, number) for batch in range(2) for number in range(6)
    ]
    for batch in load["load"]:
        assert (batch["requests"], batch["concurrency"], batch.get("errors", 0)) == (6, 3, 0)
        assert batch["load_tps"] > 0
        assert batch["goodput_rps"] == batch["request_rps"]
        assert 0 < batch["fairness"] <= 1
    (answers,) = project.path.glob(".llmeval/runs/*/answers.jsonl")
    lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    numbers = [(one["round"], one["request"]) for one in lines if one["cell"] == "mine/load/en"]
    assert numbers == [(batch, number) for batch in range(2) for number in range(6)]
    assert all("request" not in one for one in lines if one["cell"] == "mine/needle/en")
    needle = cells["needle"]["samples"][0]
    assert needle["score"]["correctness"] == 10
    sent = next(one["body"] for one in mock_server.log(url) if "amber" in json.dumps(one["body"]))
    assert "{filler}" not in json.dumps(sent)


def test_an_answer_that_was_cut_off_fails_where_it_may_not_be(
    project: Any, answering: Callable[..., str]
) -> None:
    write(project)
    url = answering(answers={"amber": "It is amber-4172 or something else entirely."})
    result = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=2", "--llm-max-tokens=3", "-k", "needle")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*2 of 2 answers ended with finish_reason length; the scenario says finish: stop"]
    )


def test_a_missing_file_is_told_with_its_line(project: Any, answering: Callable[..., str]) -> None:
    write(project)
    (project.path / "suites" / "notes.txt").unlink()
    result = project.pytest(f"--llm-endpoint={answering()}")
    assert result.ret == 2
    result.stdout.fnmatch_lines(['*mine.eval.yaml:14: filler.files: "notes.txt" can\'t be read*'])
