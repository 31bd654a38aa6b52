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


def test_parts_of_a_run_are_judged_as_one(here: Any) -> None:
    here.run(tps=50.0)
    assert here.llmeval("judge").code == 0
    hour = {"started": "2026-11-09T03:45:01Z", "finished": "2026-11-09T03:46:01Z"}
    parts = [here.run(tps=20.0, cells=cells, **hour) for cells in (("a",), ("b", "c"))]
    whole = here.run(tps=20.0, **hour)
    said = here.llmeval("judge", *map(str, parts))
    assert said.code == 1
    assert said == here.llmeval("judge", *map(str, reversed(parts)))
    assert said.out == here.llmeval("judge", str(whole)).out, "as one run would have been"


def test_two_runs_of_one_cell_are_no_parts(here: Any) -> None:
    one, other = here.run(), here.run()
    said = here.llmeval("judge", str(one), str(other))
    assert said.code == 2
    assert "these runs can't be one: s/a/en on box is in run-2 and in run-3" in said.err
    assert "judge them one by one" in said.err
    said = here.llmeval("judge", str(one), str(one))
    assert said.code == 2
    assert "run-2 is named twice" in said.err


def test_a_run_with_a_reference_is_judged_by_it(here: Any) -> None:
    here.run("new", "old", reference="old")
    said = here.llmeval("judge", "--reference=old")
    assert said.code == 0
    assert "no baseline" not in said.out
    assert said.out == here.llmeval("judge").out
    for name, instead in (("box", "with old"), ("new", "with old")):
        said = here.llmeval("judge", f"--reference={name}")
        assert said.code == 2
        assert f"did not ask its endpoints in turn with {name} but {instead}" in said.err
    here.run("new", "old")
    said = here.llmeval("judge", "--reference=old")
    assert said.code == 2
    assert "but one after the other" in said.err
    assert "pytest --llm-reference=old" in said.err


def test_what_cannot_be_told_fails_only_where_that_is_asked_for(here: Any) -> None:
    here.run(tps=45.0)
    said = here.llmeval("judge")
    assert said.code == 0
    assert "inconclusive" in said.out
    assert here.llmeval("judge", "--fail-inconclusive").code == 1
    (here.path / "llmeval.toml").write_text("fail_inconclusive = true\n")
    assert here.llmeval("judge").code == 1


def test_a_baseline_takes_no_run_with_a_reference(here: Any) -> None:
    here.run("box", "old", reference="old")
    for command in (("update",), ("update", "--force"), ("accept", "box")):
        said = here.llmeval("baseline", *command)
        assert said.code == 1
        assert "asked in turn with old" in said.out


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
