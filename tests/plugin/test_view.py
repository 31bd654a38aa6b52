"""What a run had in view: the rules of which cells may be missed, one by one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import judge, problems, scenarios, wire
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.judge import Baseline
from pytest_llmeval.judge.sessions import CellFigures, Epoch, Session
from pytest_llmeval.model import Facts, Host, Record, Run, Sample
from pytest_llmeval.plugin.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pytest_llmeval.model import Selection

MINE = "suite: mine\nscenarios:\n- id: a\n  prompt: {en: A?, ko: A?}\n- id: b\n  prompt: {ko: B?}\n"
MORE = "suite: mine\nscenarios:\n- id: c\n  prompt: {en: C?}\n"
OTHER = "suite: other\nscenarios:\n- id: d\n  prompt: {en: D?}\n"
TESTS = "tests/test_x.py"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(text, name) -> path`` of a scenario file in the project."""

    def write(text: str, name: str) -> Path:
        path = tmp_path / "suites" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def view(tmp_path: Path) -> View:
    return View(tmp_path)


def saw(view: View, *paths: Path) -> View:
    for path in paths:
        view.saw(scenarios.load(path, root=view.root))
    return view


def asks(view: View, function: str, *tests: str, module: str = TESTS) -> None:
    """The module was collected, with a function and the node ids of its tests."""
    view.modules.add(module)
    view.functions.add((module, function))
    view.tests.update(dict.fromkeys(tests, (module, function)))


def select(view: View, baseline: Iterable[str], **known: Any) -> Selection:
    fixed: dict[str, Any] = {"everything": True, "narrowed": (), "shipped": (), "done": (), "records": ()}
    return view.selection(baseline, **fixed | known)


def missing(view: View, baseline: Iterable[str], **known: Any) -> list[str]:
    """The cells that the judge calls missing, of a baseline with these, in a run that asked one other."""
    promised = list(baseline)
    cells = {key: CellFigures(prompt_sha256="", parameters_sha256="") for key in promised}
    session = Session(run="r", date="2026-11-21T03:45:01Z", cells=cells)
    old = Baseline(endpoint="e", epochs=(Epoch(facts=Facts(kind="openai"), sessions=(session,)),))
    ran = Record(
        endpoint="e",
        suite="ran",
        scenario="x",
        language="en",
        category="",
        prompt_sha256="",
        parameters_sha256="",
        samples=(Sample(round=0, at_s=0.0, ok=True),),
    )
    run = Run(
        id="now",
        started="",
        finished="",
        complete=True,
        plugin="",
        host=Host(cpus=1, os="", python=""),
        selection=select(view, promised, **known),
        cells=(ran,),
    )
    verdicts = judge.judge_run({"e": old}, run)
    return [verdict.cell or "" for verdict in verdicts if verdict.verdict == "missing"]


# -- scenario files ----------------------------------------------------------------------------------------


def test_a_file_yields_every_cell_in_every_language(view: View, write: Callable[..., Path]) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    assert view.cells == {"mine/a/en", "mine/a/ko", "mine/b/ko"}
    assert select(view, []).suites == ("mine",)
    assert select(view, []).cells == ("mine/a/en", "mine/a/ko", "mine/b/ko")


def test_an_id_of_two_files_is_a_mistake_and_the_same_file_twice_is_none(
    view: View, write: Callable[..., Path]
) -> None:
    path = write(MINE, "mine.eval.yaml")
    saw(view, path, path)
    with pytest.raises(ScenarioError, match=r"2\.eval\.yaml:3"):
        saw(view, write(MINE, "2.eval.yaml"))


def test_a_scenario_that_no_file_yields_any_more_is_missing(view: View, write: Callable[..., Path]) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    baseline = ["mine/a/ko", "mine/b/ko", "mine/b/en", "mine/gone/ko"]
    for everything in (True, False):
        assert missing(view, baseline, everything=everything) == ["mine/b/en", "mine/gone/ko"]


