"""A pull request on GitHub, and the one comment on it that is ours (REST API, version 2022-11-28)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pytest_llmeval.errors import EndpointError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

API = "https://api.github.com"
_PAGE = 100
_PAGES = 50
"""Beyond 5,000 comments nobody reads another one."""


class PullRequest(Struct, frozen=True, kw_only=True):
    """``is_foreign``: its branch lies in another repository, so its workflow has no token that may write."""

    repository: str
    number: int
    is_foreign: bool = False


def of_event(environ: Mapping[str, str]) -> PullRequest | None:
    """The pull request that a workflow runs for; None where it runs for something else."""
    path, repository = environ.get("GITHUB_EVENT_PATH"), environ.get("GITHUB_REPOSITORY", "")
    if not path:
        return None
    try:
        event = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"the workflow's event can't be read: {error}", where="GITHUB_EVENT_PATH") from None
    found = event.get("pull_request")
    if not found:
        return None
    head = (found["head"].get("repo") or {}).get("full_name")  # none where the fork is gone
    is_foreign = head != repository and environ.get("GITHUB_EVENT_NAME") != "pull_request_target"
    return PullRequest(repository=repository, number=found["number"], is_foreign=is_foreign)


class Comments:
    """The comments on one pull request."""

    def __init__(self, client: httpx.Client, pull_request: PullRequest) -> None:
        self._client = client
        self._place = f"repos/{pull_request.repository}/issues"
        self._number = pull_request.number

    def write(self, mark: str, body: str, *, author: str) -> tuple[str, bool]:
        """Write the comment, or anew where ``author`` wrote one that begins with ``mark`` already.

        Its address, and whether it is new. Raises ``EndpointError``.
        """
        known = self._known(mark, author)
        if known is None:
            answer = self._ask("POST", f"{self._place}/{self._number}/comments", {"body": body})
        else:
            answer = self._ask("PATCH", f"{self._place}/comments/{known}", {"body": body})
        return answer["html_url"], known is None

    def _known(self, mark: str, author: str) -> int | None:
        """Anybody can write the mark, so only the author's own comment is ever changed."""
        for comment in self._all():
            if comment["user"] and comment["user"]["login"] == author and comment["body"].startswith(mark):
                number: int = comment["id"]
                return number
        return None

    def _all(self) -> Iterator[dict[str, Any]]:
        for page in range(1, _PAGES + 1):
            where = f"{self._place}/{self._number}/comments?per_page={_PAGE}&page={page}"
            comments = self._ask("GET", where)
            yield from comments
            if len(comments) < _PAGE:
                return

    def _ask(self, method: str, where: str, data: Any = None) -> Any:
        import httpx

        try:
            answer = self._client.request(method, where, json=data)
        except httpx.HTTPError as error:
            raise EndpointError(f"can't be asked: {error}", where=str(self._client.base_url)) from None
        if answer.is_success:
            return answer.json()
        try:
            told = answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            told = answer.reason_phrase
        needs = "the token needs permissions: {pull-requests: write}, which no fork's workflow gets"
        raise EndpointError(
            f"{method} answered {answer.status_code}: {told}",
            where=f"{self._client.base_url}{where}",
            hint=needs if answer.status_code in (401, 403, 404) else None,
        )


def client(token: str, api: str = API) -> httpx.Client:
    """A client of GitHub's API with a token."""
    import httpx

    return httpx.Client(
        base_url=api,
        timeout=30,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
