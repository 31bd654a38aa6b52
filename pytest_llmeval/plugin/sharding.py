"""``--llm-shard=2/5``: this process runs the second of five parts; which one that is, all of them agree on.

Cells are split as they are collected, before ``-k``, ``--lf`` or anything else that a machine may have of its
own, by the durations that the baselines in git hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval import shards
from pytest_llmeval.model import cell_key, suite_of

from . import exclusive
from .items import ScenarioItem
from .view import asked_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_llmeval.judge import Baseline

    from .context import Context


def durations_s(baselines: Mapping[str, Baseline]) -> dict[str, float]:
    """``ENDPOINT CELL`` -> how long its requests took in the latest session of the baseline."""
    return {
        f"{endpoint} {key}": sum(cell.samples["latency_s"])
        for endpoint, baseline in baselines.items()
        for key, cell in baseline.cells.items()
        if "latency_s" in cell.samples
    }


def leave_out(context: Context, items: list[pytest.Item]) -> None:
    """Deselect the cells of other shards; tests that ask nobody stay in every one."""
    number, of = shards.read(context.settings.shard or "1/1")
    names = {item.nodeid: name for item in items if (name := _name(item))}
    split = shards.split(names.values(), _with_tests(context, items), of)
    elsewhere = {nodeid for nodeid, name in names.items() if split[name] != number}
    dropped = [item for item in items if item.nodeid in elsewhere]
    context.view.elsewhere |= {names[item.nodeid] for item in dropped if isinstance(item, ScenarioItem)}
    context.view.tests_elsewhere |= {item.nodeid for item in dropped if not isinstance(item, ScenarioItem)}
    items[:] = [item for item in items if item.nodeid not in elsewhere]
    context.config.hook.pytest_deselected(items=dropped)


def _name(item: pytest.Item) -> str | None:
    endpoint = exclusive.endpoint_of(item)
    if endpoint is None:
        return None
    if isinstance(item, ScenarioItem):
        return f"{endpoint} {cell_key(item.scenario.suite, item.scenario.id, item.language)}"
    return f"{endpoint} {item.nodeid}"


def _with_tests(context: Context, items: list[pytest.Item]) -> dict[str, float]:
    """The durations with those of tests that use the ``llm`` fixture: of all cells that a test asks."""
    found = dict(context.durations_s)
    by_suite: dict[str, list[tuple[str, float]]] = {}
    for name, duration_s in context.durations_s.items():
        by_suite.setdefault(suite_of(name), []).append((name, duration_s))
    for item in items:
        if item.nodeid in context.view.tests and (endpoint := exclusive.endpoint_of(item)):
            suite, function = context.view.tests[item.nodeid]
            asked = [
                duration_s
                for name, duration_s in by_suite.get(f"{endpoint} {suite}", ())
                if asked_by(name, function)
            ]
            if asked:
                found[f"{endpoint} {item.nodeid}"] = sum(asked)
    return found
