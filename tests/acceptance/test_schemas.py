"""What a run writes keeps the shipped schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

import pytest_llmeval

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMAS = Path(pytest_llmeval.__file__).parent / "schemas"


def test_the_files_of_a_run_keep_their_schemas(project: Any, answering: Callable[..., str]) -> None:
    done = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=2", "--llm-update-baselines")
    assert done.ret == 0
    (run,) = (project.path / ".llmeval" / "runs").glob("*/run.json")
    (baseline,) = (project.path / "baselines").glob("*.json")
    check("run", run.read_bytes())
    check("baseline", baseline.read_bytes())
    lines = (run.parent / "answers.jsonl").read_bytes().splitlines()
    assert len(lines) == 6
    for line in lines:
        check("answer", line)


def check(name: str, data: bytes) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    Draft202012Validator(schema).validate(json.loads(data))
