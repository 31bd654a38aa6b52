"""Workers in folders of their own behind execnet's socket server, as on other machines."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest.importorskip("xdist")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="127.1 is an address on Linux")


@contextmanager
def machine(folder: Path, suites: Path) -> Iterator[str]:
    """A socket server that has the suites and nothing else of the project; yields its ``--tx``."""
    shutil.copytree(suites, folder / "suites")
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = suites\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "execnet.script.socketserver", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "Accept loop" in server.stdout.readline()
        yield f"--tx=socket=127.0.0.1:{port}//chdir={folder}"
        server.kill()


def test_endpoints_spread_and_what_is_the_controllers_stays(
    project: Any, answering: Callable[..., str], tmp_path: Path
) -> None:
    (project.path / "pytest.ini").write_text("[pytest]\ntestpaths = suites\n")
    command = [sys.executable, mock_server.__file__, "--port={port}", "--ttft-s=0.01", "--gap-s=0.002"]
    (project.path / "llmeval.toml").write_text(
        "rounds = 1\nwarmup = 0\n"
        # a loopback address would be the worker's own; this one is not known as such, and reaches the mock
        f'[endpoints.lan]\nurl = "{answering().replace("127.0.0.1", "127.1")}"\n'
        f"[endpoints.managed.server]\ncommand = {json.dumps(command)}\n"
    )
    far = tmp_path / "far"
    with machine(far, project.path / "suites") as tx:
        arguments = ["--dist=load", "--tx=popen", tx, "--llm-endpoint=all", "-v"]
        result = project.pytester.runpytest_subprocess(
            "-pno:randomly", "-pno:cov", "-Wignore::pytest.PytestWarning", *arguments, timeout=120
        )
    result.assert_outcomes(passed=6)
    took = {line.split()[-1]: line.split()[0] for line in result.outlines if line.startswith("[gw")}
    workers = {
        name: {by for nodeid, by in took.items() if f"[{name}-" in nodeid} for name in ("lan", "managed")
    }
    assert workers == {"lan": {"[gw1]"}, "managed": {"[gw0]"}}
    run = project.last_run()
    assert sorted({(cell["endpoint"], cell["scenario"], cell["language"]) for cell in run["cells"]}) == [
        (name, *cell)
        for name in ("lan", "managed")
        for cell in (("add", "en"), ("add", "ko"), ("greet", "ko"))
    ]
    assert run["servers"]["managed"]["starts"] == 1
    assert all(sample["ok"] for cell in run["cells"] for sample in cell["samples"])
    lan = [cell for cell in run["cells"] if (cell["endpoint"], cell["scenario"]) == ("lan", "add")]
    assert all(cell["samples"][0]["score"]["quality"] > 5 for cell in lan), "scored where it was asked"
    assert (project.path / run["cells"][0]["nodeid"].partition("::")[0]).exists()
    assert not [name for name in (".llmeval", "baselines", "llmeval.toml") if (far / name).exists()]
