"""Baseline files: canonical, whole or untouched, clear about what is wrong with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.errors import BaselineError
from pytest_llmeval.judge import baselines, changes, judge_run
from pytest_llmeval.judge.canonical import dumps, line_of
from pytest_llmeval.judge.sessions import Baseline, CellFigures, Epoch, Fingerprints, Session, kept, session
from pytest_llmeval.model import Facts, Part, Policy

if TYPE_CHECKING:
    Maker = Any


def filled(folder: Path, make: Maker, sessions: int = 3) -> Path:
    for number in range(sessions):
        baselines.update(folder, make.session(name=f"old-{number}"))
    return folder / "box.json"


# -- update ------------------------------------------------------------------------------------------------


def test_an_update_appends_a_session_and_says_so(tmp_path: Path, make: Maker) -> None:
    (said,) = baselines.update(tmp_path, make.session(name="first"))
    assert said == f"box: session first appended to {tmp_path.name}/box.json (1 session, 6 cells)"
    baselines.update(tmp_path, make.session(name="second"))
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    assert [one.run for one in baseline.sessions] == ["first", "second"]
    assert list(baseline.cells) == [f"coding/s{n}/en" for n in range(6)]
    (newest,) = baseline.sessions[-1:]
    assert newest.date == "2026-01-02T03:04:05Z"
    assert newest.fingerprints.scoring == {
        "astroid": "4", "pylint": "4", "python": "3.11", "radon": "6", "rules": "r",
    }  # fmt: skip
    assert newest.fingerprints.hardware is None, "the server is elsewhere"
    assert len(newest.cells["coding/s0/en"].samples["output_tps"]) == 3


def test_hardware_is_kept_where_the_server_is_here(tmp_path: Path, make: Maker) -> None:
    baselines.update(tmp_path, make.session(endpoints={"box": Facts(kind="local", here=True)}))
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    assert baseline.sessions[0].fingerprints.hardware == {"cpus": 2, "cpu_model": "chip"}


def test_an_update_names_new_changed_and_unused_cells(tmp_path: Path, make: Maker) -> None:
    baselines.update(tmp_path, make.session(name="a", cells=4))
    run = make.session(name="b", cells=5)
    cells = (structs.replace(run.cells[0], prompt_sha256="other"), *run.cells[1:3], run.cells[4])
    seen = tuple(record.key for record in cells)
    run = structs.replace(run, cells=cells, selection=structs.replace(run.selection, cells=seen))
    (said,) = baselines.update(tmp_path, run, verdicts=(judge_run({}, run).lines))
    assert "new: coding/s4/en" in said
    assert "asked otherwise: coding/s0/en" in said
    assert "unused: coding/s3/en (llmeval baseline prune box)" in said


def test_an_update_and_a_diff_name_cells_that_were_checked_otherwise(tmp_path: Path, make: Maker) -> None:
    def run(name: str, *checks: str | None) -> Any:
        made = make.session(name=name, cells=3)
        cells = zip(made.cells, checks, strict=True)
        checked = (structs.replace(record, checks_sha256=sha256) for record, sha256 in cells)
        return structs.replace(made, cells=tuple(checked))

    baselines.update(tmp_path, run("a", "one", "one", None))
    old = baselines.load(tmp_path, "box")
    green = judge_run({}, make.session()).lines
    (said,) = baselines.update(tmp_path, run("b", "two", "one", "two"), verdicts=green)
    assert "checked otherwise: coding/s0/en" in said
    assert "coding/s1/en" not in said
    assert "coding/s2/en" not in said, "nobody knows how it was checked"
    new = baselines.load(tmp_path, "box")
    assert new is not None
    assert "- cells checked otherwise: coding/s0/en\n" in changes.diff(old, new)


def test_only_twenty_sessions_are_kept_and_the_first_three_always(tmp_path: Path, make: Maker) -> None:
    green = judge_run({}, make.session()).lines
    for number in range(23):
        baselines.update(tmp_path, make.session(name=f"old-{number}"), verdicts=green)
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    names = [one.run for one in baseline.sessions]
    assert names == ["old-0", "old-1", "old-2", *(f"old-{n}" for n in range(6, 23))]


@given(st.integers(0, 60), st.integers(3, 30))
def test_what_is_kept_is_bounded_in_order_and_has_both_ends(count: int, limit: int) -> None:
    sessions = [Session(run=str(n), date="") for n in range(count)]
    names = [int(one.run) for one in kept(sessions, limit)]
    assert names == sorted(names)
    assert len(names) == min(count, limit)
    assert names[:3] == list(range(min(3, count)))
    if limit > 3 and count:
        assert names[-1] == count - 1


# -- what never enters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"interrupted": True, "complete": False}, "interrupted"),
        ({"complete": False}, "partial"),
        ({"factor": 0.5}, "llmeval baseline accept box"),
        ({"transport": "replay"}, "replayed"),
        ({"void": "the loop was late"}, "void (the loop was late)"),
        ({"name": "old-1"}, "already holds run old-1"),
    ],
)
def test_what_never_enters(tmp_path: Path, make: Maker, fields: dict[str, Any], why: str) -> None:
    before = filled(tmp_path, make).read_bytes()
    (said,) = baselines.update(tmp_path, make.session(**{"name": "new"} | fields))
    assert why in said
    assert (tmp_path / "box.json").read_bytes() == before


def test_force_lets_a_partial_run_in_and_nothing_else(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make)
    assert "appended" in baselines.update(tmp_path, make.session(name="part", complete=False), force=True)[0]
    assert "red" in baselines.update(tmp_path, make.session(0.5, name="slow", complete=False), force=True)[0]
    cut = make.session(name="cut", complete=False, interrupted=True)
    assert "interrupted" in baselines.update(tmp_path, cut, force=True)[0]


def test_a_run_with_failed_requests_never_enters(tmp_path: Path, make: Maker) -> None:
    good = make.session(name="new")
    bad = make.record("coding/s9/en", {"output_tps": [1.0]}, **make.failed())
    run = make.run([*good.cells, bad], "new")
    (said,) = baselines.update(tmp_path, run)
    assert said == "the run is red on box: nothing was appended to the baselines", (
        "accept would refuse it too"
    )
    assert "1 request failed" in baselines.accept(tmp_path, run, "box")
    assert not (tmp_path / "box.json").exists()


def test_a_run_below_a_floor_enters_only_as_a_new_level(tmp_path: Path, make: Maker) -> None:
    before = filled(tmp_path, make).read_bytes()
    run = make.session(name="new")
    low = structs.replace(run.cells[2], failure="correctness is 2, under the scenario's floor of 8\nmore")
    (said,) = baselines.update(tmp_path, structs.replace(run, cells=(*run.cells[:2], low, *run.cells[3:])))
    assert said == (
        "coding/s2/en on box failed (correctness is 2, under the scenario's floor of 8): "
        "nothing was appended to the baselines; "
        "if its level is the new one on purpose: llmeval baseline accept box"
    )
    assert (tmp_path / "box.json").read_bytes() == before
    both = structs.replace(run, cells=(low, low, *run.cells[2:]))
    assert baselines.update(tmp_path, both)[0].startswith("2 cells failed, coding/s2/en on box first (")
    assert "a new level starts" in baselines.accept(tmp_path, both, "box")


def test_the_verdicts_of_the_run_itself_decide(tmp_path: Path, make: Maker) -> None:
    baseline = baselines.load(filled(tmp_path, make).parent, "box")
    run = make.session(0.5, name="new")
    judged = structs.replace(run, verdicts=judge_run({"box": baseline}, run).lines)
    assert "red" in baselines.update(tmp_path, judged, Policy(alpha=1e-9))[0]


# -- epochs, pruning, rescoring ----------------------------------------------------------------------------


def test_accept_starts_an_epoch_and_keeps_the_old_as_history(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make)
    slow = make.session(0.5, name="slow")
    assert "3 sessions before it are history now" in baselines.accept(tmp_path, slow, "box")
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    assert [len(epoch.sessions) for epoch in baseline.epochs] == [3, 1]
    assert not judge_run({"box": baseline}, make.session(0.5)).red
    assert "already holds run slow" in baselines.accept(tmp_path, slow, "box")


def test_prune_removes_what_vanished_and_only_that(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make)
    run = make.session(cells=4)
    assert "2 cells removed: coding/s4/en, coding/s5/en" in baselines.prune(tmp_path, "box", run)
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    assert len(baseline.cells) == 4
    before = (tmp_path / "box.json").stat().st_mtime_ns
    assert "still there" in baselines.prune(tmp_path, "box", run)
    assert (tmp_path / "box.json").stat().st_mtime_ns == before
    with pytest.raises(BaselineError, match="no baseline"):
        baselines.prune(tmp_path, "other", run)


def test_rescoring_replaces_scores_and_their_fingerprint(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make, 3)
    samples = {"quality": (5.0,), "ttft_s": (9.0,)}
    anew = CellFigures(prompt_sha256="", parameters_sha256="", checks_sha256="now", samples=samples)
    new = {"old-1": {f"coding/s{n}/en": anew for n in range(6)}, "old-2": {"coding/s0/en": anew}}
    said = baselines.rescore(tmp_path, "box", new, {"rules": "new"}, {"old-0": "its run is not kept"})
    assert said == "box: 1 session of 3 scored anew; old-0 not: its run is not kept"
    baseline = baselines.load(tmp_path, "box")
    assert baseline is not None
    old, fresh, half = baseline.sessions
    assert fresh.fingerprints.scoring == {"rules": "new"}
    cell = fresh.cells["coding/s0/en"]
    assert cell.samples["quality"] == (5.0,)
    assert cell.checks_sha256 == "now"
    assert "correctness" not in cell.samples
    assert cell.samples["output_tps"]
    assert cell.samples["ttft_s"] != (9.0,), "nothing was measured"
    assert old.fingerprints.scoring != {"rules": "new"}
    assert half.fingerprints == old.fingerprints, "half a session would be compared with nothing"


# -- the text ----------------------------------------------------------------------------------------------

number = st.floats(-1e12, 1e12).map(lambda x: float(f"{x:.6g}"))
cell = st.builds(
    CellFigures,
    prompt_sha256=st.text("0123456789abcdef", max_size=8),
    parameters_sha256=st.text(max_size=3),
    samples=st.dictionaries(
        st.sampled_from(["output_tps", "quality"]), st.lists(number, max_size=4).map(tuple)
    ),
)
one_session = st.builds(
    Session,
    run=st.text(max_size=5),
    date=st.text(max_size=5),
    commit=st.one_of(st.none(), st.text(max_size=5)),
    fingerprints=st.builds(Fingerprints, hardware=st.one_of(st.none(), st.just({"cpus": 2}))),
    cells=st.dictionaries(st.text(max_size=8), cell, max_size=3),
)
epoch_ = st.builds(
    Epoch,
    facts=st.builds(Facts, kind=st.text(max_size=4)),
    sessions=st.lists(one_session, max_size=2).map(tuple),
)
baseline_ = st.builds(
    Baseline,
    schema=st.just("llmeval-baseline/1"),
    endpoint=st.text(max_size=5),
    epochs=st.lists(epoch_, max_size=2).map(tuple),
)


@given(baseline_)
def test_what_is_written_is_read_back_and_written_the_same(baseline: Baseline) -> None:
    text = dumps(baseline)
    read = baselines.read(text, Path())
    assert read == baseline
    assert dumps(read) == text
    assert text.endswith(b"}\n")
    json.loads(text)


def test_the_text_reads_well_in_a_diff(tmp_path: Path, make: Maker) -> None:
    text = filled(tmp_path, make, 1).read_text(encoding="utf-8")
    lines = text.splitlines()
    assert max(map(len, lines)) < 120
    assert [line for line in lines if '"output_tps": [' in line and line.count(",") >= 2]
    data = json.loads(text)
    assert list(data) == ["endpoint", "epochs", "schema"]
    before = set(lines)
    baselines.update(tmp_path, make.session(name="more"))
    after = (tmp_path / "box.json").read_text(encoding="utf-8").splitlines()
    assert len(before - set(after)) <= 2, "an update changes no line but those where the list goes on"


def test_a_figure_that_is_not_finite_is_never_written() -> None:
    bad = CellFigures(prompt_sha256="", parameters_sha256="", samples={"ttft_s": (float("nan"),)})
    epoch = Epoch(facts=Facts(kind="x"), sessions=(Session(run="r", date="", cells={"a/b/en": bad}),))
    with pytest.raises(ValueError, match="no figure"):
        dumps(Baseline(endpoint="box", epochs=(epoch,)))


def test_a_float_is_short_and_an_integer_stays_one() -> None:
    one = CellFigures(prompt_sha256="", parameters_sha256="", samples={"output_tps": (10.0, 1 / 3, 8.1e9)})
    epoch = Epoch(facts=Facts(kind="x"), sessions=(Session(run="r", date="", cells={"a/b/en": one}),))
    assert b'"output_tps": [10, 0.333333, 8.1e+09]' in dumps(Baseline(endpoint="box", epochs=(epoch,)))


@pytest.mark.parametrize(
    ("path", "line"), [("$", 1), ("$.a", 2), ("$.b[1]", 5), ("$.b[2].c", 7), ("$.b[...].c", 3), ("$.z", 1)]
)
def test_the_line_of_a_value(path: str, line: int) -> None:
    text = b'{\n "a": "\\"}",\n "b": [\n  {"x": []},\n  1,\n  {\n   "c": null\n  }\n ]\n}\n'
    assert line_of(text, path) == line


@given(st.binary(max_size=60), st.text("$.[]0ab", max_size=12))
def test_looking_for_a_line_never_fails(data: bytes, path: str) -> None:
    assert line_of(data, path) >= 1


# -- what a reviewer reads ---------------------------------------------------------------------------------


def test_a_diff_is_a_table_of_what_changed(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make, 2)
    old = baselines.load(tmp_path, "box")
    green = judge_run({}, make.session()).lines
    run = make.session(0.8, name="new", cells=7, endpoints={"box": Facts(kind="openai", model="n")})
    baselines.update(tmp_path, run, verdicts=green)
    new = baselines.load(tmp_path, "box")
    assert new is not None
    text = changes.diff(old, new)
    assert "- 1 session added: new" in text
    assert "- cells new: coding/s6/en" in text
    assert "- the endpoint changed: model m → n" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| output_tps |")]
    assert row.split("|")[2].strip() == "7"
    assert "−6" in row or "−7" in row, "a third of the sessions is 20 % slower"
    assert "| quality |" in text


def test_a_first_baseline_and_a_new_level_have_a_diff_too(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make, 2)
    old = baselines.load(tmp_path, "box")
    assert old is not None
    assert "2 sessions added" in changes.diff(None, old)
    baselines.accept(tmp_path, make.session(0.5, name="slow"), "box")
    new = baselines.load(tmp_path, "box")
    assert new is not None
    assert "2 sessions left (a new level began)" in changes.diff(old, new)


# -- files that can't be read ------------------------------------------------------------------------------


def broken(folder: Path, make: Maker, old: str, new: str) -> BaselineError:
    """The error that a good file with ``old`` replaced gives; the file must stay as it is."""
    path = filled(folder, make, 1)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(BaselineError) as caught:
        baselines.load(folder, "box")
    for change in (
        lambda: baselines.update(folder, make.session(name="x")),
        lambda: baselines.accept(folder, make.session(name="y"), "box"),
        lambda: baselines.prune(folder, "box", make.session(cells=2)),
    ):
        with pytest.raises(BaselineError):
            change()
    assert path.read_bytes() == before
    return caught.value


def test_a_newer_file_says_upgrade(tmp_path: Path, make: Maker) -> None:
    error = broken(tmp_path, make, "llmeval-baseline/1", "llmeval-baseline/2")
    assert "upgrade" in str(error)
    assert str(error).startswith(f"{tmp_path / 'box.json'}:")


@pytest.mark.parametrize("number", ["12", "9" * 5000])
def test_a_newer_file_of_another_form_says_upgrade_too(tmp_path: Path, number: str) -> None:
    path = tmp_path / "box.json"
    path.write_text(f'{{\n "epochs": 7,\n "schema": "llmeval-baseline/{number}"\n}}\n')
    with pytest.raises(BaselineError, match="upgrade") as caught:
        baselines.load(tmp_path, "box")
    assert caught.value.where == f"{path}:3"


def test_a_foreign_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "box.json").write_text('{"schema": "other/1", "endpoint": "box"}')
    with pytest.raises(BaselineError, match="not a baseline of ours"):
        baselines.load(tmp_path, "box")


def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, make: Maker) -> None:
    error = broken(tmp_path, make, '"context_window": 4096', '"context_window": "much"')
    assert "expected `int | null`, got `str`" in str(error)
    assert str(error).startswith(f"{tmp_path / 'box.json'}:6:")


def test_a_broken_line_is_named(tmp_path: Path, make: Maker) -> None:
    error = broken(tmp_path, make, '"kind": "openai",', '"kind": openai,')
    assert "is not JSON" in str(error)
    assert str(error).startswith(f"{tmp_path / 'box.json'}:7:")


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path, make: Maker) -> None:
    path = filled(tmp_path, make, 1)
    path.write_bytes(path.read_bytes().replace(b'"kind": "openai"', '"kind": "\uac00"'.encode()[:-2] + b'"'))
    with pytest.raises(BaselineError, match=r"box\.json:7: is not JSON"):
        baselines.load(tmp_path, "box")


def test_half_a_file_is_named(tmp_path: Path, make: Maker) -> None:
    path = filled(tmp_path, make, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BaselineError, match="is not JSON"):
        baselines.load(tmp_path, "box")


def test_a_merge_conflict_is_explained(tmp_path: Path, make: Maker) -> None:
    error = broken(tmp_path, make, '   "sessions": [', '<<<<<<< HEAD\n   "sessions": [')
    assert "merge conflict" in str(error)
    assert str(error).startswith(f"{tmp_path / 'box.json'}:10:")
    assert "git checkout" in str(error)


def test_a_renamed_file_is_not_taken_for_another_endpoints(tmp_path: Path, make: Maker) -> None:
    filled(tmp_path, make, 1).rename(tmp_path / "other.json")
    with pytest.raises(BaselineError, match="is the baseline of 'box'"):
        baselines.load(tmp_path, "other")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_a_baseline(data: bytes) -> None:
    try:
        baselines.read(data, Path("box.json"))
    except BaselineError as error:
        where = error.where
    else:
        where = "box.json:1"
    assert where is not None
    assert where.startswith("box.json:")


@pytest.mark.parametrize("name", ["../box", "a/b", "", ".hidden", "a\x00b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BaselineError, match="no baseline can be kept"):
        baselines.load(tmp_path, name)


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert baselines.load(tmp_path, "box") is None
    assert baselines.load_all(tmp_path / "nowhere") == {}


# -- writing -----------------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path, make)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BaselineError, match="No space left on device"):
        baselines.update(tmp_path, make.session(name="new"))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["box.json"]


WRITER = """
import sys
from pathlib import Path
import msgspec
from pytest_llmeval.judge import baselines
from pytest_llmeval.model import Run
runs = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=list[Run])
for run in runs:
    baselines.update(Path(sys.argv[2]), run)
