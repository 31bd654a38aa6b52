"""Does a run come to the same however it is distributed?

    python benchmarks/parity.py                    # every arrangement, about three minutes
    python benchmarks/parity.py -n0 "-n2 --dist=worksteal"

The same small project is run against a mock server in every arrangement: two endpoints, three cells, one of
them below its floor, and a test; with ``--reruns`` and ``--llm-update-baselines``, which that floor refuses,
so that ``llmeval baseline accept`` takes the run in; then ``--lf``, ``-x``. What comes out is compared with
``-n0``: exit codes, the outcome of every test, the run file, the JSON of pytest-benchmark, the baselines,
what ``llmeval judge`` says of the run file. Not compared: times, order.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

import mock_server

ARRANGEMENTS = (
    "-n0",
    "-n2",
    "-n8",
    *(f"-n2 --dist={name}" for name in ("load", "loadscope", "loadfile", "loadgroup", "worksteal", "no")),
)
SUITE = """\
scenarios:
- id: add
  category: algorithm
  prompt: {en: "Write add(a, b).", ko: "add(a, b)를 작성해 줘."}
  answer: {code: python, requires: ["add(a, b)"]}
- id: wrong
  category: algorithm
  prompt: {en: "Write a wrong add(a, b)."}
  answer: {code: python, requires: ["add(a, b)"]}
  checks: [{call: "add(1, 2)", equals: 4}]
  floor: {correctness: 8}
"""
TEST = """\
def test_own(llm):
    assert llm.ask("Write mul(a, b).", id="mul").text
