"""Do scores tell good answers from bad ones, and good models from bad ones?

    python benchmarks/scoring_validity.py
    python benchmarks/scoring_validity.py --import .llmeval/runs/ID --as qwen2.5-coder-1.5b [--endpoint=NAME]

Prints, per category of the ``coding`` suite, the mean scores of answers of known worth (``known_answers``)
and how surely a right one scores above one that is not (AUC: 1 is always, 0.5 a coin's flip); then the mean
scores of real models on their recorded answers (``recorded_answers``), scored anew. Ends with exit status 1
unless right is told from not right in every category, and the models come out in their order.

The second form records: it takes the first answer to every cell from the folder of a run.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

import known_answers
import recorded_answers

from pytest_llmeval.errors import LLMEvalError
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmeval.model import Score
    from pytest_llmeval.score.sandbox.protocol import Sandbox
    from pytest_llmeval.score.scorers.protocol import Analyses

SUITE = "coding"
MODELS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m")
"""Better first: by size, and by what their makers report."""
AUC_MARK = 0.95
"""A subtly wrong answer with tidy code may pass a right one that is untidy, now and then."""
SHOWN_KEYS = 5


class Scored(NamedTuple):
    """One score and what it belongs to. ``worth``: of an answer that is known, else the model's name."""

    category: str
    worth: str
    score: Score


def auc(better: Sequence[float], worse: Sequence[float]) -> float:
    """The share of pairs in which the better one scores more; ties count half (Mann-Whitney's U, scaled)."""
    wins = sum((one > other) + 0.5 * (one == other) for one in better for other in worse)
    return wins / (len(better) * len(worse))


def headline(score: Score) -> float | None:
    """``total``, or ``correctness`` where there is no total: an answer without a word is not unclear."""
    return score.correctness if score.total is None else score.total


def mean(scores: Iterable[Score], name: str) -> float | None:
    """The mean of one score over the answers that have it."""
    found = [value for score in scores if (value := getattr(score, name)) is not None]
    return fmean(found) if found else None


def known(analyser: Analyses, sandbox: Sandbox) -> list[Scored]:
    """Every answer of known worth, scored."""
    return [
        Scored(scenario.category, answer.worth, answer.score(analyser, sandbox)[0])
        for scenario in known_answers.suite(SUITE)
        for answer in known_answers.of(scenario)
    ]


def tell_known(scored: Sequence[Scored]) -> bool:
    """Print how the known answers are told apart; whether every category is as the mark wants it."""
    worths = [worth for worth in known_answers.WORTHS if any(one.worth == worth for one in scored)]
    print("\nAnswers of known worth: mean correctness, and mean total where there is one")
    print(f"{'':22}" + "".join(f"{worth:>15}" for worth in worths) + f"{'AUC':>8}")
    kept = True
    for category in [*dict.fromkeys(one.category for one in scored), None]:
        own = [one for one in scored if category in (one.category, None)]
        sure = separation(own)
        kept &= sure is not None and sure >= AUC_MARK
        cells = (_both([one.score for one in own if one.worth == worth]) for worth in worths)
        shown = "–" if sure is None else f"{sure:.3f}"
        print(f"{category or 'all':22}" + "".join(f"{cell:>15}" for cell in cells) + f"{shown:>8}")
    return kept


def separation(scored: Sequence[Scored]) -> float | None:
    """AUC of the headline, right answers against those that are not; None where there are none of a kind."""
    groups = [
        [value for one in scored if one.worth in worths and (value := headline(one.score)) is not None]
        for worths in (known_answers.RIGHT, known_answers.NOT_RIGHT)
    ]
    return auc(*groups) if all(groups) else None


def recorded(
    names: Iterable[str], analyser: Analyses, sandbox: Sandbox
) -> dict[str, dict[str, tuple[str, Score]]]:
    """By model, by cell: its category and the recorded answer's score. Names what is stale or missing."""
    cells = recorded_answers.cells(known_answers.suite(SUITE))
    found: dict[str, dict[str, tuple[str, Score]]] = {}
    for name in names:
        answers = recorded_answers.load(name)
        fresh, stale = recorded_answers.sorted_out(answers, cells)
        missing = sorted(cells.keys() - {one.key for one in answers})
        for what, keys in (("stale (the prompt has changed)", stale), ("not recorded", missing)):
            if keys:
                more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
                print(
                    f"{name}: {len(keys)} of {len(cells)} cells {what}: {', '.join(keys[:SHOWN_KEYS])}{more}"
                )
        found[name] = {}
        for one in fresh:
            cell = cells[one.key]
            score, _ = rubric.score(
                cell.scenario,
                cell.language,
                one.text,
                analyser,
                sandbox,
                cut_off=one.finish_reason == "length",
            )
            found[name][one.key] = cell.scenario.category, score
    return found


def tell_models(found: Mapping[str, Mapping[str, tuple[str, Score]]]) -> bool:
    """Print the models' means on the cells that all of them have; whether they come out in their order."""
    common = set.intersection(*(set(scores) for scores in found.values()))
    if not common:
        print("\nno cell is recorded for every model: --import RUN --as NAME records")
        return False
    print(f"\nRecorded answers of models to {len(common)} cells: mean correctness, and mean total")
    print(f"{'':22}" + "".join(f"{name:>22}" for name in found))
    by_category: dict[str, list[str]] = defaultdict(list)
    for key in sorted(common):
        by_category[next(iter(found.values()))[key][0]].append(key)
    for category, keys in [*sorted(by_category.items()), ("all", sorted(common))]:
        cells = (_both([scores[key][1] for key in keys]) for scores in found.values())
        print(f"{category:22}" + "".join(f"{cell:>22}" for cell in cells))
    in_order = [_above(better, worse, found, common) for better, worse in pairwise(found)]
    return all(in_order)


def _above(
    better: str, worse: str, found: Mapping[str, Mapping[str, tuple[str, Score]]], common: set[str]
) -> bool:
    """Print by how much one model is above another, paired by cell; whether it is, in both figures."""
    above = True
    for name in ("correctness", "total"):
        pairs = [[getattr(found[model][key][1], name) for model in (better, worse)] for key in sorted(common)]
        gains = [one - other for one, other in pairs if one is not None and other is not None]
        if not gains:
            continue
        gain = fmean(gains)
        error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        above &= gain > 0
        print(
            f"{better} over {worse}: {gain:+.2f} ± {error:.2f} (standard error) {name} on {len(gains)} cells"
            f"{'' if gain > 0 else '  <- not in order'}"
        )
    return above


def _both(scores: Sequence[Score]) -> str:
    shown = [
        "–" if (value := mean(scores, name)) is None else f"{value:.1f}" for name in ("correctness", "total")
    ]
    return " / ".join(shown)


def main() -> int:
    """Record, or score and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--import", dest="run", type=Path, help="the folder of a run to record answers from")
    parser.add_argument("--as", dest="model", help="the model's name: one of " + ", ".join(MODELS))
    parser.add_argument("--endpoint", help="whose answers, where the run has several endpoints")
    options = parser.parse_args()
    if options.run is not None:
        if not options.model:
            parser.error("--import needs --as=NAME")
        try:
            print(recorded_answers.record(options.run, options.model, options.endpoint, suite=SUITE))
        except LLMEvalError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    sandbox = choice.choose()
    with Analyser() as analyser:
        told_apart = tell_known(known(analyser, sandbox))
        in_order = tell_models(recorded(MODELS, analyser, sandbox))
    return int(not (told_apart and in_order))


if __name__ == "__main__":
    sys.exit(main())
