"""The embedded engine of ``local``: a real model on llama.cpp, without compiler, account or service."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.errors import MissingExtra, SettingsError

from . import server, weights

if TYPE_CHECKING:
    from .server import OnWait, Server
    from .weights import Weights

CONTEXT_WINDOW = 8192
"""Tokens for each stream, cut to the model's own by llama.cpp: 100 MB of KV cache with Qwen2.5-Coder-0.5B."""

_SCRIPT = Path(__file__).with_name("llamacpp.py")
_CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def start(
    model: Weights,
    *,
    log: Path,
    parallel: int = 1,
    context_window: int = CONTEXT_WINDOW,
    threads: int | None = None,
    on_wait: OnWait | None = None,
) -> Server:
    """Serve ``model`` (fetched first if it is not there) to ``parallel`` streams; ready when this returns.

    Raises ``MissingExtra``, ``ServerError``, ``ModelFetchError``; ``SettingsError`` for a wrong
    ``LLMEVAL_LOCAL_THREADS``.
    """
    if find_spec("xllamacpp") is None:
        raise MissingExtra(
            "the embedded engine is not installed",
            where="local",
            hint="pip install 'pytest-llmeval-suite[local]', or name the URL of a server that runs",
        )
    threads = threads or default_threads()
    announce = log.with_suffix(".url")
    options = {
        "--alias": model.model,
        "--announce": announce.absolute(),
        "--context-window": context_window,
        "--parallel": parallel,
        "--threads": threads,
    }
    arguments = [str(part) for option in options.items() for part in option]
    launch = server.Launch(
        name=f"local model {model.name}",
        command=(sys.executable, "-P", str(_SCRIPT), str(weights.fetch(model)), *arguments),
        log=log,
        announce=announce,
        grace_s=2.0,
        identity=f"llama.cpp xllamacpp-{version('xllamacpp')}, {threads} thread{'s' if threads > 1 else ''}",
    )
    try:
        return server.start(launch, on_wait)
    finally:
        announce.unlink(missing_ok=True)


def default_threads() -> int:
    """How many threads decode: ``LLMEVAL_LOCAL_THREADS``, else 1 in CI, else half of the cores.

    llama.cpp's threads wait for each other by spinning. Measured with SmolLM2 on 2 cores: 1 thread 89 tok/s,
    2 threads 142; beside one busy process 1 thread 95, 2 threads 2.3. So cores are left to this client and
    its analysers. The machine's load of the moment must not decide: the next run would have another speed.
    """
    if own := os.environ.get("LLMEVAL_LOCAL_THREADS"):
        if not own.isdecimal() or int(own) < 1:
            raise SettingsError(
                f"{own!r} is not a number of threads",
                where="LLMEVAL_LOCAL_THREADS",
                hint="give a whole number from 1, or unset it",
            )
        return int(own)
    if os.environ.get("CI"):
        return 1
    return max(1, _cores() // 2)


def _cores() -> int:
    """The cores that this process may use: its affinity, and the CPU limit of its container."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_CPU_LIMIT.read_text("ascii").split()
        return min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no limit here: no such file, or "max"
        return cores
