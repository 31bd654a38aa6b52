"""Every text of ``tests/attacks.json`` in the Markdown of a run, as a parser of Markdown reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from pytest_llmeval.judge import changes
from pytest_llmeval.judge.sessions import Baseline, Epoch
from pytest_llmeval.model import Facts, Failure, Host, Record, Run, Sample, Verdict
from pytest_llmeval.report import markdown, markup, safe

if TYPE_CHECKING:
    from markdown_it.token import Token

ATTACKS = json.loads((Path(__file__).parents[1] / "attacks.json").read_text(encoding="utf-8"))
TEXTS = {f"{group}: {name}": text for group, texts in ATTACKS.items() for name, text in texts.items()}
OURS = {"<details>", "</details>"}
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
LINKED = re.compile(r"@\w|(?<![&\w])#\d|GH-\d|://|www\.", re.IGNORECASE)
"""What GitHub makes a mention, a reference or a link of, in any text outside code."""


def run(text: str) -> Run:
    """A run in which this was said wherever anybody but us says something."""
    failed = Sample(round=0, at_s=0.0, ok=False, error=Failure("http_5xx", text, status=500))
    good = Sample(round=0, at_s=0.0, ok=True, ttft_s=0.1, finish_reason=text, reasons=(text,))
    cells = tuple(
        Record(
            endpoint=text, suite=text, scenario=text, language="en", category=text, prompt_sha256="",
            parameters_sha256="", samples=(sample,),
        )
        for sample in (failed, good)
    )  # fmt: skip
    return Run(
        id="r", started="", finished="", complete=True, plugin="0", host=Host(cpus=2, os="x", python="3"),
        endpoints={text: Facts(kind="openai", server=text, model=text, quantization=text)}, cells=cells,
        verdicts=(Verdict(endpoint=text, metric="errors", cell=text, verdict="regressed", sentence=text),),
    )  # fmt: skip


def tokens(document: str) -> list[Token]:
    """All of them, in order, those inside of others too."""
    return [one for block in PARSER.parse(document) for one in (block, *(block.children or ()))]


def check(document: str) -> None:
    """Nothing in it but what we write: no HTML, image, link or mention, and tables that stay whole."""
    found = tokens(document)
    assert not [one for one in found if one.type in ("image", "link_open", "html_inline")]
    html = "\n".join(one.content for one in found if one.type == "html_block")
    assert re.fullmatch(r"(</?details>|<summary>[\w, ]+</summary>|\s)*", html)
    assert not [text for one in found if one.type == "text" for text in LINKED.findall(one.content)]
    assert {one.tag for one in found if one.type == "heading_open"} == {"h3"}
    widths = [[]]
    for one in found:
        if one.type == "table_open":
            widths.append([])
        elif one.type == "tr_open":
            widths[-1].append(0)
        elif one.type in ("th_open", "td_open"):
            widths[-1][-1] += 1
    assert [len(table) for table in widths[1:]] in ([3, 3], [2, 3]), "a head and two cells, or their total"
    assert all(len(set(table)) == 1 for table in widths[1:])


@pytest.mark.parametrize("name", TEXTS)
def test_the_markdown_of_a_run(name: str) -> None:
    check(markdown.document(run(TEXTS[name])))


@pytest.mark.parametrize("name", TEXTS)
def test_the_diff_of_a_baseline(name: str) -> None:
    text = TEXTS[name]
    old, new = (
        Baseline(endpoint=text, epochs=(Epoch(facts=Facts(kind="openai", server=f"{text} {version}")),))
        for version in (1, 2)
    )
    found = tokens(changes.diff(old, new, markup.inline))
    assert not [one for one in found if one.type in ("image", "link_open", "html_inline", "html_block")]
    assert not [word for one in found if one.type == "text" for word in LINKED.findall(one.content)]
    assert len([one for one in found if one.type == "heading_open"]) == 1
    assert len([one for one in found if one.type == "list_item_open"]) == 2


@pytest.mark.parametrize("name", TEXTS)
def test_it_reads_as_it_was_said(name: str) -> None:
    """In a table's cell every character is there, beside the invisible ones that part a link."""
    cell = markup.table(["a", "b"], [[markup.inline(TEXTS[name]), "1"]])
    inline = [one for one in PARSER.parse("\n".join(cell)) if one.type == "inline"]
    assert len(inline) == 4, "two columns, two rows"
    said = "".join(one.content for one in inline[2].children or ())
    assert said.replace("\u200b", "").strip() == safe.line(TEXTS[name]).replace("\u200b", "")
