"""Unit tests as an answer: they pass on the code that they are for, and notice when it is changed.

``correctness`` is 0 when a test fails on the code that the scenario gives, which is right; else ten times the
share of its mutants on which a test fails. The scenario's reference, a full set of tests, says which mutants
count: those that its assertions notice. What it does not notice may be no mistake at all, and what breaks
without any assertion says nothing of the tests. Among the mutants are copies of the given code written
differently: tests that fail on one look at the code instead of calling it, and are worth nothing.
"""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.score import contract, mutants, source
from pytest_llmeval.score.testing import disguise, trial, written

from .protocol import Marks

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.mutants import Mutant
    from pytest_llmeval.score.sandbox.protocol import Sandbox
    from pytest_llmeval.score.testing.written import Tests

    from .protocol import Answer, Means

_SHOWN_FAILURES = 5


class _Subjects(NamedTuple):
    """What the tests are run against: mutants to be noticed, copies of the given code that must not be."""

    mutants: tuple[Mutant, ...]
    copies: tuple[str, ...]


def fits(scenario: Scenario) -> bool:
    """Whether the scenario has what this needs: code to test, and tests that tell which mutants count."""
    return scenario.wants_tests


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """Run the answer's tests on the given code and on its mutants."""
    given, reference = scenario.given or "", scenario.reference or ""
    inside = written.reaches_inside(answer.code)
    if inside is not None:
        why = f"the tests reach for `{inside}`: they are to call the code, not to look into it"
        return Marks(0.0, reasons=(why,))
    tests = _read(answer.code, given)
    verdicts = trial.verdicts(means.sandbox, given, tests)
    if not verdicts:
        return Marks(0.0, reasons=("the answer holds no test: no function or method is called test_…",))
    failed = [one for one in verdicts if one.why is not None]
    parts: dict[str, float] = {"tests": len(verdicts), "tests_passed": len(verdicts) - len(failed)}
    if failed:
        told = [f"`{one.name}` fails on the given code, which is right: {one.why}" for one in failed]
        return Marks(0.0, parts, reasons=_few(told, "tests fail on the given code"))
    subjects = _subjects(means.sandbox, given, reference)
    seen, fooled = _tried(means.sandbox, subjects, tests)
    if fooled is not None:
        why = f"`{fooled}` fails on the given code written differently: the tests do not test what it does"
        return Marks(0.0, parts, reasons=(why,))
    every = len(subjects.mutants)
    survivors = [mutant for mutant in subjects.mutants if mutant not in seen]
    parts |= {"mutants": every, "mutants_noticed": len(seen)}
    return Marks(round(10 * len(seen) / every, 3), parts, reasons=_told(survivors, every))


def _read(code: str, given: str) -> Tests:
    """Tests without the copies of the given code that they hold. Raises ``ValueError``."""
    tree = source.parse(source.normalise(given)).tree
    return written.read(code, contract.definitions(tree) if tree is not None else ())


@functools.lru_cache(maxsize=64)
def _subjects(sandbox: Sandbox, given: str, reference: str) -> _Subjects:
    """The mutants that the reference notices by its assertions, and the copies on which it passes.

    Raises ``UnscorableError`` where there are none.
    """
    full, silent = _read(reference, given), _read(written.without_assertions(reference), given)
    found = mutants.of(given)
    copies = [given, disguise.of(given) or given]
    codes = [*copies, *(mutant.code for mutant in found)]
    noticed = trial.noticed(sandbox, codes, full)
    broken = trial.noticed(sandbox, codes, silent)
    if noticed[0] is not None:
        raise UnscorableError(f"the scenario's reference fails on its given code: {noticed[0]}")
    if broken[0] is not None:
        broken = [None] * len(codes)
    pairs = zip(noticed, broken, strict=True)
    counts = [why is not None and crash is None for why, crash in pairs][len(copies) :]
    worthy = tuple(mutant for mutant, counted in zip(found, counts, strict=True) if counted)
    if not worthy:
        raise UnscorableError("the scenario's reference notices no mutant of its given code")
    return _Subjects(worthy, tuple(code for code, why in zip(copies, noticed, strict=False) if why is None))


def _tried(sandbox: Sandbox, subjects: _Subjects, tests: Tests) -> tuple[set[Mutant], str | None]:
    """The mutants on which a test fails, and the test that fails on a copy of the given code.

    Tests and subjects share a process: the order is shuffled, so that no test can know what it is run on.
    """
    order: list[tuple[Mutant | None, str]] = [(mutant, mutant.code) for mutant in subjects.mutants]
    order += [(None, code) for code in subjects.copies]
    random.Random(tests.code).shuffle(order)
    order.append((None, subjects.copies[0]))
    outcomes = trial.noticed(sandbox, [code for _, code in order], tests)
    tried = list(zip(order, outcomes, strict=True))
    seen = {mutant for (mutant, _), why in tried if mutant is not None and why is not None}
    return seen, next((why for (mutant, _), why in tried if mutant is None and why is not None), None)


def _told(survivors: list[Mutant], every: int) -> tuple[str, ...]:
    if not survivors:
        return ()
    return (
        f"{len(survivors)} of {every} mutants survive the tests",
        *_few([f"{mutant} is not noticed" for mutant in survivors], "mutants are not noticed"),
    )


def _few(told: list[str], what: str) -> tuple[str, ...]:
    if len(told) <= _SHOWN_FAILURES:
        return tuple(told)
    return (*told[:_SHOWN_FAILURES], f"and {len(told) - _SHOWN_FAILURES} more {what}")
