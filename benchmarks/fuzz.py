"""Fuzz what reads what others wrote: ``python benchmarks/fuzz.py sse --minutes=10``; ``all`` shares the time.

Every batch of examples has a new seed. A finding is printed with it and with the smallest example that shows
it. Exit code 1 if there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from fuzz_targets import TARGETS, Target
from hypothesis import HealthCheck, Phase, given, seed, settings

BATCH = 500
SLOW_S = 2.0
"""An example that takes longer is a finding: none is longer than 100 kB."""


def hunt(target: Target, minutes: float) -> tuple[int, bool]:
    """How many examples were tried, and whether all of them held."""
    tried = 0

    def check(data: object) -> None:
        nonlocal tried
        tried += 1
        started = time.process_time()
        target.check(data)
        took_s = time.process_time() - started
        assert took_s < SLOW_S, f"one example took {took_s:.1f} s"

    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        number = random.randrange(2**32)
        hunting = settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        try:
            seed(number)(hunting(given(target.strategy)(check)))()
        except Exception:  # noqa: BLE001 (any is a finding)
            print(f"a finding, with seed {number}:", flush=True)
            traceback.print_exc(limit=-6)
            return tried, False
    return tried, True


def main() -> int:
    """Hunt in every target that is named."""
    parser = argparse.ArgumentParser(description="Fuzz what reads what others wrote.")
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    names = list(TARGETS) if options.target == "all" else [options.target]
    good = True
    for name in names:
        started = time.monotonic()
        tried, held = hunt(TARGETS[name], options.minutes / len(names))
        good &= held
        print(f"{name}: {tried:,} examples in {time.monotonic() - started:.0f} s, ", end="")
        print("nothing found" if held else "A FINDING", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
