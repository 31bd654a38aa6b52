"""The wire: any record and run comes back as it was, and only what execnet and JSON carry travels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from pytest_llmeval import wire
from pytest_llmeval.model import Facts, Record, Run, Sample
from pytest_llmeval.settings import Secret

PLAIN = (str, int, float, bool, type(None))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ANY_TEXT = st.text(st.characters(), max_size=20) | st.text(st.sampled_from("a\ud83d\ude00\udfff\ufeff가"))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**31), 2**63 - 1)
"""execnet packs nothing below; a record's whole numbers are counts."""
FEW = settings(max_examples=60)
"""A record has a hundred fields."""


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Every value that a field of a struct may have, by its declaration, so also of one that is added."""
    match kind:
        case inspect.StructType():
            return structs(kind)
        case inspect.UnionType():
            return st.one_of([values(one) for one in kind.types])
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=2).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(values, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(values(kind.key_type), values(kind.value_type), max_size=2)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
    return {
        inspect.StrType: TEXT,
        inspect.IntType: WHOLE,
        inspect.FloatType: NUMBER,
        inspect.BoolType: st.booleans(),
        inspect.NoneType: st.none(),
    }[type(kind)]


def structs(kind: inspect.StructType) -> st.SearchStrategy[Any]:
    needed = {one.name: values(one.type) for one in kind.fields if one.required}
    free = {one.name: values(one.type) for one in kind.fields if not one.required}
    return st.fixed_dictionaries(needed, optional=free).map(lambda known: kind.cls(**known))


def every(kind: type) -> st.SearchStrategy[Any]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return structs(described)


def is_plain(value: Any) -> bool:
    """Whether execnet takes it: these types themselves, no subclass of theirs."""
    if type(value) is dict:
        return all(is_plain(one) for pair in value.items() for one in pair)
    if type(value) is list:
        return all(map(is_plain, value))
    return type(value) in PLAIN


@FEW
@given(every(Record))
def test_any_record_comes_back(record: Record) -> None:
    plain = wire.plain(record)
    assert is_plain(plain)
    assert wire.build(plain, Record) == record
    assert wire.build(json.loads(json.dumps(plain)), Record) == record


@FEW
@given(every(Run))
def test_any_run_comes_back(run: Run) -> None:
    assert wire.build(json.loads(json.dumps(wire.plain(run))), Run) == run


@FEW
@given(every(Record))
def test_execnet_carries_any_record(record: Record) -> None:
    execnet = pytest.importorskip("execnet", reason="it comes with pytest-xdist")
    plain = wire.plain(record)
    assert execnet.loads(execnet.dumps(plain)) == plain


def without_lone_surrogates(text: str) -> str:
    """The same by hand: pairs are joined, every other surrogate is U+FFFD."""
    joined = text.encode("utf-16-le", "surrogatepass")
    units = [int.from_bytes(joined[at : at + 2], "little") for at in range(0, len(joined), 2)]
    out, at = [], 0
    while at < len(units):
        first, second = units[at], units[at + 1] if at + 1 < len(units) else 0
        if 0xD800 <= first < 0xDC00 <= second < 0xE000:
            out.append(chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)))
            at += 1
        else:
            out.append("\ufffd" if 0xD800 <= first < 0xE000 else chr(first))
        at += 1
    return "".join(out)


@given(ANY_TEXT)
def test_lone_surrogates_become_replacement_characters(text: str) -> None:
    assert wire.text(text) == without_lone_surrogates(text)
    wire.text(text).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("안녕 😀", "안녕 😀"),
        ("\ud83d", "\ufffd"),
        ("a\udc80b\ud83d", "a\ufffdb\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffx", "\ufeffx"),
    ],
)
def test_surrogates_by_example(text: str, expected: str) -> None:
    assert wire.text(text) == expected


def test_surrogates_go_wherever_text_stands() -> None:
    sample = Sample(round=0, at_s=0.0, ok=True, reasons=("\ud800",), finish_reason="\udfff")
    facts = wire.plain({"\ud800": [sample, ("\ud800",)]})
    assert facts == {"\ufffd": [wire.plain(sample), ["\ufffd"]]}
    assert facts["\ufffd"][0]["reasons"] == ["\ufffd"]
    assert facts["\ufffd"][0]["finish_reason"] == "\ufffd"


def test_what_msgspec_does_not_know_travels_as_its_text() -> None:
    class Place(msgspec.Struct, frozen=True):
        path: Path
        key: Secret

    place = Place(Path("a/b"), Secret("k"))
    plain = wire.plain(place)
    assert plain == {"path": "a/b", "key": "k"}
    assert is_plain(plain)
    built = wire.build(plain, Place)
    assert built == place
    assert isinstance(built.path, Path)
    assert repr(built.key) == "'***'"


def test_unknown_fields_are_ignored_and_wrong_ones_are_named() -> None:
    assert wire.build({"kind": "openai", "added_later": [1]}, Facts) == Facts(kind="openai")
    with pytest.raises(msgspec.ValidationError, match=r"`int \| null`.*\$\.context_window"):
        wire.build({"kind": "openai", "context_window": "8k"}, Facts)
