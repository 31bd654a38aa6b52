"""The metadata at the head of a GGUF file, little-endian, versions 2 and 3 (ggml's ``docs/gguf.md``)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from pytest_llmeval.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Value = int | float | bool | str | list["Value"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_LONGEST_ARRAY = 4096
"""Longer ones, the vocabulary with its scores, are skipped; arrays with a value per layer are far shorter."""


def metadata(path: Path) -> dict[str, Value]:
    """Every key of the file but long arrays. Raises ``UsageError`` for a file that can't be read as GGUF."""
    try:
        with path.open("rb") as file:
            return _Reader(file, path.stat().st_size).metadata()
    except OSError as error:
        raise UsageError(
            f"the model file can't be read: {error.strerror or error}", where=str(path)
        ) from error
    except _NotGgufError as error:
        raise UsageError(f"this is no usable GGUF file: {error}", where=str(path)) from error


class _NotGgufError(ValueError):
    pass


class _Reader:
    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes

    def metadata(self) -> dict[str, Value]:
        if self._take(len(_MAGIC)) != _MAGIC:
            raise _NotGgufError("it does not begin with 'GGUF'")
        version = self._scalar("<I")
        if version not in _VERSIONS:
            raise _NotGgufError(f"version {version} is not one of {_VERSIONS}")
        _tensors, keys = self._scalar("<Q"), self._scalar("<Q")
        found: dict[str, Value] = {}
        for _ in range(int(keys)):
            key = self._string()
            value = self._value(int(self._scalar("<I")))
            if value is not None:
                found[key] = value
        return found

    def _value(self, kind: int) -> Value | None:
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(int(self._scalar("<I")), int(self._scalar("<Q")))
        raise _NotGgufError(f"a value has the unknown type {kind}")

    def _array(self, kind: int, length: int) -> list[Value] | None:
        if kind in _SCALARS and length > _LONGEST_ARRAY:
            self._skip(struct.calcsize(_SCALARS[kind]) * length)
            return None
        if kind == _STRING and length > _LONGEST_ARRAY:
            for _ in range(length):
                self._skip(int(self._scalar("<Q")))
            return None
        if kind not in _SCALARS and kind != _STRING:
            raise _NotGgufError(f"an array holds the unknown type {kind}")
        values = [self._value(kind) for _ in range(length)]
        return [value for value in values if value is not None]

    def _scalar(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _string(self) -> str:
        return self._take(int(self._scalar("<Q"))).decode("utf-8", "replace")

    def _skip(self, count: int) -> None:
        if self._file.tell() + count > self._size_bytes:
            raise _NotGgufError("it is cut off")
        self._file.seek(count, 1)

    def _take(self, count: int) -> bytes:
        if self._file.tell() + count > self._size_bytes:
            raise _NotGgufError("it is cut off")
        return self._file.read(count)
