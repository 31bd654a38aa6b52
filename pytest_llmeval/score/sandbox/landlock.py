"""Landlock: from here on this process reaches only the files named. Linux 5.13+, without root.

Runs in the child before generated code: imports as little as it can. Numbers: ``linux/landlock.h``; the three
system calls have the same numbers on every architecture.
"""

from __future__ import annotations

import os
import sys

from . import syscalls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE = 1 << 14
_READ = _READ_FILE | _READ_DIR
_OWN = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
_ON_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE
# rights that each version of the interface knows: 1 as of Linux 5.13, 2 rename, 3 truncate, 5 ioctl
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_ALL_TCP = 3  # bind and connect, version 4
_ALL_SCOPES = 3  # abstract sockets and signals, version 6


def version() -> int:
    """The kernel's version of the interface; 0 where it has none or has it switched off."""
    try:
        return syscalls.syscall(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(own: str, readable: list[str]) -> None:
    """Keep this process to ``own`` (read, write, create, delete) and ``readable`` (read); none is executable.

    Raises ``OSError`` when the kernel refuses; the process must end then. Paths that do not exist are left
    out.
    """
    known = version()
    handled = _HANDLED[min(known, 5)] if known else 0
    rules = [handled, *([_ALL_TCP] if known >= 4 else []), *([_ALL_SCOPES] if known >= 6 else [])]
    attributes = b"".join(map(_u64, rules))
    ruleset = syscalls.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    for path, rights in [(own, _OWN | _TRUNCATE), *((path, _READ) for path in readable)]:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fitting = handled if os.path.isdir(path) else handled & _ON_FILES  # noqa: PTH112 - pathlib costs 5 ms
        beneath = _u64(rights & fitting) + parent.to_bytes(4, sys.byteorder)
        syscalls.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0)
        os.close(parent)
    syscalls.prctl(_NO_NEW_PRIVS, 1)
    syscalls.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _u64(number: int) -> bytes:
    return number.to_bytes(8, sys.byteorder)
