"""Processes that score give way where they are asked to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pytest_llmeval.score import courtesy
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import launcher
from pytest_llmeval.score.sandbox.protocol import Returned

pytestmark = pytest.mark.skipif(os.name != "posix", reason="priorities as POSIX has them")
OWN = os.getpriority(os.PRIO_PROCESS, 0) if os.name == "posix" else 0
LOWERED = max(OWN, courtesy.NICE)


def test_a_session_gives_way() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as one:
        courtesy.give_way(one.pid)
        assert os.getpriority(os.PRIO_PROCESS, one.pid) == LOWERED
        one.kill()
    courtesy.give_way(one.pid)  # it is gone


@pytest.mark.parametrize("gives_way", [False, True])
def test_programs_and_the_analyser_give_way_where_they_are_asked_to(gives_way: bool) -> None:
    expected = LOWERED if gives_way else OWN
    sandbox = launcher.Launcher(launcher.UNGUARDED, gives_way=gives_way)
    assert sandbox.run("import os", ("os.getpriority(os.PRIO_PROCESS, 0)",)) == (Returned(expected),)
    with Analyser(gives_way=gives_way) as analyser:
        assert analyser.analyse("x = 1\n").failure is None
        assert analyser._worker is not None
        assert os.getpriority(os.PRIO_PROCESS, analyser._worker._process.pid) == expected
