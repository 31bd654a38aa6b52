"""Baseline files: ``<folder>/<endpoint>.json``, read strictly, written canonically, whole or not at all.

Writers take turns by one lock in the system's folder for temporary files: no lock file lies among what is
reviewed, and none is left for every project that ever was.
"""

from __future__ import annotations

import gc
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_llmeval import whole, wire
from pytest_llmeval.errors import BaselineError
from pytest_llmeval.language import ngettext
from pytest_llmeval.model import Policy

from . import damage, entry, sessions
from .canonical import dumps, line_of
from .gate import judge_run
from .sessions import SCHEMA, Baseline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_llmeval.model import Run, Verdict

    from .sessions import CellFigures

KEEP = 20
"""Sessions of an epoch that are kept."""
_LOCK_TIMEOUT_S = 30.0
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DECODER = msgspec.json.Decoder(Baseline)


# -- reading -----------------------------------------------------------------------------------------------


def path_of(folder: Path, endpoint: str) -> Path:
    """Where an endpoint's baseline lies. Raises ``BaselineError`` for a name that is no plain file name."""
    if not _NAME.fullmatch(endpoint):
        raise BaselineError(
            f"no baseline can be kept for an endpoint called {endpoint!r}",
            where=str(folder),
            hint="name it with letters, digits, dots, dashes and underscores: --llm-endpoint=NAME=…",
        )
    return folder / f"{endpoint}.json"


def load(folder: Path, endpoint: str) -> Baseline | None:
    """The endpoint's baseline; None where it has none. Raises ``BaselineError`` for an unreadable file."""
    path = path_of(folder, endpoint)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BaselineError(f"can't be read: {error.strerror}", where=str(path)) from error
    baseline = read(data, path)
    if baseline.endpoint != endpoint:
        raise BaselineError(
            f"is the baseline of {baseline.endpoint!r}",
            where=f"{path}:{line_of(data, '$.endpoint')}",
            hint='a copied or renamed file must say its own name in "endpoint"',
        )
    return baseline


def load_all(folder: Path) -> dict[str, Baseline]:
    """Every baseline of the folder, by endpoint. Raises ``BaselineError`` for the first unreadable one."""
    found = {path.stem: load(folder, path.stem) for path in sorted(folder.glob("*.json"))}
    return {name: baseline for name, baseline in found.items() if baseline is not None}


def read(data: bytes, path: Path) -> Baseline:
    """A baseline from its bytes (a file's, or those that git has). ``path`` is for the ``BaselineError``."""
    try:
        with _no_collection():
            baseline = _DECODER.decode(data)
    except wire.UNREADABLE as error:
        raise damage.unreadable(data, path, error) from None
    if baseline.schema != SCHEMA:
        raise damage.foreign(baseline.schema, data, path)
    return baseline


