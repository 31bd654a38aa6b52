"""Shards: every cell in one of them, evenly, and the same for whoever splits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import shards

CELLS = st.dictionaries(
    st.text("abc/ ", min_size=1, max_size=8), st.none() | st.floats(0.01, 100), max_size=40
)


def test_a_shard_is_a_number_of_how_many() -> None:
    assert shards.read("2/5") == (2, 5)


@given(CELLS, st.integers(1, 7))
def test_every_cell_is_in_one_shard_whatever_the_order(cells: dict[str, float | None], of: int) -> None:
    durations = {name: duration for name, duration in cells.items() if duration is not None}
    split = shards.split(cells, durations, of)
    assert split.keys() == cells.keys()
    assert set(split.values()) <= set(range(1, of + 1))
    shuffled = sorted(cells, key=lambda name: name[::-1])
    assert shards.split(shuffled, dict(reversed(durations.items())), of) == split


@given(CELLS, st.integers(1, 7))
def test_no_shard_takes_longer_than_another_by_more_than_one_cell(
    cells: dict[str, float | None], of: int
) -> None:
    durations = {name: duration or 1.0 for name, duration in cells.items()}
    takes = dict.fromkeys(range(1, of + 1), 0.0)
    for name, number in shards.split(cells, durations, of).items():
        takes[number] += durations[name]
    assert max(takes.values()) - min(takes.values()) <= max(durations.values(), default=0) + 1e-9


@given(st.sets(st.text(max_size=5), max_size=40), st.integers(1, 7))
def test_without_durations_they_differ_by_one_cell(cells: set[str], of: int) -> None:
    numbers = list(shards.split(cells, {}, of).values())
    counts = [numbers.count(number) for number in range(1, of + 1)]
    assert max(counts) - min(counts) <= 1


def test_a_long_cell_is_alone_with_few_others() -> None:
    cells = {"long": 100.0, **{f"c{number}": 10.0 for number in range(10)}}
    split = shards.split([*cells, "unknown"], cells, 2)
    assert [name for name in split if split[name] == split["long"]] == ["long", "unknown"]
