"""A run as HTML: its outline, what is said where figures are missing, and that nothing in it is obeyed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.language import using
from pytest_llmeval.model import Facts, Failure, Host, Load, Record, Run, Sample, Score, Telemetry, Verdict
from pytest_llmeval.report import html, page, sections

HOSTILE = (
    "</title></style></svg></pre><script>alert(1)</script><img src=x onerror=alert(1)>\"' on=' $\\frac$ "
    "{{7*7}} {% raw %} &lt; javascript:alert(1) https://e.vil/ _a \u202edrow\u200b\uffff\x1b[31m\x00 ]]> -->"
)
ATTACKS = json.loads((Path(__file__).parents[1] / "attacks.json").read_text(encoding="utf-8"))
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(HTMLParser):
    """Tags with their attributes, headings, and the text by the innermost tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def said(self, tag: str) -> list[str]:
        """What stands directly in such tags."""
        return [text for name, text in self.texts if name == tag]


def record(name: str = "x", endpoint: str = "box", error: str | None = None, **fields: Any) -> Record:
    known = {"category": "algorithm", "language": "en"} | fields
    sample = Sample(
        round=0, at_s=0.0, ok=True, ttft_s=0.25, output_tps=20.0, latency_s=2.5, gap_p50_s=0.05,
        gap_p99_s=0.09, answer_sha256="1", finish_reason="stop", reasons=("two of three",),
        score=Score(total=8.0, correctness=8.0, parts={"checks": 4.0}),
    )  # fmt: skip
    if error is not None:
        sample = Sample(round=0, at_s=0.0, ok=False, error=Failure("http_5xx", error, status=500))
    return Record(
        endpoint=endpoint, suite="s", scenario=name, prompt_sha256="", parameters_sha256="",
        **{"samples": (sample,), **known},
    )  # fmt: skip


def run(*cells: Record, name: str = "r", **fields: Any) -> Run:
    host = Host(cpus=2, os="linux", python="3.11")
    known: dict[str, Any] = {"endpoints": {"box": Facts(kind="openai", server="vllm 1", model="m")}} | fields
    return Run(
        id=name, started="2026-11-21T03:45:01Z", finished="", complete=True, plugin="0", host=host,
        cells=cells, **known,
    )  # fmt: skip


def document(*runs: Run, sentences: tuple[str, ...] = (), **fields: Any) -> str:
    cells = [
        page.Cell(
            one, cell, page.Question("Write it.", "Be brief."),
            (page.Given("Here:\n```python\npass\n```", "hm", "1", (0,), "pass"),),
        )
        for one, cell in sections.chosen(runs)
    ]  # fmt: skip
    return html.document(page.Page(runs, sentences, **{"cells": cells, **fields}))


