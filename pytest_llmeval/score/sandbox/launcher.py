"""The parent's side of a sandboxed program: start the child, watch it, read its lines, end it."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval.errors import SandboxError

from . import landlock, seccomp
from .protocol import DEFAULT, Broken, Limits, Opaque, Raised, Result, Returned, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOT = (
    "import sys; package = type(sys)('sandboxed'); package.__path__ = sys.argv[1:2]; "
    "sys.modules['sandboxed'] = package; from sandboxed.child import main; main(int(sys.argv[2]))"
)
"""This folder as a package of its own: the imports of the real one's parents cost more than all the rest."""
_HINT = "correctness stays absent; --llm-sandbox=none runs generated code unprotected, at your own risk"
_HERE = Path(__file__).resolve().parent
_MOST_BROKEN = 3
"""Calls that may end the process before the rest is not tried any more."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_DATA = ("/usr/share/zoneinfo", "/dev/urandom", "/dev/null")
_DECODE: dict[str, Callable[..., object]] = {
    "NoneType": lambda _: None,
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "str": str,
    "bytes": bytes.fromhex,
    "list": lambda items: [_value(item) for item in items],
    "tuple": lambda items: tuple(_value(item) for item in items),
    "set": lambda items: {_value(item) for item in items},
    "frozenset": lambda items: frozenset(_value(item) for item in items),
    "dict": lambda pairs: {_value(key): _value(item) for key, item in pairs},
    "other": Opaque,
}


def choose(kind: str = "auto") -> Sandbox:
    """The sandbox to use: ``auto`` the best that works here, ``landlock``, or ``none``: no protection at all.

    Raises ``SandboxError`` that says what is missing: code is never run less guarded than asked for.
    """
    if kind == "none":
        return Unguarded()
    if kind not in ("auto", "landlock"):
        raise SandboxError(f"there is no sandbox {kind!r}", hint="known ones: auto, landlock, none")
    missing = _missing()
    if missing is not None:
        raise SandboxError(f"generated code is not run: {missing}", hint=_HINT)
    return Guarded()


def _missing() -> str | None:
    """What this machine lacks for ``Guarded``; None if nothing."""
    if sys.platform != "linux":
        return f"the sandbox needs Linux, this is {sys.platform}"
    if not seccomp.supported():
        return f"the system call filter does not know {os.uname().machine} processors"
    if landlock.version() == 0:
        return "this kernel has no Landlock (Linux 5.13 and later, not switched off)"
    return None


class Guarded:
    """Programs in children restricted by Landlock and seccomp."""

    name = "landlock"
    _guard = True

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        """See ``Sandbox.run``. A call that ends its process costs itself; the next ones get a new child."""
        results: list[Result] = []
        broken = 0
        while len(results) < len(calls):
            if broken == _MOST_BROKEN:
                results.append(Broken(f"was not tried after {_MOST_BROKEN} calls that ended the program"))
                continue
            more = _Child(self._guard, code, calls[len(results) :], limits).results()
            results += more
            broken += isinstance(more[-1], Broken)
        return tuple(results)


class Unguarded(Guarded):
    """Programs in children with limits on time and memory only: they can do to files what you can."""

    name = "none"
    _guard = False


class _Child:
    """One process, one program, some of its calls."""

    def __init__(self, guard: bool, code: str, calls: tuple[str, ...], limits: Limits) -> None:
        self._calls = calls
        self._limits = limits
        self._nonce = secrets.token_hex(16)
        self._folder = tempfile.mkdtemp(prefix="llmeval-sandbox-")
        self._buffer = bytearray()
        job = marshal.dumps(
            (
                self._nonce,
                os.getpid(),
                guard,
                self._folder,
                _readable(),
                (limits.cpu_s, limits.memory_bytes, limits.file_bytes),
                code.encode("utf-8", "replace").decode(),
                calls,
            )
        )
        self._reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-S", "-P", "-s", "-c", _BOOT, str(_HERE), str(writing)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._folder,
                env=_environment(self._folder),
                pass_fds=(writing,),
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._reading)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise SandboxError(f"no sandbox could be started: {error}") from error
        finally:
            os.close(writing)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(job)
            self._process.stdin.close()

    def results(self) -> list[Result]:
        """At least one result; the last is ``Broken`` when the process ended before all calls were told."""
        try:
            loaded = self._line(self._limits.load_s)
            if loaded is not None:
                return [_unloaded(loaded)] * len(self._calls)
            results: list[Result] = []
            for _ in self._calls:
                told = self._line(self._limits.call_s)
                results.append(told if told is not None else Broken("told that it loads twice"))
                if isinstance(results[-1], Broken):
                    break
            return results
        finally:
            self._end()

    def _line(self, wall_s: float) -> Result | None:
        """The next result; None for the line that says that the program is loaded."""
        deadline = time.monotonic() + wall_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._reading, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return Broken(f"took longer than {wall_s:g} s")
                data = os.read(self._reading, 1 << 16)
                if not data:
                    return self._obituary()
                self._buffer += data
                if len(self._buffer) > self._limits.reply_bytes:
                    return Broken("returned too much to compare")
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        nonce, _, told = line.partition(b" ")
        if not secrets.compare_digest(nonce, self._nonce.encode()):
            return Broken("wrote to the pipe that the results are told on")
        return _read(told)

    def _obituary(self) -> Broken:
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return Broken(f"needed more than {self._limits.cpu_s} s of CPU time")
        if status < 0:
            return Broken(f"died ({signal.Signals(-status).name})")
        return Broken("ended the program")

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._reading)
        shutil.rmtree(self._folder, ignore_errors=True)


def _read(told: bytes) -> Result | None:
    """One line's result. The line comes from a process that may lie: anything unexpected is ``Broken``."""
    try:
        kind, *content = json.loads(told)
        if kind == "loaded":
            return None
        if kind == "refused":
            raise SandboxError(f"the sandbox could not be set up: {content[0]}", hint=_HINT)
        if kind == "returned":
            return Returned(_value(content[0]))
        if kind == "raised":
            return Raised(tuple(map(str, content[0])), str(content[1]))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, MemoryError, AttributeError):
        pass
    return Broken("told a result that can't be read")


def _unloaded(why: Result) -> Broken:
    """The result of every call of a program that did not load."""
    if isinstance(why, Raised):
        return Broken(f"did not load: {': '.join([*why.names[:1], why.text])}", whole=True)
    return Broken(f"did not load: it {why.reason}" if isinstance(why, Broken) else "did not load", whole=True)


def _value(tagged: Any) -> object:
    kind, *content = tagged
    return _DECODE[kind](*content)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _readable() -> list[str]:
    """What a program may read: the standard library and the shared libraries behind it."""
    paths = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})
    return [paths["stdlib"], paths["platstdlib"], *_LIBRARIES, *_DATA]
