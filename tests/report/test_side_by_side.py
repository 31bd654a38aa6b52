"""Endpoints side by side: what stands in a line, and what is its best."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from pytest_llmeval.model import Cost, Host, Hosted, Record, Run, Sample, Score, Telemetry
from pytest_llmeval.report import compare


def cell(endpoint: str, name: str, total: float | None = None, **figures: Any) -> Record:
    score = None if total is None else Score(total=total)
    sample = Sample(round=0, at_s=0.0, ok=True, score=score, **figures)
    return Record(
        endpoint=endpoint, suite="s", scenario=name, language="en", category="c", prompt_sha256="",
        parameters_sha256="", samples=(sample,), cost=Cost(0.5) if endpoint == "a" else Cost(0.25),
    )  # fmt: skip


def run(*cells: Record, **known: Any) -> Run:
    host = Host(cpus=2, os="linux", python="3.11")
    return Run(
        id="r", started="", finished="", complete=True, plugin="0", host=host, cells=cells, **known
    )  # fmt: skip


def lines(found: list[compare.Line]) -> dict[str, tuple[tuple[str, ...], set[int]]]:
    return {line.label: (line.texts, set(line.best)) for line in found}


def test_less_is_better_of_times_and_memory_and_more_of_rates() -> None:
    memory = {"gpu_memory_used_bytes": 2.0 * 2**30}
    of = compare.sides([
        run(
            cell("a", "x", ttft_s=0.1, output_tps=20.0, latency_s=2.0),
            cell("b", "x", ttft_s=0.2, output_tps=30.0, latency_s=2.0),
            servers={
                name: Hosted(starts=1, cold_start_s=up_s, log="") for name, up_s in (("a", 31.0), ("b", 9.0))
            },
            telemetry={"b": Telemetry(wall_s=1.0, peak=memory, mean={"gpu_utilization": 0.5})},
        )
    ])  # fmt: skip
    assert lines(compare.figures(of)) == {
        "cold start, s": (("31.0", "9.00"), {1}),
        "TTFT, s": (("0.100", "0.200"), {0}),
        "latency, s": (("2.00", "2.00"), set()),
        "speed, tok/s": (("20.0", "30.0"), {1}),
        "GPU memory in use, GiB": (("–", "2.00"), set()),
        "GPU utilisation, %": (("–", "50.0"), set()),
        "cost": (("0.5", "0.25"), {1}),
    }


def test_what_is_free_has_no_line_of_costs() -> None:
    free = [structs.replace(cell(name, "x", ttft_s=0.1), cost=Cost()) for name in "ab"]
    assert "cost" not in lines(compare.figures(compare.sides([run(*free)])))


def test_figures_are_over_the_cells_that_all_have() -> None:
    of = compare.sides([
        run(cell("a", "x", ttft_s=0.1), cell("a", "y", ttft_s=9.0), cell("b", "x", ttft_s=0.2)),
    ])  # fmt: skip
    assert lines(compare.figures(of))["TTFT, s"] == (("0.100", "0.200"), {0})
    assert lines(compare.figures(of))["cost"] == (("0.5", "0.25"), {1})


def test_scores_that_differ_most_come_first_then_the_mean() -> None:
    of = compare.sides([
        run(
            cell("a", "same", 8.0), cell("b", "same", 8.0), cell("a", "far", 9.0), cell("b", "far", 1.0),
            cell("a", "alone", 5.0), cell("b", "alone"),
        )
    ])  # fmt: skip
    found, means = compare.scores(of), compare.means(of)
    assert [line.label for line in found] == ["s/far/en", "s/alone/en", "s/same/en"]
    assert lines(means) == {"mean total": (("8.5", "4.5"), {0})}, "over the cells that both have"
    assert lines(found)["s/same/en"] == (("8.0", "8.0"), set())


def test_hostile_names_break_no_table() -> None:
    of = compare.sides([run(cell("a|b", "x|<img>@me", 8.0), cell("c\x1b[31m", "x|<img>@me", 7.0))])
    text = compare.document(of, ["@me | <b>"])
    assert "<img" not in text
    assert "@" not in text
    assert "\x1b" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {4}
    assert "| **8.0** | 7.0 |" in text
    shown = compare.text(of, ["\x1b[31mred"], width=80, color=False)
    assert "\x1b" not in shown


def test_the_best_is_bold_on_a_terminal() -> None:
    of = compare.sides([run(cell("a", "x", 8.0), cell("b", "x", 7.0))])
    assert "\x1b[1m8.0\x1b[0m" in compare.text(of, [], width=80, color=True)
