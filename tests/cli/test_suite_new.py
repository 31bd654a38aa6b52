"""``llmeval suite new`` and ``list``: what is written loads, is sound, and is never overwritten."""

from __future__ import annotations

import pytest

from pytest_llmeval import scenarios, shipped


def test_a_new_suite_is_sound_as_it_is(folder_of_runs) -> None:
    said = folder_of_runs.llmeval("suite", "new", "billing")
    assert said.code == 0
    assert said.out.splitlines() == [
        "wrote suites/billing.eval.yaml",
        "then: llmeval suite check suites/billing.eval.yaml",
    ]
    suite = scenarios.load(folder_of_runs.path / "suites" / "billing.eval.yaml")
    assert suite.name == "billing"
    assert list(suite.scenarios[0].prompt) == ["en", "ko"]
    said = folder_of_runs.llmeval("suite", "check", "suites/billing.eval.yaml")
    assert (said.code, said.err) == (0, "")
    assert "quality 10.0" in said.out


def test_a_new_oracle_is_sound_once_its_vectors_are_made(folder_of_runs) -> None:
    said = folder_of_runs.llmeval("suite", "new", "evals/mean.eval.yaml", "--oracle")
    assert said.code == 0
    assert "wrote evals/oracles/average/strategies.py" in said.out
    said = folder_of_runs.llmeval("suite", "check")
    assert said.code == 1
    assert "average: there is no vectors.json: llmeval suite freeze" in said.err
    assert folder_of_runs.llmeval("suite", "freeze").code == 0
    said = folder_of_runs.llmeval("suite", "check")
    assert (said.code, said.err) == (0, "")
    assert "2 right answers, correctness 10.0" in said.out


@pytest.mark.parametrize("there", ["suites/billing.eval.yaml", "suites/oracles/average/second.py"])
def test_nothing_is_overwritten(folder_of_runs, there: str) -> None:
    path = folder_of_runs.path / there
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    said = folder_of_runs.llmeval("suite", "new", "billing", "--oracle")
    assert said.code == 2
    assert f"{there} is there already" in said.err
    assert path.read_text() == "mine"
    assert len([one for one in (folder_of_runs.path / "suites").rglob("*") if one.is_file()]) == 1


def test_a_name_that_no_suite_can_have_is_refused(folder_of_runs) -> None:
    said = folder_of_runs.llmeval("suite", "new", "My Suite")
    assert said.code == 2
    assert "a suite can't be called My Suite: expected a slug" in said.err


def test_the_list_shows_shipped_suites_and_opens_files(folder_of_runs) -> None:
    said = folder_of_runs.llmeval("suite", "list")
    head, *lines = [line.split()[:3] for line in said.out.splitlines()]
    assert head == ["suite", "scenarios", "cells"]
    assert [name for name, *_ in lines] == shipped.names()
    assert ["coding-mini", "10", "10"] in lines
    folder_of_runs.llmeval("suite", "new", "billing")
    said = folder_of_runs.llmeval("suite", "list", "suites")
    assert said.out == "suites/billing.eval.yaml:5 average  algorithm · en, ko\n"
