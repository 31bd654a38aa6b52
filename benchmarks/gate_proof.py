"""The gate on a real model: green when nothing changed, red when something did. Not a simulation.

Runs pytest as a user does, on SmolLM2 served by llama.cpp here, a server anew for every run:

- ``baseline``: sessions of the shipped suite ``smoke``;
- ``unchanged``: the same again, which should be red as often as alpha says;
- ``slowed``: through a proxy that takes a quarter of the tokens per second away;
- ``reference``: through one that takes a tenth, in turn with the plain server (``--llm-reference``), and
  ``reference-unchanged``: through one that takes nothing;
- ``qwen``: sessions of ``coding-mini`` on Qwen2.5-Coder 0.5B, and ``swapped``: SmolLM2 in its place.

Every run is a line of FOLDER/journal.jsonl, so that it goes on where it was stopped; ``--only=slowed`` makes
the runs of one step, ``--runs=2`` at most so many of each, ``--table`` none and prints what there is. Prints
a Markdown table and exits 1 where a promise is broken. Made for an idle machine: the table tells its load.

Run it: ``python benchmarks/gate_proof.py FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import throttle

from pytest_llmeval import runfile
from pytest_llmeval.measure import engine, weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmeval.model import Run, Verdict

ROOT = Path(__file__).resolve().parents[1]
PYTEST = ("-m", "pytest", "-q", "-pno:cacheprovider", "-pno:randomly", "-pno:cov", "-n0", "--no-llm-strict")
ATTEMPTS = 5
"""Of a session: a run on a starved client is void, and never enters a baseline."""
LIMIT_S = 1200.0


class Step(msgspec.Struct, frozen=True):
    """So many runs alike. ``slower``: the share of its tokens per second that a proxy takes from ``box``.

    ``least`` and ``most``: how many of them must, and may, be as ``wanted`` says.
    """

    name: str
    runs: int
    what: str
    suite: str = "smoke"
    slower: float | None = None
    reference: bool = False
    local: str | None = None
    updates: bool = False
    wanted: str = "red"
    least: int = 0
    most: int | None = None


SMOKE = (
    Step("baseline", 5, "sessions of the baseline", updates=True, wanted="kept", least=5),
    Step("unchanged", 20, "unchanged", most=1),
    Step("slowed", 5, "25 % slower", slower=0.25, wanted="slower", least=5),
    Step("reference", 5, "10 % below its reference", slower=0.10, reference=True, wanted="slower", least=4),
    Step("reference-unchanged", 5, "like its reference", slower=0.0, reference=True, most=1),
)
MINI = (
    Step("qwen", 5, "sessions of Qwen", local="qwen05", updates=True, wanted="kept", least=5),
    Step("swapped", 1, "SmolLM2 in Qwen's place", local="smollm2", wanted="less right, faster", least=1),
)
STEPS = (*SMOKE, *(msgspec.structs.replace(step, suite="coding-mini") for step in MINI))


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as the journal has it. ``load``: the machine's, of the last minute, as the run began.

    ``verdicts``: metric -> verdict on the whole; ``red``: each red metric, with its cell. ``effect`` and
    ``detectable``: of speed. ``kept``: whether a baseline took it in. ``confirmed``: of each red verdict or
    one that was taken back.
    """

    step: str
    run: str
    date: str
    load: float
    wall_s: float
    exit: int
    verdicts: dict[str, str]
    red: list[str]
    confirmed: dict[str, bool | None]
    kept: bool
    effect: float | None = None
    detectable: float | None = None


WANTED: dict[str, Callable[[Seen], bool]] = {
    "red": lambda seen: bool(seen.red),
    "kept": lambda seen: seen.kept,
    "slower": lambda seen: any(metric.startswith("output_tps") for metric in seen.red),
    "less right, faster": lambda seen: (
        seen.verdicts.get("correctness") == "regressed" and seen.verdicts.get("output_tps") == "improved"
    ),
}


# -- one run -----------------------------------------------------------------------------------------------


def make(step: Step, folder: Path) -> Seen:
    """Run pytest once."""
    load, began = os.getloadavg()[0], time.monotonic()
    before = _sessions(folder)
    with ExitStack() as stack:
        options = [*PYTEST, f"--llm-suite={step.suite}", *_endpoints(step, folder, stack)]
        if step.updates:
            options.append("--llm-update-baselines")
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    (folder / "last-output.txt").write_text(done.stdout + done.stderr)
    if done.returncode not in (0, 1):
        sys.exit(f"{step.name}: pytest exited with {done.returncode}\n{done.stdout}{done.stderr}")
    run = runfile.load(runfile.last(folder))
    return _seen(step, run, done.returncode, kept=_sessions(folder) > before, began=began, load=load)


