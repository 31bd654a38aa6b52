"""Does a code review find the defects that were planted, and not much else?

A finding is an item of the answer's list (a row of its table, a numbered heading; without any a paragraph).
It is about a defect where it holds a word of each of the defect's groups, or where it names the line, two
lines off at most, and holds a word of the first group. Each finding finds one defect, and each defect is
found once.

``correctness`` is ten times the harmonic mean of recall (defects found of those planted) and precision (of
the findings; one that finds nothing is free), so that a list of everything is worth little. Of clean code,
the answer says so: half is lost with the first finding, two thirds with the second.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmeval.score import extract, outline, phrases, source

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from pytest_llmeval.model import ReviewCheck, Scenario
    from pytest_llmeval.score.outline import Part

    from .protocol import Answer, Means

NEAR = 2
"""Lines by which a finding may miss its defect: people and models count them differently."""
FREE = 1
"""Findings that may be about no defect."""
MOST_READ = 40
"""Findings that are looked at; more are counted, not read."""
_LINES = re.compile(
    r"(?:\blines?\b|\bL(?=\d)|#L(?=\d)|줄|행|라인)(?:\s?번호)?[\s*_`:：#(]{0,9}(?P<first>\d{1,4})"
    r"(?:\s?(?:-|–|~|to|and|,)\s?(?P<last>\d{1,4}))?"
    r"|(?P<before>\d{1,4})(?:\s?[-–~]\s?(?P<until>\d{1,4}))?\s?(?:번째|번)?\s?(?:줄|행|라인)",
    re.IGNORECASE,
)
_TITLED_ITEM = re.compile(
    r"\d{1,3}[.):]|(?:bug|issue|defect|problem|finding|결함|문제|버그|이슈|지적)\s*#?\d|(?:line|줄|행)\b",
    re.IGNORECASE,
)


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:  # noqa: ARG001 - nothing is executed
    """Of a scenario with ``review`` checks."""
    spoken, nothing = extract.spoken(source.normalise(answer.text))
    if nothing is not None:
        return Marks(0.0, reasons=(nothing,))
    parts = outline.read(spoken)
    if scenario.review[0].clean:
        return _of_clean(scenario.review[0], spoken, items(parts))
    return _of_defects(scenario.review, findings(parts))


def findings(parts: Sequence[Part]) -> list[str]:
    """What the answer finds: its items, else its paragraphs; of a single paragraph its sentences."""
    found = items(parts)
    if found:
        return found
    paragraphs = [part.text for part in parts if part.kind == "text"]
    return phrases.sentences(paragraphs[0]) if len(paragraphs) == 1 else paragraphs


def items(parts: Sequence[Part]) -> list[str]:
    """The items of the outermost list, each with all that belongs to it.

    The strongest mark that is there more than once begins an item: a numbered heading, a number, a bullet, a
    row of a table.
    """
    outer = {kind: min((one.level for one in parts if one.kind == kind), default=0) for kind in _MARKS}
    begins = {kind: [n for n, one in enumerate(parts) if _begins(one, kind, outer)] for kind in _MARKS}
    ranked = sorted(_MARKS, key=lambda kind: len(begins[kind]) < 2)
    starts = dict.fromkeys(next((begins[kind] for kind in ranked if begins[kind]), []))
    return [_item(parts, start, starts) for start in starts]


_MARKS = ("heading", "number", "bullet", "row")


def _begins(part: Part, kind: str, outer: dict[str, int]) -> bool:
    if part.kind != kind:
        return False
    if kind == "heading":
        return _TITLED_ITEM.match(part.text) is not None
    return kind == "row" or part.level <= outer[kind] + 1


def _item(parts: Sequence[Part], start: int, starts: Container[int]) -> str:
    """From one mark to the next, or to a heading that is no item."""
    texts = [parts[start].text]
    for number in range(start + 1, len(parts)):
        if number in starts or (parts[number].kind == "heading" and parts[start].kind != "heading"):
            break
        texts.append(parts[number].text)
    return "\n".join(texts)


def lines(finding: str) -> frozenset[int]:
    """The lines that a finding names: ``line 7``, ``lines 5-7``, ``L7``, ``7번째 줄``, ``7행``."""
    named: set[int] = set()
    for match in _LINES.finditer(finding):
        first = int(match["first"] or match["before"])
        last = int(match["last"] or match["until"] or first)
        named.update({first, last} if last < first or last - first > 2 * NEAR else range(first, last + 1))
    return frozenset(named)


def is_about(finding: str, defect: ReviewCheck) -> bool:
    """Whether a finding is about this defect."""
    said = [phrases.holds_one(finding, group) for group in defect.words]
    near = any(abs(line - defect.line) <= NEAR for line in lines(finding))
    return all(said) or (near and said[0])


def _of_defects(defects: Sequence[ReviewCheck], claims: Sequence[str]) -> Marks:
    about = [
        [number for number, defect in enumerate(defects) if is_about(claim, defect)]
        for claim in claims[:MOST_READ]
    ]
    found = _matched(about)
    beyond = max(0, len(claims) - len(found) - FREE)
    recall = len(found) / len(defects)
    precision = len(found) / (len(found) + beyond) if found else 0.0
    worth = 20 * recall * precision / (recall + precision) if found else 0.0
    reasons = [
        f"line {defect.line}: that {defect.defect} is not found"
        for number, defect in enumerate(defects)
        if number not in found
    ]
    if beyond:
        reasons.append(f"{len(claims) - len(found)} of {len(claims)} findings are about no defect")
    parts = {
        "defects": len(defects),
        "defects_found": len(found),
        "findings": len(claims),
        "recall": round(10 * recall, 3),
        "precision": round(10 * precision, 3),
    }
    return Marks(round(worth, 3), parts, reasons=tuple(reasons))


def _matched(about: Sequence[Sequence[int]]) -> dict[int, int]:
    """Defect -> finding, as many pairs as there can be (augmenting paths)."""
    found: dict[int, int] = {}

    def place(claim: int, tried: set[int]) -> bool:
        for defect in about[claim]:
            if defect not in tried:
                tried.add(defect)
                if defect not in found or place(found[defect], tried):
                    found[defect] = claim
                    return True
        return False

    for claim in range(len(about)):
        place(claim, set())
    return found


def _of_clean(check: ReviewCheck, spoken: str, claims: Sequence[str]) -> Marks:
    parts = {"defects": 0.0, "defects_found": 0.0, "findings": float(len(claims))}
    if not phrases.holds_one(spoken, check.clean):
        return Marks(0.0, parts, reasons=("the code has no defect, and the answer does not say so",))
    if not claims:
        return Marks(10.0, parts)
    reason = f"the code has no defect; findings in the answer: {len(claims)}"
    return Marks(round(10 / (1 + len(claims)), 3), parts, reasons=(reason,))
