"""Tests fork while streams, servers, locks and the journal are there: nothing of it is the child's."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

SERVED = """\
rounds = 1
warmup = 0
[endpoints.box.server]
command = {command}
grace = 60
"""
FORKING = '''\
import multiprocessing, os, sys, threading, time

def last():
    """A daemon that the test leaves behind, with a copy of every open file."""
    if os.fork():
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    with open("daemons", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(120)
    os._exit(0)

def test_that_leaves_a_daemon(llm):
    thread = threading.Thread(target=last)
    thread.start()
    assert llm.ask("Write add(a, b).").text
    thread.join()

def test_that_forgets_to_end_its_child(llm):
    assert llm.ask("Write add(a, b).").text
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        print("\\nthe parent goes on")

def test_whose_child_raises(llm):
    assert llm.ask("Write add(a, b).").text
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        return
    sys.exit(3)

def test_a_process_of_multiprocessing(llm):
    child = multiprocessing.get_context("fork").Process(target=print)
    child.start()
    assert llm.ask("Write add(a, b).").text
    child.join(60)
    assert child.exitcode == 0
'''


@pytest.fixture
def forking(project: Any) -> Iterator[Any]:
    """A project with a server of its own, whose tests fork before its cells are asked."""
    answers = project.path / "answers.json"
    answers.write_text(
        json.dumps({"add(a, b)": "```python\ndef add(a, b):\n    return a + b\n```", "": "안녕"})
    )
    command = [sys.executable, mock_server.__file__, "--port={port}", f"--answers={answers}", "--gap-s=0.01"]
    (project.path / "llmeval.toml").write_text(SERVED.format(command=json.dumps(command)))
    (project.path / "forking_test.py").write_text(FORKING)
    yield project
    for pid in daemons(project):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def daemons(project: Any) -> list[int]:
    file = project.path / "daemons"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.workers
def test_children_of_tests(forking: Any) -> None:
    result = forking.pytest(
        "--llm-endpoint=box", "-rP", "--junit-xml=junit.xml", "-Wignore::DeprecationWarning"
    )
    result.assert_outcomes(passed=7)
    said = result.stdout.str()
    assert said.count("the parent goes on") == 1
    assert said.count("came back into pytest and was ended") == 2
    assert (forking.path / "junit.xml").read_text().count("<testcase ") == 7
    run = forking.last_run()
    assert sorted(len(cell["samples"]) for cell in run["cells"]) == [1] * 7
    assert not list(forking.path.rglob("journal.jsonl")), "it was whole"
    assert result.duration < 50, "its server was told to stop, and not waited for to be killed"
    (daemon,) = daemons(forking)
    os.kill(daemon, 0)
    if sys.platform == "linux":
        held = [str(path.readlink()) for path in Path(f"/proc/{daemon}/fd").iterdir()]
        assert not [path for path in held if ".llmeval" in path or "llmeval-" in path]
