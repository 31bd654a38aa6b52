"""What pytest tells of a run: without keys, and of a test that asks a model nothing that a terminal obeys.

``--showlocals`` shows a header in the frame that held it, an assertion what a model said, byte for byte.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.secret import Blotter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    Change = Callable[[str], str]

_HANDLERS = ("log_cli_handler", "log_file_handler")
"""Of pytest's ``logging-plugin``: live logs and ``--log-file``."""
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_TOLD = ("longrepr", "sections", "user_properties")
"""Of a report, what is prose. Its ids and its place are not."""


def watch(config: pytest.Config, keys: Iterable[str]) -> None:
    """Let nothing into what pytest tells that gives a key away, or that a terminal obeys."""
    config.pluginmanager.register(Telling(Blotter(keys)), "llmeval-telling")


class Telling:
    """A plugin of every process of a run."""

    def __init__(self, blotter: Blotter) -> None:
        self._blotter = blotter

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Logs are shown and kept without keys from here on: pytest's handlers are there now."""
        plugin = session.config.pluginmanager.get_plugin("logging-plugin")
        for name in _HANDLERS:
            handler: logging.Handler | None = getattr(plugin, name, None)
            if self._blotter and handler is not None:
                handler.setFormatter(_Discreet(handler.formatter, self._blotter))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Of a file that could not be collected."""
        report = yield
        self._blot(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Of a test, before it is sent to the controller and shown."""
        report = yield
        self._blot(report)
        if item.get_closest_marker("llm"):
            reporter = item.config.pluginmanager.get_plugin("terminalreporter")
            rewrite(report, harmless_in_colour if reporter and reporter.hasmarkup else harmless)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Of a hook that raised, before it is shown or sent."""
        if self._blotter:
            _rewrite(excrepr, self._blotter.text, set())

    def _blot(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if self._blotter:
            rewrite(report, self._blotter.text)


class _Discreet(logging.Formatter):
    """As another one formats it, without keys."""

    def __init__(self, formatter: logging.Formatter | None, blotter: Blotter) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()
        self._blotter = blotter

    def format(self, record: logging.LogRecord) -> str:
        return self._blotter.text(self._formatter.format(record))


def harmless(text: str) -> str:
    """As ``report.safe`` shows it; a line stays one."""
    from pytest_llmeval.report import safe

    return safe.block(text) + "\n" * text.endswith("\n")


def harmless_in_colour(text: str) -> str:
    """The same, with colours, which pytest itself puts into an assertion's text."""
    parts = _COLOUR.split(text)
    parts[::2] = map(harmless, parts[::2])
    return "".join(parts)


def rewrite(report: pytest.CollectReport | pytest.TestReport, change: Change) -> None:
    """Change every text in a report's prose, in place."""
    seen: set[int] = set()
    for name in _TOLD:
        if hasattr(report, name):
            setattr(report, name, _rewritten(getattr(report, name), change, seen))


def _rewrite(told: object, change: Change, seen: set[int]) -> None:
    """Only objects of pytest's own are looked into."""
    if id(told) in seen or type(told).__module__.partition(".")[0] != "_pytest":
        return
    seen.add(id(told))
    for name, value in vars(told).items() if hasattr(told, "__dict__") else ():
        new = _rewritten(value, change, seen)
        if new is not value:
            object.__setattr__(told, name, new)


def _rewritten(value: Any, change: Change, seen: set[int]) -> Any:
    """The text or tuple as changed; what can be changed in place is, and stays itself."""
    if isinstance(value, str):
        text = change(value)
        return value if text == value else text
    if isinstance(value, list):
        value[:] = [_rewritten(item, change, seen) for item in value]
    elif type(value) is tuple:
        return tuple(_rewritten(item, change, seen) for item in value)
    else:
        _rewrite(value, change, seen)
    return value
