"""SIGKILL at random moments: of a worker, the controller, the engine, an analyser; and what is left behind.

``python benchmarks/kill.py --kills=100`` runs a small project again and again, with and without workers, and
kills one process of it at a random moment. Then it looks for processes that are left, files that are cut off,
the baseline, the journal, whether ``--llm-resume`` brings the run to its end, whether the next run removes
the temporary folders that are left; it exits 1 where one of these is wrong. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import mock_server

from pytest_llmeval import journal, runfile
from pytest_llmeval.errors import LLMEvalError
from pytest_llmeval.judge import baselines

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "LLMEVAL_KILL_MARK"
"""An environment variable by which the processes of a run are known."""
JUDGED = (0, 1)
"""Exit codes of runs that came to their end; on a busy machine the gate may see a collapse."""
LONGEST_S = 120.0
GONE_S = 20.0
"""The grace of a server is 10 s, and this machine may be busy."""
SUITE = """\
scenarios:
"""
SCENARIO = """\
- id: add-{number}
  prompt: {{en: "Write add(a, b), {number}."}}
  answer: {{code: python, requires: ["add(a, b)"]}}
  checks: [{{call: "add(2, 3)", equals: 5}}, {{call: "add(0, {number})", equals: {number}}}]
"""
ANSWER = "Here it is.\n```python\ndef add(a, b):\n    return a + b\n```\n"
PROJECT = """\
rounds = 1
warmup = 1
[endpoints.box.server]
command = {command}
"""


class NoVictim(Exception):
    """There was none of that kind at that moment."""


class Project:
    """A project with a managed server and a baseline, in a folder of its own with its temporary files."""

    def __init__(self, folder: Path, cells: int) -> None:
        self.path = folder / "project"
        self.temporary = folder / "tmp"
        (self.path / "suites").mkdir(parents=True)
        self.temporary.mkdir()
        suite = SUITE + "".join(SCENARIO.format(number=number) for number in range(cells))
        (self.path / "suites" / "mine.eval.yaml").write_text(suite, encoding="utf-8")
        answers = folder / "answers.json"
        answers.write_text(json.dumps({"Write": ANSWER}), encoding="utf-8")
        command = [sys.executable, mock_server.__file__, "--port={port}", f"--answers={answers}"]
        command += ["--ttft-s=0.02", "--gap-s=0.002"]
        (self.path / "llmeval.toml").write_text(PROJECT.format(command=json.dumps(command)), encoding="utf-8")

    def start(self, workers: int, *arguments: str) -> subprocess.Popen[bytes]:
        """A run that updates its baseline."""
        command = ["pytest", "-q", f"-n{workers}", "-pno:cacheprovider", "--llm-endpoint=box"]
        return self.launch(*command, "--llm-update-baselines", *arguments)

    def launch(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A module as a program in a session of its own, of which every process carries a mark."""
        self.mark = secrets.token_hex(8)
        more = {MARK: self.mark, "TMPDIR": str(self.temporary), "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.path,
            env=os.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=(self.path.parent / "out").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def alive(self) -> dict[int, str]:
        """The processes of the last run: by their mark, and those of a sandbox by where they work."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    marked = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
                    inside = str((entry / "cwd").readlink()).startswith(str(self.temporary))
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    if command and (marked or inside):
                        found[int(entry.name)] = command
        return found

    def litter(self) -> list[Path]:
        """Temporary files and folders that are left."""
        kept = ("llmeval-baselines.lock", "pytest-of-")  # a lock that stays, pytest's own
        return [one for one in self.temporary.iterdir() if not one.name.startswith(kept)]

    def age(self) -> None:
        """As if they had been left a while ago: a young folder may be just being made."""
        for one in self.litter():
            os.utime(one, (0, 0))


KINDS = {
    "controller": lambda command: "-m pytest" in command,
    "worker": lambda command: "execnet" in command or "sys.stdin.readline" in command,
    "engine": lambda command: "mock_server.py" in command and "deathwatch" not in command,
    "watch": lambda command: "deathwatch" in command,
    "analyser": lambda command: "pytest_llmeval.score.worker" in command,
    "sandbox": lambda command: "sandboxed.child" in command,
}


def strike(project: Project, kind: str, rng: random.Random) -> None:
    """Kill one process of that kind. Raises ``NoVictim`` where there is none."""
    targets = [pid for pid, command in project.alive().items() if KINDS[kind](command)]
    if not targets:
        raise NoVictim(kind)
    try:
        os.kill(rng.choice(targets), signal.SIGKILL)
    except ProcessLookupError:  # it ended meanwhile
        raise NoVictim(kind) from None


def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a run; its exit code."""
    try:
        return process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return -1


def wrong(project: Project, before: bytes) -> list[str]:
    """What is left that should not be, after everything had its time."""
    deadline = time.monotonic() + GONE_S
    while project.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    found = [f"orphan: {command[:100]}" for command in project.alive().values()]
    for pid in project.alive():
        os.kill(pid, signal.SIGKILL)
    baseline = project.path / "baselines" / "box.json"
    if baseline.read_bytes() != before:
        found += readable(lambda: baselines.load(baseline.parent, "box"), "baseline")
    runs = project.path / ".llmeval" / "runs"
    for path in runs.glob("*/journal.jsonl"):
        if path.stat().st_size:
            found += readable(lambda path=path: journal.read(path), "journal")
    for path in [*runs.glob("*/run.json"), runfile.last(project.path)]:
        found += readable(lambda path=path: runfile.load(path), "run")
    return found


def readable(read: Callable[[], object], what: str) -> list[str]:
    """Nothing, or that it can't be read."""
    try:
        read()
    except (LLMEvalError, OSError) as error:
        return [f"{what}: {error}"]
    return []


def resumed(project: Project) -> str:
    """How a run that broke off is taken up: ``whole``, ``nothing to resume``, or what went wrong."""
    code = ended(project.start(0, "--llm-resume"))
    said = (project.path.parent / "out").read_text("utf-8", "replace")
    if code in JUDGED and runfile.load(runfile.last(project.path)).complete:
        return "whole"
    if "no run has broken off" in said or "holds nothing to resume" in said:
        return "nothing to resume"
    return f"exit {code}: {said.strip().splitlines()[-1] if said.strip() else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    tally: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), options.cells)
        durations_s = {}
        for workers in (0, 2):
            started = time.monotonic()
            assert ended(project.start(workers)) in JUDGED, (project.path.parent / "out").read_text()
            durations_s[workers] = time.monotonic() - started
        number = 0
        while number < options.kills:
            before = (project.path / "baselines" / "box.json").read_bytes()
            workers, kind = rng.choice((0, 2)), rng.choice(list(KINDS))
            process = project.start(workers)
            time.sleep(rng.uniform(0.3, 1.0) * durations_s[workers])
            try:
                strike(project, kind, rng)
            except NoVictim:
                ended(process)
                continue
            code = ended(process)
            number += 1
            found = wrong(project, before)
            outcome = "ended well" if code == 0 else "failed" if code > 0 else "killed"
            if kind == "controller":
                outcome = resumed(project)
                found += [] if outcome in ("whole", "nothing to resume") else [f"resume: {outcome}"]
            tally[f"{kind:<10} {outcome}"] += 1
            faults += [f"{number} {kind} -n{workers}: {one}" for one in found]
            print(f"{number} {kind} -n{workers}: {'; '.join([outcome, *found])}", flush=True)
        litter = len(project.litter())
        project.age()
        assert ended(project.start(0)) in JUDGED
        after = len(project.litter())
        faults += ["temporary folders"] * after
    for line, count in sorted(tally.items()):
        print(f"{count:>4}  {line}")
    print(f"{litter} temporary folders were left until the next run, {after} after it")
    print(f"{options.kills} kills, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
