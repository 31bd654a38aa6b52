"""A stand-in for GitHub's REST API, as far as comments on a pull request go, on the loopback interface.

``with running() as github``: ``comments`` are those of pull request 7 of me/shop, ``requests`` what was
asked, ``refuses`` the status with which every write is answered.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ghs_standin-canary"
REPOSITORY = "me/shop"
BOT = "github-actions[bot]"
COMMENTS = f"/repos/{REPOSITORY}/issues/7/comments"


class GitHub:
    """One pull request."""

    def __init__(self) -> None:
        self.url = ""
        self.comments: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.refuses: int | None = None

    def environment(self, event: Path) -> dict[str, str]:
        """What a workflow of the pull request has around it; its event is written to a file."""
        head = {"repo": {"full_name": REPOSITORY}}
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": head}}), encoding="utf-8")
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.invalid",
            "GITHUB_TOKEN": TOKEN,
        }

    def answer(self, method: str, address: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body, as the API documents them."""
        self.requests.append(f"{method} {address}")
        parts = urlsplit(address)
        if method == "GET" and parts.path == COMMENTS:
            query = parse_qs(parts.query)
            size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
            return 200, self.comments[(page - 1) * size : page * size]
        if self.refuses is not None:
            return self.refuses, {"message": "Resource not accessible by integration"}
        if method == "POST" and parts.path == COMMENTS:
            number = 1000 + len(self.comments)
            written = {"id": number, "user": {"login": BOT}, "body": body["body"]}
            self.comments.append(written)
            return 201, self._shown(written)
        for comment in self.comments:
            if method == "PATCH" and parts.path == f"/repos/{REPOSITORY}/issues/comments/{comment['id']}":
                comment["body"] = body["body"]
                return 200, self._shown(comment)
        return 404, {"message": "Not Found"}

    def _shown(self, comment: dict[str, Any]) -> dict[str, Any]:
        where = f"https://github.invalid/{REPOSITORY}/pull/7#issuecomment-{comment['id']}"
        return {**comment, "html_url": where}


@contextmanager
def running() -> Iterator[GitHub]:
    """Serve from a thread while the block runs."""
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            known = self.headers["Authorization"] == f"Bearer {TOKEN}"
            status, answer = (
                github.answer(self.command, self.path, body)
                if known
                else (401, {"message": "Bad credentials"})
            )
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815  names of http.server

        def log_message(self, *_arguments: Any) -> None:
            """Keep it out of a test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield github
        finally:
            server.shutdown()
            thread.join()
