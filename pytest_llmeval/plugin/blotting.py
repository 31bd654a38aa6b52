"""pytest's reports and tracebacks without keys: what ``--showlocals`` would show of a frame that held one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_llmeval.secret import Blotter


class Blotting:
    """A plugin of every process of a run that has keys."""

    def __init__(self, blotter: Blotter) -> None:
        self.blotter = blotter

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Of a file that could not be collected."""
        report = yield
        blot(report, self.blotter)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Of a test, before it is sent to the controller and shown."""
        report = yield
        blot(report, self.blotter)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Of a hook that raised, before it is shown or sent."""
        blot(excrepr, self.blotter)


def blot(told: object, blotter: Blotter) -> None:
    """Replace every text in a report, or in the representation of a traceback, in place."""
    _blot(told, blotter, set())


def _blot(told: object, blotter: Blotter, seen: set[int]) -> None:
    """Only objects of pytest's own are looked into."""
    if id(told) in seen or type(told).__module__.partition(".")[0] != "_pytest":
        return
    seen.add(id(told))
    for name, value in vars(told).items() if hasattr(told, "__dict__") else ():
        new = _blotted(value, blotter, seen)
        if new is not value:
            object.__setattr__(told, name, new)


def _blotted(value: Any, blotter: Blotter, seen: set[int]) -> Any:
    """The text or tuple without keys; what can be changed is changed and stays itself."""
    if isinstance(value, str):
        text = blotter.text(value)
        return value if text == value else text
    if isinstance(value, list):
        value[:] = [_blotted(item, blotter, seen) for item in value]
    elif type(value) is tuple:
        return tuple(_blotted(item, blotter, seen) for item in value)
    else:
        _blot(value, blotter, seen)
    return value
