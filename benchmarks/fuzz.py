"""Fuzz what reads what others wrote: ``python benchmarks/fuzz.py sse --minutes=10``; ``all`` shares the time.

Minutes are of CPU, so that ``nice`` changes how long it takes and not how much is tried.

A finding is printed with its seed; ``--seed=N`` tries that one again. Exit code 1 if there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from fuzz_targets import TARGETS, Target

SLOW_S = 2.0
"""Of CPU. An example that takes longer is a finding: none is longer than 100 kB."""


def tried(target: Target, seed: int) -> bool:
    """Whether one example holds."""
    data = target.make(random.Random(seed))
    started = time.process_time()
    try:
        target.check(data)
        took_s = time.process_time() - started
        assert took_s < SLOW_S, f"it took {took_s:.1f} s"
    except Exception:  # noqa: BLE001 (any is a finding)
        print(f"a finding, --seed={seed}: {repr(data)[:3000]}", flush=True)
        traceback.print_exc(limit=-6)
        return False
    return True


def main() -> int:
    """Hunt in every target that is named, each until its time is over or something is found."""
    parser = argparse.ArgumentParser(description="Fuzz what reads what others wrote.")
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--minutes", type=float, default=10.0, help="of CPU (default: 10)")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    names = list(TARGETS) if options.target == "all" else [options.target]
    found = False
    for name in names:
        started, count, held = time.process_time(), 0, True
        while held and time.process_time() - started < 60 * options.minutes / len(names):
            held = tried(TARGETS[name], random.randrange(2**48) if options.seed is None else options.seed)
            count += 1
            if options.seed is not None:
                break
        found |= not held
        said = "nothing found" if held else "A FINDING"
        took_s = time.process_time() - started
        print(f"{name}: {count:,} examples in {took_s:.0f} s of CPU, {said}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
