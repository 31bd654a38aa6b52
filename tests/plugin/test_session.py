"""The recorder: what it keeps of every report, when a run is whole, and what is red."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import scenarios, wire
from pytest_llmeval.model import Endpoint, Host, Load, Record, Run, Sample, Verdict
from pytest_llmeval.plugin import publish, unselected
from pytest_llmeval.plugin.session import LAST_FAILED, Recorder
from pytest_llmeval.plugin.view import View
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmeval.model import VerdictName

SUITE = "suite: mine\nscenarios:\n- id: a\n  prompt: {en: A?, ko: A?}\n- id: b\n  prompt: {ko: B?}\n"
BOX = Settings(endpoints=(Endpoint(name="box"),))


class Cache(dict[str, Any]):
    """What is used of pytest's cache."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def recorder(root: Path, settings: Settings = BOX, **known: Any) -> Recorder:
    """A recorder of a run that saw the suite's one file."""
    path = root / "mine.eval.yaml"
    path.write_text(SUITE)
    view = View(root)
    view.saw(scenarios.load(path, root=root))
    params = SimpleNamespace(dir=root)
    config = SimpleNamespace(option=SimpleNamespace(), args=[], invocation_params=params, cache=Cache())
    fixed = {"settings": settings, "view": view, "config": config, "asked": True, "everything": True}
    context: Any = SimpleNamespace(**fixed | known)
    one = Recorder(context)
    vars(one)["log"] = SimpleNamespace(note=lambda _report, _payload: None)
    return one


def record(scenario: str = "a", language: str = "ko", *samples: Sample, **known: Any) -> Record:
    fixed: dict[str, Any] = {"endpoint": "box", "suite": "mine", "scenario": scenario, "language": language}
    return Record(
        **fixed | known,
        category="c",
        prompt_sha256="",
        parameters_sha256="",
        samples=samples or (Sample(round=0, at_s=0.0, ok=True),),
    )


def payload(*records: Record, answers: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"records": [wire.plain(one) for one in records], "answers": list(answers)}


def report(
    nodeid: str = "x", *, when: str = "call", outcome: str = "passed", longrepr: Any = None, **carried: Any
) -> pytest.TestReport:
    kind: Any = (nodeid, ("x.py", 0, "x"), {}, outcome, longrepr, when)
    one = pytest.TestReport(*kind)
    vars(one).update(carried)
    return one


# -- collecting --------------------------------------------------------------------------------------------


