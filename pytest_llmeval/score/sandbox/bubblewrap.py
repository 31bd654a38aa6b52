"""bubblewrap as the second choice: a root of the few folders that a program needs, no network, no processes.

Where the kernel has no Landlock it keeps the files; the child's own system call filter keeps the rest, as
ever. It needs user namespaces, or root: hosted runners with Ubuntu 24.04 forbid the first.
"""

from __future__ import annotations

import os
import shutil
import sys

INIT = 1
"""The child's parent as the child sees it: the init process of its own pid namespace."""


def missing() -> str | None:
    """What this machine lacks to try it; None if nothing. Whether it works, a trial tells."""
    return None if shutil.which("bwrap") else "bubblewrap (the command bwrap) is not installed"


def command(own: str, readable: list[str]) -> list[str]:
    """What to put before the interpreter. ``own`` may be written, ``readable`` only read; no others exist."""
    visible = [*readable, os.path.join(sys.base_prefix, "lib"), interpreter()]  # noqa: PTH118 - text in and out
    return [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--die-with-parent",
        *("--cap-drop", "ALL"),
        *(part for path in visible for part in ("--ro-bind-try", path, path)),
        *("--dev-bind-try", "/dev/null", "/dev/null"),
        *("--bind", own, own),
        *("--remount-ro", "/"),
        *("--chdir", own),
        "--",
    ]


def interpreter() -> str:
    """The real file behind the interpreter: a virtual environment's links lead out of what is visible."""
    return os.path.realpath(sys.executable)


def signal_of(status: int) -> int:
    """The status as ``subprocess`` has it, from bwrap's: 128 and the signal's number for a killed child."""
    return 128 - status if status > 128 else status
