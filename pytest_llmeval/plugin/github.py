"""A run on GitHub Actions: failures as annotations at their lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_llmeval.language import _
from pytest_llmeval.report import commands

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from .session import Recorder

OTHER = "annotate_errors"
"""The name under which pytest-github-actions-annotate-failures is registered: it annotates all failures."""


def annotate(recorder: Recorder, reporter: pytest.TerminalReporter) -> None:
    """Print the annotations, broken promises first, unless somebody else does."""
    config = recorder.context.config
    if not commands.are_read(os.environ) or config.pluginmanager.hasplugin(OTHER):
        return
    failed = [*reporter.getreports("failed"), *reporter.getreports("error")]
    ours = [
        report
        for nodeids in (recorder.cells_behind, recorder.places)
        for report in failed
        if str(report.nodeid) in nodeids
    ]
    for line in _lines(ours, config):
        reporter.write_line(line)


def _lines(reports: Iterable[Any], config: pytest.Config) -> list[str]:
    lines = []
    for report in reports:
        path, line = report.location[:2]
        file = commands.in_repository(config.rootpath / path, os.environ)
        crash = getattr(report.longrepr, "reprcrash", None)
        message = crash.message if crash is not None else str(report.longrepr)
        lines.append(commands.error(str(report.nodeid), message, file=file, line=(line or 0) + 1))
    if len(lines) <= commands.SHOWN:
        return lines
    kept = commands.SHOWN - 1
    more = _("{count} more failures: see the summary", count=len(lines) - kept)
    return [*lines[:kept], commands.error("llmeval", more)]
