"""Every error this package raises on purpose.

::

    LLMEvalError                 what, where and what to do, in one readable text
    ├── UsageError               the user's input: exit code 4, never a traceback
    │   ├── SettingsError        an option, an environment variable, llmeval.toml
    │   ├── ScenarioError        a *.eval.yaml file, with its line
    │   ├── ResumeError          a run that can't be resumed, or is not the same any more
    │   └── OracleError          strategies that can't be drawn from, right answers that disagree
    ├── BaselineError            a baseline that can't be read; it is never overwritten
    ├── RunFileError             a run file that can't be read
    ├── EndpointError            an endpoint that can't be reached or described at all
    │   └── ServerError          a server that we were to start did not come up
    │       └── MissingExtra     an optional dependency is not installed
    ├── NotMeasurableError       a cell that this endpoint can't be asked: skipped, with the sentence
    ├── ModelFetchError          weights that can't be fetched or fail their hash
    ├── TelemetryError           a source of telemetry that can't tell anything, now or later
    ├── CeilingError             the next request could pass a ceiling of the run: what it may cost
    │   └── OutOfTimeError       … or how long it may take
    ├── AnalyserError            the analyser's process can't be started at all
    └── UnscorableError          nothing tells whether answers of a scenario are right, such as its reference
        └── SandboxError         generated code can't be run as restricted as promised: it is not run

A request that fails is not an exception: it is a ``model.Failure`` inside a ``model.Response``, because
errors are samples.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


NOT_OURS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}
)
"""Errors of the system that tell of the machine, not of a mistake in this program: no traceback helps."""


def lack_of(error: BaseException) -> str | None:
    """What the machine lacks, such as room on a disk or an analyser, in words; None for what is ours."""
    if isinstance(error, LLMEvalError):
        return str(error)
    if isinstance(error, OSError) and error.errno in NOT_OURS:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


class LLMEvalError(Exception):
    """Base of all. ``str()`` is the whole message: what happened, where, what to do next."""

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  -> {self.hint}" if self.hint else text


class UsageError(LLMEvalError):
    """The user's own input is wrong."""


class SettingsError(UsageError):
    """An option, an environment variable or a key of the project file; ``where`` names which."""


class ScenarioError(UsageError):
    """A scenario file. ``path`` and ``line`` (1-based; None where the whole file is meant)."""

    def __init__(self, what: str, *, path: Path, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(what, where=f"{path}:{line}" if line else str(path), hint=hint)
        self.path = path
        self.line = line


class ResumeError(UsageError):
    """A run that can't be resumed: no journal, a damaged one, or something changed since."""


class OracleError(UsageError):
    """Files of an oracle that no vectors can be made of; ``where`` is the file."""


class BaselineError(LLMEvalError):
    """A baseline file that is corrupt, newer than this version, or in conflict."""


class RunFileError(LLMEvalError):
    """A run file that is missing, corrupt or newer than this version."""


class EndpointError(LLMEvalError):
    """An endpoint that can't be reached, or offers no (or too many) models to choose from."""


class ServerError(EndpointError):
    """A server of ours that died or was not ready in time; ``hint`` ends with the tail of its log."""


class MissingExtra(ServerError):
    """An optional dependency is missing; ``hint`` is the command that installs it."""


class NotMeasurableError(LLMEvalError):
    """A cell that has no meaning for its endpoint, such as the cold start of a server that is not ours."""


class ModelFetchError(LLMEvalError):
    """No source had the weights, or what came does not match the pinned sha256."""


class TelemetryError(LLMEvalError):
    """A source of telemetry that can't tell anything, now or later. ``what`` is the one line to show."""


class CeilingError(LLMEvalError):
    """Sending the next request could have passed the cost ceiling of the run."""


class OutOfTimeError(CeilingError):
    """The time that the run may take was over before the next request."""


class AnalyserError(LLMEvalError):
    """The analyser's worker process could not be started."""


class UnscorableError(LLMEvalError):
    """Nothing tells whether answers are right. ``what`` is the reason why a score is absent."""


class SandboxError(UnscorableError):
    """No sandbox works here, or the one asked for does not; nothing was run."""
