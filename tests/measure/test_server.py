"""Servers of ours: ready when said, stopped with everything they started, explained when they fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmeval.errors import MissingExtra, ServerError, SettingsError
from pytest_llmeval.measure import deathwatch, engine
from pytest_llmeval.measure.server import Launch, start
from pytest_llmeval.measure.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers are started on Linux and macOS only")

# Answers /health after a delay and every other path with what its environment says; has a child of its own.
SERVER = """
import http.server, os, pathlib, signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
folder = pathlib.Path(os.environ["FOLDER"])
(folder / "pids").write_text(f"{os.getpid()} {child.pid}")
for ignored in os.environ.get("IGNORE", "").split():
    signal.signal(signal.Signals[ignored], signal.SIG_IGN)
for noted in os.environ.get("NOTE", "").split():
    def note(number, frame):
        (folder / "noted").write_text(signal.Signals(number).name)
        os._exit(0)
    signal.signal(signal.Signals[noted], note)
begin = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        loading = self.path == "/health" and time.monotonic() - begin < float(os.environ.get("LOADING", 0))
        self.send_response(503 if loading else 200)
        self.end_headers()
        self.wfile.write(os.environ.get("WORD", "").encode())
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 0))), Handler)
if "ANNOUNCE" in os.environ:
    pathlib.Path(os.environ["ANNOUNCE"]).write_text(f"http://127.0.0.1:{server.server_address[1]}/")
print("serving", flush=True)
server.serve_forever()
"""


@pytest.fixture
def launch(tmp_path):
    """``launch(**changes)``: a server that announces its port; what a test leaves running is killed."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    announce = tmp_path / "url"

    def make(*, env: dict[str, str] | None = None, **changes: object) -> Launch:
        settings: dict[str, object] = {
            "name": "toy",
            "command": (sys.executable, str(script)),
            "log": tmp_path / "logs" / "toy.log",
            "announce": announce,
            "timeout_s": 20.0,
            "env": {"FOLDER": str(tmp_path), "ANNOUNCE": str(announce), **(env or {})},
        }
        return Launch(**{**settings, **changes})  # type: ignore[arg-type] - a test's own table

    yield make
    for pid in pids(tmp_path):
        if running(pid):
            os.kill(pid, signal.SIGKILL)


def pids(folder: Path) -> list[int]:
    """The server and its child, as far as they started."""
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def running(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def gone(watched: list[int], within_s: float = 5.0) -> bool:
    """Whether all of them end in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(running(pid) for pid in watched):
            return True
        time.sleep(0.02)
    return False


def test_ready_then_stopped_with_its_children(launch, tmp_path):
    waits: list[float] = []
    with start(launch(env={"LOADING": "0.3", "WORD": "hello"}), waits.append) as server:
        assert httpx.get(f"{server.url}/word", trust_env=False).text == "hello"
        assert not server.url.endswith("/")
        assert server.alive
        assert server.death is None
        assert 0.3 < server.cold_start_s < 10
        assert waits == sorted(waits)
        assert waits
        assert server.pid == pids(tmp_path)[0]
        assert server.tail().strip().startswith("serving")
    assert not server.alive
    assert server.death == "was killed by SIGTERM"
    assert gone(pids(tmp_path), 1)
    server.stop()


def test_its_own_stop_signal(launch, tmp_path):
    start(launch(env={"NOTE": "SIGINT"}, stop_signal="SIGINT")).stop()
    assert (tmp_path / "noted").read_text() == "SIGINT"
    assert gone(pids(tmp_path), 1)


def test_one_that_ignores_the_signal_is_killed_after_the_grace(launch, tmp_path):
    server = start(launch(env={"IGNORE": "SIGTERM"}, grace_s=0.3))
    begin = time.monotonic()
    server.stop()
    assert 0.3 <= time.monotonic() - begin < 3
    assert server.death == "was killed by SIGKILL (out of memory?)"
    assert gone(pids(tmp_path), 1)


def test_working_folder_and_fixed_url(launch, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    settings = launch(
        command=(sys.executable, "server.py"),
        cwd=str(tmp_path),
        url=url,
        announce=None,
        env={"PORT": str(port)},
    )
    with start(settings) as server:
        assert server.url == url
        with pytest.raises(ServerError, match=rf"port {port} of 127\.0\.0\.1 is taken[\s\S]*another port"):
            start(settings)


PARENT = """
import os, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from pytest_llmeval.measure.server import Launch, start
server = start(Launch(name="toy", command=(sys.executable, {script!r}), log=Path({folder!r}, "log"),
    announce=Path({folder!r}, "url"), env={{"FOLDER": {folder!r}, "ANNOUNCE": {folder!r} + "/url"}}))
{then}
print("up", flush=True)
time.sleep(600)
"""


@contextmanager
def parent_of_a_server(folder: Path, then: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own that has started a server; its whole group is killed at the end."""
    root = str(Path(deathwatch.__file__).parents[2])
    code = PARENT.format(root=root, script=str(folder / "server.py"), folder=str(folder), then=then)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "up\n"
            yield parent
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_nothing_outlives_the_parent(launch, tmp_path, end):
    with parent_of_a_server(tmp_path) as parent:
        started = pids(tmp_path)
        assert all(running(pid) for pid in started)
        parent.send_signal(signal.Signals[end])
        parent.wait(10)
    assert gone(started)


def test_nor_where_a_fork_of_the_parent_holds_the_lifeline(launch, tmp_path):
    with parent_of_a_server(tmp_path, "if not os.fork(): time.sleep(8); os._exit(0)") as parent:
        parent.kill()
        parent.wait(10)
        assert gone(pids(tmp_path))


def test_ctrl_c_in_the_terminal_does_not_reach_it(launch, tmp_path):
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    with parent_of_a_server(tmp_path, ignore) as parent:
        os.killpg(parent.pid, signal.SIGINT)
        assert not gone(pids(tmp_path)[:1], 0.5)
        parent.kill()
        parent.wait(10)
    assert gone(pids(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_a_killed_deathwatch_takes_the_server_along(launch, tmp_path):
    server = start(launch())
    server._process.kill()
    assert gone(pids(tmp_path)[:1])
    server.stop()


def test_an_interrupted_wait_leaves_nothing(launch, tmp_path):
    def interrupt(elapsed_s: float) -> None:
        if pids(tmp_path):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(launch(env={"LOADING": "60"}), interrupt)
    assert gone(pids(tmp_path), 1)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "print('no such flag'); raise SystemExit(3)",
            r"ended with status 3, [\d.]+ s after[\s\S]*no such flag",
        ),
        (
            "import os; os.kill(os.getpid(), 9)",
            r"was killed by SIGKILL \(out of memory\?\)[\s\S]*log is empty",
        ),
        ("raise SystemExit('OSError: [Errno 98] Address already in use')", "its port is taken"),
    ],
)
def test_an_early_death_is_explained(launch, code, words):
    with pytest.raises(ServerError, match=words):
        start(launch(command=(sys.executable, "-c", code)))