def _endpoints(step: Step, folder: Path, stack: ExitStack) -> list[str]:
    """The options that name them; servers and proxies run until the stack is closed."""
    if step.local is not None:
        return [f"--llm-endpoint=qwen=local:{step.local}"]
    url = stack.enter_context(
        engine.start(weights.resolve("smollm2"), log=folder / "engine.log", threads=1)
    ).url
    box = url
    if step.slower is not None:
        box = stack.enter_context(throttle.running(url, factor=1 / (1 - step.slower)))
    options = [f"--llm-endpoint=box={box}"]
    return [*options, f"--llm-reference=plain={url}"] if step.reference else options


def _sessions(folder: Path) -> int:
    """How many all baselines hold."""
    files = (json.loads(path.read_bytes()) for path in (folder / "baselines").glob("*.json"))
    return sum(len(epoch["sessions"]) for file in files for epoch in file["epochs"])


def _seen(step: Step, run: Run, code: int, *, kept: bool, began: float, load: float) -> Seen:
    wholes = {one.metric: one for one in run.verdicts if one.cell is None}
    speed = wholes.get("output_tps")
    looked_at = [one for one in run.verdicts if one.red or one.confirmed is not None]
    return Seen(
        step=step.name,
        run=run.id,
        date=run.started,
        load=round(load, 2),
        wall_s=round(time.monotonic() - began, 1),
        exit=code,
        verdicts={metric: one.verdict for metric, one in wholes.items()},
        red=[_named(one) for one in run.verdicts if one.red],
        confirmed={_named(one): one.confirmed for one in looked_at},
        kept=kept,
        effect=speed.effect if speed else None,
        detectable=speed.detectable if speed else None,
    )


def _named(verdict: Verdict) -> str:
    return verdict.metric if verdict.cell is None else f"{verdict.metric} of {verdict.cell}"


# -- all of them -------------------------------------------------------------------------------------------


def carry_on(step: Step, folder: Path, most: int | None) -> None:
    """Make the runs of a step that are not in the journal yet."""
    for _ in range(ATTEMPTS * step.runs):
        seen = [one for one in journal(folder) if one.step == step.name]
        done = sum(one.kept for one in seen) if step.updates else len(seen)
        if done >= min(step.runs, step.runs if most is None else most):
            return
        one = make(step, folder)
        with (folder / "journal.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")
        said = "kept" if one.kept else ", ".join(one.red) or "green"
        print(f"{step.name} {done + 1}: {said} ({one.wall_s:.0f} s, load {one.load})", file=sys.stderr)


def journal(folder: Path) -> list[Seen]:
    """Every run so far."""
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Seen) for line in lines]


def table(seen: Sequence[Seen]) -> tuple[str, bool]:
    """Markdown, and whether every promise of the steps that were made whole is kept."""
    lines = [
        "| runs | what | expected | seen | speed, median | this gate sees | a run takes | date | load |",
        "|---:|---|---|---|---:|---:|---:|---|---:|",
    ]
    kept = True
    for step in STEPS:
        runs = [one for one in seen if one.step == step.name]
        if not runs:
            continue
        hits = sum(WANTED[step.wanted](one) for one in runs)
        bound = f"at most {step.most}" if step.most is not None else f"{step.least} or more"
        whole = len(runs) >= step.runs
        kept &= not whole or (hits >= step.least and (step.most is None or hits <= step.most))
        loads = [one.load for one in runs]
        figures = (
            f"{len(runs)}" if whole else f"{len(runs)} of {step.runs}",
            step.what,
            f"{bound} {step.wanted}",
            f"{hits} {step.wanted}",
            _percent([one.effect for one in runs], sign="+"),
            _percent([one.detectable for one in runs], sign=""),
            f"{statistics.median(one.wall_s for one in runs):.0f} s",
            max(one.date for one in runs)[:10],
            f"{min(loads):.1f}–{max(loads):.1f}",
        )
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines), kept


def _percent(values: Sequence[float | None], *, sign: str) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known) * 100:{sign}.1f} %".replace("-", "−") if known else "–"


def main() -> int:
    """Exits 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description="Prove the gate on a real model.")
    parser.add_argument("folder", type=Path, help="of the runs, the baselines and the journal")
    parser.add_argument("--only", choices=[step.name for step in STEPS], action="append")
    parser.add_argument("--runs", type=int, help="make at most so many of each step")
    parser.add_argument("--table", action="store_true", help="make none, print what there is")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "llmeval.toml").touch()  # so that nothing around it is the project
    (options.folder / "pytest.ini").write_text("[pytest]\n")
    for step in STEPS:
        if not options.table and step.name in (options.only or [step.name for step in STEPS]):
            carry_on(step, options.folder, options.runs)
    text, kept = table(journal(options.folder))
    print(text)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
