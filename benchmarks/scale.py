"""What 10,000 cells cost: 100 scenarios x 100 endpoints, without any model time.

``python benchmarks/scale.py`` prints a Markdown table. Collection and cells are real pytest runs over
endpoints of kind ``function`` that answer at once (the thread that each answer takes and pytest's own share
are in what a cell costs); the run file, the judge and the table work on records made of plain numbers. CPU
seconds are of one process and its children; they say more than wall time on a machine that others use too.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_llmeval import runfile
from pytest_llmeval.judge import judge_run
from pytest_llmeval.judge.sessions import Baseline, Epoch, session
from pytest_llmeval.model import Analysers, Facts, Host, Record, Run, Sample, Score, Selection
from pytest_llmeval.report import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
ROUNDS = 3
SESSIONS = 5
FEW, MORE = 2, 12
"""Endpoints of the two runs whose difference is the cost of a cell."""
ANSWER = "def answer(prompt):\n    return 'Yes, and this is all that there is to say about it.'\n"


def project(folder: Path, scenarios: int, endpoints: int) -> None:
    """A user's project: one suite, and endpoints that answer at once and are not scored."""
    lines = ["suite: scale", "scenarios:"]
    for number in range(scenarios):
        lines += [f"- id: s{number:03}", "  category: chat", f'  prompt: {{en: "Is {number} a number?"}}']
    (folder / "scale.eval.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tables = [
        f'[endpoints.e{number:03}]\nkind = "function"\ncall = "at_once:answer"' for number in range(endpoints)
    ]
    (folder / "llmeval.toml").write_text(
        "rounds = 1\nwarmup = 0\n" + "\n".join(tables) + "\n", encoding="utf-8"
    )
    (folder / "at_once.py").write_text(ANSWER, encoding="utf-8")


def pytest_run(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB of a pytest run in the folder."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--llm-endpoint=all",
        *arguments,
    ]
    began = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        child = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit((folder / "output.txt").read_text(encoding="utf-8")[-3000:])
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def record(endpoint: str, scenario: int, noise: random.Random) -> Record:
    """A scored cell of three rounds, of 50 tokens/s and 8 points about."""
    samples = tuple(
        Sample(
            round=number,
            at_s=float(scenario + number),
            ok=True,
            finish_reason="stop",
            answer_sha256="0" * 64,
            prompt_tokens=100,
            completion_tokens=200,
            tokens_from="usage",
            cache="cold",
            ttft_s=0.2 * noise.gauss(1, 0.05),
            tpot_s=0.02 * noise.gauss(1, 0.03),
            output_tps=50 * noise.gauss(1, 0.03),
            latency_s=4.2 * noise.gauss(1, 0.03),
            transport="measured",
            score=Score(
                total=8.0,
                correctness=noise.choice([6.0, 10.0]),
                quality=8.0,
                parts={"pylint": 9.0, "checks": 8.0},
            ),
            reasons=("3 of 4 checks hold",),
        )
        for number in range(ROUNDS)
    )
    return Record(
        endpoint=endpoint,
        suite="scale",
        scenario=f"s{scenario:03}",
        language="en",
        category="algorithm",
        prompt_sha256="p" * 64,
        parameters_sha256="q" * 64,
        checks_sha256="c" * 64,
        samples=samples,
        nodeid=f"scale.eval.yaml::s{scenario:03}[{endpoint}-en]",
    )


def run(number: int, scenarios: int, endpoints: int) -> Run:
    """A whole run; another ``number`` is other noise."""
    noise = random.Random(number)
    names = [f"e{one:03}" for one in range(endpoints)]
    cells = tuple(record(name, scenario, noise) for name in names for scenario in range(scenarios))
    return Run(
        id=f"20260102T03040{number}Z-0000",
        started=f"2026-01-02T03:04:0{number}Z",
        finished="2026-01-02T05:05:05Z",
        complete=True,
        plugin="0.1.0",
        host=Host(cpus=2, os="Linux", python="3.11"),
        analysers=Analysers(pylint="4", astroid="4", radon="6", python="3.11", rules="r"),
        endpoints={name: Facts(kind="openai", model="m") for name in names},
        selection=Selection(suites=("scale",), cells=tuple(sorted({one.key for one in cells}))),
        cells=cells,
    )


def timed(what: Callable[[], T]) -> tuple[float, float, T]:
    """Wall and CPU seconds, and what came of it."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = what()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def synthetic(scenarios: int, endpoints: int, folder: Path) -> list[tuple[str, float, float, str]]:
    """Run file, judge and table of a run that has all cells, against baselines of five sessions."""
    path = folder / "run.json"
    latest = run(9, scenarios, endpoints)
    wall, cpu, _ = timed(lambda: runfile.write(path, runfile.dump(latest)))
    rows = [("run file: write", wall, cpu, f"{path.stat().st_size / 1e6:.0f} MB")]
    wall, cpu, _ = timed(lambda: runfile.load(path))
    rows.append(("run file: read", wall, cpu, ""))
    past = [run(number, scenarios, endpoints) for number in range(SESSIONS)]
    baselines = {
        name: Baseline(
            endpoint=name, epochs=(Epoch(facts=facts, sessions=tuple(session(one, name) for one in past)),)
        )
        for name, facts in latest.endpoints.items()
    }
    del past
    wall, cpu, verdicts = timed(lambda: judge_run(baselines, latest))
    rows.append(("judge, 5 sessions", wall, cpu, f"{len(verdicts.lines)} verdicts"))
    wall, cpu, table = timed(lambda: terminal.table(latest, width=120, color=False, verbose=False))
    rows.append(("table", wall, cpu, f"{len(table.splitlines())} lines"))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows[-1] = (*rows[-1][:3], f"{rows[-1][3]}; peak of all four {peak_mb:.0f} MB")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--endpoints", type=int, default=100)
    options = parser.parse_args()
    scenarios, endpoints = options.scenarios, options.endpoints
    load = os.getloadavg()[0]
    today = dt.datetime.now(dt.UTC).date()
    print(f"{today}, {os.cpu_count()} cores, load {load:.1f}; {scenarios} x {endpoints} cells\n")
    print("| what | wall s | CPU s | |\n|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, scenarios, endpoints)
        wall, cpu, peak = pytest_run(folder, "--collect-only")
        print(f"| collection | {wall:.1f} | {cpu:.1f} | {peak:.0f} MB |", flush=True)
        for what, wall, cpu, note in synthetic(scenarios, endpoints, folder):
            print(f"| {what} | {wall:.1f} | {cpu:.1f} | {note} |", flush=True)
        found = []
        for number in (FEW, MORE):
            project(folder, scenarios, number)
            found.append(pytest_run(folder)[1])
        each_ms = (found[1] - found[0]) / (scenarios * (MORE - FEW)) * 1e3
        print(f"| a cell, asked and not scored | | | {each_ms:.2f} ms CPU |")


if __name__ == "__main__":
    main()
