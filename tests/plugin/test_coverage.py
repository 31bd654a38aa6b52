"""What comes first in a run that may not take long."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.plugin import coverage, exclusive


def cell(endpoint: str, category: str, number: int = 0) -> Any:
    return SimpleNamespace(
        name=f"{endpoint} {category} {number}",
        endpoint=SimpleNamespace(name=endpoint),
        scenario=SimpleNamespace(category=category),
        path=Path("x.eval.yaml"),
    )


def asking(endpoint: str, module: str, number: int = 0) -> Any:
    """An ``llm`` test."""
    params = {exclusive.PARAMETER: SimpleNamespace(name=endpoint)}
    return SimpleNamespace(
        name=f"{module} {number}", callspec=SimpleNamespace(params=params), path=Path(module)
    )


def ordered(items: list[Any], groups: dict[str, str] | None = None) -> list[str]:
    coverage.order(items, groups or {})
    return [item.name for item in items]


def test_one_of_each_endpoint_and_category_comes_before_any_second() -> None:
    items = [cell(e, c, n) for c in ("algorithm", "sql") for n in (0, 1) for e in ("box", "slow")]
    assert ordered(items) == [
        "box algorithm 0",
        "slow algorithm 0",
        "box sql 0",
        "slow sql 0",
        "box algorithm 1",
        "slow algorithm 1",
        "box sql 1",
        "slow sql 1",
    ]


def test_tests_that_ask_nobody_keep_their_places() -> None:
    plain: Any = SimpleNamespace(name="plain", path=Path("t.py"))
    assert ordered([cell("box", "a", 0), cell("box", "a", 1), plain, cell("box", "b", 0)]) == [
        "box a 0",
        "box b 0",
        "plain",
        "box a 1",
    ]


def test_a_module_of_llm_tests_counts_as_a_category() -> None:
    items = [asking("box", "one.py", 0), asking("box", "one.py", 1), asking("box", "two.py", 0)]
    assert ordered(items) == ["one.py 0", "two.py 0", "one.py 1"]


def test_servers_that_exclude_each_other_are_swapped_once_for_each_half() -> None:
    items = [cell(e, c, n) for n in (0, 1) for c in ("a", "b") for e in ("box", "slow")]
    endpoints = [name.split()[0] for name in ordered(items, {"box": "gpu0", "slow": "gpu0"})]
    assert endpoints == ["box", "box", "slow", "slow"] * 2


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"))))
def test_nothing_is_lost_and_every_kind_is_in_the_first_ones(kinds: list[tuple[str, str]]) -> None:
    items = [cell(endpoint, category, number) for number, (endpoint, category) in enumerate(kinds)]
    before = sorted(item.name for item in items)
    names = ordered(items)
    assert sorted(names) == before
    first = [tuple(name.split()[:2]) for name in names[: len(set(kinds))]]
    assert set(first) == set(kinds)
