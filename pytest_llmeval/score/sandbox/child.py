"""The child's side: give up all rights, load the program, evaluate the calls, tell each result.

Everything is imported and opened before the rights are gone, and as little as possible: a child starts for
every program. A line out is the nonce, a blank and one JSON array. The first says that the rights are gone;
no later one can take that back. The others say what was returned, not whether that is right. The expected
values never come here: a program that forges lines has to know them.
"""

from __future__ import annotations

import marshal
import os
import resource
import sys
from _json import encode_basestring_ascii as _quoted

from . import landlock, syscalls

TYPE_CHECKING = False  # importing typing would cost more than the rest
if TYPE_CHECKING:
    from typing import Any

_PDEATHSIG, _DUMPABLE = 1, 4
_SIGKILL = 9  # importing signal costs more than a millisecond
_MOST_VALUES = 20_000
_DEEPEST = 100
_MOST_TEXT = 200


def main(pipe: int) -> None:
    """Serve one job from stdin, by marshal: nonce, parent, guards, own folder, readable paths and so on.

    It is not read to its end: a forked child of the parent may hold that open.
    """
    job = marshal.load(sys.stdin.buffer)  # noqa: S302 - of this package
    nonce, parent, guards, own, readable, filter_, limits, code, calls = job
    if sys.platform == "linux":
        syscalls.prctl(_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    try:
        _limit(*limits)
        if guards:
            syscalls.prctl(_DUMPABLE, 0)
        if "landlock" in guards:
            landlock.restrict(own, readable)
        if "seccomp" in guards:
            syscalls.install(filter_)
        os.dup2(1, 2)  # from here on nobody reads what it says
    except Exception as error:  # noqa: BLE001 - whatever it is, the program must not run
        os.write(pipe, f'{nonce} ["refused",{_quoted(str(error))}]\n'.encode())
        os._exit(1)
    os.write(pipe, f'{nonce} ["guarded"]\n'.encode())
    _serve(pipe, nonce, code, calls)
    os._exit(0)  # nothing of the program's runs at exit


def _limit(cpu_s: int, memory_bytes: int, file_bytes: int) -> None:
    """Lower this process's limits; what is lower already stays."""
    for which, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
    ):
        present = resource.getrlimit(which)[1]
        most = hard if present == resource.RLIM_INFINITY else min(hard, present)
        try:
            resource.setrlimit(which, (min(soft, most), most))
        except ValueError:
            if sys.platform == "linux":
                raise  # elsewhere, where nothing is guarded anyway, macOS refuses RLIMIT_AS


def _serve(pipe: int, nonce: str, code: str, calls: tuple[str, ...]) -> None:
    write = os.write

    def tell(line: str) -> None:
        data = f"{nonce} {line}\n".encode()
        while data:
            data = data[write(pipe, data) :]

    module = type(sys)("solution")
    sys.modules["solution"] = module
    try:
        exec(compile(code, "solution.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - its purpose
    except BaseException as error:  # noqa: BLE001 - SystemExit too is an outcome
        tell(_raised(error))
        return
    tell('["loaded"]')
    for call in calls:
        try:
            line = f'["returned",{_plain(eval(call, module.__dict__), [_MOST_VALUES], 0)}]'  # noqa: S307
        except BaseException as error:  # noqa: BLE001
            line = _raised(error)
        tell(line)


def _raised(error: BaseException) -> str:
    names = [kind.__name__ for kind in type(error).__mro__ if kind is not object]
    try:
        text = str(error)[:_MOST_TEXT]
    except BaseException:  # noqa: BLE001 - its __str__ is the program's own
        text = ""
    return f'["raised",[{",".join(map(_quoted, names))}],{_quoted(text)}]'


def _plain(value: object, budget: list[int], depth: int) -> str:
    """The value as tagged JSON: plain data whole, anything else by its type and ``repr``."""
    budget[0] -= 1
    if budget[0] < 0 or depth > _DEEPEST:
        raise OverflowError("the value is too large to compare")
    for kind, write in _SCALARS:
        if isinstance(value, kind):
            return f'["{kind.__name__}",{write(value)}]'
    for kind in _COLLECTIONS:
        if isinstance(value, kind):
            items = [_plain(item, budget, depth + 1) for item in kind.__iter__(value)]
            return f'["{kind.__name__}",[{",".join(items)}]]'
    if isinstance(value, dict):
        pairs = dict.items(value)
        told = [f"[{_plain(one, budget, depth + 1)},{_plain(two, budget, depth + 1)}]" for one, two in pairs]
        return f'["dict",[{",".join(told)}]]'
    return f'["other",{_quoted(type(value).__name__)},{_quoted(repr(value)[:_MOST_TEXT])}]'


# In this order: a bool is an int. The base class's own methods, not those of a subclass.
_SCALARS: tuple[tuple[type, Any], ...] = (
    (type(None), lambda _: "0"),
    (bool, lambda value: "1" if value else "0"),
    (int, lambda value: f'"{int.__repr__(value)}"'),
    (float, lambda value: f'"{float.__repr__(value)}"'),
    (complex, lambda value: f'"{complex.__repr__(value)}"'),
    (str, lambda value: _quoted(str.__str__(value))),
    (bytes, lambda value: f'"{bytes.hex(value)}"'),
)
_COLLECTIONS: tuple[Any, ...] = (list, tuple, set, frozenset)