def test_a_scenario_of_a_file_that_was_not_collected_is_not(view: View, write: Callable[..., Path]) -> None:
    write(MORE, "more.eval.yaml")
    write("no: [yaml", "broken.eval.yaml")
    saw(view, write(MINE, "mine.eval.yaml"))
    assert missing(view, ["mine/c/en"], everything=False) == []
    assert missing(view, ["mine/c/en", "mine/e/en"], everything=False) == ["mine/e/en"]


@pytest.mark.parametrize("folder", [".git", ".venv", "node_modules", "build"])
def test_files_of_dependencies_keep_no_cell(view: View, write: Callable[..., Path], folder: str) -> None:
    inside = view.root / folder / "more.eval.yaml"
    inside.parent.mkdir()
    inside.write_text(MORE)
    saw(view, write(MINE, "mine.eval.yaml"))
    assert missing(view, ["mine/c/en"]) == ["mine/c/en"]


def test_a_suite_whose_file_is_gone_is_missed_by_a_whole_run_only(
    view: View, write: Callable[..., Path]
) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    assert missing(view, ["other/d/en"], everything=True) == ["other/d/en"]
    assert missing(view, ["other/d/en"], everything=False) == []
    write(OTHER, "other.eval.yaml")
    assert missing(view, ["other/d/en"], everything=True) == []


def test_a_shipped_suite_is_missed_only_where_it_ran(view: View, write: Callable[..., Path]) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    assert missing(view, ["smoke/greeting/ko"], shipped=["smoke"]) == []
    ours = view.root.parent / "smoke.eval.yaml"
    ours.write_text("suite: smoke\nscenarios:\n- id: hello\n  prompt: {ko: 안녕}\n", encoding="utf-8")
    saw(view, ours)
    assert missing(view, ["smoke/greeting/ko"], shipped=["smoke"]) == ["smoke/greeting/ko"]


def test_problems_are_missed_only_where_their_file_was_named(
    view: View, write: Callable[..., Path], tmp_path: Path
) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    assert missing(view, ["own.jsonl/own-0/en"]) == []
    path = tmp_path / "Own.jsonl"
    path.write_text(
        '{"task_id": "Own/1", "prompt": "def f():", "entry_point": "f", "test": "def check(f): f()"}\n',
        encoding="utf-8",
    )
    view.saw(problems.load(path))
    assert missing(view, ["own.jsonl/own-0/en", "own.jsonl/own-1/en"]) == ["own.jsonl/own-0/en"]


def test_whether_the_suites_in_view_have_more_files(view: View, write: Callable[..., Path]) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    write(OTHER, "other.eval.yaml")
    assert not view.has_more_files()
    write(MORE, "more.eval.yaml")
    assert view.has_more_files()


# -- tests with the `llm` fixture --------------------------------------------------------------------------


def test_a_question_that_a_passed_test_no_longer_asks_is_missing(view: View) -> None:
    asks(view, "test_a", "t::test_a[e]")
    baseline = [f"{TESTS}/test_a/en", f"{TESTS}/test_a-two/en"]
    assert missing(view, baseline, done={"t::test_a[e]"}) == sorted(baseline)
    assert missing(view, baseline, done=()) == [], "it did not come so far"


def test_what_was_asked_is_not_missing(view: View) -> None:
    asks(view, "test_a", "t::test_a[e]")
    asked = Record(
        endpoint="other",
        suite=TESTS,
        scenario="test_a",
        language="en",
        category="",
        prompt_sha256="",
        parameters_sha256="",
        samples=(),
    )
    assert missing(view, [asked.key], done={"t::test_a[e]"}, records=[asked]) == []


def test_every_test_of_a_function_must_pass_before_a_cell_of_it_is_missed(view: View) -> None:
    asks(view, "test_a", "t::test_a[e-1]", "t::test_a[e-2]")
    baseline = [f"{TESTS}/test_a-1/en", f"{TESTS}/test_a-2/en"]
    assert missing(view, baseline, done={"t::test_a[e-1]"}) == []
    assert missing(view, baseline, done={"t::test_a[e-1]", "t::test_a[e-2]"}) == baseline
    assert view.finished({"t::test_a[e-1]"}) == set()


