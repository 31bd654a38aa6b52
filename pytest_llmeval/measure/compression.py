"""A compressed body, though ``identity`` was asked for -> what it says, with the stamps of its reads. Pure.

Every read is unpacked by itself and under the tape's caps: a thousand bytes may hold a million.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tape import Tape

_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_HEADER = 32 + zlib.MAX_WBITS
"""zlib finds out by itself whether gzip's header or its own comes."""
_PIECE = 64 * 1024


def unpack(tape: Tape) -> str | None:
    """Replace the tape's reads by what they say; what is wrong with them, in words, or None."""
    encoding = (tape.header("content-encoding") or "identity").strip().lower()
    if encoding in ("", "identity") or tape.unpacked:
        return None
    if encoding not in _KNOWN:
        return f"the answer is compressed ({encoding[:40]}), though it was to be plain"
    packed, tape.reads, tape.size_bytes, tape.lines, tape.unpacked = tape.reads, [], 0, 0, True
    decoder = zlib.decompressobj(_ANY_HEADER)
    try:
        for at_ns, data in packed:
            left = data
            while left:
                piece = decoder.decompress(left, _PIECE)
                if piece and tape.keep(at_ns, piece):
                    return None
                left = decoder.unconsumed_tail
    except zlib.error as error:
        return f"the answer says that it is compressed ({encoding}), and is not: {error}"
    return None
