"""A run as GitHub's Markdown: what comes first, what fits, what hostile texts can't do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.model import Facts, Failure, Host, Load, Record, Run, Sample, Score, Verdict
from pytest_llmeval.report import markdown, markup

HOSTILE = (
    "@octocat #1 GH-2 <img src=x> ![i](http://e.vil) [l](x) www.e.vil | `code` **b** $x$ <!-- &lt; \\| \x1b"
)


def record(name: str = "x", error: str | None = None, endpoint: str = "box") -> Record:
    sample = Sample(round=0, at_s=0.0, ok=True, output_tps=20.0, ttft_s=0.25, score=Score(quality=8.0))
    if error is not None:
        sample = Sample(round=0, at_s=0.0, ok=False, error=Failure("http_5xx", error, status=500))
    return Record(
        endpoint=endpoint, suite="s", scenario=name, language="en", category="c", prompt_sha256="",
        parameters_sha256="", samples=(sample,),
    )  # fmt: skip


def run(*cells: Record, verdicts: tuple[Verdict, ...] = (), **fields: Any) -> Run:
    known: dict[str, Any] = {"endpoints": {"box": Facts(kind="openai", server="vllm 1", model="m")}} | fields
    host = Host(cpus=2, os="linux", python="3.11")
    return Run(
        id="r", started="", finished="", complete=True, plugin="0", host=host, cells=cells, verdicts=verdicts,
        **known,
    )  # fmt: skip


def verdict(name: Any, sentence: str = "it moved") -> Verdict:
    return Verdict(endpoint="box", metric="output_tps", verdict=name, sentence=sentence)


@pytest.mark.parametrize(
    ("told", "headline"),
    [
        (run(record(), verdicts=(verdict("ok"), verdict("regressed"))), "🔴 1 promise broken"),
        (run(record(), verdicts=(verdict("ok"),)), "🟢 nothing regressed in 1 cell"),
        (run(record(), verdicts=(verdict("ok"), verdict("stale"))), "🟡 nothing regressed in 1 cell, as far"),
        (run(record(), verdicts=(verdict("new"),)), "⚪ 1 cell, nothing to compare with yet"),
    ],
)
def test_the_verdict_comes_first(told: Run, headline: str) -> None:
    assert markdown.document(told).startswith(f"### llmeval: {headline}")


def test_the_endpoints_line_then_details_folded() -> None:
    text = markdown.document(run(record("a"), record("b", error="boom"), verdicts=(verdict("ok"),)))
    opened, _, details = text.partition("<details>")
    assert "| cell of s | TTFT s |" in opened
    assert "| 2 cells | 0.250 |" in opened
    assert "- **box** vllm 1 · m" in opened
    assert "| a/en |" not in opened
    assert "| a/en | 0.250 |" in details
    assert "**s/b/en on box**\n\n```text\nhttp_5xx (HTTP 500): boom\n```" in details
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>") == 3


def test_a_cell_whose_test_failed_says_why() -> None:
    below = structs.replace(record(), failure="quality is 4, under the scenario's floor of 8")
    text = markdown.document(run(below, verdicts=(verdict("ok"),)))
    assert text.startswith("### llmeval: 🔴 1 test failed\n")
    assert "<summary>1 cell failed</summary>" in text
    assert "```text\nquality is 4, under the scenario's floor of 8\n```" in text
    assert "| x/en | 0.250 | – | 20.0 | 8.0 | failed |" in text
    assert "| :-- | --: | --: | --: | --: | :-- |" in text, "texts to the left, figures to the right"


def test_what_the_system_gave_under_load_has_a_table_of_its_own() -> None:
    batch = Load(round=0, requests=32, concurrency=16, load_tps=200.0, ttft_p99_s=0.9, void="lag")
    good = structs.replace(batch, round=1, void=None)
    text = markdown.document(run(structs.replace(record(), load=(batch, good))))
    assert "| under load | at once | all tok/s | done /s | TTFT p50 s | TTFT p99 s | fair of 1 |" in text
    assert "| x/en | 16 | 200 | – | – | 0.900 | – |" in text
    assert "- s/x/en on box: void in 1 of 2 batches: lag\n" in text
    assert "under load" not in markdown.document(run(record()))


def test_what_others_said_is_shown_and_not_obeyed() -> None:
    hostile = run(
        record(error=f"{HOSTILE}\n```\n</details> @octocat\n````"),
        verdicts=(verdict("regressed", f"a\n{HOSTILE}"),),
        endpoints={"box": Facts(kind="openai", server=HOSTILE, model=HOSTILE)},
    )
    text = markdown.document(hostile)
    assert text.count("\n`````text\n") == text.count("\n`````\n") == 1
    outside = re.sub(r"\n(`{5})text\n.*?\n\1\n", "\n", text, flags=re.DOTALL)
    assert not re.search(r"@\w|(?<!&)#\d|GH-\d|<img|\]\(|!\[|://|www\.|\x1b|<!--", outside)
    assert outside.count("<") == outside.count(">") == 4 * outside.count("<details>")


@given(st.text(), st.text())
def test_a_line_stays_a_line_and_a_block_a_block(one: str, other: str) -> None:
    line = markup.inline(f"{one}|{other}")
    assert "\n" not in line
    assert not set(line) & set("|<>`*[]\\_!@")
    block = markup.fenced(f"{one}```{other}")
    fence = block.partition("text")[0]
    assert block.split("\n")[1:].count(fence) == 1, "only its own end ends it"


def test_an_entity_says_the_character() -> None:
    assert markup.inline("a|b_c") == "a&#124;b&#95;c"
    assert markup.inline("me@x") == "me&#64;\u200bx"


@pytest.mark.parametrize("limit", [0, 500, 4_000, markdown.COMMENT_BYTES])
def test_it_fits(limit: int) -> None:
    cells = [
        record(f"한글-{number}", error="긴 말 " * 900 if number % 9 == 0 else None) for number in range(900)
    ]
    text = markdown.document(run(*cells), limit)
    assert len(text.encode()) <= limit
    assert text.count("<details>") == text.count("</details>")
    if limit:
        assert text.startswith("### llmeval: ")
        assert text.endswith("the run file has the rest.*\n")


def test_what_fits_says_nothing_of_a_rest() -> None:
    assert "run file" not in markdown.document(run(record()))
