"""Runs one command and ends its whole process group when the process that asked for it is gone.

A script of its own with nothing but the standard library, started by ``measure.server`` as
``python -I deathwatch.py SIGNAL GRACE_S COMMAND...`` in a session of its own, out of the terminal's reach:

- stdin is the lifeline, a pipe whose other end only the parent holds. Its end means stop, whether the parent
  closed it, crashed or was killed. (The parent's pid is watched too: a fork may hold the pipe open.)
- stdout gets one line, the command's pid.
- stderr is the log, and the command's stdout and stderr.

Stopping sends SIGNAL to the command's group, and SIGKILL after GRACE_S seconds. The exit status is the
command's own, 128 + n when signal n ended it, 127 when it can't be run.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PARENT_CHECK_S = 1.0


def main(arguments: list[str]) -> int:
    """Run the command to its end or to the parent's."""
    stop_signal, grace_s, command = signal.Signals[arguments[0]], float(arguments[1]), arguments[2:]
    parent = os.getppid()
    told = _Told()
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            stderr=2,
            process_group=0,
            preexec_fn=_die_together(),  # noqa: PLW1509 - there are no threads here
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror or error}", file=sys.stderr)  # noqa: T201 - the log
        return 127
    os.write(1, b"%d\n" % process.pid)
    try:
        while process.poll() is None and not told.to_stop and os.getppid() == parent:
            told.wait(_PARENT_CHECK_S)
        if process.returncode is None:
            _stop(process, stop_signal, grace_s, told)
    finally:
        _signal_group(process, signal.SIGKILL)  # workers that outlived the command
    status: int = process.returncode
    return status if status >= 0 else 128 - status


class _Told:
    """Wakes up when the command ends, when the lifeline does, and when a signal asks to stop."""

    def __init__(self) -> None:
        self.to_stop = False
        self._wake, alarm = os.pipe()
        os.set_blocking(alarm, False)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.to_stop = True

    def wait(self, timeout_s: float) -> None:
        watched = [self._wake] if self.to_stop else [self._wake, 0]
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if self._wake in ready:
            os.read(self._wake, 512)
        if 0 in ready and not os.read(0, 512):
            self.to_stop = True


def _stop(process: subprocess.Popen[bytes], stop_signal: int, grace_s: float, told: _Told) -> None:
    told.to_stop = True
    _signal_group(process, stop_signal)
    deadline = time.monotonic() + grace_s
    while process.poll() is None and (left := deadline - time.monotonic()) > 0:
        told.wait(min(left, _PARENT_CHECK_S))
    if process.returncode is None:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # all gone; macOS says EPERM for a group of zombies
        return


def _die_together() -> Callable[[], object] | None:
    """What the child calls before it becomes the command: on Linux the kernel then kills it with us."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