@contextmanager
def _no_collection() -> Iterator[None]:
    """Half of the time goes into cycles that are looked for, in vain, while a million values are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


# -- changing ----------------------------------------------------------------------------------------------


def update(
    folder: Path,
    run: Run,
    policy: Policy | None = None,
    *,
    verdicts: tuple[Verdict, ...] | None = None,
    force: bool = False,
    keep: int = KEEP,
) -> list[str]:
    """Append ``run`` to the baseline of each of its endpoints; what happened, a sentence each.

    The run is judged by ``verdicts``, else by its own, else now; a red one, or one of which a cell's test
    failed, appends nothing. ``force`` lets a partial run in. Raises ``BaselineError`` for a file that can't
    be read.
    """
    with _turn(folder):
        known = {name: load(folder, name) for name in sessions.endpoints(run)}
        judged = verdicts or run.verdicts
        if not judged:
            judged = judge_run({name: one for name, one in known.items() if one}, run, policy).lines
        refusal = entry.refused_run(run, judged, force=force) or entry.refused_tests(run)
        if refusal:
            return [refusal]
        return [
            _append(folder, run, old, policy or Policy(), name=name, keep=keep) for name, old in known.items()
        ]


def _append(folder: Path, run: Run, old: Baseline | None, policy: Policy, *, name: str, keep: int) -> str:
    refusal = entry.refused_endpoint(run, name, old, policy)
    if refusal:
        return refusal
    new = entry.appended(old, run, name, keep)
    _write(path_of(folder, name), new)
    return entry.said(old, new, run, f"{folder.name}/{name}.json")


def accept(
    folder: Path, run: Run, endpoint: str, policy: Policy | None = None, *, force: bool = False
) -> str:
    """Start a new epoch with ``run``: the level moved on purpose. What happened, in a sentence.

    A red run may enter, that is what this is for, also one below a floor; one with failed requests, an
    interrupted, a void or a replayed one may not, and a partial one only by ``force``.
    """
    with _turn(folder):
        old = load(folder, endpoint)
        refusal = entry.refused_run(run, (), force=force) or entry.refused_endpoint(
            run, endpoint, old, policy or Policy(), new_epoch=True
        )
        if refusal:
            return refusal
        new = entry.accepted(old, run, endpoint)
        _write(path_of(folder, endpoint), new)
    past = len(old.sessions) if old else 0
    return ngettext(
        "{endpoint}: a new level starts with run {run}; {count} session before it is history now",
        "{endpoint}: a new level starts with run {run}; {count} sessions before it are history now",
        past,
        endpoint=endpoint,
        run=run.id,
    )


def prune(folder: Path, endpoint: str, run: Run) -> str:
    """Remove the cells that ``run`` saw vanished from the current epoch. What happened, in a sentence."""
    return _changed(folder, endpoint, lambda old: entry.pruned(old, sessions.vanished(old.cells, run)))


def rescore(
    folder: Path,
    endpoint: str,
    scored: Mapping[str, Mapping[str, CellFigures]],
    scoring: dict[str, str],
    why_not: Mapping[str, str],
) -> str:
    """Replace scores by those that ``scoring`` gives the kept answers: run id -> cell -> figures.

    Sessions whose run is not in ``scored`` keep theirs, and their old fingerprint with them; ``why_not`` has
    the reasons. What happened, in a sentence.
    """
    return _changed(folder, endpoint, lambda old: entry.rescored(old, scored, scoring, why_not))


def _changed(folder: Path, endpoint: str, change: Callable[[Baseline], tuple[Baseline, str]]) -> str:
    with _turn(folder):
        old = load(folder, endpoint)
        if old is None:
            raise BaselineError(
                f"{endpoint} has no baseline",
                where=str(path_of(folder, endpoint)),
                hint="llmeval baseline update makes one",
            )
        new, said = change(old)
        if new != old:
            _write(path_of(folder, endpoint), new)
        return said


# -- writing -----------------------------------------------------------------------------------------------


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the machine's one lock on baselines. Raises ``BaselineError`` after 30 s.

    A lock file can't be deleted without a race, and writing takes milliseconds: so all folders share one.
    """
    from filelock import FileLock, Timeout

    try:
        path = Path(tempfile.gettempdir()) / "llmeval-baselines.lock"
        lock = FileLock(path, timeout=_LOCK_TIMEOUT_S, mode=0o666)
        lock.acquire()
    except Timeout:
        raise BaselineError(
            f"other processes have been writing baselines for {_LOCK_TIMEOUT_S:.0f} s",
            where=str(folder),
            hint=f"end the one that holds {path}, then try again",
        ) from None
    except OSError as error:
        raise BaselineError(
            f"can't be written without a lock in the folder of temporary files: {error.strerror or error}",
            where=str(folder),
            hint="make room or permit writing there, or name another folder in TMPDIR",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, baseline: Baseline) -> None:
    """The whole file or none of it."""
    data = dumps(baseline)
    try:
        whole.write(path, data)
    except OSError as error:
        raise BaselineError(
            f"can't be written: {error.strerror}", where=str(path), hint="the old file, if any, is as it was"
        ) from error
