"""``llmeval baseline update | accept | show | diff | prune | rescore``: promises, kept in git."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pytest_llmeval import provenance, runfile
from pytest_llmeval.errors import UsageError
from pytest_llmeval.judge import baselines, changes
from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.report import cells, grid, markup, safe

from . import place, screen

if TYPE_CHECKING:
    from pytest_llmeval.judge import Baseline
    from pytest_llmeval.model import Run

EXAMPLE = """\
examples:
  llmeval baseline update              append the last run, without asking the model again
  llmeval baseline accept vllm-awq     the level moved on purpose: start anew with the last run
  llmeval baseline show                what is promised
  llmeval baseline diff main           what changed since main, as a table for the pull request
  llmeval baseline prune vllm-awq      drop cells that no scenario file yields any more
  llmeval baseline rescore             score the answers that are kept by today's rules and checks

llmeval baseline ACTION --help has the arguments and exit codes of each.
"""
ACTIONS = {
    "update": (
        "append the last run (or --run=PATH) as a session",
        "llmeval baseline update --run=run.json",
        "0 appended, 1 refused (it says why)",
    ),
    "accept": (
        "start a new level with the last run (or --run=PATH)",
        "llmeval baseline accept vllm-awq",
        "0 accepted, 1 refused (it says why)",
    ),
    "show": (
        "print what is promised",
        "llmeval baseline show vllm-awq",
        "0 shown, 1 an endpoint has no baseline",
    ),
    "diff": (
        "print what changed since a revision of git, in Markdown",
        "llmeval baseline diff main >changes.md",
        "0 printed, whatever changed",
    ),
    "prune": (
        "remove the cells that the last run saw vanished",
        "llmeval baseline prune vllm-awq",
        "0 done, also where there was nothing to remove",
    ),
    "rescore": (
        "score the answers of kept runs by today's rules and checks",
        "llmeval baseline rescore vllm-awq",
        "0 all scores are today's, 1 answers of a session are gone",
    ),
}
"""Action -> what it does, an example, and its exit codes."""
HEAD = "HEAD"
"""The revision where none is named; without a commit every baseline is new."""


def add(commands: Any) -> None:
    """Add the command and its actions to the parser."""
    parser = commands.add_parser(
        "baseline",
        help="update, accept, show, prune or rescore baselines",
        description="Baselines are JSON files, one an endpoint, reviewed like code.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    update, accept, show, diff, prune, rescore = (
        actions.add_parser(
            name,
            help=does,
            description=does[0].upper() + does[1:] + ".",
            epilog=f"example:\n  {example}\n\nexit code: {codes}, 2 wrong usage or an unreadable file",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, (does, example, codes) in ACTIONS.items()
    )
    update.add_argument("--force", action="store_true", help="append a partial run too")
    update.set_defaults(run=_update)
    accept.add_argument("endpoint", metavar="NAME", help="of the endpoint")
    accept.add_argument("--force", action="store_true", help="take a partial run too")
    accept.set_defaults(run=_accept)
    show.add_argument("endpoint", nargs="*", metavar="NAME", help="of endpoints (default: all)")
    show.set_defaults(run=_show)
    diff.add_argument("revision", nargs="?", default=HEAD, metavar="REVISION", help="of git (default: HEAD)")
    diff.set_defaults(run=_diff)
    prune.add_argument("endpoint", metavar="NAME", help="of the endpoint")
    prune.set_defaults(run=_prune)
    rescore.add_argument("endpoint", nargs="*", metavar="NAME", help="of endpoints (default: all)")
    rescore.add_argument("--sandbox", default="auto", metavar="KIND", help="as for pytest --llm-sandbox")
    rescore.set_defaults(run=_rescore)
    for action in (update, accept, show, diff, prune, rescore):
        place.add(action)
    for action in (update, accept, prune):
        action.add_argument("--run", dest="path", type=Path, metavar="PATH", help="another run's file")


def _run(options: argparse.Namespace) -> Run:
    return runfile.load(options.path or runfile.last(place.root()))


def _update(options: argparse.Namespace) -> int:
    folder, policy = place.promises(options)
    run = _run(options)
    before = baselines.load_all(folder)
    for sentence in baselines.update(folder, run, policy, force=options.force):
        print(safe.block(sentence))
    return 0 if baselines.load_all(folder) != before else 1


def _accept(options: argparse.Namespace) -> int:
    folder, policy = place.promises(options)
    before = baselines.load(folder, options.endpoint)
    said = baselines.accept(folder, _run(options), options.endpoint, policy, force=options.force)
    print(safe.block(said))
    return 0 if baselines.load(folder, options.endpoint) != before else 1


def _show(options: argparse.Namespace) -> int:
    folder = place.promises(options)[0]
    found = baselines.load_all(folder)
    missing = [name for name in options.endpoint if name not in found]
    for name in missing:
        print(_("{endpoint} has no baseline in {folder}", endpoint=name, folder=folder))
    wanted = [one for name, one in found.items() if not options.endpoint or name in options.endpoint]
    print("\n".join(map(_shown, wanted)), end="")
    if not found:
        print(place.no_baseline(folder))
    return 1 if missing else 0


def _diff(options: argparse.Namespace) -> int:
    folder = place.promises(options)[0]
    if options.revision != HEAD and not provenance.has_revision(place.root(), options.revision):
        raise UsageError(
            f"git knows no revision {options.revision} here",
            where=str(place.root()),
            hint="name a commit, a branch or a tag of the repository that holds the baselines",
        )
    changed = False
    for name, new in baselines.load_all(folder).items():
        path = baselines.path_of(folder, name)
        before = provenance.committed(path, options.revision)
        old = baselines.read(before, path) if before is not None else None
        if old != new:
            changed = True
            print(changes.diff(old, new, markup.inline))
    if not changed:
        print(_("no baseline in {folder} differs from {revision}", folder=folder, revision=options.revision))
    return 0


def _prune(options: argparse.Namespace) -> int:
    folder = place.promises(options)[0]
    print(safe.block(baselines.prune(folder, options.endpoint, _run(options))))
    return 0


def _rescore(options: argparse.Namespace) -> int:
    from . import rescore  # scoring takes longer to import than the other actions to run

    return rescore.run(options)


SHOWN = (
    *(one for one in cells.COLUMNS if one.name in {"ttft_s", "output_tps", "correctness", "quality"}),
    grid.Column("load_tps", N_("under load"), "tok/s", grid.digits),
    grid.Column("cold_start_s", N_("cold"), "s", grid.digits),
)
"""What is shown of a baseline, as far as it has it."""


def _shown(baseline: Baseline) -> str:
    """One endpoint's promises: what it is, its sessions, and the median of every cell over them."""
    from rich.text import Text

    facts, sessions = baseline.facts, baseline.sessions
    known = [facts.server, facts.model, facts.quantization] if facts else []
    told = [baseline.endpoint, ngettext("{count} session", "{count} sessions", len(sessions))]
    if dates := sorted({session.date[:10] for session in sessions}):
        span = _("{low} to {high}", low=dates[0], high=dates[-1])
        told.append(span if len(dates) > 1 else dates[0])
    if len(baseline.epochs) > 1:
        told.append(_("level {number}", number=len(baseline.epochs)))
    keys = list(baseline.cells)
    headings = {"cell": (_("cell"), "")}
    texts = {"cell": [safe.line(key) for key in keys]}
    for column in SHOWN:
        values = [_median(baseline, key, column.name) for key in keys]
        if any(value is not None for value in values):
            headings[column.name] = (_(column.heading), column.unit)
            texts[column.name] = [column.text(value) for value in values]
    title = safe.line(" · ".join([*told, *filter(None, known)]))
    width = screen.width()
    table = grid.drawn(headings, texts, width) if keys else ""
    return grid.text([Text(title), "", table], width, color=screen.color())


def _median(baseline: Baseline, key: str, metric: str) -> float | None:
    """Of a cell over its sessions, each by the median of its samples."""
    of_cell = [
        session.cells[key].samples.get(metric) for session in baseline.sessions if key in session.cells
    ]
    medians = [median(samples) for samples in of_cell if samples]
    return median(medians) if medians else None
