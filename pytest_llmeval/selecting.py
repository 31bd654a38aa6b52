"""``select:``: a suite made of scenarios of other files, such as a small one of a large one.

::

    suite: coding-mini
    select:
      from: ../coding            # a file, or a folder of them, beside this file
      tags: [mini]               # also ids: and categories:; a scenario must meet each, by one of its values
      languages: [en]            # of the prompts that a scenario has
      rounds: 1                  # unless the command line says otherwise
      max_tokens: 256            # at most
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from . import values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .lined import Node, Reader
    from .model import Scenario

ROUNDS = values.whole_kind(1)
_FILTERS: dict[str, Callable[[Scenario], tuple[str, ...]]] = {
    "ids": lambda scenario: (scenario.id,),
    "categories": lambda scenario: (scenario.category,),
    "tags": lambda scenario: scenario.tags,
    "languages": lambda scenario: tuple(scenario.prompt),
}
_KEYS = ("from", *_FILTERS, "rounds", "max_tokens")


def files(reader: Reader, node: Node, base: Path) -> list[Path]:
    """The files that scenarios are taken from, named beside it, in the folder ``base``.

    Raises ``ScenarioError``.
    """
    fields = reader.fields(node, "select", _KEYS)
    if "from" not in fields:
        reader.fail("select.from is missing", node.line, "name a file, or a folder of suite files")
    source = Path(os.path.normpath(base / reader.value(fields["from"], "select.from", values.PATH)))
    found = [source] if source.is_file() else sorted(source.glob("*.eval.yaml"))
    if not found:
        hint = "it is looked for beside this file: name a file, or a folder of *.eval.yaml files"
        reader.fail(f"select.from: there is no suite at {source}", fields["from"].line, hint)
    return found


def chosen(reader: Reader, node: Node, scenarios: Iterable[Scenario], suite: str) -> tuple[Scenario, ...]:
    """Those that are wanted, as scenarios of ``suite``. Raises ``ScenarioError`` where a filter fits none."""
    fields, kept = node.value, list(scenarios)
    for key, said in _FILTERS.items():
        if key not in fields:
            continue
        kind = values.LANGUAGE if key == "languages" else values.SLUG
        wanted = reader.listed(fields[key], f"select.{key}", kind)
        known = dict.fromkeys(value for scenario in kept for value in said(scenario))
        for one, item in zip(wanted, fields[key].value, strict=True):
            if one not in known:
                what = f"select.{key}: no scenario is left that has {one}"
                reader.fail(what, item.line, values.did_you_mean(one, known) if known else None)
        kept = [scenario for scenario in kept if not set(wanted).isdisjoint(said(scenario))]
    languages = reader.listed(fields.get("languages"), "select.languages", values.LANGUAGE)
    rounds = reader.optional(fields, "rounds", ROUNDS, None, where="select.")
    most = reader.optional(fields, "max_tokens", values.whole_kind(1), None, where="select.")
    return tuple(
        structs.replace(
            scenario,
            suite=suite,
            prompt={key: text for key, text in scenario.prompt.items() if not languages or key in languages},
            rounds=rounds or scenario.rounds,
            parameters=structs.replace(
                scenario.parameters, max_tokens=_fewest(scenario.parameters.max_tokens, most)
            ),
        )
        for scenario in kept
    )


def _fewest(own: int | None, most: int | None) -> int | None:
    """The smaller one; -1, as much as fits, is more than any number."""
    if most is None or own is None or own == -1:
        return own if most is None else most
    return min(own, most)
