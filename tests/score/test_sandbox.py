"""Generated code in the sandbox: plain programs work, attacks get nothing, lies do not count."""

import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_llmeval.errors import SandboxError
from pytest_llmeval.model import Check
from pytest_llmeval.score.sandbox import attacks, choice, landlock, launcher, seccomp
from pytest_llmeval.score.sandbox.protocol import Broken, Limits, Opaque, Raised, Result, Returned, Sandbox
from pytest_llmeval.score.scorers import python

Run = Callable[..., tuple[Result, ...]]
QUICK = Limits(load_s=3.0, call_s=0.5, cpu_s=2)
WAYS = (launcher.LANDLOCK, launcher.BUBBLEWRAP)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: str(way.name))
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Every way of keeping a program that works on this machine."""
    lack = choice.missing(request.param)
    if lack is not None:
        pytest.skip(lack)
    return launcher.Launcher(request.param)


@pytest.fixture(scope="module")
def run(sandbox: Sandbox) -> Run:
    def run(code: str, *calls: str) -> tuple[Result, ...]:
        return sandbox.run(code, calls, QUICK)

    return run


def test_values_come_back_as_they_are(run: Run) -> None:
    calls = {
        "None": None,
        "True": True,
        "-3": -3,
        "10 ** 40": 10**40,
        "1.5": 1.5,
        "float('inf')": float("inf"),
        "1 + 2j": 1 + 2j,
        "'한\\ud800\"\\n'": '한\ud800"\n',
        "b'\\x00a'": b"\x00a",
        "[1, [2]]": [1, [2]],
        "(1,)": (1,),
        "{1, 2}": {1, 2},
        "frozenset('a')": frozenset("a"),
        "{'a': {1: None}}": {"a": {1: None}},
    }
    results = run("", *calls)
    assert results == tuple(Returned(value) for value in calls.values())
    assert [type(one[0]) for one in results] == [type(value) for value in calls.values()]


def test_other_values_come_back_by_name(run: Run) -> None:
    (result,) = run("class A:\n    def __repr__(self):\n        return 'an A'\n", "A()")
    assert result == Returned(Opaque("A", "an A"))
    code = (
        "import collections, enum\nclass E(enum.IntEnum):\n    X = 7\n"
        "P = collections.namedtuple('P', 'x y')\n"
    )
    assert run(code, "E.X", "P(1, 2)", "collections.Counter('aab')") == (
        Returned(7),
        Returned((1, 2)),
        Returned({"a": 2, "b": 1}),
    )


def test_exceptions_come_back_with_their_bases(run: Run) -> None:
    (result,) = run("class Mine(KeyError):\n    pass\ndef f():\n    raise Mine('x')\n", "f()")
    assert result == Raised(("Mine", "KeyError", "LookupError", "Exception", "BaseException"), "'x'")
    assert run("import sys\n", "sys.exit(3)")[0] == Raised(("SystemExit", "BaseException"), "3")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import numpy_of_nowhere\n",
            "did not load: ModuleNotFoundError: No module named 'numpy_of_nowhere'",
        ),
        ("raise SystemExit\n", "did not load: SystemExit: "),
        ("def f(:\n", "did not load: SyntaxError: invalid syntax (solution.py, line 1)"),
        ("import os\nos._exit(0)\n", "did not load: it ended the program"),
    ],
)
def test_a_program_that_does_not_load_fails_every_call(run: Run, code: str, reason: str) -> None:
    assert run(code, "1", "2") == (Broken(reason, whole=True),) * 2


def test_a_call_that_ends_the_program_costs_only_itself(run: Run) -> None:
    code = "import os\ndef f(x):\n    if x == 1: os._exit(0)\n    while x == 2: pass\n    return x\n"
    assert run(code, "f(0)", "f(1)", "f(2)", "f(3)") == (
        Returned(0),
        Broken("ended the program"),
        Broken("took longer than 0.5 s"),
        Returned(3),
    )


def test_after_three_such_calls_the_rest_is_not_tried(run: Run) -> None:
    results = run("import os\n", *["os._exit(0)"] * 4, "1")
    assert results[:3] == (Broken("ended the program"),) * 3
    assert results[3:] == (Broken("was not tried after 3 calls that ended the program", tried=False),) * 2


def test_ordinary_programs_work(run: Run) -> None:
    code = (
        "import asyncio, dataclasses, json, re, threading, tempfile, sqlite3, pickle, random, datetime\n"
        "@dataclasses.dataclass\nclass P:\n    x: int\n"
        "async def wait():\n    await asyncio.sleep(0)\n    return 1\n"
        "def thread():\n    found = []\n    t = threading.Thread(target=found.append, args=(1,))\n"
        "    t.start()\n    t.join()\n    return found\n"
        "def file():\n    with tempfile.TemporaryFile('w+') as f:\n        f.write('x')\n        f.seek(0)\n"
        "        return f.read()\n"
        "if __name__ == '__main__':\n    raise SystemExit('a script')\n"
    )
    assert run(
        code,
        "asyncio.run(wait())",
        "thread()",
        "file()",
        "dataclasses.asdict(P(1))",
        "sqlite3.connect(':memory:').execute('select 1').fetchone()",
        "pickle.loads(pickle.dumps(P(2))).x",
    ) == tuple(map(Returned, (1, [1], "x", {"x": 1}, (1,), 2)))


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_attack(sandbox: Sandbox, name: str) -> None:
    (trial,) = attacks.trials(sandbox, (name,))
    assert trial.held, trial.what


@pytest.mark.parametrize(
    "name",
    [
        "read a secret",
        "overwrite it",
        "truncate it",
        "delete it",
        "change its rights",
        "change its times",
        "write outside",
        "make a folder outside",
        "connect",
        "listen",
        "kill",
        "kill by system call",
        "limit another process",
        "fork",
        "run a shell",
        "read the parent's environment",
    ],
)
def test_the_attacks_are_real(name: str) -> None:
    """Without the guard they get what they want: these tests can fail."""
    (trial,) = attacks.trials(choice.choose("none"), (name,))
    assert not trial.held


FINDS_THE_NONCE = """
import os, sys
def forge(line):
    frame = sys._getframe()
    while frame:
        nonce, pipe = frame.f_locals.get("nonce"), frame.f_locals.get("pipe")
        if nonce and pipe:
            os.write(pipe, f"{nonce} {line}\\n".encode())
        frame = frame.f_back
