"""Every attack on the sandbox, several at a time, in each kind that works here, with honest programs between.

``python benchmarks/siege.py --at-once=4`` has four processes, as ``-n 4`` has, try all attacks, each in an
order of its own. Exit code 1 where one got through, or an honest program beside them went wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

from pytest_llmeval.score.sandbox import attacks, choice, launcher
from pytest_llmeval.score.sandbox.protocol import Returned

HONEST = "def f():\n    return [n * n for n in range(4)]\n"
RIGHT = Returned([0, 1, 4, 9])


def besieged(kind: str, names: tuple[str, ...], seed: int) -> list[str]:
    """What got through, or was harmed, of one process's attacks in an order of its own."""
    sandbox = choice.choose(kind)
    shuffled = random.Random(seed).sample(names, len(names))
    found = []
    for trial in attacks.trials(sandbox, tuple(shuffled)):
        if not trial.held:
            found.append(f"{trial.name}: {trial.what}")
        if sandbox.run(HONEST, ("f()",)) != (RIGHT,):
            found.append(f"an honest program after {trial.name} went wrong")
    return found


def siege(kind: str, names: tuple[str, ...], at_once: int) -> list[str]:
    """The same in several processes at once."""
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as processes:
        found = processes.map(besieged, repeat(kind), repeat(names), range(at_once))
        return [one for of_one in found for one in of_one]


def main() -> int:
    """Besiege every kind, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=4)
    options = parser.parse_args()
    through = 0
    for way in (launcher.LANDLOCK, launcher.BUBBLEWRAP):
        kind, lack = way.name, choice.missing(way)
        if lack is not None:
            print(f"{kind}: not here: {lack}")
            continue
        started = time.monotonic()
        found = siege(kind, tuple(attacks.ATTACKS), options.at_once)
        took_s = time.monotonic() - started
        count = len(attacks.ATTACKS) * options.at_once
        print(f"{kind}: {count} attacks, {options.at_once} at a time, in {took_s:.0f} s: {len(found)} wrong")
        print("".join(f"  {one}\n" for one in found), end="")
        through += len(found)
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main())