def test_records_come_sorted_whatever_worker_was_first(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for name, language in (("b", "ko"), ("a", "ko"), ("a", "en")):
        one.pytest_runtest_logreport(report(llmeval=payload(record(name, language))))
    assert [each.key for each in one.records] == ["mine/a/en", "mine/a/ko", "mine/b/ko"]


def test_the_attempts_of_a_rerun_cell_are_one_record(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for outcome, tps in (("rerun", None), ("passed", 9.0)):
        sample = Sample(round=0, at_s=1.0, ok=tps is not None)
        attempt = record("a", "ko", sample, load=(Load(round=0, requests=1, load_tps=tps),))
        carried = payload(attempt, answers=({"cell": "mine/a/ko", "round": 0, "text": outcome},))
        one.pytest_runtest_logreport(report(outcome=outcome, llmeval=carried))
    (kept,) = one.records
    assert [sample.ok for sample in kept.samples] == [False, True]
    assert [batch.load_tps for batch in kept.load] == [None, 9.0]
    assert [answer["text"] for answer in one.answers] == ["rerun", "passed"]


def test_only_tests_that_passed_are_done(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for when in ("setup", "call", "teardown"):
        one.pytest_runtest_logreport(report("t::passed", when=when))
    one.pytest_runtest_logreport(report("t::failed", outcome="failed"))
    one.pytest_runtest_logreport(report("t::not-yet", when="setup"))
    one.pytest_runtest_logreport(report("t::again", outcome="rerun"))
    assert one.done == {"t::passed"}


def test_how_a_test_ended_at_last_is_kept(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for nodeid, outcome in (("t::a", "failed"), ("t::a", "passed"), ("t::b", "rerun"), ("t::b", "failed")):
        one.pytest_runtest_logreport(
            report(nodeid, outcome=outcome, longrepr="Failed: under its floor" + "!" * 9999)
        )
    one.pytest_runtest_logreport(report("t::c", when="teardown", outcome="failed", longrepr="not its own"))
    assert {nodeid: why[:16] for nodeid, why in one.failures.items()} == {"t::b": "under its floor!"}
    assert len(one.failures["t::b"]) == 1000


def test_cells_without_an_endpoint_are_counted(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.pytest_runtest_logreport(
        report(when="setup", outcome="skipped", longrepr=("x", 1, unselected.REASON))
    )
    one.pytest_runtest_logreport(report(when="setup", outcome="skipped", longrepr=("x", 1, "no docker")))
    assert one.unselected == 1


# -- round the run loop ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.parametrize("asked", [True, False])
def test_signals_are_taken_only_where_somebody_is_asked(
    tmp_path: Path, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unrelated run of an environment that has the plugin ends as it would without it."""
    one = recorder(tmp_path, Settings(), asked=asked, close=lambda: None, unfinished=None)
    monkeypatch.setattr(one, "_publish", lambda _session: None)
    session: Any = SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(collectonly=True)))
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with one.around(session):
            assert (signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL) == asked
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_that_could_not_be_judged_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = recorder(tmp_path, unfinished=None, is_copied=False)
    one.keep(payload(record()))
    written: list[Any] = []

    def broken(*_: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(publish, "build_run", lambda *_: "not judged")
    monkeypatch.setattr(publish, "judged", broken)
    monkeypatch.setattr(publish, "write", lambda _recorder, run: written.append(run))
    session: Any = SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(collectonly=False)))
    with pytest.raises(KeyError, match="a mistake of ours"):
        one._publish(session)
    assert written == ["not judged"]


@pytest.mark.parametrize(
    ("languages", "strict", "refused"), [("fr", True, True), ("fr", False, False), ("ko", True, False)]
)
def test_a_language_that_no_scenario_has_is_no_green_gate(
    tmp_path: Path, languages: str, strict: bool, refused: bool
) -> None:
    chosen = Settings(endpoints=BOX.endpoints, prompt_languages=(languages,), strict=strict)
    one = recorder(tmp_path, chosen)
    if not refused:
        one._refuse_unasked()
        return
    with pytest.raises(
        pytest.UsageError, match=r"--llm-strict: no scenario has a prompt in fr: there are en, ko"
    ):
        one._refuse_unasked()


def test_a_shard_for_which_nothing_is_left_says_so(tmp_path: Path) -> None:
    one = recorder(tmp_path, Settings(endpoints=BOX.endpoints, shard="9/9"))
    view = one.context.view
    view.elsewhere = {"box mine/a/en", "box mine/a/ko"}
    assert one.unasked() is None, "b is its own"
    view.elsewhere.add("box mine/b/ko")
    view.tests["t.py::test_x"] = ("t.py", "test_x")
    assert one.unasked() is None, "the test is its own"
    view.tests_elsewhere.add("t.py::test_x")
    assert one.unasked() == "nothing is left for shard 9/9: 4 cells or tests are all there is to split"


# -- whether it was all ------------------------------------------------------------------------------------


def ran(one: Recorder, *cells: tuple[str, str]) -> Recorder:
    one.keep(payload(*(record(*cell) for cell in cells)))
    return one


ALL = (("a", "en"), ("a", "ko"), ("b", "ko"))


def test_a_run_of_every_cell_is_whole(tmp_path: Path) -> None:
    assert not ran(recorder(tmp_path), *ALL).left_out()
    assert ran(recorder(tmp_path), *ALL[1:]).left_out()


def test_a_prompt_language_that_was_not_asked_for_is_not_left_out(tmp_path: Path) -> None:
    korean = Settings(endpoints=BOX.endpoints, prompt_languages=("ko",))
    assert not ran(recorder(tmp_path, korean), *ALL[1:]).left_out()
    assert ran(recorder(tmp_path, korean), ("a", "en"), ("a", "ko")).left_out()


def test_every_endpoint_has_every_cell(tmp_path: Path) -> None:
    two = Settings(endpoints=(*BOX.endpoints, Endpoint(name="other")))
    one = ran(recorder(tmp_path, two), *ALL)
    assert one.left_out()
    one.keep(payload(*(record(*cell, endpoint="other") for cell in ALL)))
    assert not one.left_out()


def test_a_cell_that_its_endpoint_can_never_be_asked_is_not_left_out(tmp_path: Path) -> None:
    one = ran(recorder(tmp_path), *ALL[1:])
    one.keep(payload() | {"not_measurable": ["other", "mine/a/en"]})
    assert one.left_out()
    one.keep(payload() | {"not_measurable": ["box", "mine/a/en"]})
    assert not one.left_out()


def test_an_llm_test_that_did_not_pass_is_left_out(tmp_path: Path) -> None:
    one = ran(recorder(tmp_path), *ALL)
    one.context.view.functions.add(("t.py", "test_x"))
    assert one.left_out(), "not one test of it was collected"
    one.context.view.tests["t.py::test_x[box]"] = ("t.py", "test_x")
    assert one.left_out()
    one.pytest_runtest_logreport(report("t.py::test_x[box]"))
    assert not one.left_out()


def test_a_module_of_which_a_part_was_named_is_not_whole(tmp_path: Path) -> None:
    one = ran(recorder(tmp_path), *ALL)
    one.context.view.functions.add(("t.py", "test_x"))
    one.context.view.tests["t.py::test_x"] = ("t.py", "test_x")
    one.pytest_runtest_logreport(report("t.py::test_x"))
    assert not one.left_out()
    one.context.config.args.append("t.py::test_x")
    assert one.left_out()


def test_another_file_of_the_suite_counts_where_a_path_limited_the_run(tmp_path: Path) -> None:
    limited = ran(recorder(tmp_path, everything=False), *ALL)
    assert not limited.left_out()
    (tmp_path / "more.eval.yaml").write_text("suite: mine\nscenarios:\n- id: c\n  prompt: {en: C?}\n")
    assert limited.left_out()
    assert not ran(recorder(tmp_path), *ALL).left_out(), "a whole run collected what there is to collect"


# -- what is red -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "strict", "red"),
    [
        ("regressed", False, True),
        ("missing", False, True),
        ("stale", False, False),
        ("stale", True, True),
        ("inconclusive", True, False),
        ("not run", True, False),
        ("new", True, False),
    ],
)
def test_which_verdicts_fail_the_build(tmp_path: Path, name: VerdictName, strict: bool, red: bool) -> None:
    one = recorder(tmp_path)
    assert one.red == ()
    verdict = Verdict(endpoint="box", metric="ttft_s", verdict=name, sentence="")
    host = Host(cpus=1, os="", python="")
    one.run = Run(
        id="",
        started="",
        finished="",
        complete=True,
        plugin="",
        host=host,
        verdicts=(verdict,),
        strict=strict,
    )
    assert bool(one.red) is red


def test_last_failed_runs_the_cells_behind_a_verdict(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    cache = one.context.config.cache
    assert cache is not None
    cache.set(LAST_FAILED, {"t::own": True, "llmeval/box::ttft_s": True, "llmeval/box::gone": True})
    one.cells_behind = {
        "llmeval/box::ttft_s": ("m::a", "m::b"),
        "llmeval/box::gone": (),
        "m::c::quality": ("m::c",),
    }
    one.mend_last_failed()
    assert cache.get(LAST_FAILED, None) == {"t::own": True, "m::a": True, "m::b": True}


def test_without_a_verdict_or_a_cache_last_failed_is_left_alone(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    cache: Any = one.context.config.cache
    one.mend_last_failed()
    one.cells_behind = {"x": ("y",)}
    del one.context.config.cache
    one.mend_last_failed()
    assert cache == {}


def test_a_forked_child_publishes_nothing(tmp_path: Path) -> None:
    child = recorder(tmp_path, is_copied=True)
    child.keep(payload(record()))
    session: Any = SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(collectonly=False)))
    child._publish(session)
    assert child.run is None
    assert [path.name for path in tmp_path.iterdir()] == ["mine.eval.yaml"]
