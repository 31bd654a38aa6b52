"""Fixtures that come with pytest: ``capsys``, ``monkeypatch``, ``tmp_path``.

Its text is part of the sandboxed program. What takes time to import is imported where it is asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NOTHING: Any = object()


def _fixture(function: Any) -> Any:
    """Mark a function as ``stand_in.fixture`` does."""
    function.fixture_name, function.autouse, function.params = function.__name__, False, None
    return function


class _Output(tuple[str, str]):
    """What ``readouterr`` returns."""

    __slots__ = ()
    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


class _Capture:
    def __init__(self) -> None:
        import io
        import sys

        self._sys, self._io = sys, io
        self._kept = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()

    def readouterr(self) -> _Output:
        """What was written since the last time."""
        streams: Any = (self._sys.stdout, self._sys.stderr)
        told = _Output(stream.getvalue() for stream in streams)
        self._sys.stdout, self._sys.stderr = self._io.StringIO(), self._io.StringIO()
        return told

    def end(self) -> None:
        """Give the streams back."""
        self._sys.stdout, self._sys.stderr = self._kept


@_fixture
def capsys() -> Any:
    """What the test prints."""
    capture = _Capture()
    yield capture
    capture.end()


class _Patches:
    """Changes, until the test ends. ``raising``: what is changed or taken away has to be there."""

    def __init__(self) -> None:
        self.undo: list[Callable[[], object]] = []

    def setattr(self, target: Any, name: Any, value: Any = _NOTHING, raising: bool = True) -> None:
        """Set an attribute: of an object, or, as two arguments, one by its dotted name."""
        if value is _NOTHING:
            (target, name), value = _resolved(target), name
        self._keep(target, name, raising=raising)
        setattr(target, name, value)

    def delattr(self, target: Any, name: Any = _NOTHING, raising: bool = True) -> None:
        """Take an attribute away."""
        target, name = _resolved(target) if name is _NOTHING else (target, name)
        if raising or hasattr(target, name):
            self._keep(target, name, raising=raising)
            delattr(target, name)

    def setitem(self, target: Any, key: Any, value: object) -> None:
        """Set an item."""
        self._keep_items(target)
        target[key] = value

    def delitem(self, target: Any, key: Any, raising: bool = True) -> None:
        """Take an item away."""
        self._keep_items(target)
        if raising or key in target:
            del target[key]

    def setenv(self, name: str, value: str) -> None:
        """Set a variable of the environment."""
        import os

        self.setitem(os.environ, name, str(value))

    def delenv(self, name: str, raising: bool = True) -> None:
        """Take a variable of the environment away."""
        import os

        self.delitem(os.environ, name, raising)

    def chdir(self, path: Any) -> None:
        """Change the working folder."""
        import os

        here = os.getcwd()  # noqa: PTH109 - pathlib costs 5 ms
        self.undo.append(lambda: os.chdir(here))
        os.chdir(path)

    def _keep(self, target: Any, name: str, *, raising: bool) -> None:
        kept = getattr(target, name) if raising else getattr(target, name, _NOTHING)
        if isinstance(target, type):  # as it stands there: a static method, or nothing where it is inherited
            kept = vars(target).get(name, _NOTHING)
        self.undo.append(
            lambda: setattr(target, name, kept) if kept is not _NOTHING else delattr(target, name)
        )

    def _keep_items(self, target: Any) -> None:
        kept = dict(target)
        self.undo.append(lambda: (target.clear(), target.update(kept)))


def _resolved(path: str) -> tuple[Any, str]:
    """The owner of a dotted name, a module or what is in one, and the last of its names."""
    import importlib

    owner, _, name = path.rpartition(".")
    try:
        return importlib.import_module(owner), name
    except ImportError:
        if "." not in owner:
            raise
    above, last = _resolved(owner)
    return getattr(above, last), name


@_fixture
def monkeypatch() -> Any:
    """Changes that end with the test."""
    patches = _Patches()
    yield patches
    for undo in reversed(patches.undo):
        undo()


@_fixture
def tmp_path() -> Any:
    """A new folder in that of the program."""
    import pathlib
    import tempfile

    return pathlib.Path(tempfile.mkdtemp(dir="."))
