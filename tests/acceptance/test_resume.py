"""A run that breaks off is taken up: what finished is kept, the rest is asked, and it is one run."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = """\
import os, time
from pathlib import Path

LOG = Path(__file__).parent / "asked.txt"

def answer(prompt):
    with LOG.open("a", encoding="utf-8") as log:
        log.write(prompt + "\\n")
    at = int(os.environ.get("BREAK_AT", "0"))
    if at and len(LOG.read_text(encoding="utf-8").splitlines()) >= at:
        controller = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
        os.kill(controller, int(os.environ["BREAK_BY"]))
        time.sleep(5)
    return "```python\\ndef add(a, b):\\n    return a + b\\n```"
"""
PROJECT = """\
rounds = 1
warmup = 0
[endpoints.box]
kind = "function"
call = "asking:answer"
"""
TEST = """\
def test_hello(llm):
    assert llm.ask("Hello?").ttft_s < 60
"""
PICKY = """\
scenarios:
- id: perfect
  category: algorithm
  prompt: {en: "Write add(a, b), perfectly."}
  answer: {code: python}
  floor: {quality: 10}
"""


@pytest.fixture
def broken(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project of five tests, one of which always fails, and a way to break its run off at the third."""
    (project.path / "asking.py").write_text(ENDPOINT)
    (project.path / "llmeval.toml").write_text(PROJECT)
    (project.path / "test_hello.py").write_text(TEST)
    (project.path / "suites" / "picky.eval.yaml").write_text(PICKY)

    def run(by: signal.Signals | None = None, *arguments: str) -> pytest.RunResult:
        monkeypatch.setenv("BREAK_AT", "3" if by else "0")
        monkeypatch.setenv("PYTHONWARNINGS", "ignore")  # of workers whose controller is gone
        monkeypatch.setenv("BREAK_BY", str(int(by or 0)))
        result: pytest.RunResult = project.pytest("--llm-endpoint=box", *arguments)
        return result

    project.run = run
    return project


def journal(project: Any) -> Path:
    (path,) = (project.path / ".llmeval" / "runs").glob("*/journal.jsonl")
    found: Path = path
    return found


def finished(project: Any) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in journal(project).read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["line"] == "cell"]


@pytest.mark.workers
def test_only_what_is_missing_is_asked_again(broken: Any) -> None:
    assert broken.run(signal.SIGKILL).ret == -signal.SIGKILL
    before = finished(broken)
    assert 1 <= len(before) <= 3
    asked_before = (broken.path / "asked.txt").read_text(encoding="utf-8").splitlines()
    path = journal(broken)
    path.write_bytes(path.read_bytes() + b'{"at_s": 3, "fac')
    result = broken.run(None, "--llm-resume", "--junit-xml=junit.xml")
    result.stdout.fnmatch_lines(
        [f"llmeval: resuming run {path.parent.name}, which finished {len(before)} test*torn last line*"]
    )
    assert result.ret == 1
    result.assert_outcomes(passed=4, failed=1)
    run = broken.last_run()
    assert run["id"] == path.parent.name
    assert run["complete"] is True
    assert run["interrupted"] is False
    assert len(run["cells"]) == 5
    assert len(run["parts"]) == 2
    assert run["parts"][0]["finished_s"] <= run["parts"][1]["started_s"]
    assert run["endpoints"]["box"]["kind"] == "function"
    asked = (broken.path / "asked.txt").read_text(encoding="utf-8").splitlines()
    assert len(asked) - len(asked_before) == 5 - len(before)
    for kept in (record for cell in before for record in cell["payload"]["records"]):
        (cell,) = (cell for cell in run["cells"] if cell["nodeid"] == kept["nodeid"])
        assert cell["samples"] == kept["samples"]
    assert not path.exists()
    assert (broken.path / "junit.xml").read_text(encoding="utf-8").count("<testcase") == 5
    answers = (path.parent / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(answers) == 5
    failed = (broken.path / ".pytest_cache" / "v" / "cache" / "lastfailed").read_text(encoding="utf-8")
    assert list(json.loads(failed)) == ["suites/picky.eval.yaml::perfect[box-en]"]


def test_an_interrupted_run_is_published_and_can_be_taken_up(broken: Any) -> None:
    if broken.workers:
        pytest.skip("a Ctrl-C in a worker's terminal reaches all of them")
    assert broken.run(signal.SIGINT).ret == pytest.ExitCode.INTERRUPTED
    assert broken.last_run()["interrupted"] is True
    assert len(finished(broken)) == 2
    broken.run(None, "--llm-resume").assert_outcomes(passed=4, failed=1)
    assert broken.last_run()["complete"] is True


def test_a_run_that_would_not_be_one_is_refused_and_asks_nothing(broken: Any) -> None:
    broken.run(signal.SIGKILL)
    nodeid = finished(broken)[0]["nodeid"]
    asked = (broken.path / "asked.txt").read_bytes()

    def refused(*arguments: str) -> str:
        before = journal(broken).read_bytes()
        result = broken.run(None, "--llm-resume", *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert (broken.path / "asked.txt").read_bytes() == asked
        assert journal(broken).read_bytes() == before
        return str(result.stderr) + str(result.stdout)

    assert "rounds 1 → 2" in refused("--llm-rounds=2")
    suite = broken.path / "suites" / "mine.eval.yaml"
    module = broken.path / "test_hello.py"
    text = (
        suite.read_text(encoding="utf-8").replace("Write add(", "Please write add(").replace("줘", "주세요")
    )
    suite.write_text(text, encoding="utf-8")
    module.write_text(f"{TEST}\n")
    said = refused()
    assert f"{nodeid}: its prompt" in said or f"{nodeid}: its module" in said


def test_another_server_behind_the_endpoint_is_refused(project: Any, mock: str) -> None:
    import mock_server

    mock_server.control(mock, models=["first"])
    (project.path / "conftest.py").write_text(
        "import os, pytest\n"
        "def pytest_runtest_logreport(report):\n"
        "    if os.environ.get('BREAK') and report.when == 'teardown':\n"
        "        os._exit(9)\n"
    )
    options = [f"--llm-endpoint={mock}", "--llm-rounds=1", "--llm-warmup=0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREAK", "1")
        assert project.pytest(*options).ret == 9
    mock_server.control(mock, models=["second"])
    result = project.pytest(*options, "--llm-resume")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*can't be resumed*endpoint default: model first → second*"])
    mock_server.control(mock, models=["first"])
    project.pytest(*options, "--llm-resume").assert_outcomes(passed=3)
