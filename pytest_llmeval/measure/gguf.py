"""The head of a GGUF file, little-endian, versions 2 and 3 (ggml's ``docs/gguf.md``).

A file comes from anywhere: lengths are believed only as far as the file and these limits go.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

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
_LONGEST_STRING = 1 << 22
_LARGEST_HEAD = 1 << 25
"""32 MiB, seconds at worst; the heads of Qwen 2.5, with 150,000 words and their merges, take 6."""
_BUFFER = 1 << 16
_MOST_DIMENSIONS = 8
_ALIGNMENT = 32


class Head(Struct, frozen=True):
    """``metadata``: every key but long arrays. ``tensors_bytes``: what follows the head, the weights."""

    metadata: dict[str, Value]
    tensors_bytes: int


def read(path: Path) -> Head:
    """The head of one file. Raises ``UsageError`` for one that can't be read as GGUF or is cut off."""
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            return _Reader(file, path.stat().st_size).head()
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
        self._at = 0

    def head(self) -> Head:
        if self._take(len(_MAGIC)) != _MAGIC:
            raise _NotGgufError("it does not begin with 'GGUF'")
        version = self._scalar("<I")
        if version not in _VERSIONS:
            raise _NotGgufError(f"version {version} is not one of {_VERSIONS}")
        tensors, keys = self._length(), self._length()
        found: dict[str, Value] = {}
        for _ in range(keys):
            key = self._string()
            value = self._value(int(self._scalar("<I")))
            if value is not None:
                found[key] = value
        furthest = max((self._tensor_offset() for _ in range(tensors)), default=0)
        alignment = found.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise _NotGgufError(f"{alignment!r} is no alignment")
        begin = -(-self._at // alignment) * alignment
        if tensors and begin + furthest >= self._size_bytes:
            raise _NotGgufError("it is cut off")
        return Head(found, max(0, self._size_bytes - begin))

    def _value(self, kind: int) -> Value | None:
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(int(self._scalar("<I")), self._length())
        raise _NotGgufError(f"a value has the unknown type {kind}")

    def _array(self, kind: int, length: int) -> list[Value] | None:
        if kind in _SCALARS and length > _LONGEST_ARRAY:
            self._skip(struct.calcsize(_SCALARS[kind]) * length)
            return None
        if kind == _STRING and length > _LONGEST_ARRAY:
            for _ in range(length):
                self._skip(self._length())
            return None
        if kind not in _SCALARS and kind != _STRING:
            raise _NotGgufError(f"an array holds the unknown type {kind}")
        values = [self._value(kind) for _ in range(length)]
        return [value for value in values if value is not None]

    def _tensor_offset(self) -> int:
        """Where a tensor begins in what follows the head; its name, dimensions and type are passed over."""
        self._skip(self._length())
        dimensions = int(self._scalar("<I"))
        if dimensions > _MOST_DIMENSIONS:
            raise _NotGgufError(f"a tensor has {dimensions} dimensions")
        self._skip(8 * dimensions + 4)
        return self._length()

    def _scalar(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _length(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _string(self) -> str:
        length = self._length()
        if length > _LONGEST_STRING:
            raise _NotGgufError(f"it holds a string of {length:,} bytes, or is cut off")
        return self._take(length).decode("utf-8", "replace")

    def _skip(self, count: int) -> None:
        self._move(count)
        if count < _BUFFER:
            self._file.read(count)  # quicker than a seek
        else:
            self._file.seek(count, 1)

    def _take(self, count: int) -> bytes:
        self._move(count)
        return self._file.read(count)

    def _move(self, count: int) -> None:
        self._at += count
        if self._at > self._size_bytes:
            raise _NotGgufError("it is cut off")
        if self._at > _LARGEST_HEAD:
            raise _NotGgufError(f"its head is larger than {_LARGEST_HEAD >> 20} MiB")
