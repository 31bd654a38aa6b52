"""``llmeval judge``: the verdicts of run files, their table and the exit code."""

from __future__ import annotations

import re
from typing import Any

import pytest


@pytest.fixture
def here(folder_of_runs: Any) -> Any:
    """A project with a baseline of one session at 50 tokens a second."""
    folder_of_runs.run()
    assert folder_of_runs.llmeval("baseline", "update").code == 0
    return folder_of_runs


def test_the_last_run_is_judged(here: Any) -> None:
    here.run(tps=51.0)
    said = here.llmeval("judge")
    assert said.code == 0
    assert "at most 2 % of unchanged builds are red" in said.out
    assert said.out.startswith("box  m\n")
    assert re.search(r"^c/en .* 51\.0 ", said.out, re.MULTILINE)


def test_a_collapse_is_exit_1_with_its_sentence(here: Any) -> None:
    here.run(tps=20.0)
    said = here.llmeval("judge")
    assert said.code == 1
    assert "60" in said.out
    assert "slower than its baseline" in said.out


def test_every_run_that_is_named_is_judged(here: Any) -> None:
    slow, good = here.run(tps=20.0), here.run(tps=50.0)
    assert here.llmeval("judge").code == 0
    assert here.llmeval("judge", str(good)).code == 0
    for order in ((slow, good), (good, slow)):
        said = here.llmeval("judge", *map(str, order))
        assert said.code == 1, "one red run is enough, wherever it stands"
        assert said.out.count("at most 2 %") == 2


def test_without_a_baseline_nothing_is_red(here: Any) -> None:
    here.run("new", tps=1.0)
    said = here.llmeval("judge", "--baselines=elsewhere")
    assert said.code == 0
    assert "new has no baseline" in said.out


def test_the_projects_policy_holds(here: Any) -> None:
    here.run(tps=51.0)
    (here.path / "llmeval.toml").write_text("[policy]\nalpha = 0.1\n[policy.output_tps]\nfloor = 60\n")
    said = here.llmeval("judge")
    assert said.code == 1
    assert "at most 10 %" in said.out
    assert "below the policy's floor of 60" in said.out


def test_an_interrupted_run_is_not_judged(here: Any) -> None:
    here.run(tps=1.0, interrupted=True, complete=False)
    said = here.llmeval("judge")
    assert said.code == 0
    assert "nothing was judged" in said.out


def test_judging_changes_nothing(here: Any) -> None:
    here.run(tps=20.0)
    before = {path: path.read_bytes() for path in here.path.rglob("*.json")}
    here.llmeval("judge")
    assert {path: path.read_bytes() for path in here.path.rglob("*.json")} == before


@pytest.mark.parametrize("name", ["nowhere.json", ".", "llmeval.toml", "baselines/box.json"])
def test_what_is_no_run_is_exit_2_with_its_path(here: Any, name: str) -> None:
    good = here.run()
    said = here.llmeval("judge", str(good), name)
    assert said.code == 2
    assert said.err.startswith(f"llmeval: {name}: ")
    assert said.out == "", "all is read before anything is said"


def test_no_run_yet(folder_of_runs: Any) -> None:
    said = folder_of_runs.llmeval("judge")
    assert said.code == 2
    assert "no run was made in this folder yet" in said.err
