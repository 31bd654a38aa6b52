"""Fixtures that every test may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import mock_server
import pytest

try:
    from hypothesis import settings
except ImportError:
    settings = None  # a clone whose own suites are run, without what its tests need

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

# A busy machine is no finding; CI looks at the same examples every time, people at new ones.
if settings is not None:
    settings.register_profile("here", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Real clocks and processes run here: a starved machine voids timings, rightly.

    What fails three times in a row is no matter of load, nor of another test's late clean-up.
    """
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell or CI sets must not decide a test."""
    for name in [name for name in os.environ if name.startswith("LLMEVAL_")]:
        if name != "LLMEVAL_CACHE_DIR":
            monkeypatch.delenv(name)
    for name in [name for name in os.environ if name == "CI" or name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def mock() -> Iterator[str]:
    """The URL of a mock server in a process of its own: 40 tokens, 2 ms apart."""
    with mock_server.running(tokens=40, gap_s=0.002, ttft_s=0.01, flavour="vllm") as url:
        yield url
