"""The warm worker from outside: started at the first snippet, watched, replaced when it dies or grows old."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import distribution
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import msgspec

from pytest_llmeval import forks
from pytest_llmeval.errors import AnalyserError

from . import courtesy, rules, source
from .analysis import Analysis
from .patience import Patience
from .scratch import Scratch
from .worker import FOLDER_PREFIX, HEADER_BYTES

if TYPE_CHECKING:
    from pytest_llmeval.model import Analysers

_BOOT = (
    "import sys; parent, cpu_s, *paths = sys.argv[1:]; sys.path += paths; "
    "from pytest_llmeval.score.worker import main; main(int(parent), int(cpu_s))"
)
_PACKAGES = ("pylint", "astroid", "radon", "msgspec")
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # what some interpreters need to start
_CLOSING_S = 1.0


class Analyser:
    """radon and pylint in a process of their own. A context manager; safe to use from several threads.

    ``cpu_s`` bounds one snippet from inside, ``wall_s`` from outside; ``start_s`` the start of the process.
    ``lifetime``: snippets per process, each of which leaves 65 KB behind. ``gives_way``: see ``courtesy``.
    """

    def __init__(
        self,
        *,
        cpu_s: int = 10,
        wall_s: float = 20.0,
        start_s: float = 60.0,
        lifetime: int = 500,
        gives_way: bool = False,
    ) -> None:
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.start_s = start_s
        self.lifetime = lifetime
        self.gives_way = gives_way
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def versions() -> Analysers:
        """Who analyses, by what rules. Starts and imports nothing."""
        return rules.analysers()

    def analyse(self, code: str) -> Analysis:
        """The figures of one snippet. A snippet that breaks the worker gets a failure with its reason.

        Raises ``AnalyserError`` only when no worker can be started at all.
        """
        with self._lock:
            reason = source.too_much(source.normalise(code))
            if reason is not None:
                return Analysis(failure=reason)
            worker = self._started()
            reply, reason = worker.ask(code.encode("utf-8", "surrogatepass"), self.wall_s)
            analysis = (
                Analysis(failure=reason) if reply is None else msgspec.json.decode(reply, type=Analysis)
            )
            self._served += 1
            if analysis.failure is not None or self._served >= self.lifetime:
                self._stop()  # a worker that met its limits is not trusted with another snippet
            return analysis

    def close(self) -> None:
        """End the worker. Safe to call twice; a later ``analyse`` starts a new one."""
        with self._lock:
            self._stop()

    def _started(self) -> _Worker:
        if self._worker is not None and not self._worker.alive:
            self._stop()  # killed, or its folder swept away, while it idled: no snippet's fault
        if self._worker is None:
            self._worker = _Worker(self.cpu_s, self.start_s, gives_way=self.gives_way)
            self._served = 0
        return self._worker

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()


class _Worker:
    """One process with its folder and its log."""

    def __init__(self, cpu_s: int, start_s: float, *, gives_way: bool) -> None:
        self._cpu_s = cpu_s
        with contextlib.ExitStack() as undo:
            try:
                self._scratch = Scratch(FOLDER_PREFIX)
                undo.callback(self._scratch.remove)
                self._log: IO[bytes] = undo.enter_context(tempfile.TemporaryFile())
                with forks.held_back():
                    self._process = self._started()
            except OSError as error:
                raise AnalyserError(
                    f"the analyser can't be started: {error.strerror or error}",
                    hint="it needs a folder of temporary files with room (TMPDIR) and open files (ulimit -n)",
                ) from error
            undo.pop_all()
        if gives_way:
            courtesy.give_way(self._process.pid)
        hello, reason = self._receive(start_s)
        if hello != b"":
            told = hello.decode("utf-8", "replace") if hello else f"{reason}\n{self._tail()}"
            self.stop()
            raise AnalyserError(
                f"the analyser did not start: {told.strip()}",
                hint="check that radon and pylint are installed in this environment: pip check",
            )

    def _started(self) -> subprocess.Popen[bytes]:
        # -S -P: the interpreter brings the standard library alone, and nothing of the working folder
        return subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-S", "-P", "-c", _BOOT, str(os.getpid()), str(self._cpu_s), *_search_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=self._scratch.path,
            env=_environment(self._scratch.path),
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs and has its folder."""
        return self._process.poll() is None and Path(self._scratch.path).is_dir()

    def ask(self, payload: bytes, wall_s: float) -> tuple[bytes | None, str | None]:
        """The reply, or why there is none."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(len(payload).to_bytes(HEADER_BYTES, "big") + payload)
            self._process.stdin.flush()
        except OSError:
            return None, self._obituary()
        return self._receive(wall_s)

    def stop(self) -> None:
        """End the process group, whatever it is doing, and remove what it had."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # the reader is gone and the buffer was not empty
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSING_S)
        _kill(self._process)
        self._log.close()
        self._scratch.remove()

    def _receive(self, wall_s: float) -> tuple[bytes | None, str | None]:
        assert self._process.stdout is not None
        received = bytearray()
        patience = Patience(wall_s)
        wanted = HEADER_BYTES
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while len(received) < wanted:
                if not patience.wait(selector):
                    _kill(self._process)
                    return None, "the analysers took too long for this code and were stopped"
                data = os.read(self._process.stdout.fileno(), 1 << 16)
                if not data:
                    return None, self._obituary()
                received += data
                if len(received) >= HEADER_BYTES:
                    wanted = HEADER_BYTES + int.from_bytes(received[:HEADER_BYTES], "big")
        return bytes(received[HEADER_BYTES:]), None

    def _obituary(self) -> str:
        _kill(self._process)
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            return f"the analysers needed more than {self._cpu_s} s of CPU time for this code"
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"the analysers died of this code ({how})"

    def _tail(self) -> str:
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 2_000))
        return self._log.read().decode("utf-8", "replace")


def _search_path() -> list[str]:
    """Where the worker finds this package and the analysers: their own folders before the project's."""
    own = Path(__file__).resolve().parents[2]
    homes = [Path(str(distribution(name).locate_file(""))) for name in _PACKAGES]
    every = (own, *homes, *map(Path, sys.path))
    return list(dict.fromkeys(str(path) for path in every if path.is_absolute()))


def _environment(folder: str) -> dict[str, str]:
    """No configuration from outside, the same hash seed always, caches and crash reports in the folder."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "HOME": folder,
        "PYLINTHOME": folder,
        "TMPDIR": folder,
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a zombie's group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
