"""What is wrong with the bytes of a baseline: what, at which line, and what to do. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pytest_llmeval import wire
from pytest_llmeval.errors import BaselineError

from .canonical import line_of
from .sessions import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

_MARKER = re.compile(rb"^(<<<<<<<|>>>>>>>|=======)( |$)", re.MULTILINE)


def unreadable(data: bytes, path: Path, error: Exception) -> BaselineError:
    """What is wrong, at which line, and what to do; the file is left as it is."""
    restore = "restore it from git (git checkout -- FILE) or correct the line; it is never overwritten"
    if marker := _MARKER.search(data):
        return BaselineError(
            "holds an unresolved merge conflict",
            where=f"{path}:{_line(data, marker.start())}",
            hint="take one side whole (git checkout --theirs FILE), then measure a session more: "
            "llmeval baseline update",
        )
    if isinstance(error, msgspec.ValidationError):
        try:
            schema = msgspec.json.decode(data, type=_Schema).schema
        except wire.UNREADABLE:
            schema = SCHEMA
        if schema != SCHEMA:
            return foreign(schema, data, path)
        what, _, at = str(error).partition(" - at `")
        return BaselineError(what.lower(), where=f"{path}:{line_of(data, at.rstrip('`'))}", hint=restore)
    return BaselineError(
        f"is not JSON: {error}", where=f"{path}:{_line(data, _stopped_at(data, error))}", hint=restore
    )


def _stopped_at(data: bytes, error: Exception) -> int:
    """The byte at which reading stopped; for bytes that are no UTF-8 msgspec counts from their own text."""
    if isinstance(error, UnicodeDecodeError):
        try:
            data.decode()
        except UnicodeDecodeError as first:
            return first.start
    offset = re.search(r"byte (\d+)", str(error))
    return int(offset[1]) if offset else len(data)


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


class _Schema(msgspec.Struct):
    schema: str = SCHEMA


def foreign(schema: str, data: bytes, path: Path) -> BaselineError:
    """Of a file whose schema is another than ours: a later one, or none of a baseline."""
    name, _, number = schema.partition("/")
    newer = name == SCHEMA.partition("/")[0] and number.isdecimal()
    return BaselineError(
        f"has the schema {schema!r}; this version reads {SCHEMA!r}",
        where=f"{path}:{line_of(data, '$.schema')}",
        hint="a newer pytest-llmeval-suite wrote it: upgrade" if newer else "it is not a baseline of ours",
    )
