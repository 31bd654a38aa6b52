"""``llmeval baseline rescore``: answers that are kept, scored by the rules and checks of today."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from pytest_llmeval import evaluate, hashes, runfile, scenarios
from pytest_llmeval.judge import baselines
from pytest_llmeval.model import Analysers, Score
from pytest_llmeval.score.analyser import Analyser

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "scenarios:\n- id: {name}\n  prompt: {{en: Name a colour.}}\n  checks: [{{contains: {colour}}}]\n"
OLD = Analysers(pylint="0", astroid="0", radon="0", python="3", rules="old")
ANSWERS = ("red", "red", "blue")


class Kept:
    """A project with one suite of one cell, ``s/a/en``, and runs of it that scored every answer 1."""

    def __init__(self, project: Any) -> None:
        self.project = project
        self.path: Path = project.path
        self.write("red")

    def write(self, colour: str, name: str = "a") -> None:
        (self.path / "s.eval.yaml").write_text(SUITE.format(colour=colour, name=name))

    def run(self, analysers: Analysers = OLD) -> Path:
        """A run that was answered ``ANSWERS``; returns its file."""
        path: Path = self.project.run(cells=("a",), analysers=analysers)
        run = runfile.load(path)
        (scenario,) = scenarios.load(self.path / "s.eval.yaml").scenarios
        (record,) = run.cells
        samples = tuple(
            structs.replace(one, answer_sha256=evaluate.sha256(text), score=Score(correctness=1.0))
            for one, text in zip(record.samples, ANSWERS, strict=True)
        )
        record = structs.replace(
            record,
            prompt_sha256=hashes.prompt_sha256(scenario, "en"),
            checks_sha256=hashes.checks_sha256(scenario),
            samples=samples,
        )
        runfile.write(path, runfile.dump(structs.replace(run, cells=(record,))))
        line = {"endpoint": "box", "cell": record.key, "round": 0, "reasoning": ""}
        lines = (json.dumps(line | {"text": text}) + "\n" for text in set(ANSWERS))
        (path.parent / "answers.jsonl").write_text("".join(lines))
        return path

    def appended(self, analysers: Analysers = OLD) -> Path:
        path = self.run(analysers)
        assert self.project.llmeval("baseline", "update").code == 0
        return path

    def scores(self) -> list[tuple[float, ...]]:
        """Of every session."""
        known = baselines.load(self.project.baselines, "box")
        assert known is not None
        return [one.cells["s/a/en"].samples["correctness"] for one in known.sessions]


@pytest.fixture
def kept(folder_of_runs: Any) -> Kept:
    return Kept(folder_of_runs)


def test_a_session_gets_the_scores_and_the_fingerprint_of_today(kept: Kept) -> None:
    kept.appended()
    assert kept.scores() == [(1.0, 1.0, 1.0)]
    said = kept.project.llmeval("baseline", "rescore")
    assert (said.code, said.out) == (0, "box: 1 session of 1 scored anew\n")
    assert kept.scores() == [(10.0, 10.0, 0.0)]
    baseline = baselines.load(kept.project.baselines, "box")
    assert baseline is not None
    (session,) = baseline.sessions
    assert session.fingerprints.scoring is not None
    assert session.fingerprints.scoring["rules"] == Analyser.versions().rules
    assert len(session.cells["s/a/en"].samples["output_tps"]) == 3, "timings are not touched"


def test_changed_checks_score_the_same_answers_anew(kept: Kept) -> None:
    kept.appended(Analyser.versions())
    assert kept.project.llmeval("baseline", "rescore").out == "box: 0 sessions of 1 scored anew\n"
    assert kept.scores() == [(1.0, 1.0, 1.0)], "nothing has changed since"
    kept.write("blue")
    assert kept.project.llmeval("baseline", "rescore", "box").code == 0
    assert kept.scores() == [(0.0, 0.0, 10.0)]


def test_what_is_not_kept_stays_and_is_named(kept: Kept) -> None:
    gone, unread, _ = kept.appended(), kept.appended(), kept.appended()
    gone.unlink()
    (unread.parent / "answers.jsonl").write_text("no JSON")
    said = kept.project.llmeval("baseline", "rescore")
    assert said.code == 1
    assert "box: 1 session of 3 scored anew" in said.out
    assert "run-1 not: its run is not kept" in said.out
    assert "run-2 not: its answers are not kept" in said.out
    assert kept.scores() == [(1.0, 1.0, 1.0)] * 2 + [(10.0, 10.0, 0.0)]


def rename(kept: Kept) -> None:
    kept.write("red", name="b")


def break_file(kept: Kept) -> None:
    (kept.path / "s.eval.yaml").write_text("scenarios: [")


def reword(kept: Kept) -> None:
    (kept.path / "s.eval.yaml").write_text(SUITE.format(colour="red", name="a").replace("Name", "Say"))


def forget(kept: Kept) -> None:
    (kept.path / ".llmeval" / "runs" / "run-1" / "answers.jsonl").write_text("")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (rename, "no scenario file yields s/a/en"),
        (break_file, "no scenario file yields s/a/en"),
        (reword, "s/a/en has another prompt now"),
        (forget, "an answer of s/a/en is not kept"),
    ],
)
def test_what_can_not_be_scored_says_why(kept: Kept, change: Any, why: str) -> None:
    kept.appended()
    change(kept)
    said = kept.project.llmeval("baseline", "rescore")
    assert (said.code, said.out) == (1, f"box: 0 sessions of 1 scored anew; run-1 not: {why}\n")
    assert kept.scores() == [(1.0, 1.0, 1.0)]


def test_an_endpoint_without_a_baseline_is_named(kept: Kept) -> None:
    kept.appended()
    said = kept.project.llmeval("baseline", "rescore", "other")
    assert said.code == 2
    assert "other has no baseline" in said.err
    assert "there are: box" in said.err


def test_without_any_baseline_it_says_so(folder_of_runs: Any) -> None:
    said = folder_of_runs.llmeval("baseline", "rescore")
    assert said.code == 0
    assert "there is no baseline in" in said.out
