"""``asks:`` and ``rubric:`` of a scenario: what its answers are scored by; every mistake with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import values

if TYPE_CHECKING:
    from .lined import Node, Reader
    from .model import Scenario

Asked = Literal["explanation", "docstring"]
WEIGHTED = ("correctness", "quality", "clarity")
"""The scores that ``total`` is made of."""
_ASKED = values.choice_kind("explanation", "docstring")
_WEIGHT = values.number_kind(0)


def asks(reader: Reader, node: Node | None, code: str | None) -> tuple[Asked, ...]:
    """What answers in ``code`` must say in words. Raises ``ScenarioError``."""
    asked: tuple[Asked, ...] = reader.listed(node, "asks", _ASKED)
    if node is not None and code is None:
        hint = "checks: tell what an answer in prose must say"
        reader.fail("asks: is about the words beside code, and this answer has none", node.key_line, hint)
    if node is not None and "docstring" in asked and code != "python":
        reader.fail("asks: docstrings are Python's", node.key_line, "say answer: {code: python}")
    return tuple(dict.fromkeys(asked))


def weights(reader: Reader, node: Node | None) -> dict[str, float]:
    """The weights that a file or a scenario names; empty where there is no node. Raises ``ScenarioError``."""
    if node is None:
        return {}
    fields = reader.fields(node, "rubric", WEIGHTED)
    found = {name: reader.value(entry, f"rubric.{name}", _WEIGHT) for name, entry in fields.items()}
    if not any(found.values()):
        reader.fail("rubric: weighs nothing", node.line, "like rubric: {correctness: 6, clarity: 1}")
    return {name: weight for name, weight in found.items() if weight}


def check(reader: Reader, node: Node | None, scenario: Scenario) -> None:
    """Raises ``ScenarioError`` where the rubric at ``node`` weighs a score that the scenario never has."""
    if node is None or not scenario.rubric.get("quality") or scenario.has_quality:
        return
    what = f"rubric.quality: answers to {scenario.id} are no code of their own that could be analysed"
    reader.fail(what, node.value["quality"].key_line, "leave quality out; total would never be computed")
