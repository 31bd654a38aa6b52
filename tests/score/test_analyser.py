"""The warm worker: right figures, nothing leaking in or out, and no snippet that harms another."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import scoring_cost

from pytest_llmeval.errors import AnalyserError
from pytest_llmeval.score import analyser as module
from pytest_llmeval.score.analyser import Analyser

HONEST = '''"""Numbers."""


def fib(n: int) -> int:
    """The n-th Fibonacci number."""
    unused = 1
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)
'''


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(cpu_s=2) as warm:
        yield warm


def symbols(analyser: Analyser, code: str) -> set[str]:
    analysis = analyser.analyse(code)
    assert analysis.failure is None
    return {finding.symbol for finding in analysis.findings}


def test_all_figures(analyser: Analyser) -> None:
    analysis = analyser.analyse(HONEST)
    assert analysis.failure is None
    assert [(one.severity, one.symbol, one.line) for one in analysis.findings] == [
        ("warning", "unused-variable", 6)
    ]
    assert analysis.statements == 5
    assert analysis.pylint_score == 8.0
    assert [(one.name, one.complexity, one.line, one.end_line) for one in analysis.routines] == [
        ("fib", 2, 4, 9)
    ]
    assert analysis.maintainability is not None
    assert 50 < analysis.maintainability < 100
    assert analysis.source_lines == 5


def test_maintainability_is_radons_own() -> None:
    """Computed from one syntax tree; ``radon.metrics.mi_visit`` parses again for the same figure."""
    from radon.metrics import mi_visit

    with Analyser() as analyser:
        for code in scoring_cost.snippets(5, seed=3):
            bare = module.source.without_comments(code).bare
            assert analyser.analyse(code).maintainability == pytest.approx(mi_visit(bare, multi=False))


def test_methods_and_nested_classes_have_their_names(analyser: Analyser) -> None:
    code = "class A:\n    class B:\n        def f(self): return 1\n    def g(self): return 2\n"
    assert [one.name for one in analyser.analyse(code).routines] == ["B.f", "A.g"]


def test_the_same_as_a_fresh_pylint_in_any_order() -> None:
    codes = scoring_cost.snippets(24)
    analyses, _ = scoring_cost.analysed(codes)
    assert not [one.failure for one in analyses if one.failure]
    assert set(scoring_cost.reordered(codes).values()) == {0}
    for place in (0, 5, 11):
        assert scoring_cost.facts(analyses[place]) == scoring_cost.fresh(codes[place])


@pytest.mark.parametrize(
    "pragma",
    [
        "# pylint: disable=all",
        "#pylint:disable=all",
        "# PyLint : disable=unused-variable",
        "# hi; pylint: disable=unused-variable",
        "# pylint: skip-file",
        "# type: ignore # pylint: disable=unused-variable",
    ],
)
def test_pragmas_change_nothing(analyser: Analyser, pragma: str) -> None:
    expected = symbols(analyser, HONEST)
    assert symbols(analyser, f"{pragma}\n{HONEST}") == expected
    assert symbols(analyser, HONEST.replace("unused = 1", f"unused = 1  {pragma}")) == expected


def test_a_pragma_in_a_string_stays(analyser: Analyser) -> None:
    code = 'def f():\n    text = "# pylint: disable=all"\n    return 1\n'
    assert "unused-variable" in symbols(analyser, code)


def test_comments_do_not_raise_the_index(analyser: Analyser) -> None:
    padded = HONEST.replace("    if n", "    # Because.\n" * 30 + "    if n")
    assert analyser.analyse(padded).maintainability == analyser.analyse(HONEST).maintainability


@pytest.mark.parametrize("cookie", ["latin-1", "utf-7", "nonsense", "utf-16"])
def test_encoding_cookies_are_ignored(analyser: Analyser, cookie: str) -> None:
    code = f"# -*- coding: {cookie} -*-\nNAME = '한글'\nunused: str = +1\n"
    assert analyser.analyse(code).findings == analyser.analyse(code.replace("coding", "encoded")).findings


def test_configuration_from_outside_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "trap"
    hook = f"open({str(trap)!r}, 'w').close()"
    for name in ("pylintrc", ".pylintrc"):
        (tmp_path / name).write_text(f"[MAIN]\ninit-hook={hook}\ndisable=all\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pylint.main]\ndisable = 'all'\n")
    (tmp_path / "collections.py").write_text(hook)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYLINTRC", str(tmp_path / "pylintrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "collections.py"))
    with Analyser() as analyser:
        assert symbols(analyser, HONEST) == {"unused-variable"}
    assert not trap.exists()


def test_one_snippet_does_not_change_the_next(analyser: Analyser) -> None:
    user = "import string\nimport utils\n\nprint(string.extra, utils.helper, argparse)\n"
    before = analyser.analyse(user)
    for code in (
        "import string\nstring.extra = 1\nprint(string.extra)\n",
        "import string as s\ndef f(self=s):\n    self.extra = 1\ns.extra = 2\n",
        "def helper():\n    return 1\n",
        "import builtins\nbuiltins.argparse = 1\n",
        "class str:\n    extra = 1\n",
    ):
        analyser.analyse(code)
    assert analyser.analyse(user) == before
    assert "no-member" in {finding.symbol for finding in before.findings}


def test_what_is_installed_here_changes_nothing(analyser: Analyser) -> None:
    assert symbols(analyser, '"""A."""\nimport numpy\n\nnumpy.nonsense()\n') == set()


def test_nothing_heavy_is_imported_here() -> None:
    script = (
        "import sys\n"
        "from pytest_llmeval.score.analyser import Analyser\n"
        "with Analyser() as a:\n"
        "    assert a.versions().pylint\n"
        "    assert a.analyse('def f():\\n    return 1\\n').routines\n"
        "heavy = {'pylint', 'astroid', 'radon', 'pytest'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


SLOW = {"multiplying", "doubling lists", "inheritance chain", "diamonds"}
"""Those that run into the CPU limit, or near it."""


@pytest.mark.parametrize("name", sorted(scoring_cost.HOSTILE.keys() - SLOW))
def test_hostile_snippets_end_with_figures_or_a_reason(analyser: Analyser, name: str) -> None:
    analysis = analyser.analyse(scoring_cost.HOSTILE[name])
    assert analysis.failure is None or analysis.failure.startswith(("the code", "the analysers"))
    assert symbols(analyser, HONEST) == {"unused-variable"}


def test_cpu_time_is_bounded() -> None:
    with Analyser(cpu_s=1) as analyser:
        started = time.monotonic()
        analysis = analyser.analyse(scoring_cost.HOSTILE["diamonds"])
        assert analysis.failure == "the analysers needed more than 1 s of CPU time for this code"
        assert time.monotonic() - started < 10
        assert symbols(analyser, HONEST) == {"unused-variable"}


def test_wall_time_is_bounded() -> None:
    with Analyser(wall_s=1) as analyser:
        analysis = analyser.analyse(scoring_cost.HOSTILE["diamonds"])
        assert analysis.failure == "the analysers took too long for this code and were stopped"


def test_limits_hold_for_each_snippet_not_for_all(analyser: Analyser) -> None:
    """RLIMIT_CPU is cumulative: without raising it the worker would die of age."""
    with Analyser(cpu_s=1) as short:
        started = time.process_time()
        for code in scoring_cost.snippets(200, seed=9):
            assert short.analyse(code).failure is None
        assert time.process_time() - started < 5


def test_a_worker_is_replaced_after_its_lifetime() -> None:
    with Analyser(lifetime=2) as analyser:
        pids = []
        for _ in range(4):
            analyser.analyse(HONEST)
            pids.append(analyser._worker._process.pid if analyser._worker else None)
        assert pids[0] is not None
        assert pids[0] != pids[2] is not None
        assert pids[1] is pids[3] is None


def test_a_worker_killed_while_idle_costs_no_snippet() -> None:
    with Analyser() as analyser:
        expected = analyser.analyse(HONEST)
        assert analyser._worker is not None
        os.kill(analyser._worker._process.pid, signal.SIGKILL)
        analyser._worker._process.wait()
        assert analyser.analyse(HONEST) == expected


def test_a_folder_that_was_swept_away_costs_no_snippet() -> None:
    with Analyser() as analyser:
        expected = analyser.analyse(HONEST)
        assert analyser._worker is not None
        analyser._worker._scratch.remove()
        assert analyser.analyse(HONEST) == expected


def test_it_is_lazy_and_closes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    analyser = Analyser()
    assert analyser._worker is None
    analyser.analyse(HONEST)
    assert list(tmp_path.iterdir())
    analyser.close()
    analyser.close()
    assert not list(tmp_path.iterdir())


def test_threads_may_share_it(analyser: Analyser) -> None:
    codes = scoring_cost.snippets(12, seed=5)
    expected = [analyser.analyse(code) for code in codes]
    found: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda place=place: found.update({place: analyser.analyse(codes[place])}))
        for place in range(len(codes))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[place] for place in range(len(codes))] == expected


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path, busy: bool) -> None:
    script = (
        "import sys, time, threading, scoring_cost\n"
        "from pytest_llmeval.score.analyser import Analyser\n"
        "a = Analyser()\n"
        "a.analyse('x = 1')\n"
        "slow = threading.Thread(target=a.analyse, args=[scoring_cost.HOSTILE['diamonds']])\n"
        f"{'slow.start()' if busy else ''}\n"
        "print(a._worker._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(Path(scoring_cost.__file__).parent),
    }
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.3)
        assert Path(f"/proc/{worker}").exists()
        assert list(tmp_path.iterdir())
        parent.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (_runs(worker) or list(tmp_path.iterdir())):
        time.sleep(0.05)
    assert not _runs(worker)
    assert not list(tmp_path.iterdir())


def _runs(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped by init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_analyser_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    temporary, alone = tmp_path / "temporary", tmp_path / "alone"
    temporary.mkdir()
    alone.mkdir()
    (alone / "pytest_llmeval").symlink_to(Path(module.__file__).parents[1])
    monkeypatch.setattr(module.tempfile, "tempdir", str(temporary))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_search_path", lambda: [str(alone)])
        with pytest.raises(AnalyserError, match="No module named 'msgspec'"):
            Analyser().analyse(HONEST)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(AnalyserError, match="can't be started"):
        Analyser().analyse(HONEST)
    assert not list(temporary.iterdir())


def test_versions_name_everything_that_a_score_depends_on() -> None:
    versions = Analyser.versions()
    assert versions.pylint.split(".")[0] >= "4"
    assert len(versions.rules) == 12
    assert versions.python == f"{sys.version_info.major}.{sys.version_info.minor}"
