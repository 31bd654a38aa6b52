"""What cells cost, a ceiling that a run never passes, and what is seen beside the answers."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRICED = """\
rounds = {rounds}
warmup = 0
[endpoints.cloud]
url = "{url}"
max_tokens = 50
price = {{input = 1000, output = 10000}}
"""


def configure(project: Any, url: str, more: str = "", rounds: int = 2) -> None:
    (project.path / "llmeval.toml").write_text(PRICED.format(url=url, rounds=rounds) + more)


def output(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


# -- price -------------------------------------------------------------------------------------------------


def test_cells_and_the_run_have_a_cost(project: Any, answering: Callable[..., str]) -> None:
    configure(project, answering(answers={}, tokens=40))
    result = project.pytest("--llm-endpoint=cloud", "--llm-max-cost=100")
    assert result.ret == 0
    run = project.last_run()
    assert run["complete"] is True, "it stayed below its ceiling"
    for cell in run["cells"]:
        for sample in cell["samples"]:
            tokens = (sample["prompt_tokens"], sample["completion_tokens"])
            assert tokens[1] == 40
            assert sample["cost"] == pytest.approx((tokens[0] * 1000 + tokens[1] * 10000) / 1e6)
        assert cell["cost"]["amount"] == pytest.approx(sum(sample["cost"] for sample in cell["samples"]))
    total = sum(cell["cost"]["amount"] for cell in run["cells"])
    assert run["costs"] == {"cloud": {"amount": pytest.approx(total)}}
    result.stdout.fnmatch_lines([f"3 cells*cost {total:.2f}", f"cost {total:.2f} of --llm-max-cost=100"])


def test_without_prices_and_metrics_there_are_none(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1")
    run = project.last_run()
    assert run["costs"] == {}
    assert "cost" not in run["cells"][0]
    assert "cost" not in run["cells"][0]["samples"][0]
    assert "cost " not in output(result)
    absent = run["telemetry"]["default"]["absent"]
    assert absent["server"].endswith("/metrics answers HTTP 404")


@pytest.mark.workers
def test_a_ceiling_stops_a_run_before_it_is_passed(project: Any, answering: Callable[..., str]) -> None:
    """A request may cost 0.51 and more: its prompt, and 50 tokens. It does cost about 0.4."""
    url = answering(answers={}, tokens=40)
    configure(project, url, rounds=3)
    result = project.pytest("--llm-endpoint=cloud", "--llm-max-cost=2", "--llm-update-baselines", "-rs")
    assert result.ret == 0
    assert not (project.path / "baselines" / "cloud.json").exists(), "what was stopped is no session"
    assert "of --llm-max-cost=2 is spent" in output(result)
    assert "what could have passed it was not asked" in output(result)
    run = project.last_run()
    assert run["complete"] is False
    spent = sum(sample["cost"] for cell in run["cells"] for sample in cell["samples"])
    assert 1 < spent <= 2
    outcomes = result.parseoutcomes()
    assert outcomes["skipped"] >= 1
    assert outcomes.get("passed", 0) + outcomes["skipped"] == 3
    import mock_server

    assert len(mock_server.log(url)) == sum(len(cell["samples"]) for cell in run["cells"])


def test_what_is_free_runs_on(project: Any, answering: Callable[..., str]) -> None:
    url = answering(answers={}, tokens=40)
    configure(project, url, f'[endpoints.own]\nurl = "{url}"\nprice = {{input = 0, output = 0}}\n')
    result = project.pytest("--llm-endpoint=all", "--llm-max-cost=0", "-rs")
    result.assert_outcomes(passed=3, skipped=3)
    assert {cell["endpoint"] for cell in project.last_run()["cells"]} == {"own"}


def test_a_test_of_the_fixture_is_stopped_too(project: Any, answering: Callable[..., str]) -> None:
    configure(project, answering(answers={}, tokens=40))
    (project.path / "test_mine.py").write_text("def test_ask(llm):\n    llm.ask('Hi.')\n    assert 0\n")
    result = project.pytest("--llm-endpoint=cloud", "--llm-max-cost=0.1", "-rs", "test_mine.py")
    result.assert_outcomes(skipped=1)
    assert "--llm-max-cost=0.1" in output(result)


def test_a_ceiling_needs_every_price(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-max-cost=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--llm-max-cost=1: nothing says what default costs\n  -> add price = {" in output(result)


# -- telemetry ---------------------------------------------------------------------------------------------


@contextmanager
def page(text: str) -> Iterator[tuple[str, list[str]]]:
    """A page of metrics; its URL and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = text.replace("COUNT", str(len(asked))).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/own/metrics", asked
        finally:
            server.shutdown()
            thread.join()


PAGE = """\
vllm:num_requests_running{model_name="m"} 3
vllm:kv_cache_usage_perc{model_name="m"} 0.25
vllm:generation_tokens_total{model_name="m"} COUNT
"""


def test_telemetry_of_cells_and_endpoints(project: Any, answering: Callable[..., str]) -> None:
    with page(PAGE) as (url, asked):
        configure(project, answering(), f'metrics = "{url}"\n')
        result = project.pytest("--llm-endpoint=cloud", "-v")
    assert result.ret == 0
    assert {path.partition("?")[0] for path in asked} == {"/own/metrics"}
    run = project.last_run()
    for cell in run["cells"]:
        seen = cell["telemetry"]
        assert seen["samples"] >= 2
        assert seen["peak"]["requests_running"] == 3
        assert seen["mean"]["kv_cache_usage"] == 0.25
        assert seen["total"]["generation_tokens_total"] >= 1
        assert seen["wall_s"] > 0
        assert set(seen["absent"]) == {"gpu", "process"}
    whole = run["telemetry"]["cloud"]
    assert whole["wall_s"] == pytest.approx(sum(cell["telemetry"]["wall_s"] for cell in run["cells"]))
    assert whole["peak"]["requests_running"] == 3
    assert "no telemetry of process: not a server that this run started" in output(result)
