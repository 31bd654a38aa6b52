"""Does an answer in prose hold what it must, and is it as long as asked? Read, nothing is executed.

A text is found whatever its case and line breaks, as whole words where it begins or ends with a Latin letter
or a digit (``7`` is not in ``17``); Korean particles may follow a word. Words hold a letter or a digit;
sentences end with a full stop, a question or an exclamation mark before a space, or with a paragraph or a
list's item; characters include single spaces. Code blocks and the marks of a list have no length.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from pytest_llmeval.score import extract, source

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import ProseCheck, Scenario

    from .protocol import Answer, Means

_WORD = re.compile(r"\S*\w\S*")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_ENDS = re.compile(r"""[.!?。！？…]+["'”’)\]*_]*(?=\s|$)|\n\s*\n""")
_SHOWN = 60
CUT_OFF = "the answer was cut off: it has not the length that was asked for"


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:  # noqa: ARG001 - nothing is executed
    """The share of the checks that pass, times ten."""
    spoken, nothing = extract.spoken(source.normalise(answer.text))
    if nothing is not None:
        return Marks(0.0, reasons=(nothing,))
    wrong = [_wrong(check, spoken, answer) for check in scenario.prose_checks]
    kinds: dict[str, list[bool]] = {"contains": [], "lacks": [], "length": []}
    for check, reason in zip(scenario.prose_checks, wrong, strict=True):
        kind = "length" if check.unit else "contains" if check.contains else "lacks"
        kinds[kind].append(reason is None)
    parts = {kind: _share(passed) for kind, passed in kinds.items() if passed}
    reasons = tuple(dict.fromkeys(reason for reason in wrong if reason is not None))
    return Marks(_share([reason is None for reason in wrong]), parts, reasons=reasons)


def _wrong(check: ProseCheck, spoken: str, answer: Answer) -> str | None:
    """Why the answer does not pass; ``spoken`` is its text without reasoning."""
    if check.unit is None:
        return _missing(check, spoken) if check.contains else _forbidden(check, spoken)
    return CUT_OFF if answer.cut_off else _ill_sized(check, answer.text)


def _share(passed: Sequence[bool]) -> float:
    return round(10 * sum(passed) / len(passed), 3)


def _missing(check: ProseCheck, answer: str) -> str | None:
    if any(holds(answer, text) for text in check.contains):
        return None
    return f"the answer does not hold {' or '.join(map(_told, check.contains))}"


def _forbidden(check: ProseCheck, answer: str) -> str | None:
    found = next((text for text in check.lacks if holds(answer, text)), None)
    return None if found is None else f"the answer holds {_told(found)}, which it must not"


def _ill_sized(check: ProseCheck, text: str) -> str | None:
    assert check.unit is not None
    size = length(extract.prose(text), check.unit)
    if check.least <= size <= check.most:
        return None
    asked = f"at most {check.most}" if check.least <= 1 else f"{check.least} to {check.most}"
    return f"the answer has {size} {check.unit}, asked for were {asked}"


def holds(answer: str, text: str) -> bool:
    """Whether the answer says the text."""
    wanted = _plain(text)
    before = r"(?<![a-z0-9])" if re.match("[a-z0-9]", wanted) else ""
    after = r"(?![a-z0-9])" if re.search("[a-z0-9]$", wanted) else ""
    return re.search(before + re.escape(wanted) + after, _plain(answer)) is not None


def length(prose: str, unit: str) -> int:
    """How many ``words``, ``sentences`` or ``characters`` a text has."""
    prose = _ITEM.sub("\n\n", prose)
    if unit == "words":
        return len(_WORD.findall(prose))
    if unit == "characters":
        return len(" ".join(prose.split()))
    return sum(1 for piece in _ENDS.split(prose) if _WORD.search(piece))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _told(text: str) -> str:
    text = " ".join(text.split())
    return f"`{text if len(text) <= _SHOWN else f'{text[: _SHOWN - 1]}…'}`"
