"""pass@k: how often one of k answers is right, where one test or check decides whether an answer is.

Where several do, the mean of ``correctness`` says more. The unbiased estimator of Chen et al., Evaluating
Large Language Models Trained on Code, 2021: with n answers to a problem, c of them right, the chance that k
drawn of the n hold a right one.
"""

from __future__ import annotations

import itertools
from math import comb
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.language import _, ngettext

from . import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.model import Record, Run

_RIGHT = 10.0
_CUSTOMARY = (1, 5, 10, 100)


class Passed(NamedTuple):
    """Of one cell: ``right`` of so many ``answers``, of which so many are ``different``.

    ``tried``: one of them at least came as far as its test.
    """

    answers: int
    right: int
    different: int
    tried: bool = True


def pass_at(k: int, answers: int, right: int) -> float:
    """1 − C(n−c, k) / C(n, k) for n answers of which c are right. Needs k ≤ n."""
    if not 0 <= right <= answers or not 1 <= k <= answers:
        raise ValueError(f"pass@{k} of {right} right in {answers} answers")
    return 1 - comb(answers - right, k) / comb(answers, k)


def told(run: Run) -> Iterator[str]:
    """A line for each endpoint and suite."""
    for (endpoint, suite), records in _by_suite(run):
        found = [passed(record) for record in records]
        known = [cell for cell in found if cell is not None]
        if None in found or not any(cell.tried for cell in known):
            continue
        shares = (
            f"pass@{k} {100 * fmean(pass_at(k, cell.answers, cell.right) for cell in known):.1f} %"
            for k in _ks(known)
        )
        who = _("{what} on {endpoint}", what=safe.line(suite), endpoint=safe.line(endpoint))
        yield f"{who}: {', '.join(shares)} ({ngettext('{count} cell', '{count} cells', len(known))})"


def passed(record: Record) -> Passed | None:
    """How many of a cell's answers are right; None where there is none, or more than one thing decides.

    Rounds that were asked since the first ones looked bad are no fair draw.
    """
    good = [sample for sample in record.samples if sample.ok and not sample.confirms]
    scores = [sample.score for sample in good if sample.score is not None]
    if not scores or any(score.correctness not in {0, _RIGHT} for score in scores):
        return None
    decided = [score.parts.get("checks", 0) + score.parts.get("tests", 0) for score in scores]
    if max(decided) > 1:
        return None
    return Passed(
        answers=len(good),
        right=sum(score.correctness == _RIGHT for score in scores),
        different=len({sample.answer_sha256 for sample in good}),
        tried=max(decided) == 1,
    )


def _ks(cells: Sequence[Passed]) -> list[int]:
    """The customary k, and the most that every cell has answers for: 1 where all of a cell are the same."""
    most = min(cell.answers for cell in cells) if any(cell.different > 1 for cell in cells) else 1
    return sorted({k for k in _CUSTOMARY if k <= most} | {most})


def _by_suite(run: Run) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    records = sorted(run.cells, key=lambda record: (record.endpoint, record.suite))
    for key, group in itertools.groupby(records, key=lambda record: (record.endpoint, record.suite)):
        yield key, list(group)
