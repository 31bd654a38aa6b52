"""The journal: what was written comes back, a torn tail costs one cell, and what changed is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval import journal, wire
from pytest_llmeval.errors import ResumeError
from pytest_llmeval.model import Analysers, Facts, Host, Part, Record, Sample

RUN = "20261121T034501Z-3f9c"
ASKED = journal.Asked(
    plugin="0.1.0",
    host=Host(cpus=2, os="Linux", python="3.11.7", cpu_model="Fast"),
    analysers=Analysers(pylint="4", astroid="4", radon="6", python="3.11", rules="r"),
    options={"rounds": 3, "sandbox": "auto"},
    endpoints={"box": {"kind": "openai", "model": "m"}},
)
OPENING = journal.Opening(run=RUN, started_unix=1e9, asked=ASKED)


def cell(nodeid: str = "s.eval.yaml::x[box-ko]", at_s: float = 1.0, **known: Any) -> journal.Cell:
    record = Record(
        endpoint="box",
        suite="s",
        scenario="x",
        language="ko",
        category="c",
        prompt_sha256="p",
        parameters_sha256="q",
        samples=(Sample(round=0, at_s=at_s, ok=True),),
    )
    fixed: dict[str, Any] = {
        "final": True,
        "identity": {"prompt": "p"},
        "facts": {"box": Facts(kind="openai", model="코더")},
        "payload": {
            "records": [wire.plain(record)],
            "answers": [["box", "s/x/ko", 0, "안녕\u2028\r\n", ""]],
        },
        "report": {"outcome": "passed"},
    }
    return journal.Cell(nodeid=nodeid, at_s=at_s, **fixed | known)


def written(folder: Path, *lines: journal.Line) -> Path:
    path = folder / RUN / journal.FILE
    one = journal.Journal(path, OPENING)
    for line in lines:
        one.write(line)
    one.close()
    return path


# -- what was written comes back ---------------------------------------------------------------------------


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    first, second = cell(), cell("t.py::test_y[box]", 2.0)
    told = journal.read(written(tmp_path, first, second))
    assert told.opening == OPENING
    assert told.cells == {first.nodeid: (first,), second.nodeid: (second,)}
    assert told.facts == {"box": Facts(kind="openai", model="코더")}
    assert told.identities[first.nodeid] == {"prompt": "p"}
    assert not told.torn


def test_a_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / journal.FILE
    one = journal.Journal(path, OPENING)
    one.write(cell())
    assert list(journal.read(path).cells) == [cell().nodeid]
    one.close()


def test_a_test_whose_last_attempt_is_not_final_is_missing(tmp_path: Path) -> None:
    again = (cell("a", 1, final=False), cell("b", 2, final=False), cell("b", 3))
    told = journal.read(written(tmp_path, *again))
    assert list(told.cells) == ["b"]
    assert [one.final for one in told.cells["b"]] == [False, True]


def test_parts_are_from_a_start_to_the_last_cell_before_the_next(tmp_path: Path) -> None:
    lines = (
        cell("a", 1),
        cell("b", 5),
        journal.Reopening(at_s=100),
        journal.Reopening(at_s=200),
        cell("c", 230),
    )
    assert journal.read(written(tmp_path, *lines)).parts == (
        Part(started_s=0, finished_s=5),
        Part(started_s=100, finished_s=100),
        Part(started_s=200, finished_s=230),
    )


# -- crashes -----------------------------------------------------------------------------------------------


@given(st.data())
def test_a_file_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = written(tmp_path_factory.mktemp("journal"), *(cell(str(number), number) for number in range(3)))
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    cut = data.draw(st.integers(ends[0], len(whole)))
    tail = data.draw(st.sampled_from([b"", b"\0\0\0", b"\0\0\n", b'{"line":"cell"\n']))
    path.write_bytes(whole[:cut] + tail)
    told = journal.read(path)
    kept = [end for end in ends if end <= cut]
    assert list(told.cells) == [str(number) for number in range(len(kept) - 1)]
    assert told.size_bytes == kept[-1]
    assert told.torn == (cut > kept[-1] or bool(tail))
    journal.Journal(path, OPENING, keep_bytes=told.size_bytes).close()
    assert path.read_bytes() == whole[: kept[-1]]


def test_a_file_cut_within_a_letter_is_torn_there(tmp_path: Path) -> None:
    path = written(tmp_path, cell("a"), cell("b", report={"longrepr": "가"}))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex("가".encode()) + 1] + b'{"line":"cell"\n')
    assert list(journal.read(path).cells) == ["a"]


def test_damage_before_the_end_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, cell("a"), cell("b"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    with pytest.raises(ResumeError, match=r"journal\.jsonl:2: is damaged"):
        journal.read(path)


def test_a_journal_of_a_newer_schema_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / journal.FILE
    journal.Journal(path, structs.replace(OPENING, schema="llmeval-journal/2")).close()
    with pytest.raises(ResumeError, match="llmeval-journal/2"):
        journal.read(path)
    path.write_bytes(b"")
    with pytest.raises(ResumeError, match="nothing to resume"):
        journal.read(path)


def test_two_processes_can_not_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / journal.FILE
    one = journal.Journal(path, OPENING)
    with pytest.raises(ResumeError, match=f"run {RUN} is still under way"):
        journal.Journal(path, OPENING, keep_bytes=0)
    one.remove()
    assert list(tmp_path.iterdir()) == []


FORKING = """
import os, sys, time
from pathlib import Path
from test_journal import OPENING
from pytest_llmeval import journal
one = journal.Journal(Path(sys.argv[1]), OPENING)
if os.fork() == 0:
    os.write(one._file.fileno(), b"what the child writes")
    print(os.getpid(), flush=True)
    time.sleep(60)
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_that_outlives_the_run_keeps_nobody_from_resuming_it(tmp_path: Path) -> None:
    path = tmp_path / RUN / journal.FILE
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", FORKING, str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait(30)
    try:
        assert journal.read(path).cells == {}
        journal.Journal(path, OPENING, keep_bytes=journal.read(path).size_bytes).remove()
    finally:
        os.kill(child, signal.SIGKILL)


