"""Run files: what is read comes back or is refused with path and advice; what is written is whole."""

from __future__ import annotations

import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmeval import runfile
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.model import Facts, Host, Record, Run, Sample, Verdict

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run(
    id="20261121T034501Z-3f9c",
    started="2026-11-21T03:45:01Z",
    finished="2026-11-21T03:46:01Z",
    complete=True,
    plugin="0.1.0",
    host=Host(cpus=2, os="Linux x86_64", python="3.11.7"),
    endpoints={"box": Facts(kind="openai", model="코더")},
    cells=(
        Record(
            endpoint="box",
            suite="s",
            scenario="x",
            language="ko",
            category="c",
            prompt_sha256="p",
            parameters_sha256="q",
            samples=(Sample(round=0, at_s=0.5, ok=True, ttft_s=0.25, reasons=("너무 길다", "\ud800")),),
        ),
    ),
    verdicts=(Verdict(endpoint="box", metric="ttft_s", verdict="ok", sentence="fine", interval=(-0.1, 0.2)),),
)
AGAIN = "run pytest with --llm-endpoint=… to make one"


def written(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "run.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def refused(path: Path) -> RunFileError:
    with pytest.raises(RunFileError) as caught:
        runfile.load(path)
    assert caught.value.where == str(path)
    assert str(caught.value).startswith(f"{path}: {caught.value.what}")
    return caught.value


def as_dict(**changed: Any) -> dict[str, Any]:
    return {**json.loads(runfile.dump(RUN)), **changed}


# -- reading -----------------------------------------------------------------------------------------------


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one" / "run.json"
    runfile.write(path, runfile.dump(RUN))
    (record,) = runfile.load(path).cells
    assert record.samples[0].reasons == ("너무 길다", "\ufffd")
    assert runfile.load(path).verdicts == RUN.verdicts
    assert runfile.load(path).endpoints == RUN.endpoints


def test_the_text_is_json_that_people_can_read() -> None:
    text = runfile.dump(RUN)
    assert text.endswith("}\n")
    assert json.loads(text)["schema"] == "llmeval-run/1"
    assert '"코더"' in text
    assert "output_tps" not in text, "a figure that was not measured is absent"
    assert len(text.splitlines()) > 20


def test_no_such_file(tmp_path: Path) -> None:
    error = refused(tmp_path / "run.json")
    assert (error.what, error.hint) == ("there is no such run file", AGAIN)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    assert refused(tmp_path / "run.json").what == f"can't be read: {os.strerror(21)}"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"schema": "llmeval-run/1",', b"[" * 100_000])
def test_no_json(tmp_path: Path, data: bytes) -> None:
    error = refused(written(tmp_path, data))
    assert error.what.startswith("is not JSON, or damaged: ")
    assert error.hint == AGAIN


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("NaN", "no number"),
        ("Infinity", "no number"),
        ("-Infinity", "no number"),
        ("1e999", "no figure of a run"),
        ("-1e308", "no figure of a run"),
        ("1" + "0" * 19, "no figure of a run"),
    ],
)
def test_what_no_figure_can_be_is_refused(tmp_path: Path, number: str, why: str) -> None:
    text = runfile.dump(RUN).replace("0.25", number)
    assert refused(written(tmp_path, text.encode())).what == f"is not JSON, or damaged: {number} is {why}"


