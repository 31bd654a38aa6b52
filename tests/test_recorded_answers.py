"""Recording a run's answers, and telling good models from bad ones by them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import known_answers
import pytest
import recorded_answers
import scoring_validity
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval import hashes, runfile
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.model import Failure, Host, Record, Run, Sample, Score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORDERS, LOGS, *_ = (one for one in known_answers.suite("coding") if one.category == "regex")
CELLS = recorded_answers.cells((ORDERS, LOGS))
SCORES = st.lists(st.floats(0, 10), min_size=1, max_size=9)


def cell(key: str, *samples: Sample, endpoint: str = "qwen") -> Record:
    one = CELLS[key]
    return Record(
        endpoint=endpoint,
        suite="coding",
        scenario=one.scenario.id,
        language=one.language,
        category="regex",
        prompt_sha256=hashes.prompt_sha256(one.scenario, one.language),
        parameters_sha256="0",
        samples=samples,
    )


def sample(number: int = 0, *, ok: bool = True) -> Sample:
    error = None if ok else Failure("interrupted", "gone")
    return Sample(round=number, at_s=1.0, ok=ok, error=error, finish_reason="stop", completion_tokens=7)


def run_folder(folder: Path, *records: Record, answers: Sequence[tuple[str, str, int, str]] = ()) -> Path:
    run = Run(
        id="x", started="2026-11-21T03:45:01Z", finished="2026-11-21T03:46:01Z", complete=True, plugin="0",
        host=Host(cpus=2, os="x", python="3"), cells=records,
    )  # fmt: skip
    runfile.write(folder / "run.json", runfile.dump(run))
    keys = ("endpoint", "cell", "round", "text", "reasoning")
    lines = [json.dumps(dict(zip(keys, (*line, ""), strict=True))) + "\n" for line in answers]
    runfile.write(folder / "answers.jsonl", "".join(lines))
    return folder


EN, KO, LOG = "coding/order-number/en", "coding/order-number/ko", "coding/log-line/en"


def test_the_first_good_answer_to_every_cell_is_recorded(tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path / "run",
        cell(EN, sample(0, ok=False), sample(1), sample(2)),
        cell(KO, sample(ok=False)),
        cell(EN, sample(), endpoint="other"),
        answers=[
            ("qwen", EN, 0, "half"),
            ("qwen", EN, 1, "one"),
            ("qwen", EN, 2, "two"),
            ("other", EN, 0, "no"),
        ],
    )
    told = recorded_answers.record(folder, "m", "qwen", suite="coding", into=tmp_path)
    assert told == f"m: 1 answers recorded, 1 in all; without an answer: {KO}"
    (kept,) = recorded_answers.load("m", tmp_path)
    assert (kept.key, kept.text, kept.finish_reason, kept.tokens) == (EN, "one", "stop", 7)
    assert recorded_answers.sorted_out([kept], CELLS) == ([kept], [])


def test_a_second_run_adds_and_replaces(tmp_path: Path) -> None:
    for key, text in ((EN, "old"), (LOG, "log"), (EN, "new")):
        folder = run_folder(tmp_path / "run", cell(key, sample()), answers=[("qwen", key, 0, text)])
        recorded_answers.record(folder, "m", suite="coding", into=tmp_path)
    kept = recorded_answers.load("m", tmp_path)
    assert {one.key: one.text for one in kept} == {EN: "new", LOG: "log"}
    assert [one.key for one in kept] == sorted((EN, LOG))


def test_answers_to_other_prompts_are_stale(tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path / "run",
        cell(EN, sample()),
        cell(LOG, sample()),
        answers=[("qwen", EN, 0, "a"), ("qwen", LOG, 0, "b")],
    )
    recorded_answers.record(folder, "m", suite="coding", into=tmp_path)
    kept = recorded_answers.load("m", tmp_path)
    changed = structs.replace(CELLS[EN].scenario, prompt={"en": "Another one."})
    known = {EN: recorded_answers.Cell(changed, "en")}
    assert recorded_answers.sorted_out(kept, known) == ([], [LOG, EN])


@pytest.mark.parametrize(
    ("records", "answers", "endpoint", "words"),
    [
        ([], [], None, "holds answers of no endpoint"),
        ([cell(EN, sample()), cell(EN, sample(), endpoint="b")], [], None, "holds answers of b, qwen"),
        ([cell(EN, sample())], [], "qwen", "holds no answer of qwen to the suite coding"),
    ],
)
def test_a_run_without_such_answers(
    tmp_path: Path,
    records: list[Record],
    answers: list[tuple[str, str, int, str]],
    endpoint: str | None,
    words: str,
) -> None:
    folder = run_folder(tmp_path / "run", *records, answers=answers)
    with pytest.raises(RunFileError, match=words):
        recorded_answers.record(folder, "m", endpoint, suite="coding", into=tmp_path)


def test_a_folder_without_answers(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="no such run file"):
        recorded_answers.record(tmp_path, "m", suite="coding")
    folder = run_folder(tmp_path, cell(EN, sample()))
    (folder / "answers.jsonl").write_text("{}\n")
    with pytest.raises(RunFileError, match="is damaged"):
        recorded_answers.record(folder, "m", suite="coding")
    (folder / "answers.jsonl").unlink()
    with pytest.raises(RunFileError, match="--llm-no-answers"):
        recorded_answers.record(folder, "m", suite="coding")


def models(*scores: float) -> dict[str, dict[str, tuple[str, Score]]]:
    return {
        f"model-{place}": {
            EN: ("regex", Score(correctness=one, total=one)),
            KO: ("regex", Score(correctness=1.0)),
        }
        for place, one in enumerate(scores)
    }


@pytest.mark.parametrize(("scores", "in_order"), [((9, 5, 2), True), ((9, 2, 5), False), ((5, 5, 2), False)])
def test_models_must_come_out_in_order(
    scores: tuple[float, ...], in_order: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scoring_validity.tell_models(models(*scores)) is in_order
    assert ("not in order" in capsys.readouterr().out) is not in_order


def test_models_without_a_common_cell_are_in_no_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert not scoring_validity.tell_models({"a": {EN: ("regex", Score(correctness=3.0))}, "b": {}})
    assert "no cell is recorded for every model" in capsys.readouterr().out


@given(SCORES, SCORES)
def test_auc(better: list[float], worse: list[float]) -> None:
    value = scoring_validity.auc(better, worse)
    assert 0 <= value <= 1
    assert value + scoring_validity.auc(worse, better) == pytest.approx(1)
    assert scoring_validity.auc([one + 11 for one in better], worse) == 1
    assert scoring_validity.auc(better, better) == pytest.approx(0.5)