def test_not_ready_in_time(launch, tmp_path):
    with pytest.raises(
        ServerError, match=r"not ready within 0\.5 s \(waiting for HTTP 200 on http[\s\S]*serving"
    ):
        start(launch(env={"LOADING": "60"}, timeout_s=0.5))
    assert gone(pids(tmp_path), 1)


def test_one_that_never_says_where_it_listens(launch):
    with pytest.raises(ServerError, match="did not say where it listens"):
        start(launch(command=("sleep", "60"), timeout_s=0.2))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ("no-such-program", "serve")}, "'no-such-program' is not installed"),
        ({"command": ("nope",), "install": "pip install nope"}, "install it: pip install nope"),
        ({"cwd": "/no/such/folder"}, "working folder /no/such/folder does not exist"),
    ],
)
def test_what_can_not_be_started(launch, changes, words):
    with pytest.raises(ServerError, match=words):
        start(launch(**changes))


def test_a_program_that_is_no_program(launch, tmp_path):
    program = tmp_path / "program"
    program.write_text("not a script")
    program.chmod(0o755)
    with pytest.raises(ServerError, match=r"status 127[\s\S]*Exec format error"):
        start(launch(command=(str(program),)))


# -- the embedded engine: what needs no model --------------------------------------------------------------


def test_a_missing_extra_names_its_cure(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'pytest-llmeval-suite\[local\]'"):
        engine.start(Weights(name="x", model="x", path=tmp_path), log=tmp_path / "log")


@pytest.mark.parametrize(
    ("environment", "cores", "threads"),
    [
        ({}, 2, 1),
        ({}, 8, 4),
        ({}, 1, 1),
        ({"CI": "true"}, 8, 1),
        ({"CI": "true", "LLMEVAL_LOCAL_THREADS": "6"}, 8, 6),
    ],
)
def test_threads(monkeypatch, environment, cores, threads):
    for name in ("CI", "LLMEVAL_LOCAL_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(engine, "_cores", lambda: cores)
    assert engine.default_threads() == threads


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5"])
def test_wrong_threads(monkeypatch, wrong):
    monkeypatch.setenv("LLMEVAL_LOCAL_THREADS", wrong)
    with pytest.raises(SettingsError, match="LLMEVAL_LOCAL_THREADS"):
        engine.default_threads()


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", 64), ("250000 100000", 2), ("50000 100000", 1)])
def test_a_container_limits_the_cores(monkeypatch, tmp_path, limit, cores):
    (tmp_path / "cpu.max").write_text(limit + "\n")
    monkeypatch.setattr(engine, "_CGROUP_CPU_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert engine._cores() == cores
