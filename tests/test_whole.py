"""A file is the old one or the new one, and what a killed writer left beside it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import whole

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks that end with their process here")
WRITER = """
import sys, time
from pathlib import Path
from pytest_llmeval import whole

def slowly():
    yield b"new"
    print("writing", flush=True)
    sys.stdin.read()

whole.write(Path(sys.argv[1]), slowly())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "box.json"
    path.write_bytes(b"old")
    return path


def writing(path: Path) -> subprocess.Popen[bytes]:
    """A process in the middle of writing that file."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    return writer


def test_what_a_killed_writer_left_goes_with_the_next_write_of_that_file(path: Path) -> None:
    with writing(path) as writer:
        writer.kill()
    assert path.read_bytes() == b"old"
    whole.write(path.with_name("other.json"), b"x")
    assert len(list(path.parent.glob(".box.json.*.tmp"))) == 1
    whole.write(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert sorted(one.name for one in path.parent.iterdir()) == ["box.json", "other.json"]


def test_a_sweep_leaves_what_is_being_written_and_what_is_not_ours(path: Path) -> None:
    (path.parent / ".mine.tmp").touch()
    (path.parent / ".box.json.swp").touch()
    with writing(path) as writer, writing(path) as killed:
        killed.kill()
        killed.wait()
        left = set(path.parent.iterdir())
        whole.sweep(path.parent)
        assert len(left - set(path.parent.iterdir())) == 1
        assert writer.stdin is not None
        writer.stdin.close()
        assert writer.wait(30) == 0
    assert path.read_bytes() == b"new"
    assert sorted(one.name for one in path.parent.iterdir()) == [".box.json.swp", ".mine.tmp", "box.json"]


def test_a_writer_that_was_stopped_goes_on(path: Path) -> None:
    """A closed lid in the middle: others have written and swept meanwhile."""
    with writing(path) as writer:
        writer.send_signal(signal.SIGSTOP)
        whole.write(path, b"meanwhile")
        writer.send_signal(signal.SIGCONT)
        assert writer.stdin is not None
        writer.stdin.close()
        assert writer.wait(30) == 0
    assert path.read_bytes() == b"new"


def test_a_sweeper_that_is_quicker_than_the_lock_costs_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    hex_digits = whole.secrets.token_hex

    def named(count: int) -> str:
        made.append(hex_digits(count))
        return made[-1]

    def swept(descriptor: int) -> None:
        if len(made) == 1:
            whole.sweep(path.parent)

    monkeypatch.setattr(whole.secrets, "token_hex", named)
    monkeypatch.setattr(whole.forks, "keep", swept)
    whole.write(path, b"new")
    assert len(made) == 2
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("where", ["write", "flush", "close", "rename"])
def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if where == "flush":
        monkeypatch.setattr(os, "fsync", full)
    elif where == "rename":
        monkeypatch.setattr(type(path), "replace", full)
    data = b"new" if where != "write" else (full() for _ in "x")
    if where == "close":
        monkeypatch.setattr(os, "fsync", lambda _: None)
        monkeypatch.setattr(type(path), "open", lambda *_: _ClosesNot())
    with pytest.raises(OSError, match="No space left"):
        whole.write(path, data)  # type: ignore[arg-type]
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


class _ClosesNot:
    """As a network's file system does it, where room is looked for at last."""

    def __enter__(self) -> _ClosesNot:
        return self

    def __exit__(self, *_: object) -> None:
        raise OSError(28, "No space left on device")

    def writelines(self, _lines: object) -> None:
        pass

    def flush(self) -> None:
        pass

    def fileno(self) -> int:
        return 0


def test_a_forked_child_holds_no_lock_of_it(path: Path) -> None:
    """It may outlive the writer by hours."""
    forking = "import os\n    if os.fork() == 0: time.sleep(30)\n    "
    writer = WRITER.replace('print("writing"', f'{forking}print("writing"')
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"writing\n"
            process.kill()
            process.wait()
            deadline = time.monotonic() + 10
            while len(list(path.parent.iterdir())) > 1 and time.monotonic() < deadline:
                whole.sweep(path.parent)
            assert list(path.parent.iterdir()) == [path]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
