"""The verdict on a whole run in a few words, which is what most people read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmeval.language import ngettext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Run

TONES = ("bad", "warn", "", "good")
"""From the gravest on; what was not judged has none."""


class Headline(NamedTuple):
    """``tone``: one of ``TONES``; ``bad`` where the run fails."""

    tone: Literal["bad", "warn", "", "good"]
    text: str


def of(run: Run) -> Headline:
    """That of one run."""
    count = len(run.cells)
    if run.interrupted:
        said = ngettext(
            "interrupted after {count} cell; nothing was judged",
            "interrupted after {count} cells; nothing was judged",
            count,
        )
        return Headline("", said)
    if failed := list(_failed(run)):
        return Headline("bad", ", ".join(failed))
    names = {one.verdict for one in run.verdicts}
    if unsure := [name for name in ("stale", "inconclusive") if name in names]:
        said = ngettext(
            "nothing regressed in {count} cell, as far as that can be told ({verdicts})",
            "nothing regressed in {count} cells, as far as that can be told ({verdicts})",
            count,
            verdicts=", ".join(unsure),
        )
        return Headline("warn", said)
    if names <= {"new", "not run"}:
        said = ngettext(
            "{count} cell, nothing to compare with yet", "{count} cells, nothing to compare with yet", count
        )
        return Headline("", said)
    return Headline(
        "good", ngettext("nothing regressed in {count} cell", "nothing regressed in {count} cells", count)
    )


def _failed(run: Run) -> Iterator[str]:
    """Why the run is red, the gravest first."""
    broken = sum(one.red for one in run.red)
    if broken:
        yield ngettext("{count} promise broken", "{count} promises broken", broken)
    requests = sum(any(not sample.ok for sample in record.samples) for record in run.cells)
    if requests:
        yield ngettext("failed requests in {count} cell", "failed requests in {count} cells", requests)
    tests = {one.nodeid for one in run.cells if one.failed and all(sample.ok for sample in one.samples)}
    if tests:
        yield ngettext("{count} test failed", "{count} tests failed", len(tests))
    if unsure := len(run.red) - broken:
        yield ngettext(
            "{count} promise could not be checked", "{count} promises could not be checked", unsure
        )
