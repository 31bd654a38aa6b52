"""What ``llmeval init`` writes runs as it is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import mock_server

if TYPE_CHECKING:
    import pytest

AVERAGE = """\
```python
def average(numbers):
    if not numbers:
        raise ValueError("no numbers")
    return sum(numbers) / len(numbers)
```
"""


def test_init_then_pytest(pytester: pytest.Pytester, mock: str) -> None:
    mock_server.control(mock, reset=True)
    mock_server.control(mock, answers={"average": AVERAGE})
    begun = pytester.run(
        sys.executable, "-m", "pytest_llmeval.cli", "init", f"--endpoint=box={mock}", "--workflow"
    )
    assert begun.ret == 0
    result = pytester.runpytest_subprocess("--llm-endpoint=box", "--llm-rounds=1", timeout=120)
    result.assert_outcomes(passed=2)
    last = json.loads((pytester.path / ".llmeval" / "last-run.json").read_text())
    run = json.loads((pytester.path / last["run"]).read_text())
    assert {cell["suite"] for cell in run["cells"]} == {"first"}
    assert [sample["score"]["correctness"] for cell in run["cells"] for sample in cell["samples"]] == [10, 10]
