"""The parent's side of a sandboxed program: start the child, watch it, read its lines, end it."""

from __future__ import annotations

import contextlib
import marshal
import os
import secrets
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from pytest_llmeval import forks
from pytest_llmeval.errors import SandboxError
from pytest_llmeval.score import courtesy
from pytest_llmeval.score.patience import Patience
from pytest_llmeval.score.scratch import Scratch

from . import bubblewrap, replies, seccomp
from .protocol import DEFAULT, Broken, Limits, Result

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOT = (
    "import sys; package = type(sys)('sandboxed'); package.__path__ = sys.argv[1:2]; "
    "sys.modules['sandboxed'] = package; from sandboxed.child import main; main(int(sys.argv[2]))"
)
"""This folder as a package of its own: the imports of the real one's parents cost more than all the rest."""
_HERE = str(Path(__file__).resolve().parent)
_MOST_BROKEN = 3
"""Calls that may end the process before the rest is not tried any more."""
_START_S = 30.0
"""Wall seconds from the start of the interpreter to its guard: none of them is the program's."""
_ENDING_S = 2.0
"""Seconds from the end of its pipe to that of a process that ends by itself."""
_LOOK_S = 0.1
"""Seconds between two looks at how much a program has written: the kernel bounds files, not their number."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_DATA = ("/usr/share/zoneinfo", "/dev/urandom", "/dev/null")


class Way(NamedTuple):
    """How programs are kept. ``guards``: what the child does to itself before it reads its program.

    ``wrap``: the command to put before the interpreter, from the child's folder and the paths it may read.
    ``interpreter``, and ``parent``, the id of the child's parent as the child sees it, follow from that.
    """

    name: str
    guards: tuple[str, ...]
    wrap: Callable[[str, list[str]], list[str]] | None = None
    interpreter: Callable[[], str] = lambda: sys.executable
    parent: Callable[[], int] = os.getpid
    status: Callable[[int], int] = lambda status: status


LANDLOCK = Way("landlock", ("landlock", "seccomp"))
BUBBLEWRAP = Way(
    "bubblewrap",
    ("seccomp",),
    bubblewrap.command,
    bubblewrap.interpreter,
    lambda: bubblewrap.INIT,
    bubblewrap.signal_of,
)
UNGUARDED = Way("none", ())
"""Limits on time and memory only: such programs can do to files and the network what you can."""


class Launcher:
    """The sandbox whose children are kept in one way. ``gives_way``: see ``courtesy``."""

    def __init__(self, way: Way, *, gives_way: bool = False) -> None:
        self.way = way
        self.gives_way = gives_way
        self.name = way.name

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        """See ``Sandbox.run``. A call that ends its process costs itself; the next ones get a new child."""
        results: list[Result] = []
        broken = 0
        while len(results) < len(calls):
            if broken == _MOST_BROKEN:
                why = f"was not tried after {_MOST_BROKEN} calls that ended the program"
                results.append(Broken(why, tried=False))
                continue
            child = _Child(self.way, code, calls[len(results) :], limits)
            if self.gives_way:
                courtesy.give_way(child.pid)
            more = child.results()
            results += more
            broken += isinstance(more[-1], Broken)
        return tuple(results)


class _Child:
    """One process, one program, some of its calls."""

    def __init__(self, way: Way, code: str, calls: tuple[str, ...], limits: Limits) -> None:
        self._way = way
        self._calls = calls
        self._limits = limits
        self._nonce = secrets.token_hex(16)
        self._buffer = bytearray()
        self._looked_at = time.monotonic()
        with contextlib.ExitStack() as undo:
            try:
                self._scratch = Scratch("llmeval-sandbox-")
                undo.callback(self._scratch.remove)
                self._log: IO[bytes] = undo.enter_context(tempfile.TemporaryFile())
                with forks.held_back():
                    self._reading, self._process = self._started()
            except OSError as error:
                raise SandboxError(f"no sandbox could be started: {error.strerror or error}") from error
            undo.pop_all()
        self._send(code)

    def _started(self) -> tuple[int, subprocess.Popen[bytes]]:
        """The pipe on which it will tell its results, and itself."""
        folder = self._scratch.path
        wrapped = self._way.wrap(folder, [*_readable(), _HERE]) if self._way.wrap else []
        reading, writing = os.pipe()
        forks.keep(writing)
        try:
            return reading, subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [*wrapped, self._way.interpreter(), "-S", "-P", "-s", "-c", _BOOT, _HERE, str(writing)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                cwd=folder,
                env=_environment(folder),
                pass_fds=(writing,),
                start_new_session=True,
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            forks.forget(writing)
            os.close(writing)

    def _send(self, code: str) -> None:
        """What it is to do, as ``child.main`` reads it."""
        limits = self._limits
        job = marshal.dumps(
            (
                self._nonce,
                self._way.parent(),
                self._way.guards,
                self._scratch.path,
                _readable(),
                seccomp.program(os.uname().machine) if "seccomp" in self._way.guards else b"",
                (limits.cpu_s, limits.memory_bytes, limits.file_bytes),
                code.encode("utf-8", "replace").decode(),
                self._calls,
            )
        )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(job)
            self._process.stdin.close()

    @property
    def pid(self) -> int:
        """Of the process that leads its session."""
        return self._process.pid

    def results(self) -> list[Result]:
        """At least one result; the last is ``Broken`` when the process ended before all calls were told.

        Raises ``SandboxError`` where the child did not say that it is guarded: its program did not run.
        """
        try:
            first = self._line(_START_S)
            refusal = self._last_words(first) if isinstance(first, Broken) else replies.refusal(first)
            if refusal is not None:
                raise SandboxError(f"the sandbox ({self._way.name}) could not be set up: {refusal}")
            loaded = self._told(self._limits.load_s)
            if loaded is not None:
                return [replies.unloaded(loaded)] * len(self._calls)
            results: list[Result] = []
            for _ in self._calls:
                told_result = self._told(self._limits.call_s)
                results.append(Broken("told that it loads twice") if told_result is None else told_result)
                if isinstance(results[-1], Broken):
                    break
            return results
        finally:
            self._end()

    def _told(self, wall_s: float) -> Result | None:
        """The next result; None for the line that says that the program is loaded."""
        line = self._line(wall_s)
        return line if isinstance(line, Broken) else replies.result(line)

    def _line(self, wall_s: float) -> bytes | Broken:
        """The next line, without its nonce; or why there is none."""
        patience = Patience(wall_s)
        with selectors.DefaultSelector() as selector:
            selector.register(self._reading, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if patience.is_over:
                    return Broken(f"took longer than {wall_s:g} s")
                if self._has_outgrown():
                    return Broken("filled its folder")
                if not patience.look(selector, _LOOK_S):
                    continue
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
        return told

    def _has_outgrown(self) -> bool:
        """Whether it has filled its folder, as far as was looked."""
        now = time.monotonic()
        if now < self._looked_at + _LOOK_S:
            return False
        self._looked_at = now
        return self._scratch.outgrows(self._limits.folder_bytes, self._limits.folder_files)

    def _obituary(self) -> Broken:
        """How the process ended; a program may also have closed the pipe and go on."""
        try:
            status = self._way.status(self._process.wait(_ENDING_S))
        except subprocess.TimeoutExpired:
            return Broken("closed the pipe that the results are told on")
        if status == -signal.SIGXCPU:
            return Broken(f"needed more than {self._limits.cpu_s} s of CPU time")
        if status < 0:
            names = {one.value: one.name for one in signal.Signals}
            return Broken(f"died ({names.get(-status, f'signal {-status}')})")
        return Broken("ended the program")

    def _last_words(self, end: Broken) -> str:
        """Of a child that told nothing: what it wrote to stderr, else how it ended."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 500))
        said = " ".join(self._log.read().decode("utf-8", "replace").split())
        return said or f"its process {end.reason}"

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._forget()

    def _forget(self) -> None:
        os.close(self._reading)
        self._log.close()
        self._scratch.remove()


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _readable() -> list[str]:
    """What a program may read: the standard library and the shared libraries behind it."""
    paths = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})
    return [paths["stdlib"], paths["platstdlib"], *_LIBRARIES, *_DATA]
