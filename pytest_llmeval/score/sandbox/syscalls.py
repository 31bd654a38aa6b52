"""``syscall`` and ``prctl`` of the C library, by the C part of ctypes.

A child starts for every program, and the Python part of ctypes would be a third of what that costs.
"""

from __future__ import annotations

import os
import sys
from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, addressof, get_errno

_SET_SECCOMP, _FILTER = 22, 2


class _Byte(_SimpleCData):  # type: ignore[type-arg]  # C's own
    _type_ = "b"


class _Int(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Long(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Syscall(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Long


class _Prctl(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Int


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """What the kernel returns; bytes are pointers to their first. Raises ``OSError``."""
    return _called(_Syscall, "syscall", number, *arguments)


def prctl(option: int, *arguments: int | bytes) -> int:
    """Change this process; up to four arguments. Raises ``OSError``."""
    return _called(_Prctl, "prctl", option, *arguments, *(0,) * (4 - len(arguments)))


def install(filter_: bytes) -> None:
    """Let a seccomp filter decide on this process's calls for good (``seccomp.program``).

    Needs ``no_new_privs``. Raises ``OSError`` if refused.
    """
    code = (_Byte * len(filter_)).from_buffer_copy(filter_)
    length = (len(filter_) // 8).to_bytes(2, sys.byteorder)
    prctl(_SET_SECCOMP, _FILTER, length + bytes(6) + addressof(code).to_bytes(8, sys.byteorder))


def _called(kind: type[CFuncPtr], name: str, *arguments: int | bytes | None) -> int:
    from _ctypes import dlopen, dlsym  # which Windows lacks: nothing is executed there

    process: int = dlopen(None, 0)  # type: ignore[arg-type]  # as ``ctypes.CDLL(None)``
    given = [_Long(one) if isinstance(one, int) else one for one in arguments]
    result: int = kind(dlsym(process, name))(*given)
    if result < 0:
        raise OSError(get_errno(), os.strerror(get_errno()))
    return result
