"""A disk that is really full; ``benchmarks/full_disk.py`` fills one many times."""

from __future__ import annotations

import subprocess
import sys

import full_disk
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")


def test_a_disk_without_a_byte_keeps_every_file_whole() -> None:
    """In a namespace of its own: below the project, and below the baselines."""
    command = [sys.executable, full_disk.__file__, "--times=0"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if tried.returncode == full_disk.UNABLE:
        pytest.skip(tried.stderr.strip())
    assert "2 full disks, 0 faults" in tried.stdout, tried.stdout + tried.stderr
