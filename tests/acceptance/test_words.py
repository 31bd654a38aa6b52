"""Answers in words: documentation, a review and a design are scored through a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SUITE = """\
suite: words
scenarios:
- id: document
  category: documentation
  prompt: {en: "Document this.\\n{given}"}
  given: |
    def share(cents, people):
        return cents // people
  answer: {code: python, requires: ["share(cents, people)"]}
- id: review
  category: code-review
  prompt: {en: Review this.}
  checks: [{defect: the last one is lost, line: 2, words: [[last], [page]]}]
- id: design
  category: architecture-design
  prompt: {en: Design this.}
  checks: [{component: queue}]
  gate: false
"""
DOCUMENTED = '''\
```python
def share(cents, people):
    """Tell what everybody pays.

    Args:
        cents: The whole bill.
        people: How many friends pay.

    Returns:
        The rounded amount for each friend.
    """
    return cents // people
```
'''
GOOD = {
    "Document this": DOCUMENTED,
    "Review this": "- Line 2: the last page is lost.",
    "Design this": "The queue keeps each job until it is done.",
}


def test_words_are_scored_by_what_they_say(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "words.eval.yaml").write_text(SUITE, encoding="utf-8")

    def run(**answers: str) -> dict[str, Any]:
        url = answering(answers={**GOOD, **{f"{name} this": text for name, text in answers.items()}})
        arguments = (f"--llm-endpoint=box={url}", "--llm-rounds=1", "suites/words.eval.yaml")
        project.pytest(*arguments).assert_outcomes(passed=3)
        return {cell["scenario"]: cell for cell in project.last_run()["cells"]}

    good = run()
    totals = {name: cell["samples"][0]["score"]["total"] for name, cell in good.items()}
    assert totals == {"document": 10, "review": 10, "design": 10}
    assert [name for name, cell in good.items() if cell.get("gate") is False] == ["design"]

    bad = run(
        Document=DOCUMENTED.replace("//", "/"), Review="No defects.", Design="I would rather not design this."
    )
    assert {name: cell["samples"][0]["score"]["correctness"] for name, cell in bad.items()} == {
        "document": 0,
        "review": 0,
        "design": 0,
    }
    assert bad["document"]["samples"][0]["reasons"] == ["`share` was changed: only docstrings may be added"]
