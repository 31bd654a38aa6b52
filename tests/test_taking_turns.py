"""The rules by which these tests run: several at a time, those that measure alone, few excuses."""

from __future__ import annotations

from pathlib import Path

import mock_server
import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SUITE = """\
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@contextmanager
def span(kind):
    begin = time.monotonic()
    time.sleep(0.05)
    with (HERE / "spans").open("a") as spans:
        spans.write(f"{kind} {begin} {time.monotonic()}\\n")
    yield


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("kind", ["shared", pytest.param("alone", marks=pytest.mark.alone)])
def test_it(kind, number):
    with span(kind):
        pass


def test_that_fails_once():
    failed = HERE / "failed"
    with span("alone" if failed.exists() else "shared"):
        assert failed.exists(), failed.touch()
"""
STARVED = """\
import json
import pytest

@pytest.mark.parametrize("number", range(COUNT))
def test_it(number, tmp_path):
    run = tmp_path / ".llmeval" / "runs" / "1" / "run.json"
    run.parent.mkdir(parents=True)
    run.write_text(json.dumps({"cells": [{"samples": [{"void": VOID}]}]}))
    assert False, "too slow"
"""


@pytest.fixture
def ours(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of tests with the rules of this one."""
    pytest.importorskip("pytest_rerunfailures")
    pytester.mkdir("acceptance")
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    benchmarks = Path(mock_server.__file__).parent
    pytester.makeini(f"[pytest]\nmarkers = alone\ntestpaths = .\npythonpath = {benchmarks}\n")
    return pytester


def test_who_measures_and_who_failed_is_alone_and_others_are_not(ours: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    ours.makepyfile(SUITE)
    outcomes = ours.runpytest_subprocess("-n2").parseoutcomes()
    assert (outcomes["passed"], outcomes["rerun"]) == (17, 1)
    lines = [line.split() for line in (ours.path / "spans").read_text(encoding="utf-8").splitlines()]
    known = [(kind, float(begin), float(end)) for kind, begin, end in lines]
    beside = {
        frozenset((one[0], other[0]))
        for place, one in enumerate(known)
        for other in known[place + 1 :]
        if one[1] < other[2] and other[1] < one[2]
    }
    assert beside == {frozenset({"shared"})}


def test_the_whole_suite_has_workers_and_a_part_has_none(ours: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    ours.makepyfile(
        test_one="import os\ndef test_one():\n    assert 'PYTEST_XDIST_WORKER' not in os.environ\n"
    )
    workers = "created: *"
    result = ours.runpytest_subprocess()
    result.stdout.fnmatch_lines([workers])
    result.assert_outcomes(passed=1)
    ours.runpytest_subprocess("-n0").stdout.no_fnmatch_line(workers)
    ours.runpytest_subprocess("test_one.py").stdout.no_fnmatch_line(workers)


@pytest.mark.parametrize(
    ("count", "void", "code"), [(5, "'lag'", 0), (6, "'lag'", 1), (1, "None", 1)], ids=["few", "many", "none"]
)
def test_a_busy_machine_excuses_few_tests(ours: pytest.Pytester, count: int, void: str, code: int) -> None:
    ours.makepyfile(STARVED.replace("COUNT", str(count)).replace("VOID", void))
    result = ours.runpytest_subprocess("-n0", "-rs")
    assert result.ret == code
    if void == "None":
        assert result.parseoutcomes() == {"failed": 1, "rerun": 2}
        return
    assert result.parseoutcomes()["skipped"] == count
    result.stdout.fnmatch_lines(["SKIPPED*too busy to measure on: *too slow*"])
    assert ("6 tests found nothing but a busy machine; 5 may" in result.stdout.str()) == bool(code)
