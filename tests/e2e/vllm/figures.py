"""The table of ``docs/servers.md``: vLLM beside llama.cpp, out of the file of one run.

usage: python figures.py .llmeval/runs/RUN/run.json

Medians over every good sample of a cell, samples that the client's lag voids included: both servers are asked
by the same client on the same machine, and the last column is their ratio.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval import runfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Record, Run

FIRST, SECOND = "vllm", "llamacpp"
METRICS = {"ttft_s": ("TTFT", "s"), "tpot_s": ("TPOT", "ms")}


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = runfile.load(Path(sys.argv[1]))
    samples = [sample for cell in run.cells for sample in cell.samples]
    void = sum(sample.void is not None for sample in samples)
    print(
        f"{run.started[:10]}, {run.host.cpus} cores; the client lagged in {void} of {len(samples)} samples\n"
    )
    print(f"| | {FIRST} | {SECOND} | ratio |\n|---|---:|---:|---:|")
    for name, one, other in rows(run):
        print(f"| {name} | {one:.3g} | {other:.3g} | {one / other:.2f} |")


def rows(run: Run) -> Iterator[tuple[str, float, float]]:
    """Name, vLLM's figure, llama.cpp's."""
    if run.servers.keys() >= {FIRST, SECOND}:  # the run started them
        one, other = (run.servers[name].cold_start_s for name in (FIRST, SECOND))
        yield "start to healthy, s", one, other
        one, other = (run.telemetry[name].peak["process_memory_bytes"] for name in (FIRST, SECOND))
        yield "peak memory, MB", one / 1e6, other / 1e6
    cells = {(cell.endpoint, cell.key): cell for cell in run.cells}
    for key in sorted({cell.key for cell in run.cells}):
        for metric, (name, unit) in METRICS.items():
            one, other = (_figure(cells[server, key], metric, unit) for server in (FIRST, SECOND))
            yield f"{key.partition('/')[2]}: {name}, {unit}", one, other


def _figure(cell: Record, metric: str, unit: str) -> float:
    value = cell.figure(metric, void=True)
    assert value is not None, f"{cell.key} of {cell.endpoint} has no {metric}"
    return value * 1e3 if unit == "ms" else value


if __name__ == "__main__":
    main()
