"""Where figures come from: git's word where there is one, and the machine without its name."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
from pathlib import Path

import pytest

from pytest_llmeval import provenance, wire


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one file, committed."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("a\n")
    git(folder, "add", "a.txt")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_clean_commit(repository: Path) -> None:
    (repository / "untracked.txt").write_text("a run leaves files behind\n")
    (repository / "sub").mkdir()
    for folder in (repository, repository / "sub"):
        commit = provenance.commit(folder)
        assert commit is not None
        assert commit.id == git(repository, "rev-parse", "HEAD").strip()
        assert len(commit.id) == 40
        assert not commit.dirty


def test_a_changed_work_tree_is_dirty(repository: Path) -> None:
    (repository / "a.txt").write_text("b\n")
    changed = provenance.commit(repository)
    git(repository, "add", "a.txt")
    staged = provenance.commit(repository)
    assert changed
    assert changed.dirty
    assert staged
    assert staged.dirty


def test_no_repository_no_commit_no_git(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provenance.commit(tmp_path) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert provenance.commit(empty) is None, "a repository before its first commit"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(repository) is None, "no git"


def test_a_git_that_hangs_is_left(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "GIT_TIMEOUT_S", 0.1)
    assert provenance.commit(repository) is None


def test_the_machine_has_no_name() -> None:
    host = provenance.host()
    assert 1 <= host.cpus <= (os.cpu_count() or 1)
    assert host.python == platform.python_version()
    assert host.os == f"{platform.system()} {platform.machine()}"
    assert host.memory_bytes is None or host.memory_bytes > 100_000_000
    words = json.dumps(wire.plain(host))
    for name in {socket.gethostname(), platform.node()}:
        assert not name or name not in words


def test_gpus_are_named_where_the_driver_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
        text = f"Model: \t\t NVIDIA H200\nIRQ:   \t\t 146\nGPU UUID: \t GPU-1\nBus Location: \t {bus}\n"
        (tmp_path / bus / "information").write_text(text)
    (tmp_path / "0000:03:00.0").mkdir()
    monkeypatch.setattr(provenance, "NVIDIA", tmp_path)
    assert provenance.host().gpus == ("NVIDIA H200", "NVIDIA H200")
    monkeypatch.setattr(provenance, "NVIDIA", tmp_path / "none")
    assert provenance.host().gpus == ()


def test_a_file_of_git_is_its_bytes_whatever_they_are(repository: Path) -> None:
    data = b"\xff\r\nno text\x00"
    (repository / "box.json").write_bytes(data)
    git(repository, "add", "-f", "box.json")
    git(repository, "-c", "core.autocrlf=false", "commit", "-qm", "odd")
    assert provenance.committed(repository / "box.json", "HEAD") == data


def test_the_cpu_is_named_where_the_system_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def says(text: str | None) -> str | None:
        def read_text(self: Path, *args: object, **kwargs: object) -> str:
            if text is None:
                raise FileNotFoundError(str(self))
            return text

        monkeypatch.setattr(Path, "read_text", read_text)
        return provenance.host().cpu_model

    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert says("processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: other\n") == (
        "Some CPU @ 2.00GHz"
    )
    assert says("processor: 0\nFeatures: fp\n") == "arm", "an ARM machine names none"
    assert says(None) == "arm", "a Mac has no such file"
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert says(None) is None
