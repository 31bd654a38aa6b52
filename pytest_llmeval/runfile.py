"""Run files: read one, find the last. Written by ``write``, whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from . import whole, wire
from .errors import RunFileError
from .model import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T", int, float)

SCHEMA = "llmeval-run/1"
LARGEST = 1e18
"""No count, byte, second or score of a run is larger; sums and plots of what is would overflow."""
AGAIN = "run pytest with --llm-endpoint=… to make one"


def load(path: Path) -> Run:
    """The run in a file. Raises ``RunFileError`` where there is none, or none that this version reads."""
    try:
        data = json.loads(
            path.read_bytes(), parse_constant=_refuse, parse_float=_figure(float), parse_int=_figure(int)
        )
    except FileNotFoundError:
        raise RunFileError("there is no such run file", where=str(path), hint=AGAIN) from None
    except OSError as error:
        raise RunFileError(f"can't be read: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"is not JSON, or damaged: {error}", where=str(path), hint=AGAIN) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        newer = isinstance(schema, str) and schema.startswith("llmeval-run/")
        hint = "update pytest-llmeval-suite" if newer else AGAIN
        raise RunFileError(f"is not a {SCHEMA} file (its schema: {schema!r})", where=str(path), hint=hint)
    try:
        run = wire.build(data, Run)
    except msgspec.ValidationError as error:
        raise RunFileError(f"is damaged: {error}", where=str(path), hint=AGAIN) from None
    if damage := next(_damage(run), None):
        raise RunFileError(f"is damaged: {damage}", where=str(path), hint=AGAIN)
    return run


def _damage(run: Run) -> Iterator[str]:
    """What no run says, though the types would allow it."""
    for time in (run.started, run.finished):
        if not _is_time(time):
            yield f"{time!r:.60} is no time like 2026-11-21T03:45:01Z"
    for record in run.cells:
        if any(not sample.ok and sample.error is None for sample in record.samples):
            yield f"a sample of {record.key!r:.60} failed, and has no error"


def _is_time(written: str) -> bool:
    try:
        return dt.datetime.fromisoformat(written).tzinfo is not None
    except ValueError:
        return False


def _refuse(constant: str) -> NoReturn:
    """NaN and infinities, which Python's reader takes though JSON has none."""
    raise ValueError(f"{constant} is no number")


def _figure(kind: type[T]) -> Callable[[str], T]:
    def read(written: str) -> T:
        value = kind(written)
        if abs(value) > LARGEST:
            raise ValueError(f"{written:.40} is no figure of a run")
        return value

    return read


def last(root: Path) -> Path:
    """The path of the project's last run. Raises ``RunFileError`` where nothing ran yet."""
    pointer = root / ".llmeval" / "last-run.json"
    path: Path
    try:
        path = root / json.loads(pointer.read_bytes())["run"]
    except FileNotFoundError:
        raise RunFileError("no run was made in this folder yet", where=str(root), hint=AGAIN) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunFileError(f"does not name a run: {error}", where=str(pointer), hint=AGAIN) from None
    return path


def dump(run: Run) -> str:
    """The text of a run file."""
    data: Any = wire.plain(run)
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, as ``whole.write`` does. Raises ``OSError`` with its name."""
    data = text.encode()
    try:
        whole.write(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
