"""Forked children of tests: one that comes back into pytest is ended there.

A child that a test forks and does not end returns from the test a second time. pytest would go on in both:
ask every other cell twice, write journal, run file and JUnit twice, stop servers that are in use.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


class Offspring:
    """A plugin of every process of a run. Innermost: what others do after a phase is the parent's."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Fixtures."""
        return (yield from _watched(item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """The test itself."""
        return (yield from _watched(item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """The fixtures' ends."""
        return (yield from _watched(item))


def _watched(item: pytest.Item) -> Generator[None]:
    """By process id, as each phase finds it: plugins that run every test in a child of its own are fine."""
    pid = os.getpid()
    try:
        return (yield)
    finally:
        if os.getpid() != pid:
            _end(item)


def _end(item: pytest.Item) -> None:
    """With the status that the child alone would have had."""
    error = sys.exc_info()[1]
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    else:
        status = int(error is not None)
    if error is not None and not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
    said = f"llmeval: a forked child of {item.nodeid} came back into pytest and was ended; use os._exit()\n"
    os.write(2, said.encode("utf-8", "replace"))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
