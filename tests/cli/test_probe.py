"""``llmeval probe``: against the mock, and against nothing."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import mock_server

from pytest_llmeval import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_says_what_a_server_is_and_prints_its_section(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["probe", mock]) == 0
    told, _, section = capsys.readouterr().out.partition("\n\n")
    assert "vllm 0.0-mock" in told
    assert "32,768 tokens" in told
    assert "tok/s over 24 tokens" in told
    pasted = tomllib.loads(section)
    assert pasted == {"endpoints": {"mock": {"kind": "openai", "url": mock, "model": "mock"}}}
    (tmp_path / "llmeval.toml").write_text(section)
    assert cli.main(["probe", "mock"]) == 0


def test_a_key_is_named_and_never_printed(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMEVAL_API_KEY", "sk-canary-123456")
    assert cli.main(["probe", mock]) == 0
    out = capsys.readouterr().out
    assert 'api_key_env = "LLMEVAL_API_KEY"' in out
    assert "canary" not in out


def test_a_failing_answer_and_no_server_are_told_apart(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mock_server.control(mock, status=500, error={"error": {"message": "out of memory"}})
    assert cli.main(["probe", mock]) == 1
    assert "out of memory" in capsys.readouterr().out
    assert cli.main(["probe", "http://127.0.0.1:1"]) == 2
    assert "is the server running" in capsys.readouterr().err
    assert cli.main(["probe", "local"]) == 2
