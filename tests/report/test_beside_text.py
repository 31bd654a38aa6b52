"""What was seen beside the answers, in a few words, and why something was not."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.model import Cost, Facts, Host, Hosted, Record, Run, Sample, Telemetry
from pytest_llmeval.report import beside, terminal

SEEN = Telemetry(
    wall_s=1.0,
    peak={"gpu_memory_used_bytes": 5.1 * 2**30, "kv_cache_usage": 0.5},
    steps={"peak": {"process_memory_bytes": 700 * 2**20}},
    absent={"server": "HTTP 404", "gpu": "no GPU"},
)


def run(**fields: Any) -> Run:
    host = Host(cpus=2, os="linux", python="3.11")
    sample = Sample(round=0, at_s=0.0, ok=True, ttft_s=0.1)
    cell = Record(
        endpoint="a", suite="s", scenario="x", language="en", category="c", prompt_sha256="",
        parameters_sha256="", samples=(sample,),
    )  # fmt: skip
    facts = {"a": Facts(kind="openai", server="vllm 1")}
    return Run(
        id="r", started="", finished="", complete=True, plugin="0", host=host, endpoints=facts, cells=(cell,),
        **fields,
    )  # fmt: skip


def test_nothing_known_nothing_said():
    assert list(beside.seen(run(), "a")) == list(beside.absent(run(), "a")) == []


def test_memory_and_start_stand_in_the_endpoints_line():
    seen = run(telemetry={"a": SEEN}, servers={"a": Hosted(starts=1, cold_start_s=31.24, log="a.log")})
    assert list(beside.seen(seen, "a")) == ["up in 31 s", "5.1 GiB GPU memory in use", "700 MiB memory"]
    first = terminal.table(seen, width=120, color=False).splitlines()[0]
    assert first == "a  vllm 1 · up in 31 s · 5.1 GiB GPU memory in use · 700 MiB memory"


def test_a_quick_start_has_a_decimal():
    started = run(servers={"a": Hosted(starts=1, cold_start_s=2.04, log="a.log")})
    assert list(beside.seen(started, "a")) == ["up in 2.0 s"]


def test_what_was_not_seen_is_said_to_who_asks():
    seen = run(telemetry={"a": SEEN})
    assert "no telemetry" not in terminal.table(seen, width=80, color=False)
    shown = terminal.table(seen, width=80, color=False, verbose=True)
    assert "no telemetry of gpu: no GPU\n" in shown
    assert "no telemetry of server: HTTP 404\n" in shown


def test_an_endpoints_cost_stands_in_its_line():
    shown = terminal.table(run(costs={"a": Cost(0.0125)}), width=80, color=False).splitlines()
    (total,) = [line for line in shown if line.startswith("1 cell")]
    assert total.endswith("cost 0.0125")
    assert "cost" not in terminal.table(run(costs={"a": Cost()}), width=80, color=False)
