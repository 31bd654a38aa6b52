"""What the plugin itself costs: a run of one request, and a collection that has nothing to do with it.

    python benchmarks/run_cost.py               # a minute
    python benchmarks/run_cost.py --rounds=20

Each is a fresh process in an empty folder: a run of one request, which a mock server answers at once, beside
pytest on one empty test; and ``--collect-only`` of that test with the plugin and without it. They take turns,
so that a busy minute hits all alike. Prints medians of wall time, CPU time and peak memory, and exits 1 where
the run takes more than its marks (1.5 s, 80 MB): made for an idle machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import mock_server

MOST_WALL_S = 1.5
MOST_BYTES = 80e6
CASE = """\
suite: one
scenarios:
  - id: greet
    category: chat
    prompt: {en: "Say hello."}
"""
PYTEST = ("-m", "pytest", "-q", "-pno:cacheprovider", "-pno:randomly", "-pno:cov")


class Cost(NamedTuple):
    """Of one process and its children: wall and CPU seconds; the peak memory of the largest, bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: float


def cost(arguments: list[str], folder: Path) -> Cost:
    """Run pytest once; raises ``RuntimeError`` with its output unless it passes."""
    began = time.monotonic()
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        child = subprocess.Popen(
            [sys.executable, *PYTEST, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - began
        if child.returncode:
            output.seek(0)
            raise RuntimeError(f"exit {child.returncode}: {output.read()}")
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as name, mock_server.running(tokens=8, gap_s=0.0, flavour="vllm") as url:
        folder = Path(name)
        (folder / "one.eval.yaml").write_text(CASE, encoding="utf-8")
        (folder / "test_empty.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
        asked = {
            "one request": ["one.eval.yaml", f"--llm-endpoint={url}", "--llm-rounds=1", "--llm-warmup=0"],
            "one empty test": ["test_empty.py"],
            "collect only": ["test_empty.py", "--collect-only"],
            "collect only, without the plugin": ["test_empty.py", "--collect-only", "-pno:llmeval"],
        }
        figures: dict[str, list[Cost]] = {case: [] for case in asked}
        for _ in range(rounds + 1):
            for case, arguments in asked.items():
                figures[case].append(cost(arguments, folder))
    print("| a process | wall, s | CPU, s | peak, MB |")
    print("|---|---|---|---|")
    medians = {case: Cost(*map(median, zip(*rows[1:], strict=True))) for case, rows in figures.items()}
    for case, row in medians.items():  # the first of each may compile
        print(f"| {case} | {row.wall_s:.2f} | {row.cpu_s:.2f} | {row.peak_bytes / 1e6:.0f} |")
    added = median(
        mine.wall_s - other.wall_s
        for mine, other in zip(
            figures["collect only"], figures["collect only, without the plugin"], strict=True
        )
    )
    print(f"added to a collection that has nothing to do with it: {added * 1000:.0f} ms")
    one = medians["one request"]
    return int(one.wall_s > MOST_WALL_S or one.peak_bytes > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
