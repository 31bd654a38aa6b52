"""The ``llm`` fixture: the same engine from Python tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = """\
import pytest

def test_fib(llm):
    a = llm.ask("Write add(a, b).", requires=["add(a, b)"], id="fib")
    assert a.score.quality > 5 and a.ttft_s < 10
    assert a.code.startswith("def add")
    assert a.output_tps > 0 and a.finish_reason == "stop"

class TestMore:
    @pytest.mark.parametrize("n", [1, 2])
    def test_two(self, llm, n):
        assert "def" in llm.ask("Write add, please.", id="one").text
        llm.ask("Write add again.", id="two")
"""


@pytest.mark.workers
def test_the_fixture_runs_once_per_endpoint(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "mine.eval.yaml").unlink()
    (project.path / "test_mine.py").write_text(TESTS)
    url = answering()
    result = project.pytest(
        f"--llm-endpoint=a={url}", f"--llm-endpoint=b={url}", "--llm-rounds=1", "-m", "llm"
    )
    assert result.ret == 0
    result.assert_outcomes(passed=6)
    cells = {(cell["endpoint"], cell["suite"], cell["scenario"]) for cell in project.last_run()["cells"]}
    names = ["test_fib-fib"] + [f"testmore.test_two-{n}-{name}" for n in (1, 2) for name in ("one", "two")]
    assert cells == {(endpoint, "test_mine.py", name) for endpoint in "ab" for name in names}


def test_a_project_may_have_an_llm_of_its_own(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_own.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture\n"
        "def llm():\n"
        "    return 'mine'\n\n"
        "def test_own(llm):\n"
        "    assert llm == 'mine'\n"
    )
    (project.path / "test_given.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('llm', ['a', 'b'])\n"
        "def test_given(llm):\n"
        "    assert llm in 'ab'\n"
    )
    (project.path / "test_more.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture\n"
        "def llm(llm):\n"
        "    return [llm]\n\n"
        "def test_more(llm):\n"
        "    assert 'def add' in llm[0].ask('Write add(a, b).').text\n"
    )
    (project.path / "test_late.py").write_text(
        "def test_late(request):\n    request.getfixturevalue('llm')\n"
    )
    result = project.pytest("test_own.py", "test_given.py", "test_more.py", "test_late.py")
    result.assert_outcomes(passed=3, skipped=1, failed=1)
    result.stdout.fnmatch_lines(["llm is once per endpoint, so it must be an argument of the test*"])
    url = f"--llm-endpoint=a={answering()}"
    result = project.pytest(url, "--llm-rounds=1", "test_own.py", "test_given.py", "test_more.py")
    result.assert_outcomes(passed=4)
    assert [cell["scenario"] for cell in project.last_run()["cells"]] == ["test_more"]


def test_a_gap_is_filled_from_python(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_mine.py").write_text(
        "def test_gap(llm):\n"
        "    a = llm.ask('def add(a, b):\\n', suffix='\\nprint(add(1, 2))', requires=['add(a, b)'])\n"
        "    assert a.text.strip() == 'return a + b' and a.score.quality > 8\n"
    )
    url = answering(answers={"def add": "    return a + b"})
    toml = f'[endpoints.base]\nurl = "{url}"\napi = "completions"\n'
    (project.path / "llmeval.toml").write_text(toml, encoding="utf-8")
    result = project.pytest("--llm-endpoint=base", "--llm-rounds=1", "test_mine.py")
    result.assert_outcomes(passed=1)


def test_without_an_endpoint_the_fixtures_tests_are_skipped(project: Any) -> None:
    (project.path / "test_mine.py").write_text(TESTS)
    result = project.pytest("test_mine.py", "-rs")
    assert result.ret == 0
    result.assert_outcomes(skipped=3)
    assert "no endpoint was named" in result.stdout.str()
    assert project.pytest("test_mine.py", "--llm-strict").ret == 4


def test_a_failed_request_fails_the_test_with_its_sentence(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "test_mine.py").write_text(TESTS)
    result = project.pytest(f"--llm-endpoint={answering(status=500)}", "--llm-rounds=1", "test_mine.py")
    assert result.ret == 1
    assert "http_5xx" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        ["cell *test_mine.py/test_fib-fib/en on default", "again *test_mine.py::test_fib*"]
    )


def test_a_question_that_is_no_longer_asked_is_missing(project: Any, answering: Callable[..., str]) -> None:
    path = project.path / "test_mine.py"
    path.write_text(TESTS)
    url = f"--llm-endpoint={answering()}"
    assert project.pytest(url, "--llm-rounds=1", "--llm-update-baselines").ret == 0
    assert project.pytest(url, "--llm-rounds=1", "-k", "fib").ret == 0
    path.write_text(TESTS.replace('        llm.ask("Write add again.", id="two")\n', ""))
    result = project.pytest(url, "--llm-rounds=1")
    assert result.ret == 1
    assert "testmore.test_two-1-two" in result.stdout.str()


def test_a_question_of_another_fixture_is_kept_whether_it_is_answered_or_not(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "test_mine.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture\n"
        "def answer(llm):\n"
        "    return llm.ask('Write add(a, b).')\n\n"
        "def test_good(answer):\n"
        "    assert 'def add' in answer.text\n"
    )
    options = ("--llm-rounds=1", "--llm-warmup=0", "test_mine.py")
    project.pytest(f"--llm-endpoint={answering()}", *options).assert_outcomes(passed=1)
    assert [cell["scenario"] for cell in project.last_run()["cells"]] == ["test_good"]
    project.pytest(f"--llm-endpoint={answering(status=500)}", *options).assert_outcomes(errors=1)
    (cell,) = project.last_run()["cells"]
    assert cell["samples"][0]["error"]["kind"] == "http_5xx"
