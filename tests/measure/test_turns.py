"""Turns across tasks and processes: never more than the slots, never lost when a process dies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.measure.turns import alone, turn, turns

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

HOLDER = """
import asyncio, sys, time
from pathlib import Path
from pytest_llmeval.measure.turns import turn
async def main():
    async with turn(Path(sys.argv[1]), "gpu", slots=int(sys.argv[2])) as slot:
        start = time.monotonic()
        print("holding", slot, flush=True)
        await asyncio.sleep(float(sys.argv[3]))
        print(start, time.monotonic(), flush=True)
asyncio.run(main())
"""


def hold(folder: Path, *, slots: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), str(slots), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    return max(sum(start <= at < end for start, end in spans) for at, _ in spans)


@pytest.mark.parametrize("slots", [1, 2])
def test_never_more_at_once_than_slots(tmp_path: Path, slots: int) -> None:
    spans: list[tuple[float, float]] = []

    async def measure() -> None:
        async with turn(tmp_path / "locks", "vllm awq/ko", slots=slots) as slot:
            assert slot < slots
            start = time.monotonic()
            await asyncio.sleep(0.03)
            spans.append((start, time.monotonic()))

    async def main() -> None:
        await asyncio.gather(*(measure() for _ in range(6)))

    asyncio.run(main())
    assert len(spans) == 6
    assert most_at_once(spans) == slots


def test_never_more_at_once_across_processes(tmp_path: Path) -> None:
    holders = [hold(tmp_path, slots=1, seconds=0.1) for _ in range(3)]
    spans = []
    for holder in holders:
        output, _ = holder.communicate(timeout=30)
        start, end = output.splitlines()[1].split()
        spans.append((float(start), float(end)))
    assert most_at_once(spans) == 1


def test_a_killed_process_frees_its_turn(tmp_path: Path) -> None:
    with hold(tmp_path, slots=1, seconds=60) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding 0\n"

        async def take() -> int:
            async with turn(tmp_path, "gpu") as slot:
                return slot

        async def main() -> int:
            waiting = asyncio.ensure_future(take())
            await asyncio.sleep(0.1)
            assert not waiting.done()
            holder.kill()
            return await asyncio.wait_for(waiting, 10)

        assert asyncio.run(main()) == 0


def test_other_endpoints_do_not_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with turn(tmp_path, "one"), turn(tmp_path, "two"):
            pass

    asyncio.run(asyncio.wait_for(main(), 5))


def test_an_error_or_a_cancellation_frees_the_turn(tmp_path: Path) -> None:
    async def fail() -> None:
        async with turn(tmp_path, "one"):
            raise ZeroDivisionError

    async def wait() -> None:
        async with turn(tmp_path, "one"):
            await asyncio.sleep(60)

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await fail()
        holding = asyncio.ensure_future(wait())
        queueing = asyncio.ensure_future(wait())
        await asyncio.sleep(0.05)
        holding.cancel()
        queueing.cancel()
        await asyncio.gather(holding, queueing, return_exceptions=True)
        async with turn(tmp_path, "one"):
            pass

    asyncio.run(asyncio.wait_for(main(), 5))


def test_no_slots_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with turn(tmp_path, "one", slots=0):
            pass

    with pytest.raises(ValueError, match="at least one slot"):
        asyncio.run(main())


def test_alone_holds_every_slot_and_waits_for_all(tmp_path):
    held: list[str] = []

    async def measure(name: str, turn: AbstractAsyncContextManager[object]) -> None:
        async with turn:
            held.append(f"+{name}")
            await asyncio.sleep(0.1)
            held.append(f"-{name}")

    async def together() -> None:
        async with turn(tmp_path, "e", slots=2):
            waiting = [asyncio.create_task(measure(name, alone(tmp_path, "e", slots=2))) for name in "ab"]
            await measure("x", turn(tmp_path, "e", slots=2))
            assert held == ["+x", "-x"], "one slot is still taken"
        await asyncio.gather(*waiting)

    asyncio.run(asyncio.wait_for(together(), 20))
    assert held[2:] in (["+a", "-a", "+b", "-b"], ["+b", "-b", "+a", "-a"])


@pytest.mark.parametrize("alone_there", [False, True])
def test_turns_at_several_are_taken_in_one_order_whoever_asks(tmp_path: Path, alone_there: bool) -> None:
    """Who waits for the first holds nothing of the second: else two could wait for each other for ever."""

    async def both(names: str, had: asyncio.Event) -> None:
        async with turns(tmp_path, dict.fromkeys(names, 2), alone_there=alone_there):
            had.set()

    async def main(names: str) -> None:
        had = asyncio.Event()
        async with alone(tmp_path, "a", slots=2):
            waiting = asyncio.create_task(both(names, had))
            await asyncio.sleep(0.1)
            async with asyncio.timeout(10), alone(tmp_path, "b", slots=2):
                assert not had.is_set()
        await asyncio.wait_for(waiting, 10)
        assert had.is_set()

    for names in ("ab", "ba"):
        asyncio.run(main(names))


def test_a_turn_at_several_is_given_back_whole(tmp_path: Path) -> None:
    async def main() -> None:
        for name in ("a", "b"):
            with pytest.raises(RuntimeError):
                async with turns(tmp_path, {"a": 1, "b": 1}):
                    raise RuntimeError
            async with asyncio.timeout(10), turn(tmp_path, name):
                pass

    asyncio.run(main())
