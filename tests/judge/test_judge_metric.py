"""One metric, judged: what is red, what is not, and what the sentence says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.errors import UsageError
from pytest_llmeval.judge import Judgement, judge_metric
from pytest_llmeval.model import MetricPolicy

Cells = dict[str, list[float]]
Draw = Callable[..., Cells]


def times(cells: Cells, factor: float, only: str | None = None) -> Cells:
    return {key: [x * factor if only in (None, key) else x for x in values] for key, values in cells.items()}


def test_a_loss_of_speed_is_red_and_said_in_plain_words(noisy_cells: Draw) -> None:
    past = [noisy_cells() for _ in range(6)]
    judged = judge_metric(past, times(noisy_cells(), 0.85), metric="output_tps")
    assert judged.verdict == judged.whole == "regressed"
    assert judged.worse is True
    assert judged.effect == pytest.approx(-0.15, abs=0.04)
    assert judged.interval is not None
    assert judged.interval[0] < judged.effect < judged.interval[1] < 0
    assert judged.p is not None
    assert judged.p < 0.016
    assert judged.detectable is not None
    assert 0.03 < judged.detectable < 0.12
    assert judged.sessions == 6
    assert judged.sentence.startswith("coding is 1")
    for part in (
        " % slower than its baseline (95 % interval ",
        "–",
        "6 sessions; this gate sees ",
        " % and more)",
    ):
        assert part in judged.sentence


def test_the_effect_is_in_the_metrics_own_unit(noisy_cells: Draw) -> None:
    past = [noisy_cells(level=0.2) for _ in range(5)]
    judged = judge_metric(past, times(past[0], 2.0), metric="ttft_s")
    assert judged.verdict == "regressed"
    assert judged.worse is True
    assert judged.effect == pytest.approx(1.0, abs=0.15)
    assert "time to first token of coding is " in judged.sentence
    assert " % longer than its baseline" in judged.sentence


def test_points_are_points(noisy_cells: Draw) -> None:
    past = [noisy_cells(level=7, within=0.04) for _ in range(5)]
    run = {key: [x - 1.5 for x in values] for key, values in noisy_cells(level=7, within=0.04).items()}
    judged = judge_metric(past, run, metric="quality")
    assert judged.verdict == "regressed"
    assert judged.effect == pytest.approx(-1.5, abs=0.4)
    assert " points lower than its baseline" in judged.sentence


def test_a_gain_is_improved_and_not_worse(noisy_cells: Draw) -> None:
    past = [noisy_cells() for _ in range(5)]
    judged = judge_metric(past, times(noisy_cells(), 1.3), metric="output_tps")
    assert judged.verdict == "improved"
    assert judged.worse is False
    assert " % faster than its baseline (" in judged.sentence


def test_one_slow_cell_is_found_by_name_while_the_whole_is_unchanged(noisy_cells: Draw) -> None:
    past = [noisy_cells() for _ in range(5)]
    judged = judge_metric(past, times(noisy_cells(), 0.75, only="coding/s3/en"), metric="output_tps")
    assert judged.verdict == "regressed"
    assert judged.whole == "ok"
    assert [key for key, cell in judged.cells.items() if cell.verdict == "regressed"] == ["coding/s3/en"]
    assert "coding/s3/en is 2" in judged.sentence
    assert all(not cell.cells for cell in judged.cells.values())


def test_a_significant_loss_within_the_allowance_is_ok_and_reported(noisy_cells: Draw) -> None:
    past = [noisy_cells(within=0.002, drift=0.001) for _ in range(10)]
    run = times(noisy_cells(within=0.002, drift=0.001), 0.96)
    assert judge_metric(past, run, metric="output_tps").verdict == "regressed"
    judged = judge_metric(past, run, metric="output_tps", policy=MetricPolicy(allowance=0.08))
    assert judged.verdict == "ok"
    assert "within the allowance of 8 %" in judged.sentence


def test_no_history_is_new_and_says_how_to_make_one(noisy_cells: Draw) -> None:
    judged = judge_metric([], noisy_cells(), metric="output_tps")
    assert judged.verdict == "new"
    assert "--llm-update-baselines" in judged.sentence
    assert judge_metric([{"other/a/en": [1.0]}], noisy_cells(), metric="output_tps").verdict == "new"


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_thin_history_sees_a_collapse_only(noisy_cells: Draw, sessions: int) -> None:
    past = [noisy_cells() for _ in range(sessions)]
    judged = judge_metric(past, times(noisy_cells(), 0.88), metric="output_tps")
    assert judged.verdict == "inconclusive"
    assert "can't tell less than a collapse" in judged.sentence
    assert "more session" in judged.sentence
    assert "5 %" in judged.sentence
    assert "10 %" in judged.sentence
    assert judge_metric(past, times(noisy_cells(), 0.6), metric="output_tps").verdict == "regressed"
    assert judge_metric(past, times(noisy_cells(level=0.2), 1.0), metric="ttft_s").verdict == "inconclusive"


def test_a_collapse_inside_the_runs_own_noise_is_inconclusive(noisy_cells: Draw) -> None:
    past = [noisy_cells(within=0.5, cells=2)]
    assert judge_metric(past, times(noisy_cells(within=0.5, cells=2), 0.7), metric="output_tps").verdict == (
        "inconclusive"
    )


def test_a_collapse_of_scores_needs_two_points() -> None:
    past = [{f"coding/s{n}/en": [8.0 + n / 10, 8.2 + n / 10, 7.9 + n / 10] for n in range(8)}]
    fell = {by: {key: [x - by for x in values] for key, values in past[0].items()} for by in (1.8, 2.5)}
    assert judge_metric(past, fell[1.8], metric="quality").verdict == "inconclusive"
    assert judge_metric(past, fell[2.5], metric="quality").verdict == "regressed"


def test_scores_that_never_moved_do_not_ask_for_endless_history() -> None:
    cells = {f"coding/s{n}/en": [10.0] * 3 for n in range(3)}
    sentence = judge_metric([cells], cells, metric="quality").sentence
    assert "2 more sessions see 1 point and 0.5 points" in sentence


def test_rounds_that_disagree_are_no_evidence_against_a_cell(noisy_cells: Draw) -> None:
    past = [noisy_cells() for _ in range(5)]
    run = noisy_cells()
    run["coding/s0/en"] = [50.0, 20.0, 20.0]
    assert judge_metric(past, run, metric="output_tps").verdict == "ok", "two stalled requests of three"
    run["coding/s0/en"] = [21.0, 20.0, 20.0]
    assert judge_metric(past, run, metric="output_tps").cells["coding/s0/en"].verdict == "regressed"


def test_one_stalled_request_is_no_evidence_where_one_stalled_before(noisy_cells: Draw) -> None:
    past = [noisy_cells(rounds=1) for _ in range(5)]
    past[2]["coding/s5/en"] = [15.0]
    run = noisy_cells(rounds=1) | {"coding/s0/en": [20.0]}
    assert judge_metric(past, run, metric="output_tps").verdict == "ok"
    run["coding/s0/en"] = [5.0]
    assert judge_metric(past, run, metric="output_tps").cells["coding/s0/en"].verdict == "regressed"


def test_no_single_cell_carries_the_whole(noisy_cells: Draw) -> None:
    past = [noisy_cells() for _ in range(5)]
    judged = judge_metric(past, times(noisy_cells(), 0.1, only="coding/s0/en"), metric="output_tps")
    assert judged.whole == "ok"
    assert judged.cells["coding/s0/en"].verdict == "regressed"


def test_creep_is_seen_though_every_session_followed_the_last() -> None:
    rng = random.Random(3)

    def level(number: int) -> Cells:
        speed = 50 * 0.99**number * rng.gauss(1, 0.003)
        return {f"coding/s{n}/en": [speed * rng.gauss(1, 0.01) for _ in range(3)] for n in range(8)}

    past = [level(number) for number in range(15)]
    judged = judge_metric(past, level(15), metric="output_tps")
    assert judged.verdict == "regressed"
    assert "slowly since" in judged.sentence
    assert judged.effect == pytest.approx(0.99**14 - 1, abs=0.02)
    steady = [level(0) for _ in range(15)]
    assert judge_metric(steady, level(0), metric="output_tps").verdict == "ok"


def test_creep_of_scores_is_seen_too() -> None:
    rng = random.Random(3)

    def level(lost: float) -> Cells:
        return {f"coding/s{n}/en": [8 - lost + rng.gauss(0, 0.2) for _ in range(3)] for n in range(8)}

    past = [level(0.06 * number) for number in range(15)]
    judged = judge_metric(past, level(0.06 * 15), metric="quality")
    assert judged.verdict == "regressed"
    assert "slowly since" in judged.sentence
    steady = [level(0) for _ in range(15)]
    assert judge_metric(steady, level(0), metric="quality").verdict == "ok"


def test_what_the_gate_sees_is_what_would_be_red(noisy_cells: Draw) -> None:
    """A loss within the allowance never is, however surely it is seen."""
    past = [noisy_cells(within=0.002, drift=0.001) for _ in range(10)]
    run = noisy_cells(within=0.002, drift=0.001)
    sharp = judge_metric(past, run, metric="output_tps")
    lenient = judge_metric(past, run, metric="output_tps", policy=MetricPolicy(allowance=0.1))
    assert 0.03 < (sharp.detectable or 0) < 0.05
    assert 0.1 < (lenient.detectable or 0) < 0.12
    red = judge_metric(past, times(run, 1 - (lenient.detectable or 0)), metric="output_tps")
    assert red.verdict == "regressed"


def test_a_thin_history_sees_what_it_calls_a_collapse(noisy_cells: Draw) -> None:
    """20 % and far outside the noise; not what a t test of so few sessions sees."""
    past, run = [noisy_cells(within=0.01)], noisy_cells(within=0.01)
    judged = judge_metric(past, run, metric="ttft_s", alpha=0.002)
    assert 0.2 < (judged.detectable or 0) < 0.7
    red = judge_metric(past, times(run, 1.05 + (judged.detectable or 0)), metric="ttft_s", alpha=0.002)
    assert red.verdict == "regressed"
    assert f"sees {100 * (red.detectable or 0):.0f} % and more" in red.sentence


def test_sessions_are_not_asked_for_to_see_a_loss_that_is_allowed(noisy_cells: Draw) -> None:
    sentence = judge_metric([noisy_cells()], noisy_cells(), metric="ttft_s").sentence
    assert "20 %" in sentence, "twice the allowance of 10 %"
    assert "5 %" not in sentence.partition("collapse:")[2]


def test_a_single_cell_is_the_whole(noisy_cells: Draw) -> None:
    past = [noisy_cells(cells=1) for _ in range(5)]
    judged = judge_metric(past, times(noisy_cells(cells=1), 0.7), metric="output_tps")
    assert judged.verdict == "regressed"
    assert list(judged.cells) == ["coding/s0/en"]
    assert judged.cells["coding/s0/en"].effect == judged.effect


def test_scores_asked_once_a_session_show_their_noise_from_session_to_session() -> None:
    """Figures of Qwen2.5-Coder-0.5B on ``coding-mini`` at temperature 0; then of SmolLM2 in its place."""
    scores = [6, 5, 0.556, 0, 4.286, 4.722, 0, 2, 10, 0]
    past = [{f"coding/s{n}/en": [score] for n, score in enumerate(scores)}] * 3
    run = {f"coding/s{n}/en": [1.2 if n == 1 else 0.0] for n in range(len(scores))}
    judged = judge_metric(past, run, metric="correctness", alpha=0.006)
    assert judged.whole == "regressed"
    noisy = [{cell: [min(10.0, y + 2.5 * (r % 2))] for cell, (y,) in past[0].items()} for r in range(3)]
    wild = [
        {cell: [abs(y - 5 * ((r + n) % 2))] for n, (cell, (y,)) in enumerate(past[0].items())}
        for r in range(3)
    ]
    for sessions in (noisy, wild):
        doubtful = judge_metric(sessions, run, metric="correctness", alpha=0.006)
        assert doubtful.detectable > judged.detectable


def test_an_answer_that_breaks_for_once_is_no_evidence_against_its_cell() -> None:
    past = [{f"coding/s{n}/en": [10.0] for n in range(30)} for _ in range(10)]
    judged = judge_metric(past, past[0] | {"coding/s4/en": [1.0]}, metric="correctness")
    assert judged.verdict == "ok"
    cell = judged.cells["coding/s4/en"]
    assert "9 points lower" in cell.sentence
    assert "too few rounds show it" in cell.sentence
    assert "this gate sees no loss of it alone" in cell.sentence
    assert cell.detectable is None
    broken = {f"coding/s{n}/en": [1.0] for n in range(4)}
    assert judge_metric(past, past[0] | broken, metric="correctness").whole == "regressed"


def test_of_few_cells_one_is_much_of_the_whole() -> None:
    past = [{f"coding/s{n}/en": [7.3] * 3 for n in range(3)} for _ in range(5)]
    broken = past[0] | {"coding/s1/en": [1.0] * 3}
    assert judge_metric(past, broken, metric="quality").whole == "regressed"
    many = [{f"coding/s{n}/en": [7.3] * 3 for n in range(9)} for _ in range(5)]
    assert judge_metric(many, many[0] | broken, metric="quality").verdict == "ok"


def test_a_cell_that_breaks_in_every_round_is_red_where_rounds_differ() -> None:
    rng = random.Random(2)
    past = [
        {f"coding/s{n}/en": [7 + rng.gauss(0, 0.4) for _ in range(3)] for n in range(10)} for _ in range(5)
    ]
    judged = judge_metric(past[1:], past[0] | {"coding/s4/en": [2.0, 2.4, 1.7]}, metric="quality")
    assert judged.cells["coding/s4/en"].verdict == "regressed"
    twice = judge_metric(past[1:], past[0] | {"coding/s4/en": [7.0, 1.0, 7.0]}, metric="quality")
    assert twice.cells["coding/s4/en"].verdict == "ok"


# -- reference mode ----------------------------------------------------------------------------------------


def interleaved(factor: float, rng: random.Random) -> tuple[Cells, Cells]:
    """Candidate and reference under a drift that both share, request by request."""
    new: Cells = {}
    old: Cells = {}
    for number in range(10):
        drifts = [rng.gauss(1, 0.2) for _ in range(3)]
        old[f"coding/s{number}/en"] = [50 * drift * rng.gauss(1, 0.03) for drift in drifts]
        new[f"coding/s{number}/en"] = [50 * drift * factor * rng.gauss(1, 0.03) for drift in drifts]
    return new, old


def test_a_reference_needs_no_sessions_and_cancels_drift() -> None:
    rng = random.Random(5)
    new, old = interleaved(0.93, rng)
    judged = judge_metric((), new, metric="output_tps", reference=old)
    assert judged.verdict == "regressed"
    assert judged.sessions == 0
    assert "its reference" in judged.sentence
    assert judge_metric((), *[interleaved(1.0, rng)[0]], metric="output_tps", reference=old).verdict in (
        "ok",
        "regressed",
    )
    same, reference = interleaved(1.0, rng)
    assert judge_metric((), same, metric="output_tps", reference=reference).verdict == "ok"


def test_one_flipped_answer_is_no_regression_against_a_reference() -> None:
    reference = {f"coding/s{n}/en": [10.0] * 3 for n in range(10)}
    flipped = reference | {"coding/s0/en": [0.0] * 3}
    assert judge_metric((), flipped, metric="correctness", reference=reference).verdict == "ok"
    partly = reference | {"coding/s0/en": [1.0] * 3}
    assert judge_metric((), partly, metric="correctness", reference=reference).verdict == "ok"
    worse = {key: [value - 3 for value in values] for key, values in reference.items()}
    assert judge_metric((), worse, metric="correctness", reference=reference).whole == "regressed"


# -- scores that are stuck ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 7.3, 10.0])
def test_constant_scores_are_ok(value: float) -> None:
    cells = {f"coding/s{n}/en": [value] * 3 for n in range(6)}
    judged = judge_metric([cells] * 5, cells, metric="correctness")
    assert judged.verdict == "ok"
    assert "is the same as its baseline" in judged.sentence


def test_constant_timings_are_ok_and_a_change_of_them_is_seen() -> None:
    cells = {f"coding/s{n}/en": [50.0] * 3 for n in range(6)}
    assert judge_metric([cells] * 5, cells, metric="output_tps").verdict == "ok"
    assert judge_metric([cells] * 5, times(cells, 0.8), metric="output_tps").verdict == "regressed"


def test_one_answer_that_flips_at_temperature_0_is_not_red() -> None:
    cells = {f"coding/s{n}/en": [10.0] * 3 for n in range(10)}
    flipped = cells | {"coding/s4/en": [0.0] * 3}
    assert judge_metric([cells] * 5, flipped, metric="correctness").verdict == "ok"
    collapsed = dict.fromkeys(cells, [0.0] * 3)
    assert judge_metric([cells] * 5, collapsed, metric="correctness").verdict == "regressed"


def test_a_cell_that_always_passed_and_now_always_fails_is_red_with_enough_history() -> None:
    rng = random.Random(1)
    rates = [1.0] * 4 + [0.6] * 6

    def draw() -> Cells:
        return {f"coding/s{n}/en": [10.0 * (rng.random() < p) for _ in range(3)] for n, p in enumerate(rates)}

    past = [draw() for _ in range(20)]
    judged = judge_metric(past, draw() | {"coding/s0/en": [0.0] * 3}, metric="correctness")
    assert judged.cells["coding/s0/en"].verdict == "regressed"


# -- anything at all ---------------------------------------------------------------------------------------

value = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 10.0, 50.0, 1e-9]))
cells = st.dictionaries(
    st.sampled_from(["a/b/en", "a/c/en", "d/e/ko", ""]), st.lists(value, max_size=5), max_size=4
)


@settings(max_examples=300)
@given(
    st.lists(cells, max_size=7),
    cells,
    st.sampled_from(["output_tps", "ttft_s", "correctness", "prompt_tps"]),
    st.one_of(st.none(), cells),
)
def test_whatever_the_samples_there_is_a_verdict(
    past: list[Cells], run: Cells, metric: str, reference: Cells | None
) -> None:
    judged = judge_metric(past, run, metric=metric, reference=reference)
    assert judged.sentence
    if judged.interval is not None:
        assert judged.interval[0] <= judged.interval[1]
    if judged.p is not None:
        assert 0 <= judged.p <= 1


good = st.lists(st.floats(1, 100), min_size=1, max_size=4)


@settings(max_examples=100)
@given(
    st.lists(st.fixed_dictionaries({"a/b/en": good, "a/c/en": good}), min_size=3, max_size=6),
    st.floats(0.1, 10),
)
def test_the_unit_of_a_timing_does_not_matter(past: list[Cells], factor: float) -> None:
    one = judge_metric(past[1:], past[0], metric="output_tps")
    other = judge_metric(
        [times(cells, factor) for cells in past[1:]], times(past[0], factor), metric="output_tps"
    )
    assert one.verdict == other.verdict
    assert one.effect == pytest.approx(other.effect, rel=1e-6, abs=1e-9)
    assert one.p == pytest.approx(other.p, rel=1e-4, abs=1e-9)


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({"a/b/en": good, "a/c/en": good}), min_size=4, max_size=6))
def test_the_order_of_cells_does_not_matter(past: list[Cells]) -> None:
    def turned(cells: Cells) -> Cells:
        return dict(reversed(cells.items()))

    one = judge_metric(past[1:], past[0], metric="output_tps")
    other = judge_metric([turned(cells) for cells in past[1:]], turned(past[0]), metric="output_tps")
    assert one == other


def test_wrong_questions_are_usage_errors(noisy_cells: Draw) -> None:
    with pytest.raises(UsageError, match="no metric is called 'speed'"):
        judge_metric([], noisy_cells(), metric="speed")
    with pytest.raises(UsageError, match="alpha is 0"):
        judge_metric([], noisy_cells(), metric="output_tps", alpha=0)


def test_the_whole_and_its_cells_have_the_fields_of_a_judgement(noisy_cells: Draw) -> None:
    judged = judge_metric([noisy_cells() for _ in range(4)], noisy_cells(), metric="output_tps")
    for one in (judged, *judged.cells.values()):
        assert isinstance(one, Judgement)
        assert one.effect is not None
        assert one.worse == (one.effect < 0)
        assert one.detectable is not None
        assert math.isfinite(one.detectable)
