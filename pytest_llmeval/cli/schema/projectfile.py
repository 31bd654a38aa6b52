"""The schema of ``llmeval.toml``, made of the tables that it is read with.

It refuses only what the reader refuses; the reader knows more: what an endpoint's kind needs, what means
nothing to it, what looks like a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmeval import optiontable, project, servertable, values
from pytest_llmeval.model import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmeval.values import Kind

_NAME = {"pattern": values.SLUG.schema["pattern"]}


def schema() -> dict[str, Any]:
    """The schema of the whole file."""
    options = {
        option.name: {"description": option.help, **option.kind.schema}
        for option in optiontable.OPTIONS
        if option.in_file
    }
    return {
        "title": project.FILE,
        "type": "object",
        "properties": {**options, "endpoints": _by_name(_endpoint()), "policy": _policy()},
        "additionalProperties": False,
    }


def _endpoint() -> dict[str, Any]:
    of_extensions = {"type": "string", "description": "a kind that an extension has registered"}
    tables = {
        "price": {**_table(project.PRICE_KEYS), "required": list(project.PRICE_KEYS)},
        "server": {**_table(servertable.KEYS), "required": ["command"]},
        "timeouts": _table(project.TIMEOUTS_KEYS),
    }
    endpoint = _table(project.ENDPOINT_KEYS)
    endpoint["properties"]["kind"] = {"anyOf": [{"enum": list(project.KINDS)}, of_extensions]}
    endpoint["properties"] |= {name: tables[name] for name in project.TABLES}
    return endpoint


def _policy() -> dict[str, Any]:
    metrics = {metric: _table(project.metric_keys(metric)) for metric in METRICS}
    policy = _table(project.POLICY_KEYS)
    policy["properties"] |= {
        "slo": _table(project.SLO_KEYS),
        **metrics,
        "endpoints": _by_name({"type": "object", "properties": metrics, "additionalProperties": False}),
    }
    return policy


def _table(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """A table whose values are of these kinds, and of which none is needed."""
    entries = {name: {"description": kind.expected, **kind.schema} for name, kind in kinds.items()}
    return {"type": "object", "properties": entries, "additionalProperties": False}


def _by_name(entry: dict[str, Any]) -> dict[str, Any]:
    """A table of such entries by the names of endpoints."""
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": entry}
