"""The pytest11 entry point: every hook in session order, each delegating.

Imported by every pytest run of an environment that has the plugin installed, so nothing here imports more
than pytest itself; the rest follows once there is a cell.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from . import context, options, payload, unselected

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from .items import ScenarioFile

# -- start -------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "llm: asks a language model (every cell of a scenario file, every test with the `llm` fixture)",
    )
    context.begin(config)
    if config.pluginmanager.hasplugin("dsession") or config.pluginmanager.hasplugin("xdist"):
        from . import distribution

        config.pluginmanager.register(distribution, "llmeval-distribution")


def pytest_report_header(config: pytest.Config) -> list[str]:
    here = context.of(config)
    lines = list(options.misspelt(os.environ))
    if here.asked:
        from . import header

        lines += filter(None, [header.text(here)])
    return lines


# -- collection --------------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    here = context.of(parent.config)
    if here.asked and file_path.suffix == ".py":
        here.view.modules.add(here.view.suite_of_module(file_path))
    if file_path.name.endswith((".jsonl", ".jsonl.gz")):
        if not parent.session.isinitpath(file_path):  # other data bears such names, too
            return None
    elif not file_path.name.endswith(".eval.yaml"):
        return None
    from .items import ScenarioFile

    here.has_own = True
    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "_llmeval_endpoint" in metafunc.fixturenames:
        from . import fixture

        fixture.parametrize(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, Any, Any]:
    here = context.of(config)
    if here.asked:
        from . import fixture
        from . import items as cells

        fixture.collected(config, items)
        cells.add_shipped(session, items)
        if here.settings.shard:
            from . import sharding

            sharding.leave_out(here, items)
    if here.finished:
        from . import resume

        resume.leave_out(here, items)
    result = yield
    if here.asked and here.settings.max_time_s is not None:  # after everybody who orders, like --ff
        from . import coverage

        coverage.order(items, here.exclusive)
    elif here.exclusive:
        from . import exclusive

        exclusive.order(items, here.exclusive)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    here = context.of(session.config)
    unselected.refuse(here, session.items)
    # All that a worker tells comes before xdist's own word that there is something to schedule.
    if here.is_worker and (here.exclusive or here.is_spread):
        from . import exclusive

        exclusive.tell(here, session.items)
    if here.is_worker and here.is_spread:
        from . import elsewhere

        elsewhere.tell(here, session.items)
    if here.finished and here.is_worker:
        from . import resume

        resume.tell(here, session.items)


# -- the run -----------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    here = context.of(session.config)
    if here.recorder is None:
        try:
            return (yield)
        finally:
            here.close()
    with here.recorder.around(session):
        return (yield)


@pytest.fixture
def _llmeval_endpoint(request: pytest.FixtureRequest) -> Any:
    """What tests with ``llm`` are parametrised by: a project may have an ``llm`` of its own, which is its."""
    if not hasattr(request, "param"):
        pytest.fail(
            "llm is once per endpoint, so it must be an argument of the test, or of a fixture that is one: "
            "neither unittest.TestCase nor request.getfixturevalue can have it",
            pytrace=False,
        )
    return request.param


@pytest.fixture
def llm(request: pytest.FixtureRequest, _llmeval_endpoint: Any) -> Any:
    """The selected endpoint, once per endpoint: ``answer = llm.ask("…")``; see ``fixture.Asker``."""
    from . import fixture

    return fixture.Asker(request.node, _llmeval_endpoint)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    try:
        return (yield)
    finally:
        here = context.of(item.config)
        if here.exclusive:
            from . import exclusive

            exclusive.leave(here, item, nextitem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.excinfo is not None and payload.KEY in item.stash:
        from . import fixture

        fixture.explain(item, call)
    report = yield
    payload.attach(item, report)
    return report


# `pytest_runtest_logreport` has no config: the controller's `session.Recorder` is a plugin of its own for it.

# -- the end -----------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    recorder = context.of(config).recorder
    if recorder is not None:
        recorder.say(terminalreporter)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    here = context.of(session.config)
    here.send_view()
    try:
        return (yield)
    finally:
        if here.recorder is not None:
            here.recorder.mend_last_failed()


def pytest_unconfigure(config: pytest.Config) -> None:
    context.end(config)
