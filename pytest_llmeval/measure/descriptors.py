"""Open files: how many this process may have, and how many of them streams leave to everything else.

A load of more streams than that must not cost the run what comes after it: the run file, the analyser's and
the sandbox's processes, the next connection's look-up of a name.
"""

from __future__ import annotations

import errno
import os
import sys

if sys.platform != "win32":
    import resource

RESERVE = 32
"""Of a limit of 128 and more; of a lower one a quarter. Starting a sandbox takes about a dozen."""


class TooManyOpenFiles(OSError):
    """There is no descriptor left for another stream."""

    def __init__(self) -> None:
        limit = most()
        kept = "" if limit is None else f" of at most {limit:,}, some of which the rest of the run needs"
        super().__init__(
            errno.EMFILE,
            f"no room for another stream: each is an open file{kept}; raise the limit (ulimit -n 4096), or "
            "lower the concurrency",
        )

    def __str__(self) -> str:
        return str(self.strerror)


def most() -> int | None:
    """The soft limit; None where there is none to be known."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def is_in_reserve(descriptor: int) -> bool:
    """Whether a new one is among the last: the system gives the lowest number that is free."""
    limit = most()
    return limit is not None and descriptor >= limit - min(RESERVE, limit // 4)


def are_exhausted() -> bool:
    """Whether a file that is opened now is in the reserve, or can't be opened at all."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    os.close(descriptor)
    return is_in_reserve(descriptor)
