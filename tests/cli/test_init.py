"""``llmeval init``: what it writes is read again, nothing is overwritten, a person is asked at a terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pytest_llmeval import cli, scenarios, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKFLOW = ".github/workflows/llmeval.yml"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no terminal."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def resolved(folder: Path, endpoint: str) -> settings.Settings:
    return settings.resolve({"endpoint": [endpoint]}, environ=dict(os.environ), rootdir=folder)


def job(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / WORKFLOW).read_text())["jobs"]["gate"]
    return found


@pytest.mark.parametrize(
    ("arguments", "name", "kind", "machine", "forks"),
    [
        (["--workflow"], "local", "local", "ubuntu-latest", True),
        (["--endpoint=local:smollm2", "--workflow"], "local-smollm2", "local", "ubuntu-latest", True),
        (["--endpoint=http://localhost:8000/v1", "--workflow"], "localhost", "openai", "self-hosted", False),
        (["--endpoint=http://10.0.0.7/v1", "--workflow"], "10.0.0.7", "openai", "self-hosted", False),
        (
            ["--endpoint=https://api.example.com/v1", "--model=big/Coder-7B", "--workflow"],
            "coder-7b", "openai", "ubuntu-latest", False,
        ),
        (["--endpoint=awq=http://gpu:8000", "--workflow"], "awq", "openai", "self-hosted", False),
    ],
)  # fmt: skip
def test_what_is_written_is_read_again(
    empty: Path, arguments: list[str], name: str, kind: str, machine: str, forks: bool
) -> None:
    assert cli.main(["init", *arguments]) == 0
    [endpoint] = resolved(empty, name).endpoints
    assert (endpoint.name, endpoint.kind) == (name, kind)
    suite = scenarios.load(empty / "evals" / "first.eval.yaml")
    assert suite.name == "first"
    gate = job(empty)
    assert gate["runs-on"] == machine
    assert ("if" not in gate) == forks
    assert f"pytest --llm-endpoint={name} " in (empty / WORKFLOW).read_text()


def test_a_key_is_named_and_never_written(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMEVAL_API_KEY", "sk-canary-123456")
    assert cli.main(["init", "--endpoint=https://api.example.com/v1", "--workflow"]) == 0
    written = "".join(path.read_text() for path in empty.rglob("*") if path.is_file())
    assert 'api_key_env = "LLMEVAL_API_KEY"' in written
    assert "${{ secrets.LLMEVAL_API_KEY }}" in written
    assert "canary" not in written


def test_local_scores_are_gated_where_machines_are_not_alike(empty: Path) -> None:
    cli.main(["init", "--workflow"])
    metrics = resolved(empty, "local").policy.metrics
    assert {name: policy.gate for name, policy in metrics.items()} == {"output_tps": False, "ttft_s": False}


def test_nothing_is_overwritten(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / "pyproject.toml").write_text("[tool.llmeval]\nrounds = 2\n")
    (empty / "evals").mkdir()
    (empty / "evals" / "first.eval.yaml").write_text("mine")
    assert cli.main(["init", "--endpoint=http://gpu:8000"]) == 0
    said = capsys.readouterr().out
    assert "leaves  pyproject.toml, which is there already" in said
    assert "leaves  evals/first.eval.yaml, which is there already" in said
    assert '[endpoints.gpu]\nkind = "openai"\nurl = "http://gpu:8000"\n' in said
    assert sorted(path.name for path in empty.rglob("*") if path.is_file()) == [
        "first.eval.yaml",
        "pyproject.toml",
    ]
    assert (empty / "evals" / "first.eval.yaml").read_text() == "mine"


def test_another_folder_and_paths_below_it(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / "shop" / "recorded").mkdir(parents=True)
    assert cli.main(["init", "--folder=shop", "--endpoint=rec=replay:shop/recorded", "--suite=bill"]) == 0
    assert 'path = "recorded"' in (empty / "shop" / "llmeval.toml").read_text()
    assert (empty / "shop" / "evals" / "bill.eval.yaml").is_file()
    assert "cd shop" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["--endpoint=all", "--endpoint=what", "--suite=My Suite"])
def test_what_means_nothing_is_refused_before_anything_is_written(empty: Path, wrong: str) -> None:
    assert cli.main(["init", wrong]) == 2
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "files"),
    [
        (["http://gpu:8000", "mine", "y", ""], ["llmeval.toml", "llmeval.yml", "mine.eval.yaml"]),
        (["", "", "", "n"], []),
        ([], ["first.eval.yaml", "llmeval.toml"]),
    ],
)
def test_a_person_is_asked_at_a_terminal(
    empty: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], files: list[str]
) -> None:
    typed: Iterator[str] = iter(answers)

    def answer(_question: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    assert cli.main(["init"]) == 0
    assert sorted(path.name for path in empty.rglob("*") if path.is_file()) == files
