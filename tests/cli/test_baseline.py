"""``llmeval baseline``: what each action does to the files, says, and exits with."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.judge import baselines
from pytest_llmeval.model import Facts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(folder_of_runs: Any) -> Any:
    return folder_of_runs


def sessions(here: Any, endpoint: str = "box") -> list[list[str]]:
    """The runs of every epoch."""
    baseline = baselines.load(here.baselines, endpoint)
    return [[one.run for one in epoch.sessions] for epoch in baseline.epochs] if baseline else []


# -- update ------------------------------------------------------------------------------------------------


def test_update_appends_the_last_run(here: Any) -> None:
    here.run()
    said = here.llmeval("baseline", "update")
    assert said.code == 0
    assert "box" in said.out
    assert sessions(here) == [["run-1"]]
    here.run()
    assert here.llmeval("baseline", "update").code == 0
    assert sessions(here) == [["run-1", "run-2"]]


def test_update_takes_every_endpoint_of_the_run(here: Any) -> None:
    here.run("box", "other")
    said = here.llmeval("baseline", "update")
    assert len(said.out.splitlines()) == 2
    assert sessions(here, "box") == sessions(here, "other") == [["run-1"]]


def test_update_takes_another_run_by_its_path(here: Any) -> None:
    first = here.run()
    here.run()
    assert here.llmeval("baseline", "update", f"--run={first}").code == 0
    assert sessions(here) == [["run-1"]]


def test_the_same_run_enters_once(here: Any) -> None:
    here.run()
    here.llmeval("baseline", "update")
    said = here.llmeval("baseline", "update")
    assert (said.code, "already holds run run-1" in said.out) == (1, True)
    assert sessions(here) == [["run-1"]]


def test_a_red_run_enters_nothing_and_names_accept(here: Any) -> None:
    here.run()
    here.llmeval("baseline", "update")
    here.run(tps=20.0)
    said = here.llmeval("baseline", "update")
    assert said.code == 1
    assert "llmeval baseline accept box" in said.out
    assert sessions(here) == [["run-1"]]


def test_a_partial_run_enters_by_force_only(here: Any) -> None:
    here.run(complete=False)
    said = here.llmeval("baseline", "update")
    assert (said.code, "--force" in said.out) == (1, True)
    assert sessions(here) == []
    assert here.llmeval("baseline", "update", "--force").code == 0
    assert sessions(here) == [["run-1"]]


def test_an_interrupted_run_enters_by_nothing(here: Any) -> None:
    here.run(complete=False, interrupted=True)
    said = here.llmeval("baseline", "update", "--force")
    assert (said.code, "interrupted" in said.out) == (1, True)
    assert not here.baselines.exists()


# -- accept ------------------------------------------------------------------------------------------------


def test_accept_starts_a_new_level(here: Any) -> None:
    here.run()
    here.llmeval("baseline", "update")
    here.run(tps=20.0)
    said = here.llmeval("baseline", "accept", "box")
    assert said.code == 0
    assert "a new level starts with run run-2; 1 session before it is history now" in said.out
    assert sessions(here) == [["run-1"], ["run-2"]]
    here.run(tps=20.0)
    assert here.llmeval("baseline", "update").code == 0
    assert sessions(here) == [["run-1"], ["run-2", "run-3"]]


def test_accept_leaves_other_endpoints_alone(here: Any) -> None:
    here.run("box", "other")
    assert here.llmeval("baseline", "accept", "other").code == 0
    assert (sessions(here, "box"), sessions(here, "other")) == ([], [["run-1"]])


def test_accept_of_an_endpoint_that_did_not_run(here: Any) -> None:
    here.run()
    said = here.llmeval("baseline", "accept", "typo")
    assert said.code == 1
    assert "typo: no request was answered in run run-1" in said.out
    assert not (here.baselines / "typo.json").exists()


def test_accept_needs_to_know_which(here: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        here.llmeval("baseline", "accept")
    assert exit_.value.code == 2
    assert "NAME" in capsys.readouterr().err


# -- show --------------------------------------------------------------------------------------------------


def test_show_says_what_is_promised(here: Any) -> None:
    here.run("box", "other")
    here.llmeval("baseline", "update")
    both = here.llmeval("baseline", "show")
    assert both.code == 0
    assert "box" in both.out
    assert "other" in both.out
    one = here.llmeval("baseline", "show", "box")
    assert one.code == 0
    assert one.out.startswith("box · 1 session · 2026-11-01 · m\n")
    assert "other" not in one.out
    assert re.search(r"s/a/en\W+50\.0\b", one.out)


def test_show_reads_well_and_nothing_in_it_is_obeyed(here: Any) -> None:
    hostile = {"box": Facts(kind="openai", model="m\x1b[31m[bold]\u202e")}
    for tps in (1234.0, 1236.0):
        here.run("box", tps=tps, endpoints=hostile)
        here.llmeval("baseline", "update")
    said = here.llmeval("baseline", "show").out
    assert said.startswith("box · 2 sessions · 2026-11-01 to 2026-11-02 · m␛[31m[bold]\ufffd\n")
    assert re.search(r"s/a/en +1235\n", said), "no exponent"
    assert "2세션" in here.llmeval("--report-language=ko", "baseline", "show").out


def test_show_of_what_is_not_there(here: Any) -> None:
    said = here.llmeval("baseline", "show")
    assert (said.code, "--llm-update-baselines makes one" in said.out) == (0, True)
    here.run()
    here.llmeval("baseline", "update")
    said = here.llmeval("baseline", "show", "box", "typo")
    assert said.code == 1
    assert f"typo has no baseline in {here.baselines}" in said.out
    assert "box" in said.out


# -- prune -------------------------------------------------------------------------------------------------


def test_prune_drops_what_the_last_run_saw_vanished(here: Any) -> None:
    here.run()
    here.llmeval("baseline", "update")
    here.run(cells=("a", "b"))
    assert here.llmeval("baseline", "update").code == 1, "a missing cell is red"
    said = here.llmeval("baseline", "prune", "box")
    assert said.code == 0
    assert "1 cell removed: s/c/en" in said.out
    baseline = baselines.load(here.baselines, "box")
    assert baseline
    assert list(baseline.cells) == ["s/a/en", "s/b/en"]
    assert here.llmeval("baseline", "update").code == 0


def test_prune_without_a_baseline(here: Any) -> None:
    here.run()
    said = here.llmeval("baseline", "prune", "box")
    assert said.code == 2
    assert "box has no baseline" in said.err
    assert "llmeval baseline update makes one" in said.err


# -- places ------------------------------------------------------------------------------------------------


def test_baselines_elsewhere(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here.run()
    assert here.llmeval("baseline", "update", "--baselines=promises").code == 0
    assert (here.path / "promises" / "box.json").is_file()
    (here.path / "llmeval.toml").write_text('baselines = "kept"\n')
    assert here.llmeval("baseline", "update").code == 0
    assert (here.path / "kept" / "box.json").is_file()
    monkeypatch.setenv("LLMEVAL_BASELINES", "from-environment")
    assert here.llmeval("baseline", "update").code == 0
    assert (here.path / "from-environment" / "box.json").is_file()


def test_it_works_from_a_folder_of_the_project(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here.run()
    sub = here.path / "src" / "deep"
    sub.mkdir(parents=True)
    monkeypatch.chdir(sub)
    assert here.llmeval("baseline", "update").code == 0
    assert (here.baselines / "box.json").is_file()


def test_no_endpoint_of_the_environment_is_needed(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here.run()
    monkeypatch.setenv("LLMEVAL_ENDPOINT", "not-configured-here")
    assert here.llmeval("baseline", "update").code == 0


@pytest.mark.parametrize("action", [["update"], ["accept", "box"], ["prune", "box"]])
def test_without_a_run_it_says_how_to_make_one(here: Any, action: list[str]) -> None:
    said = here.llmeval("baseline", *action)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"llmeval: {here.path}: no run was made in this folder yet\n  -> run pytest")
    wrong = here.llmeval("baseline", *action, "--run=nowhere.json")
    assert (wrong.code, "nowhere.json: there is no such run file" in wrong.err) == (2, True)


@pytest.mark.parametrize("action", [["update"], ["accept", "box"], ["show"], ["prune", "box"]])
def test_a_baseline_that_cannot_be_read_is_never_overwritten(here: Any, action: list[str]) -> None:
    here.run()
    path: Path = here.baselines / "box.json"
    path.parent.mkdir()
    for text in ("{", json.dumps({"schema": "llmeval-baseline/9", "endpoint": "box", "epochs": []})):
        path.write_text(text)
        said = here.llmeval("baseline", *action)
        assert said.code == 2
        assert f"{path}:1" in said.err
        assert path.read_text() == text


def test_a_mistake_in_the_project_file_is_told(here: Any) -> None:
    (here.path / "llmeval.toml").write_text("[policy]\nalpa = 0.1\n")
    here.run()
    said = here.llmeval("baseline", "update")
    assert said.code == 2
    assert "llmeval.toml:2" in said.err
