"""``--llm-report-language=ko``: what a run says is Korean, in every process; what programs read is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

UNKEPT = """\
scenarios:
- id: never
  category: algorithm
  prompt: {ko: "add(a, b)를 작성해 줘."}
  answer: {code: python, requires: ["subtract(a, b)"]}
  floor: {quality: 9}
"""


@pytest.mark.workers
def test_a_run_is_told_in_korean(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "unkept.eval.yaml").write_text(UNKEPT, encoding="utf-8")
    result = project.pytest(
        f"--llm-endpoint=box={answering()}",
        "--llm-rounds=1",
        "--llm-report-language=ko",
        "--llm-markdown=run.md",
        "--llm-update-baselines",
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "llmeval: box · 1회 측정, 워밍업 1회 · 기준: baselines · 오경보 ≤ 2%",
            "*quality 값 0이 시나리오의 하한 9에 못 미칩니다*",
            "셀   *unkept/never/ko*",
            "재실행*pytest --llm-endpoint=box=*",
            "셀 4개 *",
            "new  box: 비교할 기준이 없습니다; *",
        ],
        consecutive=False,
    )
    run = project.last_run()
    assert {one["verdict"] for one in run["verdicts"]} == {"new"}
    assert "비교할 기준이 없습니다" in run["verdicts"][0]["sentence"], "the file keeps what was said"
    told = (project.path / "run.md").read_text(encoding="utf-8")
    assert told.startswith("### llmeval: 🔴 테스트 1개 실패\n"), "red as the run is"
    assert "quality 값 0이 시나리오의 하한 9에 못 미칩니다" in told
