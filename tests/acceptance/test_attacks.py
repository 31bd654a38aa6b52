"""What servers and models say is shown and never obeyed: by a terminal, GitHub's runner, an XML parser.

The texts are those of ``tests/attacks.json``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pyte

if TYPE_CHECKING:
    import pytest

ATTACKS = json.loads((Path(__file__).parents[1] / "attacks.json").read_text(encoding="utf-8"))
SHOWN = [text for name in ("terminal", "hidden", "workflow") for text in ATTACKS[name].values()]
TEXTS = [*SHOWN, *("\n".join(group.values()) for group in ATTACKS.values())]
KIND = """\
import json
from pathlib import Path
from pytest_llmeval.model import Chunk, Facts, Failure, Response

TEXTS = json.loads(Path("texts.json").read_text())
ALL = " ".join(TEXTS)

class Hostile:
    async def describe(self):
        return Facts(kind="hostile", server=ALL, model=ALL, quantization=ALL)

    async def stream(self, request, on_read=None):
        what, _, number = request.messages[-1][1].partition(" ")
        if what not in ("answer", "fail"):  # a warm-up
            return Response(started_ns=0, ended_ns=1, transport="function")
        text = TEXTS[int(number)]
        if what == "fail":
            return Response(started_ns=0, ended_ns=1, failure=Failure("http_5xx", text, status=500))
        return Response(
            started_ns=0, ended_ns=10**9, chunks=(Chunk(5 * 10**8, text, text),), finish_reason=text,
            model=text, notes=(text,), transport="function",
        )

    async def aclose(self):
        pass

def pytest_llmeval_register_endpoints(config):
    return {"hostile": lambda endpoint, *, api_key, facts: Hostile()}
"""
SCENARIO = """\
- {{id: {what}-{number}, prompt: {{en: {what} {number}}}, answer: {{code: python}}, floor: {{ttft_s: 0.1}}}}
"""
TEST = """\
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_it(llm, number):
    assert llm.ask(f"answer {{number}}", code=None).text == "fine"
"""


FORBIDDEN = ("Cc", "Cf", "Cs")
RUNNER = re.compile(
    r"^\s*::(add-mask|add-matcher|debug|echo|endgroup|error|group|notice|set-output|stop-commands|warning)"
    r"( .*)?::|##\[[\w-]+[ \]]"
)
OURS = re.compile(
    r"::error (file=(suites/mine\.eval\.yaml|test_mine\.py),line=\d+,title=[^:,]+|title=llmeval)::[^\n]*$"
)
"""Annotations that the run writes itself, under GitHub; ten at most."""


def test_nothing_that_is_said_is_obeyed(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    project.workers = 2 * (find_spec("xdist") is not None)  # reports have to cross processes, too
    path: Path = project.path
    (path / "texts.json").write_text(json.dumps(TEXTS))
    (path / "conftest.py").write_text(KIND)
    (path / "test_mine.py").write_text(TEST.format(count=len(SHOWN)))
    (path / "llmeval.toml").write_text('[endpoints.box]\nkind = "hostile"\n')
    cells = [SCENARIO.format(what="answer", number=number) for number in range(len(TEXTS))]
    cells += [SCENARIO.format(what="fail", number=number) for number in range(len(SHOWN), len(TEXTS))]
    (path / "suites" / "mine.eval.yaml").write_text("scenarios:\n" + "".join(cells))
    result = project.pytest(
        "--llm-endpoint=box", "--llm-rounds=1", "--llm-strict", "--junit-xml=junit.xml",
        "-ojunit_logging=all", "-vv", "-rA",
    )  # fmt: skip
    count = 2 * len(TEXTS)  # answers of each, tests of those that are shown, failures of the others
    result.assert_outcomes(failed=count)
    output = [line.expandtabs() for line in result.outlines + result.errlines]
    assert len(output) > 10 * len(TEXTS)
    assert [line for line in output if any(unicodedata.category(char) in FORBIDDEN for char in line)] == []
    obeyed = [line for line in output if RUNNER.search(line)]
    assert [line for line in obeyed if not OURS.match(line)] == []
    assert len(obeyed) <= 10
    seen = list(dict.fromkeys(line.rstrip() for line in output))
    assert screen_of(seen) == [line for line in seen if line.isascii()]
    cases = ET.parse(path / "junit.xml").iter("testcase")
    assert len([case for case in cases if case.find("failure") is not None]) == count
    assert not [*path.parent.rglob("*owned*"), *Path("/tmp").glob("owned*")]
    assert len(project.last_run()["cells"]) == count


def screen_of(lines: list[str]) -> list[str]:
    """What a terminal shows of the lines that are ASCII; it must be as it was otherwise."""
    screen = pyte.Screen(max(map(len, lines)) * 2, len(lines) + 1)
    before = set(screen.mode)
    pyte.Stream(screen).feed("\r\n".join(lines))
    assert (screen.title, screen.icon_name, screen.mode, screen.cursor.hidden) == ("", "", before, False)
    shown = [text.rstrip() for text in screen.display]
    return [text for text, line in zip(shown, lines, strict=False) if line.isascii()]