def check(text: str) -> Outline:
    """What must hold for every report."""
    outline = Outline(text)
    assert outline.open == [], "every tag is closed"
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    names = {tag for tag, _ in outline.tags}
    assert not names & {"script", "img", "iframe", "link", "object", "form", "base", "foreignobject"}
    for tag, attributes in outline.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}
        ]
        for name in ("href", "clip-path"):
            if name in attributes:
                target = re.fullmatch(r"#(.+)|url\(#(.+)\)", attributes[name] or "")
                assert target, attributes
                assert (target[1] or target[2]) in ids, f"{tag} leads nowhere"
    assert all(one.get("scope") in {"row", "col"} for one in outline.all("th"))
    assert '<th scope="col"></th>' not in text, "a heading says something"
    for one in outline.all("svg"):
        assert one["role"] == "img"
        assert set((one["aria-labelledby"] or "").split()) <= set(ids)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [one["content"] for one in outline.all("meta") if one.get("http-equiv")]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\((?!#)|@import|expression", style)
    return outline


def test_the_verdict_comes_first_then_endpoints_figures_and_cells() -> None:
    told = Verdict(endpoint="box", metric="output_tps", verdict="regressed", sentence="box is 12 % slower")
    one = run(record("a"), record("b", error="boom"), verdicts=(told,))
    outline = check(document(one))
    assert outline.said("h1") == ["1 promise broken, failed requests in 1 cell"]
    assert outline.said("title")[0] == "llmeval: 1 promise broken, failed requests in 1 cell"
    assert outline.said("h2") == ["Verdicts", "The endpoint", "Figures", "2 cells, the worst first"]
    assert "box is 12 % slower" in outline.said("span")
    assert outline.said("summary").count("") == 0
    assert ("a", "b/en") in outline.texts, "the worst cell leads to its section"
    titles = [text for tag, text in outline.texts if tag == "h3"]
    assert titles[-2:] == ["s/b/en on box", "s/a/en on box"]
    assert "http_5xx (HTTP 500): boom" in outline.said("pre")
    assert "Here:\n```python\npass\n```" in outline.said("pre")
    assert {"pass", "hm", "Write it.", "Be brief."} <= set(outline.said("pre"))
    assert "two of three" in outline.said("li")
    assert len(outline.all("svg")) == 5


def test_what_is_said_of_a_cell_leads_to_it() -> None:
    cell = Verdict(
        endpoint="box", metric="output_tps", cell="s/b/en", verdict="regressed", sentence="s/b/en is slower"
    )
    gone = Verdict(
        endpoint="box", metric="cells", cell="s/c/en", verdict="missing", sentence="s/c/en is gone"
    )
    below = structs.replace(record("a"), failure="quality is 4, under the scenario's floor of 8")
    outline = check(document(run(below, record("b"), verdicts=(cell, gone))))
    assert outline.said("h1") == ["2 promises broken, 1 test failed"]
    links = [one["href"] for one in outline.all("a")]
    assert links.count("#cell-0") == links.count("#cell-1") == 2, "here and in the table"
    assert [text for tag, text in outline.texts if tag == "a"].count("see its answers") == 2
    told = [text for tag, text in outline.texts if tag == "span"]
    assert "s/a/en on box: quality is 4, under the scenario's floor of 8" in told
    assert "quality is 4, under the scenario's floor of 8" in outline.said("pre")


def test_endpoints_side_by_side_with_the_best_in_bold() -> None:
    fast = [
        Sample(round=0, at_s=0.0, ok=True, output_tps=40.0, latency_s=1.0, score=Score(total=8.0)),
        Sample(round=0, at_s=0.0, ok=True, output_tps=20.0, latency_s=1.0, score=Score(total=8.0)),
    ]
    seen = Telemetry(wall_s=1.0, peak={"gpu_memory_used_bytes": 5.1 * 2**30})
    one = run(
        record("a", "awq", samples=(fast[0],)), record("a", "gptq", samples=(fast[1],)),
        telemetry={"awq": seen},
    )  # fmt: skip
    outline = check(document(one, sentences=("awq against gptq: 100 % faster",)))
    assert outline.said("h1") == ["2 cells, nothing to compare with yet"]
    assert "awq against gptq: 100 % faster" in outline.said("li")
    assert outline.said("strong")[0] == "40.0"
    assert "GPU memory in use, GiB" in outline.said("h3")
    assert len(outline.all("svg")) == 4


def test_what_the_system_gave_under_load() -> None:
    batch = Load(round=0, requests=32, concurrency=16, load_tps=200.0, ttft_p99_s=0.9)
    void = structs.replace(batch, round=1, void="lag")
    outline = check(document(run(structs.replace(record(), load=(batch, void)))))
    assert "What the system gave to all requests together" in outline.said("caption")
    assert "0.900" in outline.said("td")
    assert "s/x/en on box: void in 1 of 2 batches: lag" in outline.said("dd")


def test_a_cell_that_a_damaged_file_has_twice_is_shown_twice() -> None:
    outline = check(document(run(record("a"), record("a"))))
    assert outline.said("h3").count("s/a/en on box") == 2


def test_two_runs_each_with_its_verdict() -> None:
    both = run(record(), name="r-1"), run(record(error="boom"), name="r-2")
    outline = check(document(*both))
    assert outline.said("h1") == ["2 endpoints side by side"]
    assert outline.all("header")[0]["class"] == "bad"
    assert any(text.startswith("Run r-2") and text.endswith("in 1 cell") for text in outline.said("p"))
    assert {"s/x/en on box (r-1)", "s/x/en on box (r-2)"} <= set(outline.said("h3"))


@pytest.mark.parametrize(
    ("one", "headline"),
    [
        (run(), "0 cells, nothing to compare with yet"),
        (run(record(samples=()), interrupted=True), "interrupted after 1 cell; nothing was judged"),
        (run(record(samples=(Sample(round=0, at_s=0.0, ok=True),))), "1 cell, nothing to compare with yet"),
    ],
)
def test_what_was_not_measured_is_not_drawn(one: Run, headline: str) -> None:
    outline = check(document(one, cells=[page.Cell(one, cell) for cell in one.cells]))
    assert outline.said("h1") == [headline]
    assert not outline.all("svg")


def test_sessions_of_one_day_stand_at_their_times() -> None:
    dates = ["2026-11-21T03:45:01Z", "2026-11-21T09:15:00Z"]
    points = tuple(page.Point(f"r{at}", date, 20.0 + at) for at, date in enumerate(dates))
    said = check(document(run(record()), trends=[page.Trend("box", "output_tps", points)])).said("text")
    assert {"03:45", "09:15", "2026-11-21"} <= set(said)
    later = (points[0], page.Point("r2", "2026-11-22T03:45:01Z", 21.0))
    said = check(document(run(record()), trends=[page.Trend("box", "output_tps", later)])).said("text")
    assert {"2026-11-21", "2026-11-22"} <= set(said)
    assert "03:45" not in said


def test_hangul_stays_text() -> None:
    one = run(record("합계", "우리-서버", category="알고리즘", language="ko"))
    text = document(one, cells=[page.Cell(one, one.cells[0], page.Question("더해 줘."))])
    outline = check(text)
    assert "우리-서버" in outline.said("text")
    assert "알고리즘" in outline.said("text")
    assert "더해 줘." in outline.said("pre")


def test_the_language_is_said() -> None:
    with using("ko"):
        assert Outline(document(run(record()))).all("html") == [{"lang": "ko"}]


def hostile(text: str, *, drawn: bool) -> str:
    """A report in which every text is this one."""
    measured = {"ttft_s": 0.1, "output_tps": 9.0, "latency_s": 1.0, "gap_p50_s": 0.1, "gap_p99_s": 0.2}
    failed = Sample(round=0, at_s=0.0, ok=False, error=Failure("http_5xx", text, status=500), reasons=(text,))
    good = Sample(
        round=1, at_s=0.0, ok=True, finish_reason=text, answer_sha256="1", reasons=(text,),
        void=None if drawn else text,
        score=Score(absent={text: text}, parts={text: 1.0}, total=1.0 if drawn else None),
        **(measured if drawn else {}),
    )  # fmt: skip
    told = Verdict(endpoint=text, metric=text, verdict="regressed", sentence=text, cell=f"s/{text}/en")
    cells = [record(text, name, category=text, samples=(failed, good)) for name in (text, f"{text}2")]
    facts = Facts(kind=text, server=text, model=text)
    one = run(*cells, name=text, reference=text, endpoints={text: facts}, verdicts=(told,))
    points = (page.Point(text, text, 1.0), page.Point(text, text, 2.0))
    trends = [page.Trend(text, "output_tps", points, None, {1: text})] if drawn else []
    answer = page.Given(text, text, "1", (0,), f"{text} ")
    known = [page.Cell(one, cell, page.Question(text, text, text), (answer,)) for cell in cells]
    return html.document(page.Page([one], (text,), trends, (text,), known))


def test_nothing_is_obeyed() -> None:
    harmless, bad = check(hostile("x", drawn=True)), check(hostile(HOSTILE, drawn=True))
    assert [tag for tag, _ in harmless.tags] == [tag for tag, _ in bad.tags]
    shown = "\n".join(text for _, text in bad.texts)
    assert "<script>alert(1)</script>" in shown, "it is shown as it came"
    assert "{{7*7}}" in shown
    assert "␛[31m␀" in shown
    assert not re.search("[\u202e\u200b\x00\x1b]", shown)


@cache
def harmless_tags() -> list[str]:
    return [tag for tag, _ in check(hostile("x", drawn=False)).tags if tag != "p"]


@pytest.mark.parametrize("group", ATTACKS)
def test_no_attack_that_is_known_makes_a_tag(group: str) -> None:
    for text in ATTACKS[group].values():
        bad = check(hostile(text, drawn=False))
        assert [tag for tag, _ in bad.tags if tag != "p"] == harmless_tags(), text


TEXTS = st.text(min_size=1, max_size=60) | st.sampled_from(["</pre>", "<!--", "]]>", "&#x3c;b>", "\n", "_"])


@settings(max_examples=30)
@given(TEXTS)
def test_no_text_makes_a_tag(text: str) -> None:
    bad = hostile(text, drawn=False)
    assert [tag for tag, _ in check(bad).tags if tag != "p"] == harmless_tags()
    bad.encode()  # nothing that a file can't hold


def test_a_large_run_is_cut_and_says_so() -> None:
    every = [record(f"c{number}", error="x" * 30_000 if number % 5 == 0 else None) for number in range(1500)]
    text = document(run(*every))
    outline = check(text)
    assert len(text) < 10_000_000
    assert outline.said("h2")[-1] == "1500 cells, the worst first"
    assert len([one for one in outline.all("details") if (one.get("class") or "").startswith("cell")]) == 200
    notes = outline.said("p")
    assert "The 1000 worst of 1500 cells are listed." in notes
    assert any(text.startswith("200 of them are shown") for text in notes)
    assert all("…" in failure or len(failure) < 25_000 for failure in outline.said("pre"))
