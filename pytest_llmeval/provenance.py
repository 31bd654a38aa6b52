"""Where figures come from: the project's commit and the machine, without its name."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from .model import Commit, Host

GIT_TIMEOUT_S = 10


def commit(folder: Path) -> Commit | None:
    """The git commit that ``folder`` is at; None outside a repository, without git or without a commit."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Commit(id=head.strip(), dirty=bool(status and status.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the user's own git
            capture_output=True,
            text=True,
            encoding="utf-8",
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
    text = _git(path.parent, "show", f"{revision}:./{path.name}")
    return None if text is None else text.encode()


def host() -> Host:
    """This machine: usable cores, operating system, Python, CPU model and memory where they can be read."""
    return Host(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        os=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        cpu_model=_cpu_model(),
        memory_bytes=_memory_bytes(),
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


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
