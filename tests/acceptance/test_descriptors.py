"""More streams at once than this process may have open files."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such limit here")

LOAD = """\
scenarios:
- id: crowd
  prompt: {en: "Write add(a, b)."}
  answer: {code: python, requires: ["add(a, b)"]}
  checks: [{call: "add(2, 3)", equals: 5}]
  load: {requests: 90, concurrency: 90}
"""
FEW = """\
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
"""


def test_streams_beyond_the_open_files_say_so_and_harm_nothing_else(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "suites" / "load.eval.yaml").write_text(LOAD)
    (project.path / "conftest.py").write_text(FEW)
    url = answering(gap_s=0.01)
    result = project.pytest(
        f"--llm-endpoint=box={url}", "--llm-rounds=1", "--llm-warmup=0", "--llm-markdown=run.md", "-v"
    )
    result.assert_outcomes(passed=3, failed=1)
    said = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in said
    assert "of at most 64, some of which the rest of the run needs; raise the limit (ulimit -n 4096)" in said
    run = project.last_run()
    cells = {cell["scenario"]: cell["samples"] for cell in run["cells"]}
    good = [sample for sample in cells["crowd"] if sample["ok"]]
    failed = [sample["error"] for sample in cells["crowd"] if not sample["ok"]]
    assert len(good) >= 5
    assert {error["kind"] for error in failed} == {"connect"}
    for sample in (*good, *cells["add"]):
        score = sample["score"]
        assert score["quality"] > 9, "the analyser was started"
        assert score.get("correctness", 10) == 10
        assert "could be started" not in json.dumps(score), "the sandbox too, where there is one"
    assert (project.path / "run.md").exists()
