"""Records in pytest-benchmark: two series a cell, and one warning where its insides are not as they were."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval.model import Host, Record, Run, Sample, Score
from pytest_llmeval.plugin import benchmark


def sample(**known: Any) -> Sample:
    fixed: dict[str, Any] = {"round": 0, "at_s": 0.0, "ok": True, "score": Score(quality=7.12345)}
    fixed |= {"ttft_s": 0.1, "tpot_s": 0.02, "output_tps": 50.0, "latency_s": 2.0, "completion_tokens": 95}
    return Sample(**fixed | known)


def run(*samples: Sample, **known: Any) -> Run:
    fixed: dict[str, Any] = {"suite": "s", "scenario": "x", "language": "en", "endpoint": "box"}
    record = Record(
        **fixed | {"nodeid": "s.eval.yaml::x[box-en]"} | known,
        category="",
        prompt_sha256="",
        parameters_sha256="",
        samples=samples,
    )
    host = Host(cpus=1, os="", python="")
    return Run(id="", started="", finished="", complete=True, plugin="", host=host, cells=(record,))


class Config:
    """pytest's, with the session that pytest-benchmark puts on it."""

    def __init__(self, *, has: bool = True, **known: Any) -> None:
        self.pluginmanager = SimpleNamespace(hasplugin=lambda name: has and name == "benchmark")
        fixed = {"skip": False, "options": {"min_rounds": 5}, "benchmarks": []}
        self._benchmarksession = SimpleNamespace(**fixed | known)

    @property
    def fed(self) -> list[Any]:
        found: list[Any] = self._benchmarksession.benchmarks
        return found


def feed(config: Any, run: Run) -> Any:
    benchmark.feed(config, run)
    return config


def by_series(config: Config) -> dict[str, Any]:
    return {one.fullname.rpartition("::")[2]: one for one in config.fed}


# -- against the real one ----------------------------------------------------------------------------------


def test_a_cell_is_two_series_in_seconds() -> None:
    fed = by_series(feed(Config(), run(sample(), sample(output_tps=25.0, latency_s=4.0))))
    assert sorted(fed) == ["latency", "per_token"]
    assert fed["latency"].stats.data == [2.0, 4.0]
    assert fed["per_token"].stats.data == [0.02, 0.04]
    assert fed["per_token"].stats.ops == pytest.approx(1 / 0.03), "tokens per second"
    assert fed["latency"].name == "x[box-en]::latency"
    assert fed["latency"].fullname == "s.eval.yaml::x[box-en]::latency"
    assert fed["latency"].group == "llmeval latency"
    assert fed["latency"].iterations == 1


def test_the_figures_that_its_table_has_no_column_for() -> None:
    (one, _) = feed(Config(), run(sample(), sample(ttft_s=0.3))).fed
    assert one.extra_info == {
        "ttft_s": 0.2,
        "tpot_s": 0.02,
        "output_tps": 50.0,
        "latency_s": 2.0,
        "completion_tokens": 95,
        "quality": 7.123,
        "cell": "s/x/en",
        "rounds": 2,
    }
    assert one.params == {"endpoint": "box", "language": "en"}
    assert one.as_dict()["stats"]["rounds"] == 2


@pytest.mark.parametrize(
    ("nodeid", "fullname"),
    [
        ("test_x.py::test_y[box]", "test_x.py::test_y[box]::x::latency"),
        (None, "s::x[box-en]::latency"),
        (
            "llmeval-suites/smoke/a.eval.yaml::x[box-en]",
            "llmeval-suites/smoke/a.eval.yaml::x[box-en]::latency",
        ),
    ],
)
def test_several_questions_of_one_test_have_names_of_their_own(nodeid: str | None, fullname: str) -> None:
    (one, _) = feed(Config(), run(sample(), nodeid=nodeid)).fed
    assert one.fullname == fullname


def test_what_was_not_measured_here_is_left_out() -> None:
    failed, replayed, void = sample(ok=False), sample(transport="replay"), sample(void="the client lagged")
    assert feed(Config(), run(failed, replayed, void)).fed == []
    (only,) = feed(Config(), run(sample(output_tps=None), failed)).fed
    assert (only.name, only.stats.data) == ("x[box-en]::latency", [2.0])


def test_it_is_left_alone_where_it_is_not_there_or_turned_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert feed(Config(has=False), run(sample())).fed == []
        assert feed(Config(skip=True), run(sample())).fed == []


# -- against another one -----------------------------------------------------------------------------------


def without_metadata(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    monkeypatch.setitem(sys.modules, "pytest_benchmark.stats", ModuleType("pytest_benchmark.stats"))


def without_module(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    monkeypatch.setitem(sys.modules, "pytest_benchmark.stats", None)


def other_constructor(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    module = ModuleType("pytest_benchmark.stats")
    vars(module)["Metadata"] = lambda fixture: None
    monkeypatch.setitem(sys.modules, "pytest_benchmark.stats", module)


def other_session(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    del config._benchmarksession


def other_list(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    del config._benchmarksession.benchmarks


@pytest.mark.parametrize(
    "change", [without_metadata, without_module, other_constructor, other_session, other_list]
)
def test_one_that_is_not_understood_is_one_warning(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    config: Any = Config()
    change(monkeypatch, config)
    with pytest.warns(pytest.PytestWarning, match="this pytest-benchmark is not understood") as caught:
        benchmark.feed(config, run(sample(), sample()))
    assert len(caught) == 1
