"""A limit that does not run out while nobody could have kept it."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time

import pytest

from pytest_llmeval.score.patience import Patience

WAITS = """
import selectors, sys
from pytest_llmeval.score.patience import Patience
with selectors.DefaultSelector() as selector:
    selector.register(sys.stdin, selectors.EVENT_READ)
    patience = Patience(0.6)
    print("waiting", flush=True)
    print(patience.wait(selector), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nobody is stopped here")
def test_time_in_which_it_was_stopped_does_not_count() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as waiter:
        assert waiter.stdin is not None
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == b"waiting\n"
        waiter.send_signal(signal.SIGSTOP)
        time.sleep(2)
        waiter.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        waiter.stdin.write(b"late, but not too late\n")
        waiter.stdin.flush()
        assert waiter.stdout.readline() == b"True\n"


def test_silence_ends_and_so_does_a_drip() -> None:
    reading, writing = os.pipe()
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.02):
            os.write(writing, b".")

    try:
        with selectors.DefaultSelector() as selector:
            selector.register(reading, selectors.EVENT_READ)
            assert not Patience(0.1).wait(selector)
            dripping = threading.Thread(target=drip)
            dripping.start()
            patience, started, drops = Patience(0.5), time.monotonic(), 0
            while patience.wait(selector):
                drops += len(os.read(reading, 10))
            over.set()
            dripping.join()
            assert drops > 1
            assert time.monotonic() - started > 0.5
    finally:
        os.close(reading)
        os.close(writing)
