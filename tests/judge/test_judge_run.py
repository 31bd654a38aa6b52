"""A whole run against its baselines: every promise, its verdict and what it tells people to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from pytest_llmeval.judge import METRICS, Verdicts, judge_run
from pytest_llmeval.judge.sessions import Baseline, by_round
from pytest_llmeval.model import METRICS as NAMED
from pytest_llmeval.model import (
    Facts,
    Host,
    Load,
    MetricPolicy,
    Part,
    Policy,
    Run,
    Score,
    Selection,
    Telemetry,
    Verdict,
)

if TYPE_CHECKING:
    Maker = Any


def one(verdicts: Verdicts, metric: str, cell: str | None = None) -> Verdict:
    (found,) = [line for line in verdicts if line.metric == metric and line.cell == cell]
    return found


def of(verdicts: Verdicts, *names: str) -> list[Verdict]:
    return [line for line in verdicts if line.verdict in names]


def test_the_metrics_are_those_of_the_vocabulary() -> None:
    assert set(METRICS) == set(NAMED)


def test_an_unchanged_run_is_green(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session())
    assert not verdicts.red
    assert verdicts.judged
    assert verdicts.header == "at most 2 % of unchanged builds are red"
    assert {line.metric for line in verdicts} == {"output_tps", "ttft_s", "correctness", "quality"}
    assert all(line.cell is None and line.sessions == 5 for line in verdicts)


def test_a_slower_run_is_red_and_says_what_to_do(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session(0.85))
    line = one(verdicts, "output_tps")
    assert verdicts.red
    assert line.verdict == "regressed"
    assert line.sentence.startswith("coding on box is 1")
    assert "slower than its baseline (95 % interval" in line.sentence
    assert line.sentence.endswith("if this is intended: llmeval baseline accept box")
    assert one(verdicts, "ttft_s").verdict == "ok"
    assert len(of(verdicts, "regressed")) == 1, "cells that fell as the whole did are not said again"


def test_a_single_slow_cell_is_a_verdict_of_its_own(make: Maker) -> None:
    run = make.session()
    slow = structs.replace(
        run.cells[2],
        samples=tuple(structs.replace(s, output_tps=s.output_tps * 0.6) for s in run.cells[2].samples),
    )
    run = structs.replace(run, cells=(*run.cells[:2], slow, *run.cells[3:]))
    verdicts = judge_run({"box": make.history()}, run)
    assert one(verdicts, "output_tps").verdict == "ok"
    assert one(verdicts, "output_tps", "coding/s2/en").verdict == "regressed"
    assert "coding/s2/en on box is " in one(verdicts, "output_tps", "coding/s2/en").sentence


def test_the_budget_is_per_endpoint_and_the_header_names_the_sum(make: Maker) -> None:
    two = make.run([*make.session().cells, *make.session(endpoint="other").cells])
    verdicts = judge_run({"box": make.history()}, two, Policy(alpha=0.01))
    assert verdicts.header == "at most 1 % of unchanged builds are red for each of 2 endpoints, 2 % in all"
    assert {line.endpoint for line in verdicts} == {"box", "other"}


def test_no_baseline_is_new_and_never_red(make: Maker) -> None:
    (line,) = judge_run({}, make.session())
    assert (line.verdict, line.red) == ("new", False)
    assert "llmeval baseline update" in line.sentence
    assert [line.verdict for line in judge_run({"box": Baseline(endpoint="box")}, make.session())] == ["new"]


def test_a_collapse_against_one_session_is_red(make: Maker) -> None:
    baselines = {"box": make.history(1)}
    assert one(judge_run(baselines, make.session(0.5)), "output_tps").verdict == "regressed"
    assert one(judge_run(baselines, make.session(0.9)), "output_tps").verdict == "inconclusive"


def test_an_interrupted_run_is_not_judged(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session(0.3, interrupted=True, complete=False))
    assert not verdicts.judged
    assert len(verdicts) == 0
    assert "6 cells ran; nothing was judged" in verdicts.header


# -- hard promises -----------------------------------------------------------------------------------------


def test_a_failed_request_is_red_without_any_baseline(make: Maker) -> None:
    run = make.run([make.record("coding/a/en", {"output_tps": [50, 51]}, **make.failed())])
    line = one(judge_run({}, run), "errors", "coding/a/en")
    assert line.red
    assert "2 of 2 requests failed (timeout: no answer within 120 s)" in line.sentence


@pytest.mark.parametrize(("metric", "floor"), [("output_tps", 1000.0), ("ttft_s", 0.01), ("quality", 9.9)])
@pytest.mark.parametrize("with_history", [True, False])
def test_a_floor_needs_no_statistics(make: Maker, metric: str, floor: float, *, with_history: bool) -> None:
    baselines = {"box": make.history()} if with_history else {}
    policy = Policy(endpoints={"box": {metric: MetricPolicy(floor=floor)}})
    line = one(judge_run(baselines, make.session(), policy), metric)
    assert line.verdict == "regressed"
    assert f"the policy's floor of {floor:g}" in line.sentence
    kept = Policy(metrics={metric: MetricPolicy(floor=0.0 if METRICS[metric].higher_is_better else 1e9)})
    assert not judge_run(baselines, make.session(), kept).red


def test_a_window_that_shrank_is_red_and_other_facts_are_said_first(make: Maker) -> None:
    new = Facts(kind="openai", model="n", context_window=2048)
    verdicts = judge_run({"box": make.history()}, make.session(endpoints={"box": new}))
    assert verdicts.lines[0].metric == "facts"
    assert "model m → n" in verdicts.lines[0].sentence
    line = one(verdicts, "context_window")
    assert line.red
    assert line.effect == -0.5
    assert "4096 to 2048" in line.sentence
    wider = structs.replace(new, context_window=8192)
    assert not judge_run({"box": make.history()}, make.session(endpoints={"box": wider})).red


def without(run: Run, *keys: str, **selection: Any) -> Run:
    cells = tuple(record for record in run.cells if record.key not in keys)
    return structs.replace(run, cells=cells, selection=structs.replace(run.selection, **selection))


def test_a_cell_that_nothing_yields_any_more_is_missing(make: Maker) -> None:
    run = make.session()
    left = tuple(key for key in run.selection.cells if key != "coding/s1/en")
    line = one(
        judge_run({"box": make.history()}, without(run, "coding/s1/en", cells=left)), "cells", "coding/s1/en"
    )
    assert line.verdict == "missing"
    assert line.red
    assert "llmeval baseline prune box" in line.sentence


@pytest.mark.parametrize("suites", [(), ("coding",)])
def test_a_cell_that_was_not_selected_is_not_run(make: Maker, suites: tuple[str, ...]) -> None:
    run = make.session()
    cells = run.selection.cells if suites else ()
    verdicts = judge_run(
        {"box": make.history()}, without(run, "coding/s1/en", "coding/s2/en", suites=suites, cells=cells)
    )
    line = one(verdicts, "cells")
    assert (line.verdict, line.red) == ("not run", False)
    assert line.sentence == "2 cells of box were not run: coding/s1/en, coding/s2/en"


def test_new_cells_are_named_once(make: Maker) -> None:
    line = one(judge_run({"box": make.history(cells=4)}, make.session()), "cells")
    assert line.verdict == "new"
    assert "coding/s4/en, coding/s5/en" in line.sentence


# -- what can be compared ----------------------------------------------------------------------------------


def test_another_prompt_is_stale_not_regressed(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session(0.3, prompt="another"))
    assert [(line.verdict, line.metric) for line in verdicts] == [("stale", "prompt")]
    assert "coding/s0/en" in verdicts.lines[0].sentence


def test_one_stale_cell_leaves_the_others_judged(make: Maker) -> None:
    run = make.session()
    changed = structs.replace(run.cells[0], parameters_sha256="other")
    verdicts = judge_run({"box": make.history()}, structs.replace(run, cells=(changed, *run.cells[1:])))
    assert one(verdicts, "parameters", "coding/s0/en").verdict == "stale"
    assert one(verdicts, "output_tps").verdict == "ok"


def test_another_scoring_makes_scores_stale_and_leaves_timings(make: Maker) -> None:
    run = make.session(0.8)
    analysers = structs.replace(run.analysers, rules="new")
    verdicts = judge_run({"box": make.history()}, structs.replace(run, analysers=analysers))
    assert one(verdicts, "scoring").verdict == "stale"
    assert "llmeval baseline update" in one(verdicts, "scoring").sentence
    assert one(verdicts, "output_tps").verdict == "regressed"
    assert not [line for line in verdicts if line.metric in ("quality", "correctness")]


@pytest.mark.parametrize("here", [True, False])
def test_another_machine_matters_where_the_server_is(make: Maker, *, here: bool) -> None:
    facts = {"box": Facts(kind="openai", here=here)}
    old = make.history(endpoints=facts)
    run = make.session(0.5, endpoints=facts, host=Host(cpus=8, os="linux", python="3.11", cpu_model="fast"))
    verdicts = judge_run({"box": old}, run)
    timings = [line.verdict for line in verdicts if line.metric == "output_tps"]
    assert timings == ([] if here else ["regressed"])
    assert bool(of(verdicts, "stale")) == here
    assert one(verdicts, "quality").verdict == "ok"
    put_to_test = judge_run({"box": old}, run, Policy(compare_hardware=True))
    assert one(put_to_test, "output_tps").verdict == "regressed"


@pytest.mark.parametrize(("then", "stale"), [(("A100",), True), (("H200",), False), ((), False)])
def test_another_gpu_is_another_machine(make: Maker, then: tuple[str, ...], *, stale: bool) -> None:
    """A baseline that does not name any was written before GPUs were told."""
    facts = {"box": Facts(kind="openai", here=True)}
    machine = Host(cpus=8, os="linux", python="3.11", cpu_model="chip")
    old = make.history(endpoints=facts, host=structs.replace(machine, gpus=then))
    run = make.session(endpoints=facts, host=structs.replace(machine, gpus=("H200",)))
    verdicts = judge_run({"box": old}, run)
    assert bool(of(verdicts, "stale")) == stale
    assert ("output_tps" in {line.metric for line in verdicts}) != stale


def test_a_starved_client_is_inconclusive_never_regressed(make: Maker) -> None:
    run = make.session(0.3, void="the event loop was late by 40 ms")
    verdicts = judge_run({"box": make.history()}, run)
    assert not verdicts.red
    starved = [line for line in verdicts if line.metric == "timings"]
    assert len(starved) == 6
    assert {line.verdict for line in starved} == {"inconclusive"}
    assert "the event loop was late by 40 ms" in starved[0].sentence
    assert one(verdicts, "quality").verdict == "ok", "scores do not depend on the clock"


def test_a_replay_is_not_timed(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session(0.3, transport="replay"))
    assert {line.metric for line in verdicts} == {"correctness", "quality"}


# -- policy ------------------------------------------------------------------------------------------------


def test_what_is_not_gated_is_shown_and_never_red(make: Maker) -> None:
    ungated = Policy(metrics={"output_tps": MetricPolicy(gate=False)})
    line = one(judge_run({"box": make.history()}, make.session(0.5), ungated), "output_tps")
    assert line.verdict == "ok"
    assert line.worse is True
    assert line.sentence.endswith("shown, not gated")


def test_a_metric_is_gated_when_the_policy_asks(make: Maker) -> None:
    def latency(factor: float, name: str) -> Run:
        figures = {"latency_s": [factor * x * make.random.gauss(1, 0.02) for x in (2.0, 2.0, 2.0)]}
        return make.run([make.record(f"coding/s{n}/en", figures) for n in range(5)], name)

    baseline = {"box": make.baseline([latency(1.0, f"r{n}") for n in range(5)])}
    assert not judge_run(baseline, latency(2.0, "new")).red
    gated = Policy(metrics={"latency_s": MetricPolicy(gate=True)})
    assert judge_run(baseline, latency(2.0, "new"), gated).red


def test_an_endpoints_own_allowance_wins(make: Maker) -> None:
    lenient = Policy(endpoints={"box": {"output_tps": MetricPolicy(allowance=0.4)}})
    assert not judge_run({"box": make.history()}, make.session(0.8), lenient).red


def test_creep_names_the_day_it_began(make: Maker) -> None:
    runs = [
        make.session(0.985**number, name=f"r{number}", started=f"2026-03-{number + 1:02}T00:00:00Z")
        for number in range(14)
    ]
    line = one(judge_run({"box": make.baseline(runs)}, make.session(0.985**14)), "output_tps")
    assert line.verdict == "regressed"
    assert "slowly since 2026-03-01" in line.sentence


# -- a reference in the same run ---------------------------------------------------------------------------


def test_a_reference_is_compared_by_rounds_and_needs_no_baseline(make: Maker) -> None:
    run = make.run([*make.session(0.8).cells, *make.session(endpoint="old").cells])
    verdicts = judge_run({}, run, reference="old")
    assert {line.endpoint for line in verdicts} == {"box"}
    line = one(verdicts, "output_tps")
    assert line.verdict == "regressed"
    assert "% slower than old (" in line.sentence
    assert verdicts.header == "at most 2 % of unchanged builds are red"
    assert not judge_run(
        {}, make.run([*make.session().cells, *make.session(endpoint="old").cells]), reference="old"
    ).red


def in_turn(make: Maker, factor: float = 1.0, **options: Any) -> list[Any]:
    """Records of ``new`` and of ``old``, which were asked in turn."""
    new = make.session(factor, endpoint="new", **options).cells
    old = make.session(endpoint="old").cells
    return [*new, *(against(record, "new") for record in old)]


def against(record: Any, name: str) -> Any:
    return structs.replace(
        record, samples=tuple(structs.replace(sample, against=name) for sample in record.samples)
    )


def test_a_run_names_its_reference_itself(make: Maker) -> None:
    verdicts = judge_run({}, make.run(in_turn(make, 0.8), reference="old"))
    assert one(verdicts, "output_tps").verdict == "regressed"
    assert verdicts.suspects["new"], "it is measured once more, as any other"


def test_several_endpoints_are_each_paired_with_what_was_asked_in_turn_with_them(make: Maker) -> None:
    """The reference was half as fast while the second was asked, and so was that one."""
    records = in_turn(make)
    other = make.session(0.5, endpoint="other").cells
    slowly = {record.key: against(record, "other") for record in make.session(0.5, endpoint="old").cells}
    both = [
        structs.replace(record, samples=record.samples + slowly[record.key].samples)
        if record.endpoint == "old"
        else record
        for record in records
    ]
    verdicts = judge_run({}, make.run([*both, *other], reference="old"))
    speeds = {line.endpoint: line.verdict for line in verdicts if line.metric == "output_tps"}
    assert speeds == {"new": "ok", "other": "ok"}
    assert "2 endpoints" in verdicts.header


def test_what_was_asked_with_other_parameters_than_the_reference_is_stale(make: Maker) -> None:
    records = in_turn(make, 0.8)
    records[0] = structs.replace(records[0], parameters_sha256="warmer")
    verdicts = judge_run({}, make.run(records, reference="old"))
    line = one(verdicts, "parameters", records[0].key)
    assert line.verdict == "stale"
    assert "asked with other parameters than on old" in line.sentence
    assert one(verdicts, "output_tps").verdict == "regressed", "the others are compared"


def test_a_policys_floor_holds_beside_a_reference(make: Maker) -> None:
    policy = Policy(metrics={"output_tps": MetricPolicy(floor=60)})
    line = one(judge_run({}, make.run(in_turn(make), reference="old"), policy), "output_tps")
    assert line.verdict == "regressed"
    assert "below the policy's floor of 60" in line.sentence


@pytest.mark.parametrize("side", ["new", "old"])
def test_timings_are_not_judged_where_the_client_was_starved_on_either_side(make: Maker, side: str) -> None:
    lagged = [
        structs.replace(
            record, samples=tuple(structs.replace(sample, void="lag") for sample in record.samples)
        )
        if record.endpoint == side and record.key == "coding/s0/en"
        else record
        for record in in_turn(make)
    ]
    verdicts = judge_run({}, make.run(lagged, reference="old"))
    line = one(verdicts, "timings", "coding/s0/en")
    assert line.verdict == "inconclusive"
    assert not verdicts.red
    only_scores = Policy(metrics={name: MetricPolicy(gate=False) for name in ("output_tps", "ttft_s")})
    shown = one(judge_run({}, make.run(lagged, reference="old"), only_scores), "timings", "coding/s0/en")
    assert shown.verdict == "ok", "nothing depends on it"


def test_nothing_to_pair_is_inconclusive(make: Maker) -> None:
    records = [record for record in in_turn(make, transport="replay") if record.endpoint == "new"]
    line = one(judge_run({}, make.run(records, reference="old")), "reference")
    assert line.verdict == "inconclusive"
    assert line.fails(inconclusive=True)
    assert not line.fails(strict=True)
    assert "new was not compared with old" in line.sentence


# -- which figures count -----------------------------------------------------------------------------------


def figures(make: Maker, metric: str, samples: list[dict[str, Any]]) -> list[float]:
    record = make.record("coding/a/en", {metric: [float(n) for n in range(1, len(samples) + 1)]})
    changed = tuple(structs.replace(old, **new) for old, new in zip(record.samples, samples, strict=True))
    return [value for _, value in by_round(structs.replace(record, samples=changed), metric)]


def test_a_failed_a_void_a_retried_and_a_replayed_request_are_not_timed(make: Maker) -> None:
    samples = [
        {},
        {"ok": False},
        {"void": "lag"},
        {"retries": 1},
        {"transport": "replay"},
        {"transport": "httpx"},
    ]
    assert figures(make, "output_tps", samples) == [1.0, 6.0]
    assert figures(make, "quality", samples) == [1.0, 3.0, 4.0, 5.0, 6.0]


def test_the_first_token_counts_cold_or_first_where_that_is_unknown(make: Maker) -> None:
    assert figures(make, "ttft_s", [{"cache": c} for c in ("cold", "warm", "unknown", "cold")]) == [1.0, 4.0]
    assert figures(make, "ttft_s", [{"cache": "unknown"}] * 3) == [1.0]
    assert figures(make, "ttft_s", [{"cache": None}] * 3) == [1.0]
    assert figures(make, "ttft_s", [{"cache": "unknown", "ok": False}, {"cache": "unknown"}]) == []
    assert figures(make, "tpot_s", [{"cache": "warm"}] * 2) == [1.0, 2.0]


def test_batches_and_memory_are_figures_too(make: Maker) -> None:
    record = structs.replace(
        make.record("load/a/en", {"output_tps": [1.0]}),
        load=(Load(round=0, requests=5, load_tps=90.0), Load(round=1, requests=5, load_tps=80.0, void="lag")),
        telemetry=Telemetry(wall_s=1.0, peak={"gpu_memory_used_bytes": 5e9}),
    )
    assert by_round(record, "load_tps") == [(0, 90.0)]
    assert by_round(record, "gpu_memory_peak_bytes") == [(0, 5e9)]


def test_a_batch_has_one_figure_a_round_of_everything(make: Maker) -> None:
    """Requests that are under way together slow each other: 32 of them are one observation."""
    record = make.record(
        "load/a/en", {"output_tps": [1.0, 2.0, 9.0, 4.0], "correctness": [0.0, 10.0, 10.0, 10.0]}
    )
    places = ((0, 0), (0, 1), (0, 2), (1, 0))
    batches = structs.replace(
        record,
        samples=tuple(
            structs.replace(sample, round=at, request=number)
            for sample, (at, number) in zip(record.samples, places, strict=True)
        ),
        load=(Load(round=0, requests=3), Load(round=1, requests=1)),
    )
    assert by_round(batches, "output_tps") == [(0, 2.0), (1, 4.0)]
    assert by_round(batches, "correctness") == [(0, pytest.approx(20 / 3)), (1, 10.0)]


def _checked(run: Run, sha256: str | None) -> Run:
    return structs.replace(
        run, cells=tuple(structs.replace(record, checks_sha256=sha256) for record in run.cells)
    )


def test_other_checks_make_scores_stale_and_leave_timings(make: Maker) -> None:
    history = make.baseline([_checked(make.session(name=f"old-{n}"), "before") for n in range(5)])
    slower = _checked(make.session(0.7), "now")
    verdicts = judge_run({"box": history}, slower)
    (stale,) = [one for one in verdicts if one.verdict == "stale"]
    assert stale.metric == "checks"
    assert "other checks" in stale.sentence
    assert "rescore" in stale.sentence
    judged = {one.metric for one in verdicts if one.effect is not None}
    assert "correctness" not in judged
    assert any(one.metric == "output_tps" and one.red for one in verdicts)


@pytest.mark.parametrize(("before", "now"), [(None, "now"), ("before", None), ("same", "same")])
def test_checks_that_are_not_known_to_differ_are_comparable(
    make: Maker, before: str | None, now: str | None
) -> None:
    history = make.baseline([_checked(make.session(name=f"old-{n}"), before) for n in range(5)])
    verdicts = judge_run({"box": history}, _checked(make.session(), now))
    assert not [one for one in verdicts if one.verdict == "stale"]
    assert "correctness" in {one.metric for one in verdicts if one.effect is not None}


def test_judging_is_quick(make: Maker) -> None:
    import time

    baselines = {"box": make.history(10, cells=100)}
    run = make.session(cells=100)
    began = time.perf_counter()
    judge_run(baselines, run)
    assert time.perf_counter() - began < 2.0


@pytest.mark.parametrize("draw", [Selection(), Selection(suites=("coding",))])
def test_a_run_without_cells_has_no_verdicts(make: Maker, draw: Selection) -> None:
    run = structs.replace(make.session(), cells=(), selection=draw)
    assert len(judge_run({"box": make.history()}, run)) == 0


def test_scores_of_a_cell_that_is_not_gated_are_shown_and_never_red(make: Maker) -> None:
    history, run = make.history(), make.session()

    def fallen(**fields: object) -> Run:
        cell = run.cells[0]
        worse = tuple(structs.replace(s, score=Score(correctness=0.0, quality=0.0)) for s in cell.samples)
        return structs.replace(run, cells=(structs.replace(cell, samples=worse, **fields), *run.cells[1:]))

    assert judge_run({"box": history}, fallen()).red
    shown = judge_run({"box": history}, fallen(gate=False))
    assert not shown.red
    assert one(shown, "correctness").verdict == "ok"
    sentence = one(shown, "ungated").sentence
    assert sentence.startswith(
        f"scores of {run.cells[0].key} on box are shown, not gated (gate: false): corr"
    )
    assert "correctness 0.0 (in its baseline " in sentence
    assert not of(shown, "missing", "stale", "new"), "its baseline has it still"


def test_timings_of_a_cell_whose_scores_are_not_gated_are(make: Maker) -> None:
    run = make.session(0.85)
    run = structs.replace(run, cells=tuple(structs.replace(cell, gate=False) for cell in run.cells))
    verdicts = judge_run({"box": make.history()}, run)
    assert one(verdicts, "output_tps").verdict == "regressed"
    assert {line.metric for line in verdicts if line.cell is None} == {"output_tps", "ttft_s", "ungated"}


def test_the_policys_floor_of_a_score_is_not_for_cells_that_are_not_gated(make: Maker) -> None:
    run = make.session()
    policy = Policy(metrics={"correctness": MetricPolicy(floor=9.9)})
    low = tuple(
        structs.replace(
            cell, samples=tuple(structs.replace(s, score=Score(correctness=1.0)) for s in cell.samples)
        )
        for cell in run.cells
    )
    assert judge_run({}, structs.replace(run, cells=low), policy).red
    ungated = tuple(structs.replace(cell, gate=False) for cell in low)
    assert not judge_run({}, structs.replace(run, cells=ungated), policy).red


def test_nor_are_they_judged_against_a_reference(make: Maker) -> None:
    old = make.session(endpoint="old").cells
    new = [
        structs.replace(
            cell, samples=tuple(structs.replace(s, score=Score(correctness=0.0)) for s in cell.samples)
        )
        for cell in make.session().cells
    ]
    assert judge_run({}, make.run([*new, *old]), reference="old").red
    ungated = [structs.replace(cell, gate=False) for cell in new]
    assert not judge_run({}, make.run([*ungated, *old]), reference="old").red


# -- resumed runs ------------------------------------------------------------------------------------------


def resumed(make: Maker, pause_s: float, factor: float = 1.0) -> Run:
    """A run whose cells were measured in two parts, the last two of them after the pause."""
    run: Run = make.session(factor)
    later = [
        structs.replace(one, samples=tuple(structs.replace(s, at_s=20 + pause_s) for s in one.samples))
        for one in run.cells[-2:]
    ]
    parts = Part(started_s=0, finished_s=20), Part(started_s=20 + pause_s, finished_s=40 + pause_s)
    early = [
        structs.replace(one, samples=tuple(structs.replace(s, at_s=10.0) for s in one.samples))
        for one in run.cells[:-2]
    ]
    return structs.replace(run, cells=(*early, *later), parts=parts)


def test_timings_of_parts_that_lie_too_far_apart_are_inconclusive_and_scores_are_judged(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, resumed(make, 5 * 3600, factor=0.5))
    assert not verdicts.red
    assert one(verdicts, "timings").sentence == (
        "timings of box were not judged: the run paused for 5 h, "
        "and one session for at most 1 h (max_pause_s in [policy])"
    )
    assert {line.metric for line in of(verdicts, "ok")} == {"correctness", "quality"}


def test_parts_close_in_time_are_one_session(make: Maker) -> None:
    baselines = {"box": make.history()}
    assert one(judge_run(baselines, resumed(make, 600, factor=0.5)), "output_tps").verdict == "regressed"
    patient = Policy(max_pause_s=86400)
    assert (
        one(judge_run(baselines, resumed(make, 5 * 3600, 0.5), patient), "output_tps").verdict == "regressed"
    )


def test_a_pause_while_an_endpoint_was_not_asked_is_none_of_its_own(make: Maker) -> None:
    run = resumed(make, 5 * 3600, factor=0.5)
    other = [structs.replace(one, endpoint="other") for one in run.cells[-2:]]
    run = structs.replace(run, cells=(*run.cells[:-2], *other))
    assert one(judge_run({"box": make.history()}, run), "output_tps").verdict == "regressed"
