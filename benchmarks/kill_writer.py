"""SIGKILL in the middle of a write: of a baseline, by a command or a run, of a run file, of an HTML report.

``python benchmarks/kill_writer.py --kills=60`` starts a writer, waits until the file appears into which it
writes beside the real one, and kills it within the milliseconds that a write takes here. Then the real one
must be the old or the new one, whole; the same writer, started again, must not wait for a lock, and must
leave nothing beside it. Exit code 1 where one of these is wrong. Linux; ``kill.py`` kills at any moment.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from kill import JUDGED, Project, ended, wrong

from pytest_llmeval import runfile, whole
from pytest_llmeval.judge import baselines
from pytest_llmeval.judge.canonical import dumps

LEFT = re.compile(r"\..*\.tmp")
CELLS = 8
MORE_CELLS = 3000
"""Of the baseline: to write and flush it takes milliseconds."""


class Writer(NamedTuple):
    """A module and its arguments, the folder and name of the file that it writes, how long that takes."""

    command: tuple[str, ...]
    folder: str
    name: str
    within_s: float


def writers(before: Path, after: Path, write_s: float) -> dict[str, Writer]:
    """``before`` and ``after``: runs of the whole suite, and of one that has lost a scenario."""
    cli = ("pytest_llmeval.cli", "baseline")
    run = ("pytest", "-q", "-n0", "-pno:cacheprovider", "--llm-endpoint=box", "--llm-html=report.html")
    own, small = ("baselines", "box.json", write_s), 0.001
    return {
        "llmeval baseline update": Writer((*cli, "update", f"--run={before}"), *own),
        "llmeval baseline accept": Writer((*cli, "accept", "box", f"--run={before}"), *own),
        "llmeval baseline prune": Writer((*cli, "prune", "box", f"--run={after}"), *own),
        "pytest, its baseline": Writer((*run, "--llm-update-baselines"), *own),
        "pytest, its run file": Writer(run, ".llmeval/runs", "run.json", small),
        "pytest, its report": Writer(run, ".", "report.html", small),
    }


def grown(baseline: Path) -> float:
    """Give it a long history, which nobody judges; the seconds that writing the file takes then."""
    data = json.loads(baseline.read_bytes())
    past = json.loads(baseline.read_bytes())["epochs"][-1]
    for session in past["sessions"]:
        figures = next(iter(session["cells"].values()))
        session["cells"] = {f"mine/past-{number}/en": figures for number in range(MORE_CELLS)}
    data["epochs"].insert(0, past)
    baseline.write_text(json.dumps(data))
    text = dumps(baselines.load(baseline.parent, "box") or sys.exit("no baseline"))
    baseline.write_bytes(text)
    started = time.perf_counter()
    whole.write(baseline, text)
    return time.perf_counter() - started


def strike(project: Project, writer: Writer, rng: random.Random) -> bool:
    """Start it and kill it as it writes; whether it was caught."""
    process = project.launch(*writer.command)
    folder = project.path / writer.folder
    while process.poll() is None:
        if any(appeared(folder, writer.name, deep=writer.folder.endswith("runs"))):
            time.sleep(rng.uniform(0, writer.within_s / 2))  # some of it went by until it was seen
            process.send_signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
    return False


def appeared(folder: Path, name: str, *, deep: bool) -> list[str]:
    """What is being written in a folder, or in its folders."""
    with os.scandir(folder) as entries:
        if deep:
            return [one for entry in entries for one in appeared(Path(entry), name, deep=False)]
        return [entry.name for entry in entries if entry.name.startswith(f".{name}.")]


def again(project: Project, writer: Writer) -> list[str]:
    """What is wrong with the same writer afterwards."""
    started = time.monotonic()
    code = ended(project.launch(*writer.command))
    found = [] if code in JUDGED else [f"exit {code}: {(project.path.parent / 'out').read_text()[-300:]}"]
    if writer.command[0] != "pytest" and time.monotonic() - started > 20:
        found.append("it waited for a lock")
    left = [path for path in project.path.rglob(".*.tmp") if LEFT.fullmatch(path.name)]
    return found + [f"left: {path.relative_to(project.path)}" for path in left]


def main() -> int:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    tally: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), CELLS)
        (project.path / "baselines").mkdir()
        baseline = project.path / "baselines" / "box.json"
        assert ended(project.start(0)) in JUDGED, (project.path.parent / "out").read_text()
        before, after = seen(project), seen(project, without="add-3")
        write_s = grown(baseline)
        first = baseline.read_bytes()
        print(f"a baseline of {len(first) / 1e6:.1f} MB is written in {write_s * 1e3:.0f} ms", flush=True)
        every = writers(before, after, write_s)
        (project.path / ".llmeval" / "runs").mkdir(exist_ok=True)
        caught = 0
        while caught < options.kills:
            name, writer = rng.choice(list(every.items()))
            baseline.write_bytes(first)
            if not strike(project, writer, rng):
                tally[f"{name:<24} was quicker"] += 1
                continue
            caught += 1
            which = "old" if baseline.read_bytes() == first else "new"
            left = sum(1 for path in project.path.rglob(".*.tmp") if LEFT.fullmatch(path.name))
            found = [*wrong(project, first), *again(project, writer)]
            tally[f"{name:<24} {which} baseline, {'a rest' if left else 'nothing'} beside it"] += 1
            faults += [f"{caught} {name}: {one}" for one in found]
            print(f"{caught} {name}: {'; '.join([which, *found])}", flush=True)
    for line, count in sorted(tally.items()):
        print(f"{count:>4}  {line}")
    print(f"{caught} kills, {len(faults)} faults")
    return 1 if faults else 0


def seen(project: Project, without: str | None = None) -> Path:
    """The file of a run that updates nothing, of the suite as it is or without a scenario."""
    suite = project.path / "suites" / "mine.eval.yaml"
    text = suite.read_text()
    if without is not None:
        head, *scenarios = text.split("- id: ")
        kept = [one for one in scenarios if not one.startswith(f"{without}\n")]
        suite.write_text("- id: ".join([head, *kept]))
    command = ("pytest", "-q", "-n0", "-pno:cacheprovider", "--llm-endpoint=box")
    assert ended(project.launch(*command)) in JUDGED, (project.path.parent / "out").read_text()
    suite.write_text(text)
    return runfile.last(project.path)


if __name__ == "__main__":
    sys.exit(main())
