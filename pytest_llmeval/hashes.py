"""The hashes of a cell: what was asked of the model, and what its answers were scored by.

Figures of different ones are not comparable. They stand in baselines, so whatever is at its default must
leave them as they were before it could be said.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from .model import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import LoadPlan

_NOT_SCORED_BY = frozenset(
    [
        "suite",
        "id",
        "prompt",
        "suffix",
        "system",
        "oracle",
        "gate",
        "load",
        "cold",
        "finish",
        "parameters",
        "floor",
        "rounds",
        "tags",
        "path",
        "line",
    ]
)
"""Fields of a scenario that name it, ask it or promise something; every other one scores its answers."""


def prompt_sha256(scenario: Scenario, language: str) -> str:
    """Hash of what is said to the model: system text, prompt, and a suffix where there is one.

    Another hash makes a baseline cell stale.
    """
    said = {"system": scenario.system, "prompt": scenario.prompt[language]}
    return _sha256(said if scenario.suffix is None else {**said, "suffix": scenario.suffix})


def parameters_sha256(
    temperature: float,
    seed: int | None,
    max_tokens: int | None,
    *,
    load: LoadPlan | None = None,
    cold: bool = False,
    form: Mapping[str, object] | None = None,
) -> str:
    """Hash of what is asked of the sampler, before ``max_tokens`` is clipped to what fits, and in which way.

    ``form`` is ``Endpoint.form``. Limits of the load's goodput judge answers and change nothing in what is
    asked.
    """
    asked: dict[str, Any] = {"temperature": float(temperature), "seed": seed, "max_tokens": max_tokens}
    if load is not None:
        asked["load"] = [load.requests, load.concurrency, load.rate, load.rate and load.arrivals]
    if cold:
        asked["cold"] = True
    return _sha256(asked | dict(form or {}))


def checks_sha256(scenario: Scenario) -> str:
    """Hash of what answers are scored by: the form they must have, and all that tells right from wrong.

    Another hash makes the scores of a baseline cell stale; its timings stay comparable.
    """
    blank = Scenario(suite="", id="", prompt={})
    scored_by = sorted(name for name in scenario.__struct_fields__ if name not in _NOT_SCORED_BY)
    values = {name: getattr(scenario, name) for name in scored_by}
    said = {name: value for name, value in values.items() if value != getattr(blank, name)}
    return _sha256(_ordered(to_builtins(said)))


def _ordered(value: Any) -> Any:
    """Mappings as sorted pairs: what a check expects may have keys of several types, in any order."""
    if isinstance(value, dict):
        return sorted(([json.dumps(key), _ordered(item)] for key, item in value.items()), key=lambda p: p[0])
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    return value


def _sha256(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
