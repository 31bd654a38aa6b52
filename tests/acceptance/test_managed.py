"""Servers of the run's own: started once, shared, stopped, explained; never two of an exclusive group."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers are started on Linux and macOS only")

SERVER = """\
'''The mock server, which writes into `lives` when it starts and ends, and holds a lock of its group.'''
import builtins, fcntl, os, pathlib, runpy, signal, sys, threading
name, group, script, *arguments = sys.argv[1:]
folder = pathlib.Path(__file__).parent

def note(what):
    with (folder / "lives").open("a") as lives:
        print(what, name, os.getpid(), file=lives, flush=True)

def end(number, frame):
    note("stop")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
lock = (folder / f"{group}.lock").open("w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("overlap")
note("start")
print("loading", name, flush=True)
tell = print

def told(*words, **how):  # it listens now
    tell(*words, **how)
    if "LIVES_S" in os.environ:
        threading.Timer(float(os.environ["LIVES_S"]), os.kill, (os.getpid(), signal.SIGKILL)).start()

builtins.print = told
sys.argv = [script, *arguments]
sys.path.insert(0, os.path.dirname(script))  # as if it had been started itself
runpy.run_path(script, run_name="__main__")
"""
SUITE = """\
scenarios:
- {id: one, prompt: {en: One., ko: 하나.}}
- {id: two, prompt: {en: Two., ko: 둘.}}
"""


class Managed:
    """A project with a suite of four cells, whose endpoints have servers of their own."""

    def __init__(self, project: Any) -> None:
        self.project = project
        self.path: Path = project.path
        self.toml = "rounds = 1\nwarmup = 0\n"
        (self.path / "suites" / "mine.eval.yaml").write_text(SUITE, encoding="utf-8")
        (self.path / "server.py").write_text(SERVER, encoding="utf-8")

    def endpoint(self, name: str, *arguments: str, group: str | None = None, **more: Any) -> None:
        """Add one; ``group`` is its exclusive group, ``more`` further keys of its server."""
        command = [sys.executable, "server.py", name, group or name, mock_server.__file__, "--port={port}"]
        table: dict[str, Any] = {"command": [*command, "--ttft-s=0.01", "--gap-s=0.001", *arguments]}
        table |= {"exclusive": group} if group else {}
        lines = [f"{key} = {json.dumps(value)}" for key, value in (table | more).items()]
        self.toml += "\n".join([f"[endpoints.{name}.server]", *lines, ""])

    def pytest(self, *arguments: str) -> pytest.RunResult:
        (self.path / "llmeval.toml").write_text(self.toml, encoding="utf-8")
        result: pytest.RunResult = self.project.pytest("--llm-endpoint=all", *arguments)
        return result

    @property
    def lives(self) -> list[str]:
        """``start a``, ``stop a`` … in the order of time."""
        return [line.rpartition(" ")[0] for line in self._lines()]

    @property
    def pids(self) -> list[int]:
        """Of every server that was started."""
        return [int(line.split()[-1]) for line in self._lines() if line.startswith("start")]

    def _lines(self) -> list[str]:
        lives = self.path / "lives"
        return lives.read_text(encoding="utf-8").splitlines() if lives.exists() else []


@pytest.fixture
def managed(project: Any) -> Managed:
    """In one process, unless the test is marked ``workers``."""
    return Managed(project)


def output(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


def gone(pids: list[int], within_s: float = 20.0) -> bool:
    """Whether all of them have ended, in time."""
    deadline = time.monotonic() + within_s
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def wait_for(condition: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


# -- once --------------------------------------------------------------------------------------------------


@pytest.mark.workers
def test_a_server_is_started_once_for_all_and_stopped(managed: Managed) -> None:
    managed.toml = managed.toml.replace("warmup = 0", "warmup = 1")
    managed.endpoint("a", "--models=tiny")
    result = managed.pytest()
    assert result.ret == 0, output(result)
    result.assert_outcomes(passed=4)
    assert managed.lives == ["start a", "stop a"]
    assert gone(managed.pids)
    run = managed.project.last_run()
    assert run["endpoints"]["a"]["model"] == "tiny"
    server = run["servers"]["a"]
    assert server["starts"] == 1
    assert 0 < server["cold_start_s"] < 60
    assert 0.01 <= server["cold_ttft_s"] < 30
    assert "death" not in server
    (log,) = managed.path.glob(f".llmeval/runs/*/{server['log']}")
    assert log.read_text().startswith("loading a\nlistening on ")
    seen = run["telemetry"]["a"]
    assert {"loaded", "ready", "peak"} <= set(seen["steps"]), "its memory is followed from its start"
    for step in seen["steps"].values():
        assert step.get("process_memory_bytes", 1e7) > 5e6
    assert seen["steps"]["peak"]["process_memory_bytes"] >= seen["peak"]["process_memory_bytes"]
    assert "process" not in seen["absent"]
    result.stdout.fnmatch_lines(["a  tiny * up in * s * MiB memory"])


def test_servers_that_exclude_nobody_are_up_together(managed: Managed) -> None:
    managed.endpoint("a")
    managed.endpoint("b")
    result = managed.pytest("suites/mine.eval.yaml::one[a-en]", "suites/mine.eval.yaml::one[b-en]")
    result.assert_outcomes(passed=2)
    assert managed.lives[:2] == ["start a", "start b"]
    assert sorted(managed.lives[2:]) == ["stop a", "stop b"]
    assert gone(managed.pids)


def test_a_reference_is_up_beside_each_of_those_that_exclude_each_other(managed: Managed) -> None:
    for name, group in (("a", "gpu0"), ("b", "gpu0"), ("old", "gpu1")):
        managed.endpoint(name, group=group)
    result = managed.pytest("--llm-reference=old")
    assert result.ret == 0, output(result)
    result.assert_outcomes(passed=8)
    assert sorted(managed.lives) == sorted(
        f"{what} {name}" for name in ("a", "b", "old") for what in ("start", "stop")
    )
    between = [life for life in managed.lives if not life.endswith("old")]
    assert between in (["start a", "stop a", "start b", "stop b"], ["start b", "stop b", "start a", "stop a"])
    assert managed.lives[-1].startswith("stop"), "and the reference is up with both"
    assert (
        managed.lives.index("start old") < managed.lives.index(between[2]) < managed.lives.index("stop old")
    )
    result = managed.pytest("--llm-reference=a")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "b and a can't be asked in turn" in output(result)


def test_nothing_is_started_for_cells_that_do_not_run(managed: Managed) -> None:
    managed.endpoint("a")
    managed.endpoint("b")
    result = managed.pytest("suites/mine.eval.yaml::one[b-en]", "suites/mine.eval.yaml::two[b-ko]")
    result.assert_outcomes(passed=2)
    assert managed.lives == ["start b", "stop b"]
    managed.pytest("--collect-only")
    assert managed.lives == ["start b", "stop b"]


COLD = """\
scenarios:
- {id: cold-start, prompt: {en: Hi.}, cold: true}
- {id: warm, prompt: {en: Hello.}}
"""


def test_a_cold_cell_starts_its_server_anew_for_each_round(managed: Managed) -> None:
    (managed.path / "suites" / "mine.eval.yaml").write_text(COLD, encoding="utf-8")
    managed.endpoint("a", "--loading-s=0.5")
    result = managed.pytest("--llm-rounds=2")
    assert result.ret == 0, output(result)
    result.assert_outcomes(passed=2)
    assert managed.lives == ["start a", "stop a"] * 3, "once for the run, and twice for the rounds"
    assert gone(managed.pids)
    run = managed.project.last_run()
    (cold,) = [cell for cell in run["cells"] if cell["scenario"] == "cold-start"]
    assert len(cold["samples"]) == 2
    for sample in cold["samples"]:
        assert 0.5 < sample["cold_start_s"] < 60
        assert 0.01 <= sample["cold_ttft_s"] < 30
    assert run["servers"]["a"]["starts"] == 3
    assert len(list(managed.path.glob(".llmeval/runs/*/a*.log"))) == 3


# -- exclusive ---------------------------------------------------------------------------------------------


@pytest.mark.workers
def test_servers_of_a_group_are_never_up_together_and_each_starts_once(managed: Managed) -> None:
    for name in ("a", "b", "c"):
        managed.endpoint(name, group="gpu0")
    managed.endpoint("other", group="gpu1")
    (managed.path / "test_plain.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_plain(n):\n    pass\n"
        "def test_asks(llm):\n    llm.ask('One.')\n"
    )
    result = managed.pytest("-v")
    assert result.ret == 0, output(result)
    result.assert_outcomes(passed=4 * 4 + 4 + 6)
    lives = managed.lives
    assert sorted(lives) == [
        f"{what} {name}" for what in ("start", "stop") for name in ("a", "b", "c", "other")
    ]
    in_group = [life for life in lives if "other" not in life]
    assert in_group == [f"{what} {name}" for name in ("a", "b", "c") for what in ("start", "stop")]
    assert gone(managed.pids)
    assert {name: life["starts"] for name, life in managed.project.last_run()["servers"].items()} == {
        "a": 1, "b": 1, "c": 1, "other": 1,
    }  # fmt: skip


@pytest.mark.parametrize("dist", ["loadgroup", "worksteal"])
def test_every_distribution_comes_to_an_end_without_overlap(managed: Managed, dist: str) -> None:
    (managed.path / "suites" / "more.eval.yaml").write_text(SUITE, encoding="utf-8")
    managed.endpoint("a", group="gpu0")
    managed.endpoint("b", group="gpu0")
    managed.project.workers = 2
    result = managed.pytest(f"--dist={dist}", "--llm-no-answers")
    assert result.ret == 0, output(result)
    assert not [life for life in managed.lives if life.startswith("overlap")]
    assert managed.lives.count("start a") == managed.lives.count("stop a")
    assert len(managed.project.last_run()["cells"]) == 2 * 4 * 2
    assert gone(managed.pids)


def test_an_order_of_the_users_own_does_not_start_a_server_twice(managed: Managed) -> None:
    managed.endpoint("a", group="gpu0")
    managed.endpoint("b", "--status=500", group="gpu0")
    assert managed.pytest("suites").ret == 1
    managed.toml = managed.toml.replace('"--status=500"', '"--status=200"')
    (managed.path / "lives").unlink()
    managed.pytest("--ff").assert_outcomes(passed=8)
    assert len(managed.lives) == 4
    assert not [life for life in managed.lives if life.startswith("overlap")]


# -- what goes wrong ---------------------------------------------------------------------------------------


def test_install_runs_only_where_it_was_asked_for(managed: Managed) -> None:
    managed.endpoint("a", install="cp real.sh serve && chmod +x serve && echo x >> installs")
    (managed.path / "real.sh").write_text(f'#!/bin/sh\nexec {sys.executable} server.py "$@"\n')
    managed.toml = managed.toml.replace(f'["{sys.executable}", "server.py"', '["./serve"')
    assert managed.pytest().ret == 1
    assert not (managed.path / "installs").exists()
    managed.pytest("--llm-install").assert_outcomes(passed=4)
    managed.pytest("--llm-install").assert_outcomes(passed=4)
    assert (managed.path / "installs").read_text() == "x\n"


@pytest.mark.workers
def test_what_does_not_start_says_why(managed: Managed) -> None:
    """A command that is not there, an early death, a taken port, and one that is never ready."""
    managed.toml += (
        '[endpoints.absent.server]\ncommand = ["no-such-server", "{port}"]\ninstall = "pip install it"\n'
    )
    dying = managed.path / "dying.py"
    dying.write_text("print('no memory for weights'); raise SystemExit(3)\n")
    managed.toml += (
        f"[endpoints.dying.server]\ncommand = {json.dumps([sys.executable, str(dying), '{port}'])}\n"
    )
    managed.endpoint("late", ready="/nowhere", timeout=1.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        managed.endpoint("taken", port=port)
        result = managed.pytest()
    assert result.ret == 1
    result.assert_outcomes(failed=4 * 4)
    for said in (
        "absent: the command 'no-such-server' is not installed or not on PATH",
        "install it: pip install it",
        "dying: the server ended with status 3",
        "no memory for weights",
        "late: the server was not ready within 1.5 s (waiting for HTTP 200 on http://127.0.0.1:",
        f"taken: port {port} of 127.0.0.1 is taken: something answers there already",
    ):
        assert said in output(result)
    assert "Traceback" not in output(result)
    assert [life for life in managed.lives if life.startswith("start")] == ["start late"]
    assert gone(managed.pids)
    run = managed.project.last_run()
    assert {cell["samples"][0]["error"]["kind"] for cell in run["cells"]} == {"connect"}
    assert "servers" not in run or not run["servers"]


def test_a_death_in_the_middle_is_told_by_the_cells_that_it_broke(managed: Managed) -> None:
    managed.endpoint("a", "--tokens=1000", "--gap-s=0.01")
    managed.toml += 'env = {LIVES_S = "3"}\n'
    result = managed.pytest("--llm-prompt-language=en")
    assert result.ret == 1
    result.assert_outcomes(failed=2)
    assert "its server was killed by SIGKILL (out of memory?)" in output(result)
    assert "loading a" in output(result), "the tail of its log"
    assert "Traceback" not in output(result)
    assert managed.lives == ["start a"], "it is not started again behind anybody's back"
    assert managed.project.last_run()["servers"]["a"]["death"] == "was killed by SIGKILL (out of memory?)"


@pytest.mark.workers
@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
def test_servers_end_with_the_run_however_it_ends(managed: Managed, signal_: signal.Signals) -> None:
    managed.endpoint("a", "--tokens=4000", "--gap-s=0.05")
    managed.endpoint("b", "--loading-s=600")
    (managed.path / "llmeval.toml").write_text(managed.toml)
    command = [sys.executable, "-m", "pytest", f"-n{managed.project.workers}", "--llm-endpoint=all"]
    with subprocess.Popen(
        command,
        cwd=managed.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: managed.pids)
            time.sleep(1.0)
            process.send_signal(signal_)
            process.wait(60)
            assert gone(managed.pids)
        finally:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
