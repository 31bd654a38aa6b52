"""The order of cells: each server's together, everything else where it was, the same in every process."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.plugin import exclusive

GROUPS = {"a": "gpu0", "b": "gpu0", "c": "gpu1", "d": "gpu1"}


def item(endpoint: str | None, number: int = 0) -> Any:
    """As a cell, as a test with the fixture, or as any other test."""
    named = SimpleNamespace(name=endpoint)
    if endpoint is None:
        return SimpleNamespace(number=number)
    if number % 2:
        return SimpleNamespace(number=number, callspec=SimpleNamespace(params={exclusive.PARAMETER: named}))
    return SimpleNamespace(number=number, endpoint=named)


def names(items: list[Any]) -> str:
    return "".join(exclusive.endpoint_of(one) or "." for one in items)


def test_each_servers_cells_come_together_in_their_own_places() -> None:
    items = [item(None if name == "." else name, number) for number, name in enumerate("xa.bab.xcdc")]
    exclusive.order(items, GROUPS)
    assert names(items) == "xa.abb.xccd"
    assert [one.number for one in items] == [0, 1, 2, 4, 3, 5, 6, 7, 8, 10, 9]


def test_an_unselected_cell_and_a_foreign_test_have_no_endpoint() -> None:
    assert exclusive.endpoint_of(item(None)) is None
    assert exclusive.endpoint_of(SimpleNamespace(endpoint=None)) is None
    assert (
        exclusive.endpoint_of(SimpleNamespace(callspec=SimpleNamespace(params={exclusive.PARAMETER: None})))
        is None
    )


@given(st.text("abcd.x", max_size=30))
def test_ordering_is_stable_and_starts_each_server_once(written: str) -> None:
    items = [item(None if name == "." else name, number) for number, name in enumerate(written)]
    before = list(items)
    exclusive.order(items, GROUPS)
    assert sorted(one.number for one in items) == list(range(len(before)))
    for place, one in enumerate(before):
        if (exclusive.endpoint_of(one) or ".") in ".x":
            assert items[place] is one
    for name in GROUPS:
        own = [one.number for one in items if exclusive.endpoint_of(one) == name]
        assert own == sorted(own)
    for group in ("gpu0", "gpu1"):
        sequence = [name for name in names(items) if GROUPS.get(name) == group]
        changes = sum(one != other for one, other in itertools.pairwise(sequence))
        assert changes == max(0, len(set(sequence)) - 1)
    again = list(items)
    exclusive.order(again, GROUPS)
    assert again == items
