"""Where figures come from: the project's commit and the machine, without its name."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

from .model import Commit, Host

GIT_TIMEOUT_S = 10
NVIDIA = Path("/proc/driver/nvidia/gpus")
"""A folder a GPU, named by its bus, with a file ``information`` of lines such as ``Model: NVIDIA H200``."""


def commit(folder: Path) -> Commit | None:
    """The git commit that ``folder`` is at; None outside a repository, without git or without a commit."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Commit(id=head.decode().strip(), dirty=bool(status and status.strip()))


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the user's own git
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def has_revision(folder: Path, revision: str) -> bool:
    """Whether git knows the revision in that folder; False also where there is no repository."""
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is not None


def committed(path: Path, revision: str) -> bytes | None:
    """The bytes that git has of a file at a revision; None where it has none."""
    return _git(path.parent, "show", f"{revision}:./{path.name}")


def host() -> Host:
    """This machine: usable cores, operating system, Python; CPU, memory and GPUs where they can be read."""
    return Host(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        os=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        cpu_model=_cpu_model(),
        memory_bytes=_memory_bytes(),
        gpus=_gpus(NVIDIA),
    )


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or None


def _gpus(folder: Path) -> tuple[str, ...]:
    """The model of every GPU that NVIDIA's driver tells of; other makers have no such place."""
    found = []
    for one in sorted(folder.glob("*/information")):
        with suppress(OSError):
            lines = one.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                value.strip() for name, _, value in (line.partition(":") for line in lines) if name == "Model"
            ]
    return tuple(found)


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
