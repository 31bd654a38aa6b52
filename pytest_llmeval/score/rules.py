"""The rules of static scoring, and who applies them: whatever changes here makes old scores incomparable."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib.metadata import version

from pytest_llmeval.model import Analysers

from . import source

REVISION = 3
"""Raise it when code changes what a score means and no constant below does."""

OFF = ("import-error", "no-name-in-module", "duplicate-code", "cyclic-import", "I")
"""Messages that measure the machine, or need more than one file, or are no findings."""

PYLINT_OPTIONS = (
    "--rcfile=/dev/null",
    "--persistent=n",
    "--jobs=1",
    "--reports=n",
    "--score=n",
    f"--disable={','.join(OFF)}",
)
"""The options of every analysis. The rcfile named here keeps pylint from looking for others."""

UNSCORED = frozenset(
    {
        "missing-module-docstring",
        "missing-class-docstring",
        "missing-function-docstring",
        "line-too-long",
        "trailing-whitespace",
        "missing-final-newline",
        "trailing-newlines",
        "invalid-name",
        "non-ascii-name",
    }
)
"""Reported, not scored: 73 % of all messages on stored answers of real models, without any information."""

PENALTIES = {"fatal": 3.0, "error": 3.0, "warning": 1.0, "refactor": 0.5, "convention": 0.2}
WEIGHTS = {"pylint": 6.0, "complexity": 3.0, "maintainability": 1.0}
"""Shares of ``quality``. Maintainability follows the code's length more than its worth: a small share."""

TOTAL = {"correctness": 6.0, "quality": 3.0, "clarity": 1.0}
"""Shares of ``total``."""

STEEPNESS = 3.0
SMALLEST = 10
LARGEST_ROUTINE = 25
"""Statements that one definition can add to the size that penalties are spread over."""
SIMPLE = 5
"""Cyclomatic complexity that costs nothing where no reference tells; three times as much costs half."""
SIMPLEST = 3
"""What costs nothing, however simple the reference is."""
MAINTAINABLE = 12.0
"""Points of radon's index in which the missing part of the score falls by e."""


@functools.cache
def analysers() -> Analysers:
    """Versions and the hash of the rules; reads the packages' metadata, imports none of them."""
    limits = (source.MAX_BYTES, source.MAX_LINES, source.MAX_NODES, source.MAX_DEPTH)
    mapping = (STEEPNESS, SMALLEST, LARGEST_ROUTINE, SIMPLE, SIMPLEST, MAINTAINABLE)
    rules = (REVISION, PYLINT_OPTIONS, sorted(UNSCORED), PENALTIES, WEIGHTS, TOTAL)
    return Analysers(
        pylint=version("pylint"),
        astroid=version("astroid"),
        radon=version("radon"),
        python=".".join(platform.python_version_tuple()[:2]),
        rules=hashlib.sha256(repr((rules, limits, mapping)).encode()).hexdigest()[:12],
    )
