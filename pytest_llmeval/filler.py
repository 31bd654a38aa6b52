"""Long prompts of real text: a scenario's ``filler:``, put where its prompt says ``{filler}``.

The files' text, one after another, each between ``<file path="…">`` and ``</file>`` as coding agents show
files, cut at a line's end, with the needles on lines of their own. Always the same for the same files: the
hash of a prompt is the hash of all that is sent.

A token is taken for four bytes of UTF-8. For code and English of this project that is 0.96 of what Qwen 2.5's
tokenizer counts, and 0.7 to 1.1 in single files; the real number is in the record.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from . import values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .lined import Node, Reader

PLACE = "{filler}"
BYTES_A_TOKEN = 4
MAX_FILE_BYTES = 10_000_000
"""Two and a half million tokens: more than any window."""

_END = "</file>\n"
_TOKENS = values.whole_kind(1)
_POSITION = values.number_kind(0, 1)


class Needle(NamedTuple):
    """A text to be found again. ``at``: how far into the filler it lies, 0 its start, 1 its end."""

    at: float
    text: str


def read(reader: Reader, node: Node, folder: Path) -> str:
    """The expanded text of a ``filler:`` block whose files are relative to ``folder``.

    Raises ``ScenarioError`` with the line of what is wrong.
    """
    fields = reader.fields(node, "filler", ("files", "tokens", "needles"))
    for key in ("files", "tokens"):
        if key not in fields:
            example = "like filler: {files: [notes.txt], tokens: 4000}"
            reader.fail(f"filler has no {key}:", node.line, example)
    paths = reader.items(fields["files"], "filler.files")
    files = [_file(reader, path, folder) for path in paths]
    tokens: int = reader.value(fields["tokens"], "filler.tokens", _TOKENS)
    nodes = reader.items(fields["needles"], "filler.needles") if "needles" in fields else []
    try:
        return expand(files, tokens, [_needle(reader, needle) for needle in nodes])
    except ValueError as error:
        hint = f"a token is taken for {BYTES_A_TOKEN} bytes of UTF-8"
        reader.fail(f"filler.tokens: {error}", fields["tokens"].line, hint)


def _file(reader: Reader, node: Node, folder: Path) -> tuple[str, str]:
    """The path as it is written, and the text with plain line ends, whatever git made of them."""
    name: str = reader.value(node, "filler.files", values.PATH)
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        what = f"filler.files: {values.shown(name)} is not below the scenario file's folder"
        hint = "copy it there: a prompt that changes with other files would make its baselines stale"
        reader.fail(what, node.line, hint)
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
    except OSError as error:
        reader.fail(f"filler.files: {values.shown(name)} can't be read: {error.strerror}", node.line)
    if data is None:
        reader.fail(f"filler.files: {values.shown(name)} is larger than {MAX_FILE_BYTES:,} bytes", node.line)
    try:
        return name, data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        reader.fail(f"filler.files: byte {error.start} of {values.shown(name)} is not UTF-8", node.line)


def _needle(reader: Reader, node: Node) -> Needle:
    fields = reader.fields(node, "a needle", ("at", "text"))
    if len(fields) < 2:
        reader.fail("a needle has at: and text:", node.line, 'like {at: 0.5, text: "The code is 4172."}')
    at: float = reader.value(fields["at"], "at", _POSITION)
    text: str = reader.value(fields["text"], "text", values.TEXT)
    return Needle(at, text)


def expand(files: Sequence[tuple[str, str]], tokens: int, needles: Sequence[Needle] = ()) -> str:
    """``(path, text)`` files and needles as one text of ``tokens`` tokens, or less by a part of a line.

    Raises ``ValueError`` where the files are too short for it, or the needles too long.
    """
    needles = [needle._replace(text=needle.text.rstrip("\n") + "\n") for needle in needles]
    room = tokens * BYTES_A_TOKEN - sum(len(needle.text.encode()) for needle in needles)
    lines = _cut(files, room)
    starts = [0, *accumulate(len(line.encode()) for line in lines)]
    for before, needle in enumerate(sorted(needles, key=lambda needle: needle.at)):
        lines.insert(bisect_left(starts, needle.at * starts[-1]) + before, needle.text)
    return "".join(lines)


def _cut(files: Sequence[tuple[str, str]], room: int) -> list[str]:
    """The files' lines that fit into so many bytes, none of them broken."""
    if not files:
        raise ValueError("there is no file to fill it with")
    lines: list[str] = []
    held = 0
    for path, text in files:
        frame = (f'<file path="{path}">\n', _END)
        held += sum(len(line.encode()) for line in frame)
        if held > room:
            if not lines:
                raise ValueError("the needles leave no room for the files")
            return lines
        lines.append(frame[0])
        for line in text.removesuffix("\n").split("\n"):
            held += len(line.encode()) + 1
            if held > room:
                return [*lines, _END]
            lines.append(f"{line}\n")
        lines.append(_END)
    if room - held >= BYTES_A_TOKEN:
        raise ValueError(
            f"the files hold {held // BYTES_A_TOKEN:,} tokens, {(room - held) // BYTES_A_TOKEN:,} too few"
        )
    return lines