"""


def test_a_forged_line_still_has_to_be_right(sandbox: Sandbox) -> None:
    """The program can find the nonce in its callers' frames; what it can't find is the expected value."""
    checks = [Check(call="f(2)", equals=4), Check(call="f(3)", equals=9)]
    for line in (
        '["passed"]',
        '["returned",["bool",1]]',
        '["returned",["int","1"]]',
        '["returned",["int",Infinity]]',
        '["returned",["other","A",[]]]',
        "nonsense",
        '["guarded"]',
        '["refused","no"]',
    ):
        code = FINDS_THE_NONCE + f"def f(x):\n    forge({line!r})\n    forge({line!r})\n"
        assert None not in python.run(code, checks, sandbox)
        assert None not in python.run(f"{code}f(0)\n", checks, sandbox)


def test_equality_is_not_decided_by_the_program(sandbox: Sandbox) -> None:
    code = (
        "class Yes(int):\n    __eq__ = __ne__ = lambda *_: True\n    __hash__ = int.__hash__\n"
        "def f(x):\n    return Yes(0)\n"
        "import builtins\nbuiltins.isinstance = lambda *_: True\nbuiltins.all = lambda *_: True\n"
    )
    assert None not in python.run(code, [Check(call="f(2)", equals=4)], sandbox)


_LINES = ["x\n", "0" * 32 + ' ["returned",["int","4"]]\n', "\n", "[" * 300_000]


@pytest.mark.parametrize("line", _LINES)
def test_writing_to_the_pipe_without_the_nonce_breaks_the_call(run: Run, line: str) -> None:
    code = (
        "import contextlib, os\ndef f():\n    for fd in range(3, 64):\n"
        f"        with contextlib.suppress(OSError):\n            os.write(fd, {line!r}.encode())\n"
    )
    (result,) = run(code, "f()")
    assert isinstance(result, Broken)


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_nothing_is_left_behind(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files, processes = len(list(Path("/proc/self/fd").iterdir())), descendants(os.getpid())
    run("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n", "1")
    run("import os, sys\nopen('f', 'w').write('x')\nos.mkdir('d')\n", "1")
    assert descendants(os.getpid()) == processes
    assert not list(tmp_path.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == files


def test_the_child_dies_with_its_parent(sandbox: Sandbox) -> None:
    script = (
        "from pytest_llmeval.score.sandbox import choice\n"
        "from pytest_llmeval.score.sandbox.protocol import Limits\n"
        f"choice.choose({sandbox.name!r}).run('while True: pass', ('1',), Limits(load_s=60, cpu_s=60))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        time.sleep(2)
        below = descendants(parent.pid)
        parent.kill()
    deadline = time.monotonic() + 10
    while any(map(alive, below)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert below
    assert not any(map(alive, below))


def test_a_program_that_closes_the_pipe_and_goes_on_is_ended(run: Run) -> None:
    code = "import os, time\ndef f():\n    os.closerange(3, 64)\n    time.sleep(600)\n"
    assert run(code, "f()") == (Broken("closed the pipe that the results are told on"),)


@pytest.mark.parametrize("write", ["open(f'{n}', 'wb').write(bytes(10_000))", "os.mkdir(f'{n}')"])
def test_a_program_that_fills_its_folder_is_ended(sandbox: Sandbox, write: str) -> None:
    code = f"import os, time\ndef f():\n    for n in range(20):\n        {write}\n    time.sleep(0.4)\n"
    tight = QUICK._replace(call_s=5.0, folder_bytes=190_000, folder_files=19)
    assert sandbox.run(code, ("f()",), tight) == (Broken("filled its folder"),)
    assert sandbox.run(code, ("f()",), tight._replace(folder_bytes=1 << 20, folder_files=20)) == (
        Returned(None),
    )


def test_many_programs_at_once(run: Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: run(f"def f():\n    return {n}\n", "f()"), range(24)))
    assert results == [(Returned(n),) for n in range(24)]


def test_forks_of_another_thread_do_no_harm(run: Run) -> None:
    """Their children live on with a copy of every pipe: none of them is waited for."""
    children: list[int] = []
    over = threading.Event()

    def fork() -> None:
        while not over.wait(0.002) and len(children) < 150:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)

    forking = threading.Thread(target=fork)
    forking.start()
    try:
        for number in range(6):
            assert run(f"def f():\n    return {number}\n", "f()") == (Returned(number),)
            assert run("import os\nos._exit(0)\n", "1")[0] == Broken(
                "did not load: it ended the program", whole=True
            )
    finally:
        over.set()
        forking.join()
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert children


def test_without_room_nothing_is_run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    with pytest.raises(SandboxError, match="no sandbox could be started: No such file or directory"):
        sandbox.run("", ("1",))


def test_the_first_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks: dict[str, str | None] = {"landlock": None, "bubblewrap": None}
    monkeypatch.setattr(choice, "missing", lambda way: lacks[way.name])
    assert choice.choose().name == "landlock"
    lacks["landlock"] = "no Landlock"
    assert choice.choose().name == "bubblewrap"
    with pytest.raises(SandboxError, match="not run: no Landlock"):
        choice.choose("landlock")
    lacks["bubblewrap"] = "no bwrap"
    with pytest.raises(SandboxError, match="not run: no Landlock; no bwrap"):
        choice.choose()
    with pytest.raises(SandboxError, match="not run: no Landlock; no bwrap"):
        choice.usable().run("", ("1",))
    with pytest.raises(SandboxError, match="known ones: auto, landlock, bubblewrap, none"):
        choice.choose("chroot")
    assert choice.choose("none").name == "none"


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(way: launcher.Way) -> str:
        found = choice.missing(way)
        assert found is not None
        return found

    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "no Landlock" in lack(launcher.LANDLOCK)
    monkeypatch.setenv("PATH", "")
    assert "bwrap" in lack(launcher.BUBBLEWRAP)
    monkeypatch.setattr(seccomp, "supported", lambda: False)
    assert "system call filter" in lack(launcher.BUBBLEWRAP)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux, this is darwin" in lack(launcher.LANDLOCK)


def test_bubblewrap_that_does_not_work_is_not_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on hosted runners: the command is there, the kernel forbids what it needs."""
    command = tmp_path / "bwrap"
    command.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lack = choice.missing(launcher.BUBBLEWRAP)
    assert lack is not None
    assert lack.endswith("could not be set up: bwrap: setting up uid map: Permission denied")
    command.write_text("#!/bin/sh\nexit 1\n")
    assert "its process ended the program" in (choice.missing(launcher.BUBBLEWRAP) or "")


