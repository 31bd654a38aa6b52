"""Two shards run the cells of one run, each a part, and together they are that run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


TEST = "def test_hello(llm):\n    assert llm.ask('Hello?').ttft_s < 60\n\n\ndef test_none():\n    pass\n"


@pytest.mark.workers
def test_shards_are_parts_and_merged_the_whole(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_hello.py").write_text(TEST)
    url = f"--llm-endpoint={answering()}"
    parts = []
    for number in (1, 2):
        result = project.pytest(
            url, "--llm-rounds=1", f"--llm-shard={number}/2", f"--llm-json=part-{number}.json"
        )
        result.assert_outcomes(passed=3, deselected=2 * (project.workers == 0))
        result.stdout.fnmatch_lines([f"llmeval: default · shard {number}/2 · *"])
        parts.append(json.loads((project.path / f"part-{number}.json").read_text(encoding="utf-8")))
        assert parts[-1]["complete"] is False
        assert parts[-1]["shard"] == {"number": number, "of": 2, "whole": True}
        assert not [line for line in parts[-1]["verdicts"] if line["verdict"] == "missing"]
    assert project.llmeval("merge", "part-2.json", "part-1.json", "-o", "run.json").ret == 0
    run = json.loads((project.path / "run.json").read_text(encoding="utf-8"))
    cells = [(cell["suite"], cell["scenario"], cell["language"]) for cell in run["cells"]]
    assert cells == [
        ("mine", "add", "en"),
        ("mine", "add", "ko"),
        ("mine", "greet", "ko"),
        ("test_hello.py", "test_hello", "en"),
    ]
    assert run["complete"] is True
    assert project.llmeval("judge", "run.json").ret == 0