"""
ANSWERS = {"add(a, b)": "```python\ndef add(a, b):\n    return a + b\n```\n", "mul": "a * b"}
SAMPLE = (
    "round",
    "ok",
    "finish_reason",
    "answer_sha256",
    "prompt_tokens",
    "completion_tokens",
    "score",
    "error",
)
CELL = (
    "endpoint",
    "suite",
    "scenario",
    "language",
    "category",
    "prompt_sha256",
    "parameters_sha256",
    "nodeid",
)
RUN = ("schema", "complete", "plugin", "analysers", "host", "endpoints")
JUDGED = ("endpoint", "metric", "cell", "verdict")


class Outcome(NamedTuple):
    """What one arrangement came to, without times and in a fixed order. ``judge``: exit code and output.

    ``refused``: no baseline took the run in before it was accepted.
    ``void``: samples whose times a starved client does not believe; the parts of ``TIMED`` leave them out.
    """

    exit_codes: list[int]
    refused: bool
    tests: list[list[str]]
    run: dict[str, Any]
    last_failed: list[str]
    verdicts: list[list[str]]
    benchmark: list[str]
    baselines: dict[str, Any]
    judge: tuple[int, list[str]]
    void: int


TIMED = ("verdicts", "benchmark", "baselines", "judge")


def unlike(one: Outcome, other: Outcome) -> list[str]:
    """The parts in which two arrangements differ."""
    compared = [part for part in Outcome._fields if part != "void"]
    if one.void or other.void:
        compared = [part for part in compared if part not in TIMED]
    return [part for part in compared if getattr(one, part) != getattr(other, part)]


def project(folder: Path, url: str) -> None:
    """A project of three cells and a test, for each of two endpoints. The mock must have ``ANSWERS``."""
    (folder / "suites").mkdir(parents=True)
    (folder / "suites" / "mine.eval.yaml").write_text(SUITE, encoding="utf-8")
    (folder / "test_own.py").write_text(TEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    endpoints = "\n".join(f'[endpoints.{name}]\nurl = "{url}"' for name in "ab")
    (folder / "llmeval.toml").write_text(f"rounds = 1\nwarmup = 0\n{endpoints}\n", encoding="utf-8")


def outcome(folder: Path, arrangement: str, *, stop: bool = True) -> Outcome:
    """Run the project of ``folder``; ``stop``: also with ``-x``."""
    words = shlex.split(arrangement)
    given = ["--llm-endpoint=all", *words]
    files = ["--junitxml=one.xml", "--benchmark-json=bench.json", "--llm-json=run.json"]
    codes = [_pytest(folder, *given, *files, "--reruns=1", "--llm-update-baselines")]
    refused = not list(folder.glob("baselines/*.json"))
    for name in "ab":
        _llmeval(folder, "baseline", "accept", name, "--run=run.json")
    given.append("--llm-baselines=none")  # a session alone may make times red
    codes.append(_pytest(folder, *given, "--lf", "--junitxml=two.xml", "--llm-json=lf.json"))
    if stop:
        codes.append(min(1, _pytest(folder, *given, "-x")))  # 1; xdist makes it 2, "interrupted"
    judged = _llmeval(folder, "judge", "run.json")
    run = json.loads((folder / "run.json").read_bytes())
    return Outcome(
        exit_codes=codes,
        refused=refused,
        tests=[_tests(folder / name) for name in ("one.xml", "two.xml")],
        run=_run(run),
        verdicts=sorted([str(one.get(name)) for name in JUDGED] for one in run["verdicts"]),
        void=sum("void" in sample for cell in run["cells"] for sample in cell["samples"]),
        benchmark=sorted(
            one["fullname"] for one in json.loads((folder / "bench.json").read_bytes())["benchmarks"]
        ),
        baselines={
            path.name: _baseline(json.loads(path.read_bytes())) for path in folder.glob("baselines/*.json")
        },
        judge=(judged.returncode, _verdicts(judged.stdout)),
        last_failed=sorted(cell["nodeid"] for cell in json.loads((folder / "lf.json").read_bytes())["cells"]),
    )


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "CI"}, "COLUMNS": "200"}


def _pytest(folder: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-pno:randomly", "-pno:cov", *arguments]
    return subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, check=False
    ).returncode


def _llmeval(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_llmeval.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def _tests(junit: Path) -> list[str]:
    """Every test and whether it failed at last; xdist writes its other attempts in another way."""
    failed = {}
    for case in ET.parse(junit).getroot().iter("testcase"):
        failed[case.get("name")] = bool({one.tag for one in case} & {"failure", "error"})
    return sorted(f"{name} {'failed' if one else 'passed'}" for name, one in failed.items())


def _run(run: dict[str, Any]) -> dict[str, Any]:
    """The run file: what is left where times, places and order do not count."""
    cells = [
        {name: cell.get(name) for name in CELL}
        | {"samples": [{name: one.get(name) for name in SAMPLE} for one in cell["samples"]]}
        for cell in sorted(run["cells"], key=lambda one: (one["endpoint"], one["scenario"], one["language"]))
    ]
    return {name: run.get(name) for name in RUN} | {"cells": cells}


def _baseline(baseline: dict[str, Any]) -> list[dict[str, Any]]:
    """Of every session: cell -> metric -> how many samples."""
    return [
        {
            key: {metric: len(values) for metric, values in sorted(cell["samples"].items())}
            for key, cell in sorted(session["cells"].items())
        }
        for epoch in baseline["epochs"]
        for session in epoch["sessions"]
    ]


def _verdicts(text: str) -> list[str]:
    """Of what ``llmeval judge`` prints: who has what verdict. How sure it is depends on times."""
    lines = (line.partition(",")[0] for line in text.splitlines())
    return sorted(
        line for line in lines if line.startswith(("ok ", "inconclusive ", "regressed ", "improved "))
    )


def main() -> int:
    """Print an arrangement a line; 1 where one differs."""
    wanted = sys.argv[1:] or ARRANGEMENTS
    differ = False
    with (
        mock_server.running(tokens=8, gap_s=0.001, ttft_s=0.005) as url,
        tempfile.TemporaryDirectory() as name,
    ):
        mock_server.control(url, answers=ANSWERS)
        expected: Outcome | None = None
        for number, arrangement in enumerate(dict.fromkeys(("-n0", *wanted))):
            folder = Path(name) / str(number) / "project"
            project(folder, url)
            seen = outcome(folder, arrangement)
            shutil.rmtree(folder)
            expected = expected or seen
            parts = unlike(seen, expected)
            differ |= bool(parts)
            void = f" ({seen.void} void samples: {', '.join(TIMED)} not compared)" if seen.void else ""
            print(
                f"{arrangement:<24} {'differs in ' + ', '.join(parts) if parts else 'the same'}{void}",
                flush=True,
            )
            for part in parts:
                print(f"  {part}: {getattr(seen, part)}\n  -n0: {getattr(expected, part)}")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
