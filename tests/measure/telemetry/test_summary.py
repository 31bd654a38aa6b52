"""Peak, mean and growth of readings: by endings, and through restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import wire
from pytest_llmeval.measure.telemetry.summary import of_cells, of_readings, quotients, together
from pytest_llmeval.model import Telemetry

FIGURES = st.dictionaries(
    st.sampled_from(["memory_bytes", "usage", "a_total", "ttft_s_sum", "ttft_s_count"]),
    st.floats(0, 1e12),
    max_size=5,
)


def test_peak_and_mean_of_gauges() -> None:
    seen = of_readings([{"usage": 0.1}, {"usage": 0.9}, {}, {"usage": 0.5}])
    assert seen.peak == {"usage": 0.9}
    assert seen.mean == {"usage": pytest.approx(0.5)}
    assert seen.samples == 3


def test_the_means_are_of_what_was_read_while_requests_ran() -> None:
    readings = [{"usage": 0.0}, {"usage": 0.6}, {"usage": 0.8}, {"usage": 1.0}]
    assert of_readings(readings, during=slice(1, 3)).mean == {"usage": pytest.approx(0.7)}
    assert of_readings(readings, during=slice(1, 3)).peak == {"usage": 1.0}
    assert of_readings(readings[:2], during=slice(1, 1)).mean == {"usage": pytest.approx(0.3)}


def test_counters_tell_what_they_grew_by() -> None:
    assert of_readings([{"a_total": 10.0}, {"a_total": 12.0}, {"a_total": 17.0}]).total == {"a_total": 7.0}


def test_a_restarted_server_counts_from_nought() -> None:
    assert of_readings([{"a_total": 10.0}, {"a_total": 12.0}, {"a_total": 3.0}]).total == {"a_total": 5.0}


def test_a_histogram_gives_the_mean_of_the_window() -> None:
    before = {"ttft_s_sum": 5.0, "ttft_s_count": 10.0}
    after = {"ttft_s_sum": 6.0, "ttft_s_count": 14.0}
    seen = of_readings([before, after])
    assert seen.mean == {"ttft_s": 0.25}
    assert seen.peak == {}


def test_nothing_counted_is_no_mean() -> None:
    assert of_readings([{"ttft_s_sum": 5.0, "ttft_s_count": 10.0}] * 2).mean == {}
    assert quotients({"ttft_s_count": 1.0}) == {}


def test_sources_together() -> None:
    gpu = of_readings([{"gpu_power_w": 70.0}])
    server = of_readings([{"a_total": 1.0}, {"a_total": 2.0}])
    whole = together([gpu, server])
    assert whole.peak == {"gpu_power_w": 70.0}
    assert whole.total == {"a_total": 1.0}
    assert whole.samples == 3


def test_cells_together() -> None:
    short = Telemetry(
        wall_s=1.0,
        samples=2,
        cpu_s=0.25,
        peak={"usage": 0.9},
        mean={"usage": 0.9, "ttft_s": 1.0},
        total={"ttft_s_sum": 1.0, "ttft_s_count": 1.0},
        absent={"gpu": "none"},
    )
    long = Telemetry(
        wall_s=3.0,
        samples=6,
        missed=1,
        cpu_s=0.25,
        peak={"usage": 0.5},
        mean={"usage": 0.1, "ttft_s": 0.2},
        total={"ttft_s_sum": 0.6, "ttft_s_count": 3.0},
    )
    whole = of_cells([short, long])
    assert whole is not None
    assert whole.mean == {"usage": pytest.approx(0.3), "ttft_s": pytest.approx(0.4)}
    assert whole.peak == {"usage": 0.9}
    assert (whole.wall_s, whole.samples, whole.missed, whole.cpu_s) == (4.0, 8, 1, 0.5)
    assert whole.absent == {"gpu": "none"}


def test_no_cells() -> None:
    assert of_cells([]) is None
    assert of_cells([Telemetry(wall_s=0.0)]) == Telemetry(wall_s=0.0)


@given(st.lists(FIGURES, max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_means_lie_between(readings: list[dict[str, float]], first: int, last: int) -> None:
    seen = of_readings(readings, during=slice(first, last))
    for name, peak in seen.peak.items():
        values = [reading[name] for reading in readings if name in reading]
        assert peak == max(values)
        if name in seen.mean:
            assert min(values) * 0.999 <= seen.mean[name] <= peak * 1.001
    assert all(growth >= 0 for growth in seen.total.values())
    assert wire.build(wire.plain(seen), Telemetry) == seen


@given(st.lists(st.lists(FIGURES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_an_endpoint_is_its_cells(cells: list[list[dict[str, float]]]) -> None:
    windows = [of_readings(one) for one in cells]
    whole = of_cells(windows)
    assert whole is not None
    for name, value in whole.total.items():
        assert value == pytest.approx(sum(one.total.get(name, 0.0) for one in windows))
    for name, value in whole.peak.items():
        assert value == max(one.peak[name] for one in windows if name in one.peak)
