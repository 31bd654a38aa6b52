"""The table at the end of a run: what comes first, what fits, what is never printed."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.cells import cell_len

from pytest_llmeval import language
from pytest_llmeval.model import Facts, Failure, Host, Load, Record, Run, Sample, Score, Verdict, score_spread
from pytest_llmeval.report import cells, terminal


def record(key: str, *samples: Sample, endpoint: str = "local") -> Record:
    suite, scenario, language = key.rsplit("/", 2)
    return Record(
        endpoint=endpoint,
        suite=suite,
        scenario=scenario,
        language=language,
        category="algorithm",
        prompt_sha256="",
        parameters_sha256="",
        samples=samples or (good(),),
    )


def good(number: int = 0, **fields) -> Sample:
    scores = {name: fields.pop(name) for name in ("quality", "correctness", "total") if name in fields}
    figures = {"ttft_s": 0.25, "tpot_s": 0.05, "output_tps": 20.0, "latency_s": 4.0, "finish_reason": "stop"}
    score = Score(**scores) if scores else None
    figures |= {"answer_sha256": str(number)} | fields
    return Sample(round=number, at_s=1.0, ok=True, score=score, **figures)


def bad(kind: str = "http_5xx", number: int = 0) -> Sample:
    return Sample(round=number, at_s=1.0, ok=False, error=Failure(kind, "boom", status=500))


def run(*cells: Record, verdicts: tuple[Verdict, ...] = (), **facts: Facts) -> Run:
    return Run(
        id="r",
        started="",
        finished="",
        complete=True,
        plugin="0",
        host=Host(cpus=2, os="linux", python="3.11"),
        endpoints=facts,
        cells=cells,
        verdicts=verdicts,
    )


def verdict(name: str, sentence: str, metric: str = "output_tps", cell: str | None = None) -> Verdict:
    return Verdict(endpoint="local", metric=metric, verdict=name, sentence=sentence, cell=cell)


def lines(run: Run, width: int = 80, *, color: bool = False, verbose: bool = False) -> list[str]:
    text = terminal.table(run, width=width, color=color, verbose=verbose)
    assert text.endswith("\n") or not text
    return text.splitlines()


def line_of(shown: list[str], start: str) -> str:
    (found,) = [line for line in shown if line.startswith(start)]
    return found


def test_a_plain_run_reads_well():
    shown = terminal.table(
        run(
            record(
                "smoke/greeting/ko",
                good(answer_sha256="a"),
                good(1, answer_sha256="b", finish_reason="length"),
            ),
            record(
                "smoke/fib/ko",
                good(quality=8.0, ttft_s=0.2),
                good(1, quality=7.0, ttft_s=0.4, output_tps=22.0),
            ),
            local=Facts(
                kind="local", server="xllamacpp 1", model="qwen", quantization="Q4", context_window=8192
            ),
        ),
        width=80,
        color=False,
    )
    assert (
        shown
        == """\
local  xllamacpp 1 · qwen · Q4 · 8,192 tokens of context

cell          TTFT  TPOT  speed  latency  quality  note
of smoke         s    ms  tok/s        s      /10
──────────────────────────────────────────────────────────────
fib/ko       0.300  50.0   21.0     4.00      7.5
greeting/ko  0.250  50.0   20.0     4.00        –  cut off 1/2

