"""A gettext catalogue, ``locale/<language>/LC_MESSAGES/llmeval.po``, as the standard library wants it.

The text is what is edited, reviewed and shipped, and is compiled where it is read: there is no binary file
that could be older than it.
"""

from __future__ import annotations

import gettext
import io
import json
import re
import struct
from pathlib import Path

DOMAIN = "llmeval"
FOLDER = Path(__file__).parent / "locale"
_MAGIC = 0x950412DE
_FIELD = re.compile(r'(?m)^(msgid|msgid_plural|msgstr(?:\[\d+\])?) ((?:".*"(?:\n|$))+)')


def path(language: str) -> Path:
    """Where its catalogue is."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> gettext.GNUTranslations:
    """Its translations."""
    return gettext.GNUTranslations(io.BytesIO(_compiled(path(language).read_text(encoding="utf-8"))))


def _compiled(text: str) -> bytes:
    """The ``.mo`` of a ``.po``: two tables of lengths and places, originals sorted, then the strings.

    https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
    """
    messages = sorted(_messages(text).items())
    count = len(messages)
    tables_bytes = 8 * count
    place = 28 + 2 * tables_bytes
    tables, strings = bytearray(), bytearray()
    for side in zip(*messages, strict=True):
        for one in side:
            tables += struct.pack("<2I", len(one), place + len(strings))
            strings += one + b"\0"
    header = struct.pack("<7I", _MAGIC, 0, count, 28, 28 + tables_bytes, 0, place)
    return header + bytes(tables + strings)


def _messages(text: str) -> dict[bytes, bytes]:
    """Original -> translation, the forms of each with a zero between them. What is not translated is left
    out.
    """
    found = {}
    for entry in text.split("\n\n"):
        fields = {name: _unquoted(lines) for name, lines in _FIELD.findall(entry)}
        originals = [fields[name] for name in ("msgid", "msgid_plural") if name in fields]
        forms = [field for name, field in fields.items() if name.startswith("msgstr")]
        if originals and all(forms):
            found["\0".join(originals).encode()] = "\0".join(forms).encode()
    return found


def _unquoted(lines: str) -> str:
    """The strings of C that follow each other, as one; JSON has the escapes that gettext writes."""
    return "".join(json.loads(line) for line in lines.splitlines())
