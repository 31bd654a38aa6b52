"""What goes wrong with our own disk, clock and process: nothing that was there is lost, and it is said."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")

ENDPOINT = """\
import time

def answer(prompt):
    time.sleep(0.01)
    return "```python\\ndef add(a, b):\\n    return a + b\\n```"
"""
PROJECT = """\
rounds = 1
warmup = 0
[endpoints.box]
kind = "function"
call = "asking:answer"
"""
AFTER_THE_FIRST = """\
import errno, os, pathlib, shutil, time
seen = []

def pytest_runtest_logreport(report):
    if report.when == "call":
        seen.append(report)
        if len(seen) == 2:
            fault()

"""
ODD = (
    AFTER_THE_FIRST
    + """\
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

def fault():
    shutil.rmtree(".llmeval")
    now = time.time
    time.time = lambda: now() - 86400
"""
)
FULL = (
    AFTER_THE_FIRST
    + """\
def fault():
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync = full
    pathlib.Path.replace = full
"""
)


@pytest.fixture
def plain(project: Any) -> Any:
    """A project whose endpoint is a function, with a baseline of one session."""
    (project.path / "asking.py").write_text(ENDPOINT)
    (project.path / "llmeval.toml").write_text(PROJECT)
    return project


def test_a_deleted_folder_a_clock_that_jumps_and_few_descriptors(plain: Any) -> None:
    (plain.path / "conftest.py").write_text(ODD)
    result = plain.pytest("--llm-endpoint=box", "--llm-update-baselines")
    result.assert_outcomes(passed=3)
    assert result.ret == 0
    run = plain.last_run()
    assert len(run["cells"]) == 3
    assert all(0 <= cell["samples"][0]["latency_s"] < 60 for cell in run["cells"])


def test_a_full_disk_keeps_what_was_there_and_turns_the_run_red(plain: Any) -> None:
    assert plain.pytest("--llm-endpoint=box", "--llm-update-baselines").ret == 0
    last = plain.last_run()
    baseline = (plain.path / "baselines" / "box.json").read_bytes()
    (plain.path / "conftest.py").write_text(FULL)
    result = plain.pytest("--llm-endpoint=box", "--llm-update-baselines", "--llm-json=run.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.assert_outcomes(passed=3)
    said = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in said
    for what in (
        "run.json: can't be written: No space left",
        "box.json: can't be written",
        "the journal can't",
    ):
        assert what in said
    assert plain.last_run() == last
    assert (plain.path / "baselines" / "box.json").read_bytes() == baseline
    assert not list(plain.path.rglob("*.tmp"))
    (plain.path / "conftest.py").unlink()
    result = plain.pytest("--llm-endpoint=box", "--llm-resume")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["llmeval: resuming run *, which finished * test*"])


LACKING = """\
import errno, os
from pytest_llmeval.errors import AnalyserError
from pytest_llmeval.measure.recording import Recorder
from pytest_llmeval.score.analyser import Analyser

write = Recorder._write

def full(self, exchange):
    if "add" in exchange.messages[-1][1]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write(self, exchange)

def absent(*_):
    raise AnalyserError("the analyser can't be started")

