"""Prometheus' text format: whatever is written is read, and whatever comes is survived."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure.telemetry.exposition import Series, lines_of, parse

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", fullmatch=True)
LABELS = st.dictionaries(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True),
    st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=12),
    max_size=3,
)
VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15).map(float)


def written(series: Series, *, stamp: str = "", exemplar: str = "") -> str:
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    labels = ",".join(f'{name}="{value.translate(escapes)}"' for name, value in series.labels.items())
    return f"{series.name}{'{' + labels + '}' if labels else ''} {series.value!r}{stamp}{exemplar}"


@given(
    st.lists(st.builds(Series, NAMES, VALUES, LABELS), max_size=5),
    st.sampled_from(["", " 1395066363000", " 1.5e9"]),
    st.sampled_from(["", ' # {trace_id="a"} 0.5 1.6e9']),
)
def test_what_is_written_is_read(page: list[Series], stamp: str, exemplar: str) -> None:
    lines = [written(series, stamp=stamp, exemplar=exemplar) for series in page]
    text = "# HELP a 1\n# TYPE a counter\n" + "\n".join(lines) + "\n# EOF\n"
    assert list(parse(text)) == page


@given(st.text())
def test_anything_is_survived(text: str) -> None:
    assert all(math.isfinite(series.value) for series in parse(text))


@given(st.text(alphabet='ab{}"\\=, 1.e\n#'))
def test_anything_like_it_is_survived(text: str) -> None:
    list(parse(text))


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("up 1", Series("up", 1.0)),
        ("  up\t1.5e+03 ", Series("up", 1500.0)),
        ("up 1\r", Series("up", 1.0)),
        ("up{} .5", Series("up", 0.5)),
        ('up{a="}",} 3', Series("up", 3.0, {"a": "}"})),
        ('up{a="say \\"1\\" {2}\\n", b = "\\\\"} 4 99', Series("up", 4.0, {"a": 'say "1" {2}\n', "b": "\\"})),
        ("up NaN", None),
        ("up +Inf", None),
        ("up 1e999", None),
        ("up 1_000", None),
        ("up 12x", None),
        ("up1", None),
        ('{"quoted.name"} 1', None),
        ('up{a="never closed 1', None),
        ("# up 1", None),
    ],
)
def test_one_line(line: str, read: Series | None) -> None:
    assert next(parse(line), None) == read


def test_nested_nonsense_takes_no_time() -> None:
    assert list(parse('up{a="' + '\\"' * 50_000 + "\n" + "up{" * 50_000)) == []


@given(NAMES, st.sampled_from(["", "x", "_sum"]))
def test_lines_of_finds_whole_names_only(name: str, more: str) -> None:
    page = f'a 1\n{name}{more}{{l="v"}} 2\n{name}{more} 3\n'.encode()
    found = lines_of([name]).findall(page)
    assert len(found) == (0 if more else 2) + (name == "a")


@pytest.mark.parametrize(
    "line",
    [
        "a" + " " * 200 + "9" * 50_000 + "x",
        "a{" + "b" * 50_000 + "} 1",
        'a{b="' + "\\\\" * 50_000,
        "a" * 100_000,
    ],
)
def test_long_lines_of_nothing_are_read_in_linear_time(line: str) -> None:
    """The first was found by ``benchmarks/fuzz.py metrics``."""
    started = time.process_time()
    list(parse(line))
    assert time.process_time() - started < 1
