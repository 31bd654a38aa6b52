"""Memory of a real process group, and of this process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry import process
from pytest_llmeval.measure.telemetry.process import Client, Group, members, resident_bytes

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

# Takes 50 MB, has a child that takes 30 MB, and lets both go when told to.
SERVER = """
import subprocess, sys
mine = b"x" * 50_000_000
child = subprocess.Popen([sys.executable, "-c",
    "import sys; mine = b'x' * 30_000_000; print('up', flush=True); sys.stdin.read()"], stdin=subprocess.PIPE)
for line in sys.stdin:
    child.stdin.close()
    child.wait()
    print("alone", flush=True)
"""


@pytest.fixture
def server():
    running = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )
    with running:
        assert running.stdout.readline() == b"up\n"
        yield running
        running.kill()


@linux
def test_a_group_is_the_leader_and_what_it_started(server) -> None:
    source = Group(server.pid)
    with_child = source.read()()["process_memory_bytes"]
    assert 80e6 < with_child < 140e6
    assert len(members(server.pid)) == 2
    server.stdin.write(b"go\n")
    server.stdin.flush()
    assert server.stdout.readline() == b"alone\n"
    alone = source.read()()["process_memory_bytes"]
    assert 50e6 < alone < with_child - 30e6
    source.close()


@linux
def test_a_new_member_is_found_at_the_next_scan(server, monkeypatch) -> None:
    source = Group(server.pid)
    source.read()
    joined = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, process_group=server.pid
    )
    with joined:
        before = source.read()()["process_memory_bytes"]
        monkeypatch.setattr(process, "RESCAN_S", 0.0)
        time.sleep(0.05)
        assert source.read()()["process_memory_bytes"] > before + 1e6
        joined.kill()


@linux
def test_one_that_takes_the_place_of_another_is_found_at_once(server) -> None:
    def join() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, process_group=server.pid)

    source = Group(server.pid)
    with join() as first:
        time.sleep(0.05)
        source.read()
        first.kill()
    without = sum(filter(None, map(resident_bytes, members(server.pid))))
    with join() as second:
        time.sleep(0.05)
        assert source.read()()["process_memory_bytes"] > without + 1e6
        second.kill()


@linux
def test_a_group_that_ended(server) -> None:
    source = Group(server.pid)
    source.read()
    server.kill()
    for pid in members(server.pid):
        os.kill(pid, 9)
    server.wait()
    time.sleep(0.05)
    with pytest.raises(OSError, match=f"no process is left of the group {server.pid}"):
        source.read()


@linux
def test_names_that_look_like_fields(tmp_path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to(sys.executable)
    with subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE, process_group=0) as odd:
        for _ in range(100):
            if b"a) R 1" in (process.PROC / str(odd.pid) / "stat").read_bytes():
                break
            time.sleep(0.01)
        assert odd.pid in members(odd.pid)
        odd.kill()


def test_this_process() -> None:
    source = Client()
    before = source.read()()
    deadline = time.process_time() + 0.02
    while time.process_time() < deadline:
        pass
    after = source.read()()
    assert after["client_cpu_s_total"] - before["client_cpu_s_total"] >= 0.02
    if sys.platform == "linux":
        assert 5e6 < after["client_memory_bytes"] < 2e9
    source.close()


def test_without_proc(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(process, "PROC", tmp_path / "none")
    assert resident_bytes(os.getpid()) is None
    assert set(Client().read()()) == {"client_cpu_s_total"}
    with pytest.raises(TelemetryError, match="read from /proc"):
        Group(1).read()
    monkeypatch.setattr(process, "PROC", tmp_path)
    with pytest.raises(TelemetryError, match="read from /proc"):
        Group(1).read()