@pytest.mark.skipif(landlock.version() == 0, reason="no Landlock")
def test_a_child_that_cannot_restrict_itself_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fail closed: what the kernel refuses is refused before a line of the program runs."""
    trace = tmp_path / "ran"
    monkeypatch.setattr(launcher, "_readable", lambda: ["\0"])
    with pytest.raises(SandboxError, match=r"could not be set up: .*embedded null"):
        launcher.Launcher(launcher.LANDLOCK).run(f"open({str(trace)!r}, 'w')\n", ("1",), QUICK)
    assert not trace.exists()


def test_a_wrapper_that_does_not_wrap_runs_nothing(tmp_path: Path) -> None:
    """The child sees that its parent is not bubblewrap's init."""
    trace = tmp_path / "ran"
    way = launcher.BUBBLEWRAP._replace(wrap=lambda *_: ["/usr/bin/env"])
    with pytest.raises(SandboxError, match="ended the program"):
        launcher.Launcher(way).run(f"open({str(trace)!r}, 'w')\n", ("1",), QUICK)
    assert not trace.exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_well_formed(machine: str) -> None:
    """Every jump lands inside the program, which ends with allow; the kernel checks the rest."""
    code = seccomp.program(machine)
    steps = list(struct.iter_unpack("<HBBI", code))
    assert len(code) % 8 == 0
    assert len(steps) < 4096
    for place, (operation, yes, no, _) in enumerate(steps):
        if operation in {0x15, 0x35, 0x45}:
            assert place + 1 + max(yes, no) < len(steps)
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)
