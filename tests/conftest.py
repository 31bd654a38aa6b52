"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mock_server
import pytest
from _pytest.pytester import SysModulesSnapshot

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: one test at a time

try:
    from hypothesis import settings
except ImportError:
    settings = None  # a clone whose own suites are run, without what its tests need

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import ModuleType

pytest_plugins = ["pytester"]

# A busy machine is no finding; CI looks at the same examples every time, people at new ones.
if settings is not None:
    settings.register_profile("here", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "here")


# -- tests of pytest in pytest -----------------------------------------------------------------------------

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session", autouse=True)
def _libraries_stay_imported() -> Iterator[None]:
    """``pytester`` takes back what a test imports; libraries too, of which there are then two: a ``Style`` of
    one rich is none of the other's, and numpy can't be loaded twice. Only what a test has written goes.
    """
    take_back = SysModulesSnapshot.restore

    def restore(snapshot: SysModulesSnapshot) -> None:
        stay = {name: module for name, module in sys.modules.items() if is_library(module)}
        take_back(snapshot)
        sys.modules.update(stay | sys.modules)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SysModulesSnapshot, "restore", restore)
        yield


def is_library(module: ModuleType) -> bool:
    """Whether it is installed, or this project's own."""
    path = getattr(module, "__file__", None)
    return path is None or Path(path).is_relative_to(sys.prefix) or Path(path).is_relative_to(HERE.parent)


# -- several at a time -------------------------------------------------------------------------------------

MOST_WORKERS = 4
TURN, ROOM = Path(__file__).parent, Path(__file__).parent / "acceptance"
"""Two folders to lock: who has the first is the next to enter the second, alone or beside others."""
LEAVES_ROOM = pytest.StashKey[ExitStack]()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """The whole suite is run by a worker a core, unless ``-n`` says else; a part of it, or the scenarios of
    this clone, in one process.
    """
    option = config.option
    is_part = config.args_source is pytest.Config.ArgsSource.ARGS
    asks = any(argument.startswith("--llm-") for argument in config.invocation_params.args)
    if is_part or asks or fcntl is None or hasattr(config, "workerinput") or config.getoption("tx", None):
        return
    if config.getoption("numprocesses", 0) is None:
        option.numprocesses, option.maxprocesses, option.dist = "auto", MOST_WORKERS, "worksteal"
        option.benchmark_disable = True  # there are none, and pytest-benchmark warns of workers


def pytest_configure(config: pytest.Config) -> None:
    """What tests start is started by no worker, and hears Ctrl-C: a shell's background jobs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            del os.environ[name]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Beside the other workers' tests, unless it measures, or failed beside them."""
    leaves_room = item.stash.setdefault(LEAVES_ROOM, ExitStack())
    if fcntl is not None and hasattr(item.config, "workerinput"):
        alone = item.get_closest_marker("alone") or getattr(item, "execution_count", 1) > 1
        with locked(TURN, alone=True):
            leaves_room.enter_context(locked(ROOM, alone=bool(alone)))
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """The next may begin when all of it has ended."""
    with item.stash[LEAVES_ROOM]:
        return (yield)


@contextmanager
def locked(folder: Path, *, alone: bool) -> Iterator[None]:
    """No other process holds the folder, or none that wants it alone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


# -- a busy machine ----------------------------------------------------------------------------------------

ATTEMPTS = 3
TOO_BUSY = "this machine is too busy to measure on"
MOST_EXCUSED = 5
"""So many tests of a session may end with these words; more are a failure: nobody looked."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Real clocks and processes run here: a starved machine voids timings, rightly.

    What fails three times in a row is no matter of load, nor of another test's late clean-up.
    """
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            item.add_marker(pytest.mark.flaky(reruns=ATTEMPTS - 1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """What fails every time where a starved client voided samples is a finding about the machine."""
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as failure:
        if getattr(item, "execution_count", 1) >= ATTEMPTS:
            if str(failure).startswith(TOO_BUSY):
                pytest.skip(str(failure))
            if is_starved(item):
                pytest.skip(f"{TOO_BUSY}: {' '.join(str(failure).split())[:80]}")
        raise


def is_starved(item: pytest.Item) -> bool:
    """Whether a run in the item's folder has a void sample."""
    known: dict[str, Any] = getattr(item, "funcargs", {})
    folder = known["pytester"].path if "pytester" in known else known.get("tmp_path")
    files = folder.rglob(".llmeval/runs/*/run.json") if folder else ()
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return any(sample.get("void") for run in runs for cell in run["cells"] for sample in cell["samples"])


def excused(reporter: pytest.TerminalReporter) -> int:
    """How many tests ended as finding nothing but a busy machine."""
    return sum(TOO_BUSY in str(report.longrepr) for report in reporter.stats.get("skipped", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and excused(reporter) > MOST_EXCUSED:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if (count := excused(terminalreporter)) > MOST_EXCUSED:
        terminalreporter.section("too busy", red=True)
        terminalreporter.line(f"{count} tests found nothing but a busy machine; {MOST_EXCUSED} may")


# -- fixtures ----------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell or CI sets must not decide a test."""
    for name in [name for name in os.environ if name.startswith("LLMEVAL_")]:
        if name != "LLMEVAL_CACHE_DIR":
            monkeypatch.delenv(name)
    for name in [name for name in os.environ if name == "CI" or name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_mock() -> Iterator[str]:
    """The URL of a mock server in a process of its own: 40 tokens, 2 ms apart."""
    with mock_server.running(tokens=40, gap_s=0.002, ttft_s=0.01, flavour="vllm") as url:
        yield url


@pytest.fixture
def mock(shared_mock: str) -> str:
    """The URL of the shared mock server, as it was at its start."""
    mock_server.control(shared_mock, reset=True, answers={})
    return shared_mock
