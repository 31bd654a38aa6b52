"""Cells for which no endpoint was named: skipped with the sentence that says how to name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .context import Context

REASON = (
    "no endpoint was named: add --llm-endpoint=URL (for example --llm-endpoint=http://localhost:8000/v1), "
    "--llm-endpoint=local for a small model on this machine, or set LLMEVAL_ENDPOINT"
)
SKIP = pytest.mark.skip(reason=REASON)


def refuse(context: Context, items: Sequence[pytest.Item]) -> None:
    """Under ``--llm-strict`` they are wrong usage: a gate must not be green for nothing.

    Workers leave it to their controller, which counts the skipped cells.
    """
    if context.is_worker or context.config.option.collectonly or SKIP.mark not in _skips(items):
        return
    if context.settings.strict:
        raise pytest.UsageError(f"--llm-strict: {REASON}")


def _skips(items: Sequence[pytest.Item]) -> list[pytest.Mark]:
    return [mark for item in items for mark in item.iter_markers("skip")]


def is_told(report: pytest.TestReport) -> bool:
    """Whether the report is that of such a cell."""
    return report.skipped and REASON in str(report.longrepr)
