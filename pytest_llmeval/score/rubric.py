"""One answer -> its scores: which scorer tells whether it is right, and what the scores come to together.

``correctness`` is the scorer's (``scorers``), ``quality`` that of Python code (``quality``), ``clarity`` the
mean of what was asked for in words (``clarity``, and what else the scorer says of it). ``total`` weighs them
by the scenario's rubric (else by ``rules.TOTAL``) and is absent where one that it weighs is.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.model import Scenario, Score

from . import clarity, continuation, extract, quality, rules
from .scorers import debugging, documentation, prose, python, refactoring, regex, review, sql, unittests
from .scorers.protocol import Answer, Marks, Means

if TYPE_CHECKING:
    from .sandbox.protocol import Sandbox
    from .scorers.protocol import Analyses, Scorer, Special

LONGEST_REASON = 400
"""Characters of a reason that are kept."""
_SCORERS: dict[str | None, Scorer] = {
    None: prose.score,
    "python": python.score,
    "regex": regex.score,
    "sql": sql.score,
}
"""By the language of the answer's code, None for prose."""
_SPECIAL: dict[str, Special] = {
    "debugging": debugging,
    "documentation": documentation,
    "refactoring": refactoring,
    "unit-test": unittests,
}
"""By category, for scenarios that have what these need."""


def scorer_of(scenario: Scenario) -> Scorer | None:
    """What tells right answers from wrong ones; None where nothing does."""
    if not scenario.is_checked:
        return None
    if scenario.review:
        return review.score
    special = _SPECIAL.get(scenario.category)
    if special is not None and special.fits(scenario):
        return special.score
    return _SCORERS.get(scenario.answer.code)


def weights(scenario: Scenario) -> dict[str, float]:
    """What ``total`` is made of: the scenario's rubric, else the default of what its answers are asked for.

    Code is asked for its quality, and for clarity only where words are wanted beside it.
    """
    if scenario.rubric:
        return scenario.rubric
    has_words = scenario.answer.code is None or scenario.is_documentation or bool(scenario.asks)
    left_out = {"quality"} if not scenario.has_quality else set()
    left_out |= set() if has_words else {"clarity"}
    return {name: share for name, share in rules.TOTAL.items() if name not in left_out}


def score(
    scenario: Scenario,
    language: str,
    text: str,
    analyser: Analyses,
    sandbox: Sandbox | None = None,
    *,
    cut_off: bool = False,
) -> tuple[Score, tuple[str, ...]]:
    """Score one answer; ``language`` is the prompt's. Returns the score and why it is not higher.

    A bad answer is a low score. Where a sandbox is wanted and there is none, nothing is executed, and
    ``Score.absent`` says why. Raises ``AnalyserError`` only when no answer could be analysed at all.
    """
    means = Means(analyser) if sandbox is None else Means(analyser, sandbox)
    found = extracted(scenario, text)
    if found is None:
        return _scored(scenario, Answer(text, cut_off=cut_off, language=language), means)
    broken: tuple[str, ...] = () if found.reason is None else (found.reason,)
    if found.code is not None and scenario.answer.code == "python":
        broken = quality.unmet(found.code, scenario.answer.requires)
    return _scored(scenario, Answer(text, found.code or "", cut_off, language), means, broken)


def extracted(scenario: Scenario, text: str) -> extract.Extraction | None:
    """The code of an answer that is scored; None where the scenario asks for prose."""
    wanted, requires = scenario.answer.code, scenario.answer.requires
    if wanted is None:
        return None
    found = extract.code(text, language=wanted, requires=requires)
    if wanted == "python" and scenario.category == "code-completion" and scenario.given is not None:
        found = continuation.completed(scenario.given, text, found, requires)
    return found


def _scored(
    scenario: Scenario, answer: Answer, means: Means, broken: tuple[str, ...] = ()
) -> tuple[Score, tuple[str, ...]]:
    """``broken``: why there is nothing to execute or to analyse."""
    marks, absent = _marks(scenario, answer, means, broken)
    judged = None
    if scenario.has_quality:
        judged = quality.Quality(0.0, {}, ())
        if not broken:
            judged = quality.of(answer.code, scenario.answer.requires, means.analyser, scenario.reference)
    said = clarity.of(scenario, answer)
    clear = {**said.parts, **marks.clear}
    scores = {
        "correctness": marks.correctness,
        "quality": None if judged is None else judged.score,
        "clarity": round(fmean(clear.values()), 3) if clear else None,
    }
    parts = {**marks.parts, **(judged.parts if judged else {}), **clear}
    why = (*broken, *marks.reasons, *(judged.reasons if judged else ()), *said.reasons)
    reasons = tuple(map(_bounded, why))
    return Score(**scores, total=_total(scores, weights(scenario)), parts=parts, absent=absent), reasons


def _bounded(reason: str) -> str:
    """A reason may quote a name or a message of the answer's, and those are of any length."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def _marks(
    scenario: Scenario, answer: Answer, means: Means, broken: tuple[str, ...]
) -> tuple[Marks, dict[str, str]]:
    """What the scorer says, and why it could not say anything."""
    scorer = scorer_of(scenario)
    if scorer is None:
        return Marks(), {}
    if broken:
        return Marks(0.0), {}
    try:
        return scorer(scenario, answer, means), {}
    except UnscorableError as error:
        told = f"correctness is not computed: {error.what}"
        return Marks(reasons=(told,)), {"correctness": error.what}


def _total(scores: dict[str, float | None], shares: dict[str, float]) -> float | None:
    """Ten at most; absent when one of its parts is."""
    weighted = [share * value for name, share in shares.items() if (value := scores[name]) is not None]
    return round(sum(weighted) / sum(shares.values()), 3) if len(weighted) == len(shares) else None
