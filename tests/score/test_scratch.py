"""Folders that are removed, whoever is killed."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_llmeval.score import scratch
from pytest_llmeval.score.scratch import Scratch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders here")
KILLED = """
import os, signal, sys, tempfile
tempfile.tempdir = sys.argv[1]
from pytest_llmeval.score.scratch import Scratch
made = Scratch("llmeval-x-")
open(os.path.join(made.path, "file"), "w").close()
print(made.path, flush=True)
if len(sys.argv) > 2: sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep.cache_clear()


def count_descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def aged(path: str) -> None:
    os.utime(path, (time.time() - 100,) * 2)


def test_it_is_removed_by_its_maker(tmp_path: Path) -> None:
    descriptors = count_descriptors()
    made = Scratch("llmeval-x-")
    (Path(made.path) / "file").touch()
    made.remove()
    made.remove()
    assert not list(tmp_path.iterdir())
    assert count_descriptors() == descriptors


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    dead = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    young = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    with subprocess.Popen([*command, "wait"], stdin=-1, stdout=-1, text=True) as waiting:
        assert waiting.stdout is not None
        living = waiting.stdout.readline().strip()
        other = tmp_path / "llmeval-y-other"
        other.mkdir()
        for path in (dead, living, str(other)):
            aged(path)
        made = Scratch("llmeval-x-")
        assert not Path(dead).exists()
        assert Path(young).exists()
        assert Path(living, "file").exists()
        assert other.exists()
        made.remove()
        waiting.kill()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    aged(str(target))
    (tmp_path / "llmeval-x-link").symlink_to(target)
    Scratch("llmeval-x-").remove()
    assert target.is_dir()


def test_folders_deeper_than_a_recursion_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Scratch("llmeval-x-")
    monkeypatch.chdir(made.path)
    for _ in range(200):
        Path("d").mkdir()
        os.chdir("d")
    Path("file").touch()
    monkeypatch.undo()
    allowed = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        made.remove()
    finally:
        sys.setrecursionlimit(allowed)
    assert not Path(made.path).exists()


def test_a_folder_outgrows_a_size_a_number_and_what_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Scratch("llmeval-x-")
    Path(made.path, "a").mkdir()
    Path(made.path, "a", "b").write_bytes(bytes(100_000))
    assert not made.outgrows(200_000, 2)
    assert made.outgrows(99_999, 2)
    assert made.outgrows(200_000, 1)
    monkeypatch.chdir(made.path)
    for _ in range(20):  # 240 characters each: more than the kernel takes for a path
        Path("d" * 240).mkdir()
        os.chdir("d" * 240)
    monkeypatch.undo()
    assert made.outgrows(1 << 30, 1_000)
    made.remove()
    assert not made.outgrows(1, 1)
