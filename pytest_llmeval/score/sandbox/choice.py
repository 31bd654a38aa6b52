"""Which sandbox: the first that works here, tried before anything depends on it; or none, and why."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_llmeval.errors import SandboxError

from . import bubblewrap, landlock, launcher, seccomp
from .protocol import Returned, Unusable

if TYPE_CHECKING:
    from .launcher import Way
    from .protocol import Sandbox

_HINT = (
    "correctness stays absent; --llm-sandbox=none runs generated code unprotected, at your own risk "
    "(docs/limits.md#no-sandbox)"
)
_WAYS = (launcher.LANDLOCK, launcher.BUBBLEWRAP)
KINDS = ("auto", *(way.name for way in _WAYS), launcher.UNGUARDED.name)


def choose(kind: str = "auto", *, gives_way: bool = False) -> Sandbox:
    """``landlock`` or ``bubblewrap``; ``auto``: the first of them that works; ``none``: no protection at all.

    ``gives_way``: see ``score.courtesy``. Raises ``SandboxError`` that says what is missing: code is never
    run less guarded than asked for.
    """
    if kind not in KINDS:
        raise SandboxError(f"there is no sandbox {kind!r}", hint=f"known ones: {', '.join(KINDS)}")
    if os.name != "posix":
        raise SandboxError(
            f"generated code is not run: its limits need POSIX, this is {sys.platform}",
            hint="docs/limits.md#windows",
        )
    if kind == launcher.UNGUARDED.name:
        return launcher.Launcher(launcher.UNGUARDED, gives_way=gives_way)
    lacks = []
    for way in _WAYS:
        if kind in ("auto", way.name):
            lack = missing(way)
            if lack is None:
                return launcher.Launcher(way, gives_way=gives_way)
            lacks.append(lack)
    raise SandboxError(f"generated code is not run: {'; '.join(dict.fromkeys(lacks))}", hint=_HINT)


def usable(kind: str = "auto", *, gives_way: bool = False) -> Sandbox:
    """The same without an error: where nothing works, a sandbox that runs nothing and says why."""
    try:
        return choose(kind, gives_way=gives_way)
    except SandboxError as error:
        return Unusable(error)


def missing(way: Way) -> str | None:
    """What this machine lacks for one way of keeping programs; None where a trial of it works."""
    if sys.platform != "linux":
        return f"the sandbox needs Linux, this is {sys.platform}"
    if not seccomp.supported():
        return f"the system call filter does not know {os.uname().machine} processors"
    if way is launcher.LANDLOCK and landlock.version() == 0:
        return "this kernel has no Landlock (Linux 5.13 and later, not switched off)"
    if way is launcher.BUBBLEWRAP and (lack := bubblewrap.missing()) is not None:
        return lack
    try:
        (answer,) = launcher.Launcher(way).run("", ("6 * 7",))
    except SandboxError as error:
        return error.what
    return None if answer == Returned(42) else f"{way.name} does not work here: {answer}"
