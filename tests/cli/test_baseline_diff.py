"""``llmeval baseline diff``: what a pull request changes, from git."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from pytest_llmeval import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SHA = "0" * 64


def baseline(*speeds: float) -> str:
    cell = {"prompt_sha256": SHA, "parameters_sha256": SHA}
    sessions = [
        {
            "run": f"2026112{day}T000000Z-0000",
            "date": f"2026-11-2{day}T00:00:00Z",
            "fingerprints": {},
            "cells": {"coding/añb/ko": {**cell, "samples": {"output_tps": [speed, speed]}}},
        }
        for day, speed in enumerate(speeds)
    ]
    facts = {"kind": "openai", "model": "qwen"}
    epochs = [{"facts": facts, "sessions": sessions}]
    return json.dumps({"schema": "llmeval-baseline/1", "endpoint": "box", "epochs": epochs})


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_it_shows_what_changed_since_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").mkdir()
    path = tmp_path / "baselines" / "box.json"
    git(tmp_path, "init", "-q")
    path.write_text(baseline(50.0), encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    assert cli.main(["baseline", "diff"]) == 0
    assert "no baseline" in capsys.readouterr().out
    path.write_text(baseline(50.0, 40.0), encoding="utf-8")
    assert cli.main(["baseline", "diff"]) == 0
    out = capsys.readouterr().out
    assert "### Baseline of box" in out
    assert "1 session added" in out
    assert "| output_tps |" in out


def test_a_baseline_that_git_does_not_have_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "box.json").write_text(baseline(50.0), encoding="utf-8")
    assert cli.main(["baseline", "diff"]) == 0
    assert "### Baseline of box" in capsys.readouterr().out


def test_a_revision_that_git_does_not_know_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    assert cli.main(["baseline", "diff", "mian"]) == 2
    assert "git knows no revision mian here" in capsys.readouterr().err
