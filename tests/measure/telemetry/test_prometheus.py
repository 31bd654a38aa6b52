"""What vLLM, llama.cpp and SGLang say, read from the pages of real servers where there are any."""

from __future__ import annotations

from contextlib import closing

import pytest

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry import summary
from pytest_llmeval.measure.telemetry.page import Page
from pytest_llmeval.measure.telemetry.prometheus import RULES, Prometheus, figures, names_of


def between(transcript, server: str):
    pages = [
        transcript(f"{server}/{name}").body.decode() for name in ("04_metrics_before", "30_metrics_after")
    ]
    return summary.of_readings([figures(page, RULES[server]) for page in pages])


def test_vllm(transcript) -> None:
    seen = between(transcript, "vllm")
    assert seen.peak == {"kv_cache_usage": 0.0, "requests_running": 0.0, "requests_waiting": 0.0}
    first = figures(transcript("vllm/04_metrics_before").body.decode(), RULES["vllm"])
    requests = seen.total["server_ttft_s_count"]
    assert requests == 24 - first["server_ttft_s_count"]
    ttft_s = (98.2246561050415 - first["server_ttft_s_sum"]) / requests
    assert seen.mean["server_ttft_s"] == pytest.approx(ttft_s)
    assert seen.mean["prefix_cache_hit_rate"] == 0.0
    assert seen.mean["server_tpot_s"] == pytest.approx(
        (27.7896169069571 - first["server_tpot_s_sum"]) / (24 - first["server_tpot_s_count"])
    )
    assert seen.mean["server_queue_s"] < 0.01
    assert seen.total["preemptions_total"] == 0.0


def test_llama_cpp(transcript) -> None:
    seen = between(transcript, "llama.cpp")
    assert seen.total["generation_tokens_total"] == 748 - 160
    assert seen.mean["server_tpot_s"] == pytest.approx((86.7386 - 28.2006) / (748 - 160))
    assert seen.mean["prefix_cache_hit_rate"] == pytest.approx(674 / (278 - 40 + 674))
    assert "kv_cache_usage" not in seen.peak


OLD_VLLM = """\
vllm:gpu_cache_usage_perc{engine="0"} 0.25
vllm:gpu_cache_usage_perc{engine="1"} 0.75
vllm:num_requests_running{engine="0"} 2
vllm:num_requests_running{engine="1"} 3
vllm:gpu_prefix_cache_queries_total 100
vllm:gpu_prefix_cache_hits_total 40
vllm:time_per_output_token_seconds_sum 2
vllm:time_per_output_token_seconds_count 100
"""


def test_older_names_and_several_engines() -> None:
    assert figures(OLD_VLLM, RULES["vllm"]) == {
        "kv_cache_usage": 0.75,
        "requests_running": 5.0,
        "prefix_cache_hit_rate_sum": 40.0,
        "prefix_cache_hit_rate_count": 100.0,
        "server_tpot_s_sum": 2.0,
        "server_tpot_s_count": 100.0,
    }


def test_the_newer_name_counts_where_both_are_there() -> None:
    page = "vllm:kv_cache_usage_perc 0.5\nvllm:gpu_cache_usage_perc 0.1\n"
    assert figures(page, RULES["vllm"]) == {"kv_cache_usage": 0.5}


def test_a_sum_of_which_a_part_is_missing_is_not_told() -> None:
    page = "llamacpp:prompt_tokens_total 40\n"  # builds that do not tell cached tokens
    assert figures(page, RULES["llama.cpp"]) == {}


def test_sglang() -> None:
    page = 'sglang:token_usage{m="a"} 0.28\nsglang:num_running_reqs 8\nsglang:num_queue_reqs 4\n'
    assert figures(page, RULES["sglang"]) == {
        "kv_cache_usage": 0.28,
        "requests_running": 8.0,
        "requests_waiting": 4.0,
    }


def test_only_what_is_needed_is_asked_for(pages, transcript) -> None:
    page = transcript("vllm/30_metrics_after").body
    pages.respond = lambda path: (200, page)
    with closing(Prometheus(Page(f"{pages.url}/metrics"), RULES["vllm"])) as source:
        told = source.read()()
    assert told == figures(page.decode(), RULES["vllm"])
    (asked,) = pages.paths
    assert asked.startswith("/metrics?name[]=vllm%3Akv_cache_usage_perc&name[]=")
    assert asked.count("name[]=") == len(names_of(RULES["vllm"]))
    assert len(asked) < 4096


def test_a_filter_that_lets_nothing_through_is_left_out_from_then_on(pages) -> None:
    pages.respond = lambda path: (200, b"" if "name[]" in path else b"vllm:num_requests_running 2\n")
    with closing(Prometheus(Page(f"{pages.url}/metrics"), RULES["vllm"])) as source:
        assert source.read()() == source.read()() == {"requests_running": 2.0}
    assert ["name[]" in path for path in pages.paths] == [True, False, False]


def test_a_page_of_somebody_else_is_refused(pages) -> None:
    pages.respond = lambda path: (200, b"<html>hello</html>")
    source = Prometheus(Page(f"{pages.url}/metrics"), RULES["vllm"])
    with closing(source), pytest.raises(TelemetryError, match="/metrics tells none of the known series"):
        source.read()