# -- which one ---------------------------------------------------------------------------------------------


def test_the_last_run_that_broke_off_is_found_by_its_time(tmp_path: Path) -> None:
    for run in ("20261121T034501Z-ffff", "20261122T034501Z-0000", "20261123T034501Z-0000"):
        (tmp_path / run).mkdir()
        (tmp_path / run / journal.FILE).touch()
    (tmp_path / "20261123T034501Z-0000" / journal.FILE).rename(
        tmp_path / "20261123T034501Z-0000" / "run.json"
    )
    assert journal.find(tmp_path, "last").parent.name == "20261122T034501Z-0000"
    assert journal.find(tmp_path, "20261121T034501Z-ffff").parent.name == "20261121T034501Z-ffff"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("last", "no run has broken off here"),
        ("tests", "'tests' is no run"),
        ("20261121T034501Z-aaaa", "was published whole"),
        ("20261121T034501Z-bbbb", "is not in this project"),
    ],
)
def test_what_can_not_be_resumed_says_why(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "20261121T034501Z-aaaa").mkdir()
    (tmp_path / "20261121T034501Z-aaaa" / "run.json").touch()
    with pytest.raises(ResumeError, match=sentence):
        journal.find(tmp_path, name)


# -- what must not have changed ----------------------------------------------------------------------------


def test_what_changed_is_named() -> None:
    assert journal.changes(ASKED, structs.replace(ASKED)) == []
    other = structs.replace(
        ASKED,
        plugin="0.2.0",
        host=structs.replace(ASKED.host, cpus=4, memory_bytes=7),
        options={"rounds": 5, "sandbox": "auto"},
        endpoints={"box": {"kind": "openai", "model": "n"}, "new": {}},
    )
    assert journal.changes(ASKED, other) == [
        "plugin 0.1.0 → 0.2.0",
        "cpus 2 → 4",
        "rounds 3 → 5",
        "endpoint box: model m → n",
        "endpoint new was not among those asked",
    ]
    rules = structs.replace(ASKED, analysers=structs.replace(ASKED.analysers, rules="s"))
    assert journal.changes(ASKED, rules) == ["analysers: rules r → s"]


def test_cells_that_changed_or_are_gone_are_named() -> None:
    then = {"a": {"prompt": "1", "checks": "2"}, "b": {"prompt": "3"}, "c": {"test": "4"}}
    now = {"a": {"prompt": "1", "checks": "5"}, "b": {"prompt": "3", "more": "6"}, "d": {}}
    assert journal.changed_cells(then, now) == ["a: its checks", "c is not collected now"]
