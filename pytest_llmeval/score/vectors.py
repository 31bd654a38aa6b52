"""Freeze an oracle: draw calls from its strategies, ask every right solution, keep what they agree on.

The calls are drawn once and kept in the repository, because inputs made from type hints alone call a third of
correct programs wrong, and inputs drawn anew in each run would make scores jump.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmeval import oracle
from pytest_llmeval.errors import OracleError
from pytest_llmeval.model import Check

from . import draws
from .sandbox.protocol import Raised, Returned
from .scorers import python

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_llmeval.oracle import Vector, Vectors

    from .sandbox.protocol import Result, Sandbox

COUNT = 36
"""Vectors of an oracle, more or less: enough to tell subtly wrong code, few enough to read."""
MOST_TEXT = 600
DRAWING_S = 300
_MISNAMED = ("NameError", "SyntaxError")


class Frozen(NamedTuple):
    """The vectors of an oracle, and how many drawn calls were dropped for which reason."""

    vectors: Vectors
    dropped: dict[str, int]


def drawn(folders: Sequence[Path]) -> list[list[list[str]] | str]:
    """For each oracle its calls, in a group for each strategy of ``CALLS``; a text says why there are none.

    Raises ``OracleError`` where hypothesis is missing or drawing takes too long.
    """
    try:
        metadata.version("hypothesis")
    except metadata.PackageNotFoundError:
        raise OracleError(
            "vectors are drawn by hypothesis, which is not installed",
            hint="pip install 'pytest-llmeval-suite[suite]'",
        ) from None
    paths = [str(folder / oracle.STRATEGIES) for folder in folders]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            child = subprocess.run(  # noqa: S603 - this Python, our file
                [sys.executable, "-P", draws.__file__],
                input=json.dumps(paths),
                env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": scratch, "PYTHONHASHSEED": "0"},
                capture_output=True,
                text=True,
                timeout=DRAWING_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OracleError(f"drawing calls from {', '.join(paths)} took over {DRAWING_S} s") from None
    if child.returncode != 0:
        said = child.stderr.strip().splitlines() or ["nothing"]
        raise OracleError(f"drawing calls from {', '.join(paths)} ended with: {said[-1]}")
    return [one.get("groups") or one.get("error", "it draws nothing") for one in json.loads(child.stdout)]


def freeze(
    folder: Path, groups: Sequence[Sequence[str]] | str, sandbox: Sandbox, count: int = COUNT
) -> Frozen:
    """The vectors of one oracle, from what was ``drawn`` for it, at most ``count``.

    Raises ``OracleError`` where nothing was drawn, and where solutions disagree or do not run.
    """
    strategies = str(folder / oracle.STRATEGIES)
    if isinstance(groups, str):
        raise OracleError(groups, where=strategies)
    if not oracle.solutions(folder):
        raise OracleError(f"there is no {oracle.REFERENCE} beside it", where=strategies)
    solutions = {path.name: path.read_text(encoding="utf-8") for path in oracle.solutions(folder)}
    dropped: dict[str, int] = defaultdict(int)
    chosen: dict[str, Vector] = {}
    for calls in groups:
        found = []
        for vector in _agreed(folder, solutions, calls, sandbox):
            if isinstance(vector, str):
                dropped[vector] += 1
            else:
                found.append(vector)
        chosen |= {vector.call: vector for vector in spread(found, max(1, count // len(groups)))}
    if not chosen:
        raise OracleError(f"no drawn call is left: {_told(dropped)}", where=strategies)
    versions = {"python": platform.python_version(), "hypothesis": metadata.version("hypothesis")}
    vectors = oracle.Vectors(
        made_by=versions,
        sources=oracle.sources(folder),
        vectors=tuple(sorted(chosen.values(), key=_size)),
    )
    return Frozen(vectors, dict(dropped))


def spread(vectors: Iterable[Vector], count: int) -> list[Vector]:
    """At most ``count``: the smallest sixth, and the rest evenly from small to large.

    No result makes up more than half, lest an answer that always says so score by it.
    """
    by_result: dict[tuple[str | None, str | None], list[Vector]] = defaultdict(list)
    for vector in sorted(vectors, key=_size):
        by_result[vector.returns, vector.raises].append(vector)
    most = max(1, count // 2) if len(by_result) > 1 else count
    kept = sorted((one for same in by_result.values() for one in _evenly(same, most)), key=_size)
    small = count // 6
    return kept[:small] + _evenly(kept[small:], count - small)


def _agreed(
    folder: Path, solutions: dict[str, str], calls: Sequence[str], sandbox: Sandbox
) -> list[Vector | str]:
    """Each call as a vector that every solution agrees on, or why it can't be one."""
    first, code = next(iter(solutions.items()))
    results = sandbox.run(code, tuple(calls))
    vectors = [_vector(folder / first, call, result) for call, result in zip(calls, results, strict=True)]
    checks = [oracle.check(vector) for vector in vectors if not isinstance(vector, str)]
    for name, other in solutions.items():  # the first once more: it may depend on the order of a set
        wrong = [failure for failure in python.run(other, checks, sandbox) if failure is not None]
        if wrong:
            what = f"{len(wrong)} of {len(checks)} drawn calls are answered otherwise than by {first}"
            raise OracleError(
                f"{what}: {wrong[0]}",
                where=str(folder / name),
                hint="mend the wrong one, or draw no calls whose right answer the prompt leaves open",
            )
    return vectors


def _vector(path: Path, call: str, result: Result) -> Vector | str:
    """What a call came to; a reason where that can't be compared."""
    if isinstance(result, Raised):
        if result.names[0] in _MISNAMED:
            raise OracleError(f"`{call}` raised {result.names[0]}: {result.text}", where=str(path))
        return oracle.Vector(call, raises=result.names[0])
    if not isinstance(result, Returned):
        failed = python.failure(Check(call=call), result)
        raise OracleError(f"{failed}", where=str(path))
    try:
        text = repr(_plain(result.value))
        ast.literal_eval(text)
    except (TypeError, ValueError):
        return "returned what is no plain data"
    return oracle.Vector(call, returns=text) if len(text) <= MOST_TEXT else "returned too much to read"


def _plain(value: object) -> Any:
    """The value with lists for tuples and sets. Raises ``TypeError`` for what is no plain data."""
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=repr)
    if isinstance(value, list) or type(value) is tuple:
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    raise TypeError


def _evenly(vectors: Sequence[Vector], count: int) -> list[Vector]:
    """So many of them, the first and the last included."""
    if len(vectors) <= count or count < 2:
        return list(vectors[:count])
    return [vectors[round(at * (len(vectors) - 1) / (count - 1))] for at in range(count)]


def _size(vector: Vector) -> tuple[int, str]:
    return len(vector.call), vector.call


def _told(dropped: dict[str, int]) -> str:
    return ", ".join(f"{number} {why}" for why, number in dropped.items()) or "nothing was drawn"
