"""One answer -> its scores: which scorer tells whether it is right, and what the scores come to together.

``correctness`` is the scorer's (``scorers``), ``quality`` that of Python code (``quality``), ``clarity`` the
mean of what was asked for in words: the language kept, and what else the scorer says of it. ``total`` weighs
the three (``rules.TOTAL``) and is absent where one of them is.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.model import Scenario, Score

from . import extract, quality, rules
from .scorers import debugging, prose, python, refactoring, regex, sql, unittests
from .scorers import language as languages
from .scorers.protocol import Answer, Marks, Means

if TYPE_CHECKING:
    from .sandbox.protocol import Sandbox
    from .scorers.protocol import Analyses, Scorer, Special

_SCORERS: dict[str | None, Scorer] = {
    None: prose.score,
    "python": python.score,
    "regex": regex.score,
    "sql": sql.score,
}
"""By the language of the answer's code, None for prose."""
_SPECIAL: dict[str, Special] = {"debugging": debugging, "refactoring": refactoring, "unit-test": unittests}
"""By category, for scenarios that have what these need."""


def scorer_of(scenario: Scenario) -> Scorer | None:
    """What tells right answers from wrong ones; None where nothing does."""
    if not scenario.is_checked:
        return None
    special = _SPECIAL.get(scenario.category)
    if special is not None and special.fits(scenario):
        return special.score
    return _SCORERS.get(scenario.answer.code)


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
    wanted = scenario.answer.code
    if wanted is None:
        return _scored(scenario, language, Answer(text, cut_off=cut_off), means)
    requires = scenario.answer.requires
    found = extract.code(text, language=wanted, requires=requires)
    broken: tuple[str, ...] = () if found.reason is None else (found.reason,)
    if found.code is not None and wanted == "python":
        broken = quality.unmet(found.code, requires)
    return _scored(scenario, language, Answer(text, found.code or "", cut_off), means, broken)


def _scored(
    scenario: Scenario, language: str, answer: Answer, means: Means, broken: tuple[str, ...] = ()
) -> tuple[Score, tuple[str, ...]]:
    """``broken``: why there is nothing to execute or to analyse."""
    marks, absent = _marks(scenario, answer, means, broken)
    judged = None
    if scenario.answer.code == "python":
        judged = quality.Quality(0.0, {}, ())
        if not broken:
            judged = quality.of(answer.code, scenario.answer.requires, means.analyser, scenario.reference)
    clear, unclear = _clear(answer.text, language)
    clear |= marks.clear
    scores = {
        "correctness": marks.correctness,
        "quality": None if judged is None else judged.score,
        "clarity": round(fmean(clear.values()), 3) if clear else None,
    }
    parts = {**marks.parts, **(judged.parts if judged else {}), **clear}
    reasons = (*broken, *marks.reasons, *(judged.reasons if judged else ()), *unclear)
    return Score(**scores, total=_total(scores), parts=parts, absent=absent), reasons


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


def _clear(text: str, language: str) -> tuple[dict[str, float], tuple[str, ...]]:
    """Whether the language was kept, where the prose is enough to tell."""
    kept, reason = languages.kept(extract.prose(text), language)
    if kept is None:
        return {}, ()
    return {"language": 10.0 if kept else 0.0}, (reason,) if reason else ()


def _total(scores: dict[str, float | None]) -> float | None:
    """Ten at most; absent when one of its parts is."""
    weighted = [share * value for name, share in rules.TOTAL.items() if (value := scores[name]) is not None]
    return round(sum(weighted) / sum(rules.TOTAL.values()), 3) if len(weighted) == len(rules.TOTAL) else None
