"""The order of cells in a run that may not take long: one of every endpoint and category comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


def order(items: list[pytest.Item], groups: Mapping[str, str]) -> None:
    """Put the first cell of every endpoint x category before all others; of ``llm`` tests, x module.

    Only places that cells hold already change hands; among the first ones, and among the others, their order
    stays, but where ``groups`` (endpoint -> exclusive group) keeps an endpoint's cells together.
    """
    places = [place for place, item in enumerate(items) if exclusive.endpoint_of(item)]
    first: dict[tuple[str | None, str], pytest.Item] = {}
    for place in places:
        first.setdefault(_kind(items[place]), items[place])
    ahead = list(first.values())
    others = [items[place] for place in places if first[_kind(items[place])] is not items[place]]
    for block in (ahead, others):
        exclusive.order(block, groups)
    for place, item in zip(places, (*ahead, *others), strict=True):
        items[place] = item


def _kind(item: pytest.Item) -> tuple[str | None, str]:
    scenario = getattr(item, "scenario", None)
    return exclusive.endpoint_of(item), str(item.path) if scenario is None else scenario.category
