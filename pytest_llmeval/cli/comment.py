"""``llmeval comment``: the run as a comment on its pull request, written once and updated from then on."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_llmeval import merge, values
from pytest_llmeval.errors import UsageError
from pytest_llmeval.language import N_, _
from pytest_llmeval.report import markdown

from . import judge, place, pullrequest
from .pullrequest import PullRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

BOT = "github-actions[bot]"
"""Who writes with the token of a workflow."""
EXAMPLE = """\
examples:
  llmeval comment                          in a workflow: the last run, on the workflow's pull request
  llmeval comment --name=nightly           another comment than that of other gates
  llmeval comment shard-*.json             what several machines did, as one run
  llmeval comment --print run.json         print it; nobody is asked

A run that has no verdicts yet, such as a merged one, is judged as by `llmeval judge`.

The token is read from GITHUB_TOKEN, and needs `permissions: {pull-requests: write}`.

exit code: 0 written, or nothing to write on (no pull request, one of a fork); 2 it could not be written
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "comment",
        help="write a run as a comment on its pull request, or update it",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place.add_runs(parser)
    parser.add_argument("--name", default="llmeval", help="tells several comments apart (default: llmeval)")
    parser.add_argument(
        "--pull-request", type=int, metavar="N", help="which one (default: that of the workflow's event)"
    )
    parser.add_argument(
        "--author", default=BOT, metavar="LOGIN", help=f"whose comment is updated (default: {BOT})"
    )
    parser.add_argument("--print", action="store_true", help="print the comment instead of writing it")
    place.add(parser)
    parser.set_defaults(run=_comment)


def _comment(options: argparse.Namespace) -> int:
    try:
        values.SLUG.accept(options.name)
    except values.UnexpectedError as wrong:
        raise UsageError(str(wrong), where="--name") from None
    run = merge.merged(list(place.runs(options).values()))
    if not run.verdicts and not run.interrupted:  # what was merged is not judged yet
        run = structs.replace(run, verdicts=judge.verdicts_of(run, place.asked(options)).lines)
    text = markdown.comment(run, options.name, _links(os.environ))
    if options.print:
        print(text, end="")
        return 0
    asked = _pull_request(options.pull_request, os.environ)
    if asked is None:
        print(_("there is no pull request here, so there is nothing to comment on"))
        return 0
    if asked.is_foreign:
        template = N_("pull request {number} comes from a fork, whose workflow may not write comments")
        print(_(template, number=asked.number))
        return 0
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
    if not token:
        hint = "env: {GITHUB_TOKEN: ${{ github.token }}} of the step sets it"
        raise UsageError("no token is set", where="GITHUB_TOKEN", hint=hint)
    with pullrequest.client(token, os.environ.get("GITHUB_API_URL") or pullrequest.API) as client:
        comments = pullrequest.Comments(client, asked)
        where, is_new = comments.write(markdown.mark(options.name), text, author=options.author)
    print(_("wrote {where}", where=where) if is_new else _("updated {where}", where=where))
    return 0


def _pull_request(number: int | None, environ: Mapping[str, str]) -> PullRequest | None:
    if number is None:
        return pullrequest.of_event(environ)
    repository = environ.get("GITHUB_REPOSITORY", "")
    if not repository:
        raise UsageError("no repository is named", where="GITHUB_REPOSITORY", hint="set it to OWNER/NAME")
    return PullRequest(repository=repository, number=number)


def _links(environ: Mapping[str, str]) -> list[str]:
    """To the workflow's run, which has the summary with every cell, and the report to download."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name) for name in names)
    if not (server and repository and run):
        return []
    return [f"[{_('every cell, and the report')}]({server}/{repository}/actions/runs/{run})"]