"""


def test_two_updates_at_once_lose_nothing(tmp_path: Path, make: Maker) -> None:
    import msgspec

    folder = tmp_path / "baselines"
    writers = []
    for name in ("a", "b"):
        plan = tmp_path / f"{name}.json"
        runs = [make.session(name=f"{name}{n}", cells=2) for n in range(6)]
        plan.write_bytes(msgspec.json.encode(runs))
        writers.append(subprocess.Popen([sys.executable, "-c", WRITER, str(plan), str(folder)]))
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    baseline = baselines.load(folder, "box")
    assert baseline is not None
    held = [one.run for one in baseline.sessions]
    assert sorted(held) == sorted(f"{name}{n}" for name in "ab" for n in range(6))
    assert [one.name for one in folder.iterdir()] == ["box.json"]


def test_writers_of_all_folders_share_one_lock(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for name in ("a", "b"):
        filled(tmp_path / name, make, 1)
    (lock,) = temporary.iterdir()
    monkeypatch.setattr(baselines, "_LOCK_TIMEOUT_S", 0.05)
    with FileLock(lock), pytest.raises(BaselineError, match="have been writing baselines") as caught:
        baselines.update(tmp_path / "a", make.session(name="late"))
    assert str(lock) in str(caught.value)


def test_fifty_endpoints_load_quickly(tmp_path: Path, make: Maker) -> None:
    """Half a second is the mark; of this process, whatever else the machine does."""
    full = session(make.session(cells=100), "box")
    epoch = Epoch(facts=Facts(kind="x"), sessions=(full,) * 20)
    text = dumps(Baseline(endpoint="NAME", epochs=(epoch,)))
    for number in range(50):
        (tmp_path / f"e{number}.json").write_bytes(text.replace(b"NAME", b"e%d" % number, 1))
    took = []
    for _ in range(3):
        began = time.process_time()
        assert len(baselines.load_all(tmp_path)) == 50
        took.append(time.process_time() - began)
    assert min(took) < 0.5


def test_a_run_that_was_resumed_too_late_is_no_session(tmp_path: Path, make: Maker) -> None:
    run = make.session()
    late = structs.replace(
        run.cells[0], samples=tuple(structs.replace(s, at_s=9000.0) for s in run.cells[0].samples)
    )
    parts = Part(started_s=0, finished_s=1000), Part(started_s=8900, finished_s=9000)
    apart = structs.replace(run, cells=(late, *run.cells[1:]), parts=parts)
    said = "box: the run paused for 2.2 h"
    assert baselines.update(tmp_path, apart)[0].startswith(said)
    assert baselines.accept(tmp_path, apart, "box").startswith(said)
    assert baselines.load(tmp_path, "box") is None
    assert "appended" in baselines.update(tmp_path, apart, Policy(max_pause_s=7900))[0]
