"""The order of cells whose servers exclude each other: each server's together, so that it starts once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_llmeval.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pytest

    from .context import Context


PARAMETER = "_llmeval_endpoint"
"""The fixture of ``hooks`` that has the endpoint of a test with ``llm``."""


def endpoint_of(item: pytest.Item) -> str | None:
    """The endpoint of a cell, or of a test with the ``llm`` fixture."""
    endpoint = getattr(item, "endpoint", None)
    if endpoint is None and (callspec := getattr(item, "callspec", None)):
        endpoint = callspec.params.get(PARAMETER)
    return getattr(endpoint, "name", None)


def endpoints(items: Iterable[pytest.Item]) -> list[str]:
    """Those that the tests ask, sorted."""
    return sorted({name for item in items if (name := endpoint_of(item))})


def order(items: list[pytest.Item], groups: Mapping[str, str]) -> None:
    """Put each endpoint's cells of a group together, in the order in which the endpoints first appear.

    Only places that the group holds already change hands, and an endpoint's cells keep their order; so every
    process comes to the same.
    """
    endpoints = [endpoint_of(item) for item in items]
    for group in dict.fromkeys(groups.values()):
        members = [name for name in dict.fromkeys(endpoints) if name and groups.get(name) == group]
        places = [place for place, name in enumerate(endpoints) if name in members]
        together = [items[place] for name in members for place in places if endpoints[place] == name]
        for place, item in zip(places, together, strict=True):
            items[place] = item


def scope(here: Context, endpoint: str | None) -> str | None:
    """What its cells must stay on one worker with; None where they need not.

    Of workers elsewhere each takes whole endpoints: from another machine the times are others.
    """
    group = here.exclusive.get(endpoint or "")
    if group is not None:
        return f"exclusive group {group}"
    return f"endpoint {endpoint}" if here.is_spread and endpoint is not None else None


def tell(here: Context, items: Sequence[pytest.Item]) -> None:
    """A worker says which of its tests stay together: their ids alone do not."""
    scopes = {item.nodeid: scope(here, endpoint_of(item)) for item in items}
    here.remote_desk.tell_scopes({nodeid: scope for nodeid, scope in scopes.items() if scope})


def leave(here: Context, item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Give an endpoint up where the next test is not of it."""
    name = endpoint_of(item)
    if name in here.exclusive and (nextitem is None or endpoint_of(nextitem) != name):
        with suppress(EndpointError):  # the run is over
            here.desk.drop()