Recorder._write = full
Analyser.analyse = absent
"""


@pytest.mark.workers
def test_what_was_measured_is_kept_where_it_can_be_neither_recorded_nor_scored(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "conftest.py").write_text(LACKING)
    mock = answering()
    result = project.pytest(f"--llm-endpoint={mock}", "--llm-rounds=1", "--llm-record=kept")
    failed = result.parseoutcomes()["failed"]
    said = result.stdout.str()
    assert "kept: No space left on device: an answer is not recorded (--llm-record)" in said
    assert "the analyser can't be started" in said
    assert "Traceback" not in said
    cells = project.last_run()["cells"]
    assert (failed, len(cells)) == (2, 3)
    samples = [sample for one in cells for sample in one["samples"]]
    assert all(sample["ok"] and sample["ttft_s"] for sample in samples)
    assert not any("quality" in sample.get("score", {}) for sample in samples)
    assert project.last_run()["complete"] is False, "no level that a baseline should have"
    (project.path / "conftest.py").unlink()
    result = project.pytest(f"--llm-endpoint={mock}", "--llm-rounds=1", "--llm-record=kept", "--llm-resume")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["llmeval: resuming run *, which finished 1 test"])
    assert project.last_run()["complete"] is True
    assert len(list((project.path / "kept").iterdir())) >= 3


SERVED = """\
[endpoints.box.server]
command = {command}
"""


@pytest.fixture
def streaming(project: Any) -> Iterator[Any]:
    """A run in the middle of an answer that hardly ever ends, of a server of its own."""
    command = [sys.executable, mock_server.__file__, "--port={port}", "--gap-s=0.2", "--tokens=1000"]
    (project.path / "llmeval.toml").write_text(SERVED.format(command=json.dumps(command)))
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-v", "--llm-endpoint=box", "--llm-rounds=1", "--llm-warmup=0"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as run:
        try:
            wait_for(lambda: streams(project.path))
            project.run = run
            yield project
        finally:
            run.kill()


def test_a_run_that_is_stopped_for_longer_than_any_limit(project: Any) -> None:
    """A closed lid, a frozen container: what was under way is void, and nobody is late."""
    command = [sys.executable, mock_server.__file__, "--port={port}", "--gap-s=0.1", "--tokens=30"]
    (project.path / "llmeval.toml").write_text(SERVED.format(command=json.dumps(command)))
    arguments = ["-kgreet", "--llm-endpoint=box", "--llm-rounds=2", "--llm-warmup=0", "--llm-timeout=8"]
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=project.path) as run:
        try:
            assert wait_for(lambda: streams(project.path))
            run.send_signal(signal.SIGSTOP)
            time.sleep(9)
            run.send_signal(signal.SIGCONT)
            assert run.wait(60) == 0
        finally:
            run.kill()
    (cell,) = project.last_run()["cells"]
    assert "this client stood still for" in cell["samples"][0]["void"]
    assert all(sample["ok"] for sample in cell["samples"])


@pytest.mark.parametrize("how", ["SIGTERM", "a closed terminal", "Ctrl-C twice"])
def test_an_end_from_outside(streaming: Any, how: str) -> None:
    run, folder = streaming.run, streaming.path
    if how == "a closed terminal":
        run.stdout.close()
        run.send_signal(signal.SIGHUP)
    elif how == "SIGTERM":
        run.send_signal(signal.SIGTERM)
    else:
        run.send_signal(signal.SIGINT)
        time.sleep(0.05)
        run.send_signal(signal.SIGINT)
    run.wait(60)
    assert wait_for(lambda: not servers(folder))
    for path in (folder / ".llmeval").rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    assert not list(folder.rglob("*.tmp"))
    if how == "Ctrl-C twice":
        return
    assert how != "SIGTERM" or run.returncode == pytest.ExitCode.INTERRUPTED
    (cell,) = streaming.last_run()["cells"]
    assert streaming.last_run()["interrupted"] is True
    assert cell["samples"][0]["partial_tokens"] > 0


AT_ONCE = """\
[endpoints.box]
concurrency = 3
[endpoints.box.server]
command = {command}
"""


class Terminal:
    """A run with two workers, which leads the session of a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.ours, theirs = os.openpty()
        self.run = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-v", "-n2", "--llm-endpoint=box", "--llm-rounds=1"],
            cwd=folder,
            preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 (no threads yet)
            pass_fds=(theirs,),
        )
        os.close(theirs)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # EIO: nobody has it open any more
            while not self._over.is_set():
                if select.select([self.ours], [], [], 0.05)[0]:
                    os.read(self.ours, 4096)

    def hang_up(self) -> None:
        """As when its window is closed."""
        self._over.set()
        self._reader.join()
        ours, self.ours = self.ours, -1
        if ours >= 0:
            os.close(ours)

    def alive(self) -> list[int]:
        """The processes of its session."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                found += [int(entry.name)] if int(session) == self.run.pid and state != "Z" else []
        return found


@pytest.fixture
def terminal(project: Any) -> Iterator[Terminal]:
    """One cell is finished, and another in the middle of an answer that hardly ever ends."""
    answers = project.path / "answers.json"
    answers.write_text(json.dumps({"작성해": "네.", "인사": "네."}), encoding="utf-8")
    command = [sys.executable, mock_server.__file__, "--port={port}", "--gap-s=0.2", "--tokens=1000"]
    command.append(f"--answers={answers}")
    (project.path / "llmeval.toml").write_text(AT_ONCE.format(command=json.dumps(command)))
    terminal = Terminal(project.path)
    try:
        assert wait_for(
            lambda: [path for path in journals(project.path) if path.read_bytes().count(b"\n") > 1]
        )
        yield terminal
    finally:
        terminal.run.kill()
        terminal.run.wait()
        terminal.hang_up()


def journals(folder: Path) -> list[Path]:
    return list(folder.glob(".llmeval/runs/*/journal.jsonl"))


@pytest.mark.parametrize("how", ["goes away", "SIGTERM twice", "Ctrl-C", "Ctrl-C twice"])
@pytest.mark.skipif(find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_a_real_terminal_of_a_run_with_workers(project: Any, terminal: Terminal, how: str) -> None:
    if how == "goes away":
        terminal.hang_up()
    elif how == "SIGTERM twice":
        terminal.run.terminate()
        time.sleep(0.5)  # it waits for its workers, which know nothing
        terminal.run.terminate()
    else:
        time.sleep(1)  # for five tokens
        os.write(terminal.ours, b"\x03")
    if how == "Ctrl-C twice":
        time.sleep(0.05)
        os.write(terminal.ours, b"\x03")
    terminal.run.wait(60)
    assert wait_for(lambda: not terminal.alive() and not servers(project.path))
    for path in (project.path / ".llmeval").rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    assert not list(project.path.rglob("*.tmp"))
    if how == "Ctrl-C twice":
        assert journals(project.path), "what is not published can be taken up"
        return
    run = project.last_run()
    assert run["interrupted"] is True
    assert "ko" in [cell["language"] for cell in run["cells"] if cell["samples"][0]["ok"]]
    if how == "Ctrl-C":
        broken = [sample for cell in run["cells"] for sample in cell["samples"] if not sample["ok"]]
        assert {sample["error"]["kind"] for sample in broken} == {"interrupted"}
        assert any(sample.get("partial_tokens") for sample in broken)


def wait_for(what: Callable[[], object]) -> bool:
    """Whether it came true within a minute."""
    deadline = time.monotonic() + 60
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(what())


def streams(folder: Path) -> bool:
    """Whether a project's server is in the middle of an answer."""
    for pid in servers(folder):
        port = re.search(rb"--port=(\d+)", Path(f"/proc/{pid}/cmdline").read_bytes())
        with suppress(OSError):
            return bool(port) and any(
                one["sent_ns"] for one in mock_server.log(f"http://127.0.0.1:{int(port[1])}")
            )
    return False


def servers(folder: Path) -> list[int]:
    """The servers that were started for a project and live, without who watches them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            if b"mock_server.py" in command and b"deathwatch" not in command:
                found += [int(entry.name)] if (entry / "cwd").readlink() == folder else []
        except OSError:
            continue
    return found
