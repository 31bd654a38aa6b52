"""A disk that is really full, at once or at a random moment of a run, below the project or its baselines.

``python benchmarks/full_disk.py --times=10`` mounts a small tmpfs in a namespace of its own (``unshare``; as
root, or where users may), puts a project or its baselines on it, and fills it while a run is under way. Then
every file must be the old or the new one, each that could not be written must have had its sentence, and a
run after room was made must be whole. Exit code 1 where one of these is wrong, 2 where it can't be mounted.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from pytest_llmeval import journal, runfile
from pytest_llmeval.errors import LLMEvalError
from pytest_llmeval.judge import baselines

INSIDE = "LLMEVAL_FULL_DISK"
"""The folder on which the tmpfs may be mounted: set in the namespace."""
UNABLE = 2
"""The exit code where nothing can be mounted."""
SIZE = "3m"
CELLS = 10
SUITE = "scenarios:\n" + "".join(
    f'- id: add-{number}\n  prompt: {{en: "Write add(a, b), {number}."}}\n'
    '  answer: {code: python, requires: ["add(a, b)"]}\n'
    for number in range(CELLS)
)
ASKING = """\
import time

def answer(prompt):
    time.sleep(0.05)
    return "```python\\ndef add(a, b):\\n    return a + b\\n```"
"""
CONFTEST = """\
from pytest_llmeval.evaluate import assessing

assessing.MIN_LAG_LIMIT_S = 60.0  # what is void is no session, and times are not what is tried here
"""
SETTINGS = """\
rounds = 1
warmup = 0
[endpoints.box]
kind = "function"
call = "asking:answer"
[policy.ttft_s]
gate = false
[policy.latency_s]
gate = false
"""
PLACES = ("the project", "the baselines")
MOMENTS = ("from the first byte", "at some moment")


class Disk:
    """A small tmpfs, and what fills it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=True)

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), (self.place / "filler").open("ab", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass

    def make_room(self) -> None:
        (self.place / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.place)], check=True)
        self.place.rmdir()


class Project:
    """Of ten cells, whose endpoint is a function; one of its folders is on the disk."""

    def __init__(self, folder: Path, on_disk: str) -> None:
        self.disk = Disk(folder / "disk")
        self.path = self.disk.place if on_disk == "the project" else folder / "project"
        self.baselines = folder / "baselines" if on_disk == "the project" else self.disk.place
        (self.path / "suites").mkdir(parents=True)
        (self.path / "suites" / "mine.eval.yaml").write_text(SUITE)
        (self.path / "llmeval.toml").write_text(SETTINGS)
        (self.path / "asking.py").write_text(ASKING)
        (self.path / "conftest.py").write_text(CONFTEST)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A run that updates the baselines and writes every file."""
        command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", "--llm-endpoint=box"]
        command += ["--llm-update-baselines", f"--llm-baselines={self.baselines}", "--llm-json=run.json"]
        command += ["--llm-html=report.html", "--llm-markdown=report.md"]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.path,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wrong(self) -> list[str]:
        """Files that are not whole, and what lies beside them."""
        found = [f"left: {path.name}" for top in {self.path, self.baselines} for path in top.rglob(".*.tmp")]
        try:
            baselines.load_all(self.baselines)
            for path in self.path.glob(".llmeval/runs/*/run.json"):
                runfile.load(path)
            for path in self.path.glob(".llmeval/runs/*/journal.jsonl"):
                if b"\n" in path.read_bytes():
                    journal.read(path)
            if (self.path / "run.json").exists():
                runfile.load(self.path / "run.json")
            runfile.load(runfile.last(self.path))
        except (LLMEvalError, OSError) as error:
            found.append(f"unreadable: {error}")
        report = self.path / "report.html"
        if report.exists() and not report.read_text().rstrip().endswith("</html>"):
            found.append("half a report")
        return found


def tried(folder: Path, on_disk: str, moment: str, rng: random.Random) -> tuple[str, list[str]]:
    """How a run on a disk that fills up ended, and what was wrong."""
    project = Project(folder, on_disk)
    try:
        started = time.monotonic()
        with project.start() as run:
            said, _ = run.communicate(timeout=120)
        assert run.returncode == 0, said
        assert (project.baselines / "box.json").exists(), said
        took_s = time.monotonic() - started
        delay_s = 0.0 if moment == MOMENTS[0] else rng.uniform(0.2, 1.0) * took_s
        filling = threading.Timer(delay_s, project.disk.fill)
        filling.start()
        if not delay_s:
            filling.join()
        with project.start() as run:
            said, _ = run.communicate(timeout=120)
        filling.join()
        found = project.wrong()
        if "Traceback" in said or run.returncode not in (0, 1, 4):
            found.append(f"exit {run.returncode}: {said[-2000:]}")
        elif run.returncode == 4 and "No space left on device" not in said:
            found.append(f"no sentence: {said[-2000:]}")
        project.disk.make_room()
        with project.start() as after:
            said, _ = after.communicate(timeout=120)
        if after.returncode or not runfile.load(runfile.last(project.path)).complete:
            found.append(f"afterwards exit {after.returncode}: {said[-2000:]}")
        return f"exit {run.returncode}", [*found, *project.wrong()]
    finally:
        project.disk.remove()


def enter_namespace() -> int:
    """This script again, where it may mount; its exit code."""
    flags = ["-m"] if os.geteuid() == 0 else ["-rm"]
    trial = ["unshare", *flags, "mount", "-t", "tmpfs", "x", "/mnt"]
    try:
        subprocess.run(trial, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"").decode().strip()
        print(f"no tmpfs can be mounted here: {said or error}", file=sys.stderr)
        return UNABLE
    command = ["unshare", *flags, sys.executable, *sys.argv]
    return subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode


def main() -> int:
    """Fill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="of each place with a random moment")
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    if INSIDE not in os.environ:
        return enter_namespace()
    rng = random.Random(options.seed)
    tally: Counter[str] = Counter()
    faults = 0
    for on_disk in PLACES:
        for moment in (MOMENTS[0], *[MOMENTS[1]] * options.times):
            with tempfile.TemporaryDirectory() as folder:
                outcome, found = tried(Path(folder), on_disk, moment, rng)
            tally[f"{on_disk}, full {moment}: {outcome}"] += 1
            faults += len(found)
            print(f"{on_disk}, full {moment}: {'; '.join([outcome, *found])}", flush=True)
    for line, count in sorted(tally.items()):
        print(f"{count:>4}  {line}")
    print(f"{sum(tally.values())} full disks, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
