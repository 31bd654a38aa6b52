"""Distributions against scipy, estimators and tests against what they promise."""

from __future__ import annotations

import math
import random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.judge import stats

scipy_stats = pytest.importorskip("scipy.stats")

df = st.floats(0.7, 2000)
probability = st.floats(1e-9, 1 - 1e-9)


@given(st.floats(-60, 60), df)
def test_t_cdf_is_scipys(t: float, df: float) -> None:
    assert stats.t_cdf(t, df) == pytest.approx(scipy_stats.t.cdf(t, df), rel=1e-8, abs=1e-14)


@given(st.floats(1e-9, 0.5 - 1e-6), df)
def test_t_quantile_is_scipys(p: float, df: float) -> None:
    assert stats.t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), rel=1e-7)
    assert stats.t_quantile(1 - p, df) == pytest.approx(-stats.t_quantile(p, df), rel=1e-6)


@given(probability, df)
def test_quantile_and_cdf_are_inverse(p: float, df: float) -> None:
    assert stats.t_cdf(stats.t_quantile(p, df), df) == pytest.approx(p, rel=1e-6)


def test_the_ends_of_t() -> None:
    assert stats.t_cdf(-math.inf, 5) == 0
    assert stats.t_cdf(math.inf, 5) == 1
    assert stats.t_cdf(0, 5) == 0.5
    assert stats.t_quantile(0.5, 5) == 0


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.1, 200), st.floats(0.1, 200))
def test_beta_binomial_tail_is_scipys(successes: int, trials: int, a: float, b: float) -> None:
    assert stats.beta_binomial_cdf(successes, trials, a, b) == pytest.approx(
        float(scipy_stats.betabinom.cdf(successes, trials, a, b)), rel=1e-6, abs=1e-12
    )


def test_the_variance_of_a_median_is_that_of_many_medians() -> None:
    rng = random.Random(1)
    for n in (1, 2, 3, 5, 8, 10, 15):
        medians = [sorted(rng.gauss(0, 1) for _ in range(n)) for _ in range(20_000)]
        found = pvariance([(row[(n - 1) // 2] + row[n // 2]) / 2 for row in medians])
        assert stats.median_variance(n) == pytest.approx(found, rel=0.05)


def test_pair_noise_finds_the_spread_in_small_groups_and_forgets_outliers() -> None:
    rng = random.Random(2)
    groups = [[rng.gauss(centre, 0.04) for _ in range(3)] for centre in range(2000)]
    assert stats.pair_noise(groups) == pytest.approx(0.04, rel=0.03)
    wild = [[*group[:2], group[2] - (0.9 if number % 20 == 0 else 0)] for number, group in enumerate(groups)]
    assert stats.pair_noise(wild) == pytest.approx(0.04, rel=0.10)
    assert stats.pair_noise([[1.0], [], [2.0]]) is None


def test_clipped_squares_bound_what_one_residual_can_do() -> None:
    calm = [0.01, -0.02, 0.015, -0.01, 0.02, -0.015]
    assert stats.clipped_squares(calm, 6, math.inf) == pytest.approx(sum(r * r for r in calm))
    assert stats.clipped_squares([*calm, 5.0], 7, 2.0) < 7 * (2.0 * 0.03) ** 2
    assert stats.clipped_squares([], 0, 1.0) == 0


@given(st.floats(0, 10), st.floats(0, 100), st.floats(0, 50))
def test_shrinkage_lies_between_prior_and_data(prior: float, squares: float, df: float) -> None:
    found = stats.shrunk_variance(prior, 4, squares, df)
    data = squares / df if df else prior
    assert (
        min(prior, data) * (1 - 1e-9)
        <= found
        <= max(prior, data, (4 * prior + squares) / (4 + df)) * (1 + 1e-9)
    )


def test_equal_spreads_stay_exactly_equal_and_different_ones_are_found() -> None:
    rng = random.Random(3)

    def logs(sd: float) -> list[float]:
        return [math.log(abs(rng.gauss(0, sd)) + 1e-9) for _ in range(20)]

    alike = stats.spreads({name: logs(1.0) for name in range(12)})
    assert set(alike.ratio.values()) == {1.0}
    assert alike.df(50) == 50
    apart = stats.spreads({name: logs(10.0 if name == 0 else 1.0) for name in range(12)})
    assert apart.ratio[0] > 4
    assert fmean(apart.ratio[name] for name in range(1, 12)) == pytest.approx(1.0, abs=0.3)
    assert apart.df(50) < 50


def test_spreads_of_nothing_to_compare() -> None:
    assert stats.spreads({"a": [0.1, 0.2], "b": []}).ratio == {"a": 1.0, "b": 1.0}
    assert stats.spreads({"a": [0.1, 0.1], "b": [0.1, 0.1]}).ratio == {"a": 1.0, "b": 1.0}


def test_holm_passes_rejected_shares_on() -> None:
    tests = {"whole": (0.015, 0.8), "cell": (0.019, 0.2)}
    assert stats.holm(tests, 0.02) == {"whole", "cell"}, (
        "once the whole is rejected, the cell has all of alpha"
    )
    assert stats.holm({"whole": (0.5, 0.8), "cell": (0.019, 0.2)}, 0.02) == set()
    assert stats.holm({"whole": (0.5, 0.8), "cell": (0.003, 0.2)}, 0.02) == {"cell"}
    assert stats.holm({"shown": (0.0, 0.0)}, 0.02) == set()


@given(st.dictionaries(st.integers(), st.tuples(st.floats(0, 1), st.floats(0.01, 5)), max_size=20))
def test_holm_rejects_no_more_than_unweighted_tests_and_no_less_than_bonferroni(
    tests: dict[int, tuple[float, float]],
) -> None:
    rejected = stats.holm(tests, 0.05)
    total = sum(weight for _, weight in tests.values())
    for name, (p, weight) in tests.items():
        if p <= 0.05 * weight / total * (1 - 1e-9):
            assert name in rejected
        if name in rejected:
            assert p <= 0.05


def test_holm_keeps_its_promise_when_nothing_changed() -> None:
    rng = random.Random(4)
    wrong = sum(bool(stats.holm({n: (rng.random(), n + 1.0) for n in range(8)}, 0.05)) for _ in range(4000))
    assert wrong / 4000 < 0.05 + 0.01


def test_detectable_is_found_in_nine_of_ten() -> None:
    loss = stats.detectable(stats.t_quantile(0.98, 12), 1.0, 12)
    power = scipy_stats.nct.cdf(scipy_stats.t.ppf(0.02, 12), 12, -loss)
    assert power == pytest.approx(0.9, abs=0.02)


@given(st.integers(1, 12), st.integers(0, 12), st.floats(0, 1))
def test_the_binomial_tail_is_scipys(trials: int, successes: int, p: float) -> None:
    ours = stats.binomial_tail(min(successes, trials), trials, p)
    assert ours == pytest.approx(scipy_stats.binom.sf(min(successes, trials) - 1, trials, p), abs=1e-12)