2 cells      0.275  50.0   20.5     4.00      7.5
"""
    )


def test_a_reference_stands_beside_what_is_compared_with_it():
    cells = [
        record("s/a/en", good(output_tps=40.0), endpoint="new"),
        record("s/a/en", good(output_tps=50.0), endpoint="old"),
        record("s/b/en", good(output_tps=20.0), endpoint="new"),
        record("s/b/en", good(output_tps=90.0), endpoint="old"),
        record("s/c/en", bad(), endpoint="old"),
    ]
    shown = lines(structs.replace(run(*cells), reference="old"))
    order = [tuple(line.split()[:2]) for line in shown if line[1:4] == "/en"]
    assert order == [("c/en", "old"), ("b/en", "new"), ("b/en", "old"), ("a/en", "new"), ("a/en", "old")]
    totals = [line.split() for line in shown if " cell" in line]
    assert [total[2] for total in totals] == ["new", "old"]
    assert "reference, 1 failed" in line_of(shown, "3 cells")


def test_the_worst_comes_first():
    several = [
        record("s/fast/en", good(quality=9.0, output_tps=30.0)),
        record("s/slow/en", good(quality=9.0, output_tps=10.0)),
        record("s/prose/en", good()),
        record("s/ugly/en", good(quality=2.0, output_tps=50.0)),
        record("s/wrong/en", good(quality=9.5, correctness=0.0)),
        record("s/regressed/en", good(quality=9.9)),
        record("s/failed/en", good(quality=10.0), bad(number=1)),
    ]
    red = verdict("regressed", "s/regressed/en is slower", cell="s/regressed/en")
    order = [row.cell for row in cells.rows(run(*several, verdicts=(red,)))]
    names = ["failed", "regressed", "wrong", "ugly", "slow", "fast", "prose"]
    assert order == [f"s/{name}/en" for name in names]


def test_figures_are_medians_of_timings_and_means_of_scores_over_good_rounds():
    cell = record(
        "s/a/en",
        good(0, ttft_s=0.1, quality=4.0),
        good(1, ttft_s=0.2, quality=5.0),
        good(2, ttft_s=9.0, quality=9.0),
        good(3, ttft_s=99.0, quality=6.0, void="lag"),
        bad(number=4),
    )
    (row,) = cells.rows(run(cell))
    assert row.figures["ttft_s"] == 0.2
    assert row.figures["quality"] == 6.0
    assert row.note == "http_5xx 1/5, void 1/5"


def test_absent_figures_are_not_zeros():
    shown = lines(run(record("s/a/en", bad("connect"))))
    assert line_of(shown, "a/en").split() == ["a/en", "–", "–", "–", "–", "connect"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0004, "0.000"),
        (0.2314, "0.231"),
        (0.9996, "1.00"),
        (4.181, "4.18"),
        (9.996, "10.0"),
        (99.96, "100"),
        (12345.0, "12345"),
    ],
)
def test_figures_have_three_digits(value, text):
    assert text in line_of(lines(run(record("s/a/en", good(ttft_s=value)))), "a/en").split()


def test_scores_show_where_there_are_any():
    plain, scored = record("s/a/en", good(quality=5.0)), record("s/b/en", good(correctness=7.0, total=6.2))
    assert "correct" not in "".join(lines(run(plain)))
    shown = lines(run(plain, scored))
    assert shown[0].split() == ["cell", "TTFT", "TPOT", "speed", "latency", "correct", "quality", "total"]
    assert line_of(shown, "b/en").split()[-3:] == ["7.0", "–", "6.2"]


def test_several_suites_and_endpoints_are_told_apart():
    cells = [record(f"{suite}/a/en", endpoint=name) for suite in "st" for name in ("left", "right")]
    shown = lines(run(*cells))
    assert shown[0].split()[:2] == ["cell", "endpoint"]
    assert sum(line.startswith("s/a/en") for line in shown) == 2
    assert [line.split()[:3] for line in shown if line.startswith("2 cells")] == [
        ["2", "cells", "left"],
        ["2", "cells", "right"],
    ]


def test_identical_rounds_are_said_to_be():
    same = record("s/a/en", *(good(number, answer_sha256="x") for number in range(3)))
    other = record("s/b/en", *(good(number) for number in range(3)))
    broken = record("s/c/en", good(answer_sha256="x"), bad(number=1))
    once = record("s/d/en", good(answer_sha256="x"))
    sampled = structs.replace(record("s/e/en", *same.samples), temperature=0.7)
    said = "answered byte-identically in all rounds: more rounds add no evidence about scores"
    shown = lines(run(same, other, broken, once, sampled), width=120)
    assert f"1 of 3 cells {said}" in shown
    assert "3 identical rounds" not in "\n".join(shown)
    assert "3 identical rounds" in line_of(lines(run(same, other), verbose=True), "a/en")
    assert f"the cell {said}" in lines(run(same), width=120)
    assert not any("identical" in line for line in lines(run(other, once, sampled)))


def test_void_samples_are_counted_with_an_example_of_why():
    voids = [good(number, void=f"the loop lagged {9 - number} ms") for number in range(2)]
    lagged = record("s/a/en", *voids, good(2))
    (said,) = [line for line in lines(run(lagged, record("s/b/en")), width=160) if line.startswith("void,")]
    assert "2 of 4 samples (such as: the loop lagged 9 ms)" in said
    assert not any(line.startswith("void,") for line in lines(run(record("s/b/en")), width=160))


def test_a_long_run_shows_its_worst_cells():
    many = run(*(record(f"s/c{number:03}/en", good(quality=number / 20)) for number in range(100)))
    shown = lines(many)
    assert sum("/en " in line for line in shown) == cells.MAX_ROWS
    assert "… and 90 better cells (-v shows all)" in shown
    assert sum("/en " in line for line in lines(many, verbose=True)) == 100
    brief = terminal.table(many, width=80, color=False, brief=True)
    assert "100 cells" in brief
    assert "/en " not in brief
    assert "better" not in brief


def test_cells_that_failed_have_a_line_each_up_to_a_bound():
    def shown(failed: int) -> int:
        several = run(*(record(f"s/c{n:03}/en", bad() if n < failed else good()) for n in range(60)))
        return sum("/en " in line for line in lines(several))

    assert [shown(failed) for failed in (0, 9, 25, 60)] == [10, 10, 25, 40]


def test_many_verdicts_that_are_alike_are_told_by_the_first():
    failed = [verdict("regressed", f"cell {n} failed", "errors", cell=f"s/{n}/en") for n in range(52)]
    slow = verdict("regressed", "box is slower")
    judged = run(record("s/a/en"), verdicts=(*failed, slow))
    assert lines(judged)[-7:] == [
        *(f"regressed  cell {n} failed" for n in range(5)),
        "regressed  box is slower",
        "regressed  47 more like these: errors",
    ]
    assert sum("failed" in line for line in lines(judged, verbose=True)) == 52


def test_the_header_breaks_between_its_parts():
    parts = ["llmeval: a", "3 rounds", "기준: 폴더", "x" * 30]
    assert terminal.joined(parts, 80) == " · ".join(parts)
    assert terminal.joined(parts, 23) == f"llmeval: a · 3 rounds\n  기준: 폴더\n  {'x' * 30}"
    assert terminal.joined(["one"], 2) == "one"


@pytest.mark.parametrize("width", [80, 120])
def test_a_korean_table_fits_and_its_columns_stand_below_each_other(width: int):
    cells_ = [
        record(f"한국어/c{n}/ko", good(quality=5.0, correctness=10.0, total=7.0), endpoint=name)
        for n in range(3)
        for name in ("qwen-2.5-coder", "vllm-awq-ko", "a")
    ]
    with language.using("ko"):
        shown = lines(run(*cells_), width=width)
    assert "셀 3개" in shown[-2]
    assert "정확도" in shown[0]
    assert max(map(cell_len, shown)) <= width
    ends = {
        cell_len(line[: line.rindex(text) + len(text)])
        for text in ("20.0",)
        for line in shown
        if text in line
    }
    assert len(ends) == 1


def test_verdicts_are_sentences_the_gravest_first_and_kept_promises_are_named():
    judged = run(
        record("s/a/en"),
        verdicts=(
            verdict("ok", "local is as fast as its baseline"),
            verdict("ok", "local answers as well as before", "quality"),
            verdict("inconclusive", "too few sessions", "ttft_s"),
            verdict("regressed", "local is 12 % slower\n  -> llmeval baseline accept local", cell="s/a/en"),
            verdict("missing", "s/gone/en is gone", "cells", cell="s/gone/en"),
            verdict("new", "no baseline yet", "total"),
            verdict("new", "no baseline yet", "clarity"),
        ),
    )
    shown = lines(judged)
    assert shown[-7:] == [
        "",
        "regressed     local is 12 % slower",
        "                -> llmeval baseline accept local",
        "missing       s/gone/en is gone",
        "inconclusive  too few sessions",
        "new           no baseline yet",
        "ok            local: output_tps, quality",
    ]
    assert line_of(shown, "a/en").endswith("regressed: output_tps")
    assert line_of(shown, "1 cell").endswith("inconclusive: ttft_s")
    assert "ok            local answers as well as before" in lines(judged, verbose=True)


def test_what_an_endpoint_is_now_comes_first_and_is_never_only_named():
    changed = verdict("ok", "local is not what its baseline was made with: model a → b", "facts")
    judged = run(record("s/a/en"), verdicts=(verdict("regressed", "local is slower"), changed))
    assert lines(judged)[-2:] == [f"ok         {changed.sentence}", "regressed  local is slower"]
    kept = run(record("s/a/en"), verdicts=(verdict("ok", "as fast"), changed))
    assert lines(kept)[-2:] == [f"ok  {changed.sentence}", "ok  local: output_tps"]


def test_a_run_of_nothing_is_nothing():
    assert lines(run()) == []


def test_colours_are_off_when_asked_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "dumb")
    failed = run(record("s/a/en", bad()))
    plain = lines(failed)
    assert "\x1b" not in "".join(plain)
    monkeypatch.setenv("NO_COLOR", "1")
    colored = lines(failed, color=True)
    assert any("\x1b[31m" in line for line in colored), "a failed cell is red"
    assert lines(failed) == plain


def test_korean_takes_two_columns_a_syllable():
    shown = lines(run(record("모음/한글-시나리오/ko"), record("모음/ascii/en", good(quality=1.0))))
    assert line_of(shown, "of 모음")
    ends = {cell_len(line[: line.index("0.250") + 5]) for line in shown if "0.250" in line}
    assert len(ends) == 1, "the figures stand in one column"


def test_a_long_key_keeps_its_end():
    names = ("아주-긴-이름의-시나리오-그리고-더-긴-이름", "a-scenario-with-a-name-that-does-not-end-soon")
    cells = [record(f"모음/{name}/ko", bad("rate_limited"), endpoint="x" * 30) for name in names]
    shown = lines(run(*cells, *(record("모음/b/ko", endpoint="y") for _ in names)), width=76)
    latin, korean = (line.split()[0] for line in shown if line.startswith("…"))
    assert latin.endswith("end-soon/ko")
    assert korean.endswith("이름/ko")
    assert cell_len(latin) - 1 <= cell_len(korean) <= cell_len(latin)


HOSTILE = "evil\x1b[31m\u202ereversed\u200b\x07\x9b2J\r\nnext\ud800"


def test_what_a_terminal_would_obey_is_shown_not_sent():
    shown = terminal.table(
        run(
            record(f"s/{HOSTILE}/en", bad(), endpoint=HOSTILE),
            verdicts=(verdict("regressed", HOSTILE),),
            **{HOSTILE: Facts(kind="openai", server=HOSTILE, model="[bold]m[/bold]")},
        ),
        width=160,
        color=False,
    )
    assert "evil␛[31m" in shown
    assert "[bold]m[/bold]" in shown, "markup is text"
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"]


names = st.text(st.characters(exclude_characters="/"), max_size=40)
samples = st.sampled_from(
    [good(), good(quality=7.0, correctness=1.0, total=3.0), good(finish_reason="length"), bad()]
)
kinds = st.sampled_from(["ok", "regressed", "improved", "inconclusive", "missing", "stale", "new", "not run"])


@given(
    st.lists(st.tuples(names, names, names, names, st.lists(samples, min_size=1, max_size=3)), max_size=6),
    st.lists(st.tuples(kinds, names), max_size=4),
    st.integers(70, 180),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_no_line_is_wider_than_the_terminal_and_nothing_raises(cells, verdicts, width, verbose):
    whole = run(
        *(
            record(f"{suite}/{scenario}/{language}", *taken, endpoint=endpoint)
            for suite, scenario, language, endpoint, taken in cells
        ),
        verdicts=tuple(verdict(kind, sentence) for kind, sentence in verdicts),
        **{endpoint: Facts(kind="openai", model=suite) for suite, _, _, endpoint, _ in cells},
    )
    for line in terminal.table(whole, width=width, color=False, verbose=verbose).splitlines():
        assert cell_len(line) <= width


def test_scores_of_rounds_that_differ_have_their_spread():
    rounds = (good(0, quality=6.0, total=8.0), good(1, quality=8.0, total=8.0))
    cell = record("s/a/en", *rounds)
    cell = structs.replace(cell, spread=score_spread(cell.samples))
    assert cell.spread == {"quality": pytest.approx(1.414, abs=1e-3)}
    shown = lines(run(cell), width=120)
    assert line_of(shown, "a/en").split()[-2:] == ["7.0±1.4", "8.0"]
    assert "±" not in line_of(shown, "1 cell"), "the spread of rounds is not that of cells"
    assert score_spread([good(0, quality=6.0), good(1, quality=6.0), bad(number=2)]) == {}


def batch(number: int = 0, **known: Any) -> Load:
    fixed: dict[str, Any] = {"concurrency": 16, "load_tps": 200.0, "request_rps": 1.5, "fairness": 0.98}
    fixed |= {"ttft_p50_s": 0.4, "ttft_p99_s": 0.9, "queue_p99_s": 0.25}
    return Load(**{"round": number, "requests": 32} | fixed | known)


def test_what_the_system_gave_under_load():
    loads = (batch(load_tps=190.0), batch(1, load_tps=9.0, void="lag\x1b[31m"), batch(2))
    users = structs.replace(record("load/users/en"), load=loads)
    rate = structs.replace(
        record("load/open-loop/en"),
        load=(batch(concurrency=None, rate=2.5, queue_p99_s=None, goodput_rps=0.5),),
    )
    shown = load_table(run(record("load/plain/en"), rate, users), width=100)
    assert " ".join(shown[0].split()) == "under load at once all done goodput TTFT TTFT queue fair"
    assert " ".join(shown[1].split()) == "tok/s /s /s p50 s p99 s p99 s of 1"
    assert [line.split() for line in shown[3:5]] == [
        ["users/en", "16", "195", "1.50", "–", "0.400", "0.900", "0.250", "0.980"],
        ["open-loop/en", "2.5/s", "200", "1.50", "0.500", "0.400", "0.900", "–", "0.980"],
    ]
    assert shown[5:] == ["load/users/en on local: void in 1 of 3 batches: lag␛[31m"]
    narrow = load_table(run(rate, users, structs.replace(users, endpoint="vllm-gptq")), width=70)
    assert max(map(len, narrow)) <= 70
    assert narrow[0].split()[-4:] == ["goodput", "TTFT", "queue", "fair"], "what says most is kept"
    assert "under load" not in terminal.table(run(record("load/plain/en")), width=80, color=False)


def test_the_clients_own_ceiling_is_said():
    busy = batch(client_busy=0.5, client_ceiling_tps=40_000.0)
    idle = batch(1, client_busy=0.12, client_ceiling_tps=20_000.0)
    half = batch(2, client_ceiling_tps=10_000.0)
    shown = load_table(run(structs.replace(record("load/users/en"), load=(busy, idle, half))), width=100)
    assert shown[-1] == (
        "this client was busy 50% of the time at most; one process of it does 40,000 tokens/s or more here"
    )


def load_table(run: Run, width: int) -> list[str]:
    shown = terminal.table(run, width=width, color=False)
    return shown[shown.index("under load") :].splitlines()


def test_cold_starts_have_a_column():
    cold = record("cold/first/en", good(cold_start_s=1.5), good(1, cold_start_s=2.5))
    shown = lines(run(cold))
    assert shown[0].split()[-1] == "cold"
    assert line_of(shown, "first/en").split()[-1] == "2.00"