def test_a_function_of_which_no_test_was_collected_did_not_finish(view: View) -> None:
    asks(view, "test_a")
    assert view.finished(()) == set()
    assert missing(view, [f"{TESTS}/test_a/en"]) == []


def test_a_function_that_is_gone_is_missing(view: View) -> None:
    asks(view, "test_a", "t::test_a[e]")
    baseline = [f"{TESTS}/test_ab/en", f"{TESTS}/testx.test_a/en"]
    assert missing(view, baseline, everything=False) == baseline


def test_a_module_of_which_a_part_was_named_misses_nothing(view: View) -> None:
    asks(view, "test_a", "t::test_a[e]")
    asks(view, "test_a", "u::test_a[e]", module="tests/test_y.py")
    baseline = [f"{TESTS}/test_b/en", "tests/test_y.py/test_b/en"]
    assert missing(view, baseline, everything=False, narrowed={TESTS}) == baseline[1:]


def test_a_module_that_is_gone_is_missed_by_a_whole_run_only(view: View) -> None:
    baseline = [f"{TESTS}/test_a/en"]
    assert missing(view, baseline, everything=True) == baseline
    assert missing(view, baseline, everything=False) == []


def test_a_module_that_is_there_and_was_not_looked_at_is_not_missing(view: View) -> None:
    (view.root / "tests").mkdir()
    (view.root / TESTS).touch()
    baseline = [f"{TESTS}/test_a/en"]
    assert missing(view, baseline) == [], "--ignore"
    view.modules.add(TESTS)
    assert missing(view, baseline) == baseline, "its last test with the fixture was removed"


def test_modules_are_suites_by_their_path(view: View) -> None:
    assert view.suite_of_module(view.root / "tests" / "test_x.py") == TESTS
    assert view.suite_of_module(view.root.parent / "elsewhere" / "test_x.py") == "test_x.py"


# -- workers -----------------------------------------------------------------------------------------------


def test_the_controller_sees_what_its_workers_saw(view: View, write: Callable[..., Path]) -> None:
    saw(view, write(MINE, "mine.eval.yaml"))
    asks(view, "test_a", "t::test_a[e]")
    second = View(view.root)
    saw(second, write(OTHER, "other.eval.yaml"))
    controller = View(view.root)
    for worker in (view, second, view):
        plain = worker.plain()
        assert plain == wire.plain(plain), "only what execnet carries"
        controller.merge(plain)
    assert controller.cells == view.cells | second.cells
    assert controller.places["mine/b/ko"] == (str(view.root / "suites" / "mine.eval.yaml"), 5)
    assert controller.files == view.files | second.files
    assert (controller.functions, controller.tests) == (view.functions, view.tests)
    assert controller.modules == view.modules
    baseline = ["mine/gone/ko", "other/gone/en", f"{TESTS}/test_a/en"]
    assert missing(controller, baseline, done={"t::test_a[e]"}) == sorted(baseline)


def test_why_no_cell_has_the_prompt_language(view: View, write: Callable[..., Path]) -> None:
    assert view.unspoken(("fr",)) is None, "there is nothing at all"
    saw(view, write(MINE, "mine.eval.yaml"))
    assert view.unspoken(("fr", "de")) == "no scenario has a prompt in fr, de: there are en, ko"
    assert view.unspoken(("fr", "ko")) is None
    assert view.unspoken(()) is None


def test_a_folder_that_cant_be_read_is_passed_over(
    view: View, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database's own, beside the suites; root could read it, so it is made to fail."""
    saw(view, write(MINE, "mine.eval.yaml"))
    write(MORE, "more.eval.yaml")
    (view.root / "pgdata").mkdir()
    scandir = os.scandir

    def guarded(path: Any) -> Any:
        if str(path).endswith("pgdata"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert view.has_more_files()
