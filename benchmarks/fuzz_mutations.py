"""Data that almost fits: texts with pieces replaced, JSON with values replaced, structs of any content."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import inspect

Maker = Callable[[Random], Any]
"""Makes one example."""
_BYTES = [
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"\xed\x95",
    b"\xef\xbb\xbf",
    b"\t",
    b"\x1b[31m",
]
_JSON = [
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"true",
    b'""',
    b"{}",
    b"[]",
    b"]",
    b"}",
    b'"',
    b"\\ud83d",
]
_YAML = [
    b":",
    b": ",
    b"- ",
    b"#",
    b"&a ",
    b"*a",
    b"!!python/object ",
    b"<<: ",
    b"|\n",
    b"'",
    b"${x}",
    b"{prompt}",
]
_WORDS = [
    b"data: ",
    b"error: {",
    b"[DONE]",
    b"event:",
    b"<script>",
    b"<",
    b"%",
    b"```",
    b"~~~",
    b"../",
    "\u202e한".encode(),
]
_LONG = [b"9" * 400, b"9" * 5000, b"[" * 2000, b'{"a":' * 1500, b"x" * 500, b" " * 500]
NASTY = [*_BYTES, *_JSON, *_YAML, *_WORDS, *_LONG]
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [None], {"": None}),
    *(-1, 0, 1, 2**53, 2**70, -0.5, 5e-324, 1e17, -1e17, 1e308, float("nan"), float("inf")),
    *("", "\0", "\ud83d", "\x1b[31m", "\u202e한", "<script>", "../x", "x" * 300, "1e5", "2026-01-01"),
)
"""What takes a value's place in JSON."""
WORDS = (
    "a",
    "b",
    "box",
    "mine",
    "mine/add/en",
    "ttft_s",
    "output_tps",
    "correctness",
    "en",
    "2026-01-01T00:00:00Z",
)
"""What structs of any content share, so that some of them are about the same."""


def mutated(corpus: tuple[bytes, ...]) -> Callable[[Random], bytes]:
    """One of the texts with up to eight pieces of it cut out, doubled or replaced."""

    def make(chance: Random) -> bytes:
        data = chance.choice(corpus)
        for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 8))):
            start = chance.randint(0, len(data))
            end = min(len(data), start + chance.randint(0, chance.choice((0, 4, 30, 2000))))
            middle = chance.choice(
                (
                    chance.choice(NASTY),
                    chance.randbytes(chance.randint(0, 6)),
                    data[start:end] * chance.choice((0, 2, 3)),
                )
            )
            data = data[:start] + middle + data[end:]
        return data

    return make


def split(bodies: Callable[[Random], bytes]) -> Callable[[Random], list[bytes]]:
    """A body in up to eight reads."""

    def make(chance: Random) -> list[bytes]:
        body = bodies(chance)
        cuts = sorted(chance.randint(0, len(body)) for _ in range(chance.randint(0, 7)))
        return [
            body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True) if start < end
        ]

    return make


def altered(values: Callable[[Random], Any]) -> Callable[[Random], bytes]:
    """JSON of which up to six values are replaced, taken out, doubled, scaled, or another one of the same."""

    def make(chance: Random) -> bytes:
        value = values(chance)
        alter(chance, value)
        return json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")

    return make


def alter(chance: Random, value: Any) -> None:
    """Alter up to six of the values inside."""
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        places = list(_places(value))
        if places:
            _alter(chance, *chance.choice(places), chance.choice(places))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container inside, with every key or index."""
    every = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in every:
        yield value, key
        yield from _places(item)


def _alter(chance: Random, holder: Any, key: Any, other: tuple[Any, Any]) -> None:
    how = chance.randint(0, 5)
    if how == 0:
        del holder[key]
    elif how == 1:
        holder[key] = copy.deepcopy(other[0][other[1]])
    elif how == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif how == 2:
        holder[chance.choice(WORDS)] = copy.deepcopy(holder[key])
    elif how == 3 and isinstance(holder[key], (int, float)):
        holder[key] *= chance.choice((-1, 0, 1e-9, 1e3, 1e15))
    else:
        alike = [one for one in VALUES if type(one) is type(holder[key])] if how > 3 else []
        holder[key] = copy.deepcopy(chance.choice(alike or VALUES))


def either(*makers: Maker) -> Maker:
    """By one of them."""
    return lambda chance: chance.choice(makers)(chance)


def any_of(*values: Any) -> Callable[[Random], bytes]:
    """One of the values, altered."""
    return altered(lambda chance: copy.deepcopy(chance.choice(values)))


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Texts of ``fuzz_seeds`` that are as they should be."""
    paths = sorted((Path(__file__).parent / "fuzz_seeds").glob(f"{name}-*"))
    return tuple(path.read_bytes() for path in paths)


def document(name: str, kind: type[msgspec.Struct]) -> Maker:
    """One of the seeds as a value; of four examples one is of any content that ``kind`` allows."""
    any_content = made(kind)

    def make(chance: Random) -> Any:
        return any_content(chance) if chance.random() < 0.25 else json.loads(chance.choice(seeds(name)))

    return make


# -- any content of a type ---------------------------------------------------------------------------------

_type = cache(inspect.type_info)


def made(kind: type[msgspec.Struct]) -> Callable[[Random], Any]:
    """Plain values that ``kind`` is built of: every field of it sometimes, each as its type allows."""
    return lambda chance: _made(chance, _type(kind))


def _made(chance: Random, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.StructType):
        given = (one for one in kind.fields if one.required or chance.random() < 0.5)
        content = {one.encode_name: _made(chance, one.type) for one in given}
        fixed = {one.encode_name: one.default for one in kind.fields if one.encode_name == "schema"}
        return content | fixed | ({kind.tag_field: kind.tag} if kind.tag_field else {})
    if isinstance(kind, inspect.UnionType):
        return _made(chance, chance.choice(kind.types))
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        return [_made(chance, kind.item_type) for _ in range(chance.randint(0, 3))]
    if isinstance(kind, inspect.TupleType):
        return [_made(chance, one) for one in kind.item_types]
    if isinstance(kind, inspect.DictType):
        return {chance.choice(WORDS): _made(chance, kind.value_type) for _ in range(chance.randint(0, 3))}
    if isinstance(kind, inspect.LiteralType):
        return chance.choice(kind.values)
    if isinstance(kind, inspect.BoolType):
        return chance.random() < 0.5
    if isinstance(kind, inspect.IntType):
        return chance.choice((0, 1, 2, 3, 1000))
    if isinstance(kind, inspect.FloatType):
        return chance.choice((0.0, 0.5, 1, 2.5, 100.0, 1e-9))
    if isinstance(kind, inspect.NoneType):
        return None
    return chance.choice(WORDS)
