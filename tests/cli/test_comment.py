"""``llmeval comment`` against a stand-in for GitHub's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import github_standin
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A workflow's surroundings for pull request 7 of me/shop, and its comments."""
    with github_standin.running() as github:
        for name, value in github.environment(tmp_path / "event.json").items():
            monkeypatch.setenv(name, value)
        yield github


def test_it_is_written_once_and_then_updated(folder_of_runs: Any, github: Any) -> None:
    github.comments += [
        {"id": 1, "user": {"login": "mallory"}, "body": "<!-- llmeval: llmeval --> mine"},
        {"id": 2, "user": None, "body": "<!-- llmeval: llmeval -->"},
        *({"id": 10 + n, "user": {"login": "x"}, "body": "+1"} for n in range(150)),
    ]
    folder_of_runs.run("box")
    said = folder_of_runs.llmeval("comment")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote https://github.invalid/me/shop/pull/7#")
    first = github.comments[-1]
    assert first["body"].startswith("<!-- llmeval: llmeval -->\n### llmeval: ⚪ 3 cells")
    assert "(https://github.invalid/me/shop/actions/runs/42)" in first["body"]
    count = len(github.comments)

    folder_of_runs.run("box", cells=("a",))
    said = folder_of_runs.llmeval("comment")
    assert said.out.startswith("updated ")
    assert len(github.comments) == count
    assert "⚪ 1 cell," in github.comments[-1]["body"]
    assert github.comments[0]["body"].endswith("mine")

    assert folder_of_runs.llmeval("comment", "--name=nightly").out.startswith("wrote ")
    assert len(github.comments) == count + 1


def test_a_fork_gets_none_and_nobody_is_asked(folder_of_runs: Any, github: Any, tmp_path: Path) -> None:
    folder_of_runs.run("box")
    event = json.loads((tmp_path / "event.json").read_text())
    for repository in ({"full_name": "mallory/shop"}, None):
        event["pull_request"]["head"]["repo"] = repository
        (tmp_path / "event.json").write_text(json.dumps(event))
        said = folder_of_runs.llmeval("comment")
        assert (said.code, github.requests) == (0, [])
        assert said.out == "pull request 7 comes from a fork, whose workflow may not write comments\n"
    (tmp_path / "event.json").write_text("{}")
    assert "there is no pull request here" in folder_of_runs.llmeval("comment").out


def test_what_goes_wrong_is_a_sentence(
    folder_of_runs: Any, github: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of_runs.run("box")
    github.refuses = 403
    said = folder_of_runs.llmeval("comment", "--pull-request=7")
    assert said.code == 2
    assert "POST answered 403: Resource not accessible by integration" in said.err
    assert "pull-requests: write" in said.err
    assert github_standin.TOKEN not in said.err
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    assert "can't be asked" in folder_of_runs.llmeval("comment").err
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "no token is set" in folder_of_runs.llmeval("comment").err
    assert folder_of_runs.llmeval("comment", "--name=a b").code == 2


def test_it_can_be_printed(folder_of_runs: Any) -> None:
    said = folder_of_runs.llmeval("comment", "--print", str(folder_of_runs.run("box")))
    assert said.code == 0
    assert said.out.startswith("<!-- llmeval: llmeval -->\n### llmeval: ")
    assert "<summary>" not in said.out
