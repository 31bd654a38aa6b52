"""What a sandbox must be able to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pytest_llmeval.errors import SandboxError


class Limits(NamedTuple):
    """``load_s`` and ``call_s`` are wall seconds; ``cpu_s`` bounds the process.

    ``file_bytes`` bounds each file, ``folder_bytes`` and ``folder_files`` all that it leaves in its folder.
    """

    load_s: float = 5.0
    call_s: float = 2.0
    cpu_s: int = 10
    memory_bytes: int = 512 << 20
    file_bytes: int = 1 << 20
    folder_bytes: int = 16 << 20
    folder_files: int = 1_000
    reply_bytes: int = 1 << 18


DEFAULT = Limits()


class Returned(NamedTuple):
    """A call returned. ``value`` is plain data; what is not comes as ``Opaque``."""

    value: object


class Opaque(NamedTuple):
    """A value that is no plain data: its type and the start of its ``repr``."""

    type: str
    text: str


class Raised(NamedTuple):
    """A call raised. ``names``: the exception's class and its bases; ``text``: its first 200 characters."""

    names: tuple[str, ...]
    text: str


class Broken(NamedTuple):
    """A call came to no end of its own: too slow, too large, the process gone. ``reason`` is a predicate.

    ``whole``: it is said of the program, which did not even load. ``tried`` False: the call was not made.
    """

    reason: str
    whole: bool = False
    tried: bool = True


Result = Returned | Raised | Broken


class Sandbox(Protocol):
    """A way to run a program without trusting it."""

    name: str

    def __hash__(self) -> int:
        """By identity: what was found of a scenario's own code is kept for each sandbox."""
        ...

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        """Load ``code`` once, evaluate each expression in its namespace: one result per call, in order.

        What the program does is a result, never an exception. Raises ``SandboxError`` when no program can be
        run at all, and never runs one less restricted than promised.
        """
        ...


class Unusable:
    """Stands where there is no sandbox. ``run`` raises the error that tells what is missing."""

    name = "none that works"

    def __init__(self, error: SandboxError) -> None:
        self._error = error

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:  # noqa: ARG002
        """See ``Sandbox.run``."""
        raise self._error
