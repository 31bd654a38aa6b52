"""A run speaks with its endpoints and nobody else: connections and look-ups of names are watched."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

SPY = """\
import json, pathlib, sys

sys.modules["uvloop"] = None  # what it does is not audited
SEEN = pathlib.Path(__file__).with_name("seen.jsonl")
WATCHED = {
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.getnameinfo", "socket.sendto", "socket.sendmsg", "urllib.Request", "http.client.connect",
}

def spy(event, arguments):
    if event in WATCHED:
        told = [one for one in arguments if isinstance(one, (str, int, tuple))]
        with SEEN.open("a", encoding="utf-8") as seen:
            seen.write(json.dumps([event, told], default=str) + "\\n")

sys.addaudithook(spy)
"""


def test_nobody_but_the_endpoints_is_asked(project: Any, answering: Callable[..., str]) -> None:
    port = urlsplit(answering()).port
    project.workers = 2 * (find_spec("xdist") is not None)
    (project.path / "conftest.py").write_text(SPY)
    result = project.pytest(
        f"--llm-endpoint=http://localhost:{port}", "--llm-rounds=1", "--llm-update-baselines",
        "--llm-markdown=run.md", "--benchmark-json=benchmark.json", "-pno:rerunfailures",
    )  # fmt: skip
    assert result.ret == 0
    seen = [json.loads(line) for line in (project.path / "seen.jsonl").read_text().splitlines()]
    names = {told[0] for event, told in seen if event == "socket.getaddrinfo"}
    assert names - {"127.0.0.1"} == {"localhost"}, "an address is no name to look up"
    assert {tuple(told[:2]) for event, told in seen if event == "http.client.connect"} <= {
        ("localhost", port)
    }
    peers = {tuple(told[-1]) for event, told in seen if event == "socket.connect"}
    assert {host for host, *_ in peers} <= {"127.0.0.1", "::1"}
    assert {number for _, number, *_ in peers} == {port}, "workers use xdist's own channel"
    assert {event for event, _ in seen} <= {"socket.getaddrinfo", "socket.connect", "http.client.connect"}
