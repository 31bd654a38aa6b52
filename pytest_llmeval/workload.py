"""How a scenario's cells are asked, and what is promised of them: ``load:``, ``cold:`` and ``floor:``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import values
from .model import CELL_METRICS, SCORES, SLO, LoadPlan

if TYPE_CHECKING:
    from .lined import Node, Reader

_SCORE = values.number_kind(0, 10)
_POSITIVE = values.number_kind(0, above=True)
_COUNT = values.whole_kind(1)
_LOAD = {
    "concurrency": _COUNT,
    "requests": _COUNT,
    "rate": _POSITIVE,
    "arrivals": values.choice_kind("poisson", "constant"),
}
_MEASURED_BY = {"load_tps": "load", "cold_start_s": "cold"}


def load(reader: Reader, node: Node | None) -> LoadPlan | None:
    """The load of a scenario's cells. Raises ``ScenarioError``."""
    if node is None:
        return None
    fields = dict(reader.fields(node, "load", (*_LOAD, "slo")))
    slo = _slo(reader, fields.pop("slo", None))
    given = {key: reader.value(entry, f"load.{key}", _LOAD[key]) for key, entry in fields.items()}
    if "requests" not in given or not given.keys() & {"concurrency", "rate"}:
        what = "load has requests: and either concurrency: or rate:, which is requests a second"
        reader.fail(what, node.line, "like load: {concurrency: 16, requests: 32}")
    if "rate" not in given and given["requests"] < given["concurrency"]:
        what = f"load.requests: {given['requests']} can't keep {given['concurrency']} under way"
        reader.fail(what, fields["requests"].line, "ask for twice the concurrency, or more")
    if "arrivals" in given and "rate" not in given:
        reader.fail("load.arrivals needs a rate:", fields["arrivals"].key_line)
    return LoadPlan(slo=slo, **given)


def cold(reader: Reader, scenario: dict[str, Node]) -> bool:
    """Whether the server is started anew for each round. Raises ``ScenarioError``."""
    is_cold: bool = reader.optional(scenario, "cold", values.SWITCH, False)
    if is_cold and "load" in scenario:
        what = "a cold start is one request's: cold: and load: exclude each other"
        reader.fail(what, scenario["cold"].key_line)
    return is_cold


def floor(reader: Reader, scenario: dict[str, Node]) -> dict[str, float]:
    """What the cells promise by themselves. Raises ``ScenarioError``."""
    if "floor" not in scenario:
        return {}
    fields = reader.fields(scenario["floor"], "floor", CELL_METRICS)
    for metric, key in _MEASURED_BY.items():
        if metric in fields and key not in scenario:
            what = f"floor.{metric} is measured only where the scenario says {key}:"
            reader.fail(what, fields[metric].key_line)
    return {
        metric: reader.value(floor, f"floor.{metric}", _SCORE if metric in SCORES else _POSITIVE)
        for metric, floor in fields.items()
    }


def _slo(reader: Reader, node: Node | None) -> SLO:
    if node is None:
        return SLO()
    fields = reader.fields(node, "load.slo", ("ttft_s", "tpot_s"))
    return SLO(**{key: reader.value(fields[key], f"load.slo.{key}", _POSITIVE) for key in fields})