@pytest.mark.parametrize(
    ("data", "schema", "hint"),
    [
        ([], "None", AGAIN),
        ({}, "None", AGAIN),
        ({"schema": "llmeval-baseline/1"}, "'llmeval-baseline/1'", AGAIN),
        ({"schema": 1}, "1", AGAIN),
        ({"schema": "llmeval-run/2"}, "'llmeval-run/2'", "update pytest-llmeval-suite"),
        ({"schema": "llmeval-run/10", "cells": 1}, "'llmeval-run/10'", "update pytest-llmeval-suite"),
    ],
)
def test_another_schema(tmp_path: Path, data: object, schema: str, hint: str) -> None:
    error = refused(written(tmp_path, data))
    assert error.what == f"is not a llmeval-run/1 file (its schema: {schema})"
    assert error.hint == hint


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"id": 5}, "$.id"),
        ({"cells": [{}]}, "$.cells[0]"),
        ({"host": {"cpus": "two", "os": "", "python": ""}}, "$.host.cpus"),
        ({"\ud83d": 1}, "a key that is no text: '\\ud83d'"),
        ({"verdicts": [{"endpoint": "e", "metric": "m", "verdict": "fine", "sentence": ""}]}, "verdict"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path: Path, changed: dict[str, Any], place: str) -> None:
    error = refused(written(tmp_path, as_dict(**changed)))
    assert error.what.startswith("is damaged: ")
    assert place in error.what
    assert error.hint == AGAIN


@pytest.mark.parametrize("time", ["", "today", "2026-11-21", "2026-11-21T03:45:01", "2026-13-21T03:45:01Z"])
def test_what_is_no_time_is_refused(tmp_path: Path, time: str) -> None:
    for field in ("started", "finished"):
        error = refused(written(tmp_path, as_dict(**{field: time})))
        assert error.what == f"is damaged: {time!r} is no time like 2026-11-21T03:45:01Z"


def test_a_failed_sample_has_an_error(tmp_path: Path) -> None:
    run = as_dict()
    run["cells"][0]["samples"][0]["ok"] = False
    assert refused(written(tmp_path, run)).what == "is damaged: a sample of 's/x/ko' failed, and has no error"


def test_what_a_later_version_added_is_ignored(tmp_path: Path) -> None:
    path = written(tmp_path, as_dict(added_later={"a": 1}, host={**as_dict()["host"], "fans": 8}))
    assert runfile.load(path).host == RUN.host


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_run_or_a_run_file_error(tmp_path: Path, data: st.DataObject) -> None:
    good = runfile.dump(RUN).encode()
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 40))
    path = written(tmp_path, good[:at] + data.draw(st.binary(max_size=5)) + good[at + cut :])
    where: str | None = str(path)
    try:
        runfile.load(path)
    except RunFileError as error:
        where = error.where
    assert where == str(path)


# -- the last run ------------------------------------------------------------------------------------------


def test_the_last_run_is_the_one_that_is_pointed_at(tmp_path: Path) -> None:
    pointer = tmp_path / ".llmeval" / "last-run.json"
    runfile.write(pointer, '{"run": ".llmeval/runs/1/run.json"}')
    assert runfile.last(tmp_path) == tmp_path / ".llmeval" / "runs" / "1" / "run.json"


def test_no_run_yet(tmp_path: Path) -> None:
    with pytest.raises(
        RunFileError, match=r"no run was made in this folder yet\n  -> run pytest with"
    ) as caught:
        runfile.last(tmp_path)
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": 1}', '"run"', "null"])
def test_a_pointer_that_does_not_point(tmp_path: Path, text: str) -> None:
    pointer = tmp_path / ".llmeval" / "last-run.json"
    runfile.write(pointer, text)
    with pytest.raises(RunFileError, match="does not name a run") as caught:
        runfile.last(tmp_path)
    assert (caught.value.where, caught.value.hint) == (str(pointer), AGAIN)


# -- writing -----------------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    runfile.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        runfile.write(path, "new" * 10_000 + "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "run.json" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"run\.json"):
        runfile.write(tmp_path / "run.json", "new")
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    texts = {"a" * 300_000, "b" * 300_000}
    runfile.write(path, min(texts))
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        for text in texts:
            runfile.write(path, text)
    done.set()
    reader.join()
    assert seen
    assert seen <= texts


def test_others_may_read_what_the_users_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        runfile.write(tmp_path / "run.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o640


def test_lines_end_the_same_everywhere(tmp_path: Path) -> None:
    runfile.write(tmp_path / "run.json", "가\nb\n")
    assert (tmp_path / "run.json").read_bytes() == "가\nb\n".encode()
