"""A scenario's oracle: the folder of files that tell right answers from wrong ones.

::

    oracles/merge-intervals/
      given.py          code that the prompt shows, where it says {given}
      reference.py      a right answer; its complexity is the measure of an answer's own
      second.py         another, written independently (second_2.py …): what they disagree on is refused
      strategies.py     CALLS: what is called, as hypothesis strategies of in-contract arguments
      vectors.json      calls and what is right, made of the above by ``llmeval suite freeze``

A run reads ``given``, ``reference`` and the frozen vectors, and never executes a file of it. ``given`` and
``reference`` of other answers end in what they are written in (``given.md``, ``reference.sql``), and
``reference.ko.md`` is the answer to the Korean prompt.
"""

from __future__ import annotations

import ast
import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from . import values, wire
from .model import Check

if TYPE_CHECKING:
    from pathlib import Path

    from .lined import Node, Reader

REFERENCE = "reference.py"
STRATEGIES = "strategies.py"
VECTORS = "vectors.json"
SCHEMA = "llmeval-vectors/1"


class Vector(Struct, frozen=True, omit_defaults=True):
    """One call: the Python literal that it ``returns``, or the name of the exception that it ``raises``."""

    call: str
    returns: str | None = None
    raises: str | None = None


class Vectors(Struct, frozen=True, kw_only=True):
    """``vectors.json``. ``sources``: the sha256 of every file that the vectors were made of, by its name.

    ``made_by``: the versions of Python and hypothesis.
    """

    schema: str = SCHEMA
    made_by: dict[str, str]
    sources: dict[str, str]
    vectors: tuple[Vector, ...]


class Oracle(NamedTuple):
    """What a run reads of the folder; None or empty where there is no such file."""

    folder: str | None = None
    given: str | None = None
    reference: str | None = None
    checks: tuple[Check, ...] = ()


def read(reader: Reader, node: Node | None, base: Path, *, frozen: bool = True) -> Oracle:
    """The oracle that a scenario names, below the folder of its file. Raises ``ScenarioError``.

    ``frozen``: with its vectors; whoever makes them anew does without.
    """
    if node is None:
        return Oracle()
    name = reader.value(node, "oracle", values.PATH)
    folder = base / name
    if not folder.is_dir():
        reader.fail(f"oracle: there is no folder {folder}", node.line, "it is looked for beside this file")
    oracle = Oracle(
        folder=str(folder),
        given=_text(reader, node, folder, "given"),
        reference=_text(reader, node, folder, "reference"),
        checks=_checks(reader, node, folder / VECTORS) if frozen else (),
    )
    if frozen and oracle == Oracle(folder=str(folder)):
        what = f"oracle: {folder} holds no given.*, no reference.* and no {VECTORS}"
        reader.fail(what, node.line, "llmeval suite freeze makes the vectors of a reference and strategies")
    return oracle


def check(vector: Vector) -> Check:
    """The vector as an executed check."""
    equals: Any = None if vector.returns is None else ast.literal_eval(vector.returns)
    return Check(call=vector.call, equals=equals, raises=vector.raises)


def solutions(folder: Path) -> list[Path]:
    """The right answers in Python, the reference first; empty where there is no reference."""
    reference = folder / REFERENCE
    return [reference, *sorted(folder.glob("second*.py"))] if reference.is_file() else []


def sources(folder: Path) -> dict[str, str]:
    """The sha256 of every file that the vectors are made of, by its name; git may change its line ends."""
    paths = sorted([*solutions(folder), folder / STRATEGIES])
    texts = {path.name: path.read_bytes().replace(b"\r\n", b"\n") for path in paths}
    return {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}


def stale(folder: Path) -> str | None:
    """Why the frozen vectors are not what their sources give; None where they are."""
    path = folder / VECTORS
    if not path.is_file():
        return f"there is no {VECTORS}"
    try:
        made_of = msgspec.json.decode(path.read_bytes(), type=Vectors).sources
    except wire.UNREADABLE as error:
        return f"{VECTORS} can't be read: {error}"
    present = sources(folder)
    changed = [name for name in sorted(made_of | present) if made_of.get(name) != present.get(name)]
    return f"{VECTORS} is older than {', '.join(changed)}" if changed else None


def dump(vectors: Vectors) -> str:
    """``vectors.json``: a vector a line, so that a change reads well in a diff."""
    plain: dict[str, Any] = msgspec.to_builtins(vectors)
    lines = ",\n".join(f"  {_json(vector)}" for vector in plain.pop("vectors"))
    head = "".join(f" {_json(key)}: {_json(value)},\n" for key, value in plain.items())
    return f'{{\n{head} "vectors": [\n{lines}\n ]\n}}\n'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(reader: Reader, node: Node, folder: Path, stem: str) -> str | None:
    """The text of the one file of that stem."""
    files = sorted(path for path in folder.glob(f"{stem}.*") if path.is_file() and path.stem == stem)
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        reader.fail(f"oracle: {folder} holds {names}", node.line, "keep one of them")
    if not files:
        return None
    try:
        return files[0].read_text(encoding="utf-8").strip("\n") + "\n"
    except (OSError, UnicodeDecodeError) as error:
        reader.fail(f"oracle: {files[0]} can't be read: {error}", node.line)


def _checks(reader: Reader, node: Node, path: Path) -> tuple[Check, ...]:
    """The frozen vectors as checks."""
    if not path.is_file():
        return ()
    try:
        frozen = msgspec.json.decode(path.read_bytes(), type=Vectors)
        if frozen.schema != SCHEMA:
            reader.fail(
                f"oracle: {path} is of schema {frozen.schema}; this version reads {SCHEMA}", node.line
            )
        return tuple(map(check, frozen.vectors))
    except (OSError, ValueError, SyntaxError, *wire.UNREADABLE) as error:
        why = f"oracle: {path} holds no vectors: {error}"
        reader.fail(why, node.line, "make them again: llmeval suite freeze")
