"""The analyser's process: frames in on stdin, frames out on stdout, until stdin ends.

A frame is four bytes, big-endian, and as many bytes of payload: the code as UTF-8 in, an ``Analysis`` as JSON
out. The first frame out is empty when the analysers are loaded, else the traceback that tells why not.

The process limits itself: address space, and CPU seconds per snippet (RLIMIT_CPU counts a process's whole
life, so its soft limit is raised before each). It ends when its parent does, however that dies: at the end of
stdin, or, where a fork of the parent holds the pipe open, at a parent with another process id.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import shutil
import threading
import time
import traceback
from pathlib import Path
from typing import BinaryIO, NoReturn

MEMORY_BYTES = 1 << 30
HEADER_BYTES = 4
FOLDER_PREFIX = "llmeval-analyser-"
_ORPHAN_CHECK_MS = 1000


def main(parent: int, cpu_s: int) -> None:
    """Serve until stdin ends. ``parent``: the process id to outlive by a second at most.

    ``cpu_s``: CPU seconds that one snippet may take, rounded up by less than two.
    """
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the analysers print must not reach the frames
    threading.Thread(target=_end_with, args=(parent, requests.fileno()), daemon=True).start()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    # Modules and syntax trees stay, these in astroid's cache: looking for garbage among them costs a third of
    # the start and a tenth of a snippet, and frees nothing. The process is replaced before it grows.
    gc.disable()
    try:
        import msgspec

        from .linting import Linter

        linter = Linter()
    except BaseException:
        write(replies, traceback.format_exc().encode("utf-8", "replace"))
        raise
    write(replies, b"")
    while (code := read(requests)) is not None:
        _allow_cpu(cpu_s)
        write(replies, msgspec.json.encode(linter.analyse(code.decode("utf-8", "replace"))))
    _leave()


def write(stream: BinaryIO, payload: bytes) -> None:
    """Send one frame."""
    stream.write(len(payload).to_bytes(HEADER_BYTES, "big") + payload)
    stream.flush()


def read(stream: BinaryIO) -> bytes | None:
    """The next frame's payload; None at the end of the stream."""
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    return stream.read(int.from_bytes(header, "big"))


def _limit(which: int, soft: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    try:
        resource.setrlimit(which, (soft, hard))
    except (OSError, ValueError):  # macOS refuses RLIMIT_AS; the time limits remain
        return


def _allow_cpu(seconds: int) -> None:
    _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + seconds)


def _end_with(parent: int, pipe: int) -> None:
    """Leave when the parent is gone, also in the middle of a snippet, and take the working folder along."""
    watch = select.poll()
    watch.register(pipe, 0)  # POLLHUP comes unasked
    while not watch.poll(_ORPHAN_CHECK_MS) and os.getppid() == parent:
        pass
    _leave()


def _leave() -> NoReturn:
    folder = Path.cwd()
    if folder.name.startswith(FOLDER_PREFIX):  # never anything that was not made for this process
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
