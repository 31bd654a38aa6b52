"""What generated code must not be able to do, tried on purpose: a self-check for the user's own machine.

Each attack is a program whose ``attack()`` returns a text only if it got what it wanted. What it may have
done outside is looked at afterwards: the secret, the folder beside it, a victim process, a listening socket.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .protocol import Broken, Limits, Raised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .protocol import Result, Sandbox

LIMITS = Limits(load_s=5.0, call_s=1.0, cpu_s=3)
_CANARY = "LLMEVAL_SANDBOX_CANARY"
_X86 = os.uname().machine == "x86_64"


def _returning(expression: str) -> str:
    return f"import fcntl, os, resource, socket, subprocess\ndef attack():\n    return str({expression})\n"


def _calling(number: int, *arguments: object) -> str:
    call = ", ".join(map(str, (number, *arguments)))
    return (
        "import ctypes\nlibc = ctypes.CDLL(None)\nbuffer = ctypes.create_string_buffer(128)\n"
        f"def attack():\n    return 'the kernel did it' if libc.syscall({call}) >= 0 else ''\n"
    )


GROUPS: dict[str, dict[str, str]] = {
    "files": {
        "read a secret": _returning("open(SECRET).read()"),
        "read it by descriptor": _returning("os.read(os.open(SECRET, os.O_RDONLY), 99)"),
        "read it through a link": _returning("(os.symlink(SECRET, 'l'), open('l').read())"),
        "read it through a hard link": _returning("(os.link(SECRET, 'l'), open('l').read())"),
        "read it through /proc": _returning("open('/proc/self/root' + SECRET).read()"),
        "list its folder": _returning("os.listdir(os.path.dirname(SECRET))"),
        "read the password file": _returning("open('/etc/passwd').read()"),
        "overwrite it": _returning("open(SECRET, 'w').write('x')"),
        "truncate it": _returning("os.truncate(SECRET, 0)"),
        "delete it": _returning("os.unlink(SECRET)"),
        "change its rights": _returning("os.chmod(SECRET, 0o777)"),
        "change its owner": _returning("os.chown(SECRET, 1, 1)"),
        "change its times": _returning("os.utime(SECRET, (1, 1))"),
        "give it an attribute": _returning("os.setxattr(SECRET, 'user.x', b'1')"),
        "write outside": _returning("open(OUTSIDE, 'w').write('x')"),
        "make a folder outside": _returning("os.mkdir(OUTSIDE)"),
        "move a file outside": _returning("(open('f', 'w').close(), os.rename('f', OUTSIDE))"),
        "write at exit": "import atexit\natexit.register(open, OUTSIDE, 'w')\ndef attack():\n    return ''\n",
    },
    "the environment": {
        "read the environment": _returning("os.environ[CANARY]"),
        "read its own start": _returning("open('/proc/self/environ').read()"),
        "read the parent's environment": _returning("open(f'/proc/{os.getppid()}/environ').read()"),
        "read the parent's memory": _returning("open(f'/proc/{os.getppid()}/mem', 'rb').name"),
    },
    "the network": {
        "connect": _returning("socket.create_connection(('127.0.0.1', PORT), 1)"),
        "listen": _returning("socket.create_server(('127.0.0.1', 0))"),
        "open a datagram socket": _returning("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"),
        "open a local socket": _returning("socket.socket(socket.AF_UNIX)"),
        "a socket pair to elsewhere": _returning(
            "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '/run/systemd/notify')"
        ),
        "asynchronous system calls": _calling(425, 1, "buffer"),
    },
    "other processes": {
        "kill": _returning("os.kill(VICTIM, 9)"),
        "kill by system call": _calling(62 if _X86 else 129, "VICTIM", 9),
        "kill by descriptor": "import os, signal\ndef attack():\n"
        "    signal.pidfd_send_signal(os.pidfd_open(VICTIM), 9)\n    return 'sent'\n",
        "signal by a pipe's owner": "import fcntl, os\nr, w = os.pipe()\ndef attack():\n"
        "    fcntl.fcntl(r, fcntl.F_SETOWN, VICTIM)\n    fcntl.fcntl(r, 10, 9)\n"
        "    fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)\n    os.write(w, b'x')\n    return ''\n",
        "end the parent": _returning("os.kill(os.getppid(), 15)"),
        "trace": _calling(101 if _X86 else 117, 16, "VICTIM", 0, 0),
        "limit another process": _returning("resource.prlimit(VICTIM, resource.RLIMIT_CPU, (1, 1))"),
        "lift its own limits": _returning("resource.setrlimit(resource.RLIMIT_AS, (-1, -1))"),
    },
    "new processes": {
        "fork": _returning("os.fork()"),
        "fork bomb": "import os\ndef attack():\n    while True:\n        os.fork()\n",
        "run a program": _returning("subprocess.run(['/bin/sh', '-c', 'echo x'])"),
        "spawn a program": _returning("os.posix_spawn('/bin/true', ['true'], {})"),
        "become a program": _returning("os.execv('/bin/true', ['true'])"),
        "run a shell": "import os\ndef attack():\n    return '' if os.system('true') else 'ran'\n",
        "multiprocessing": _returning("__import__('multiprocessing').Process(target=print).start()"),
        "reload os": _returning("__import__('importlib').reload(os).fork()"),
        "a new namespace": _calling(272 if _X86 else 97, 0x10000000),
        "a program in the kernel": _calling(321 if _X86 else 280, 0, "buffer", 128),
        "mount": _calling(165 if _X86 else 40, "b'none'", "b'.'", "b'tmpfs'", 0, 0),
    },
    "time and memory": {
        "memory": "def attack():\n    return str(len(bytearray(4 << 30)))\n",
        "threads": "import threading, time\ndef attack():\n    for _ in range(2000):\n"
        "        threading.Thread(target=time.sleep, args=(60,)).start()\n    return 'two thousand'\n",
        "a large file": "def attack():\n    with open('f', 'wb') as f:\n"
        "        return str([f.write(bytes(1 << 20)) for _ in range(64)])\n",
        "many open files": "def attack():\n    return str(len([open('/dev/null') for _ in range(500)]))\n",
        "an endless loop": "def attack():\n    while True:\n        pass\n",
        "an endless load": "while True:\n    pass\n",
        "an endless loop in C": "def attack():\n    return str(sum(range(10 ** 13)))\n",
        "a loop that ignores signals": "import signal\nfor n in range(1, 65):\n    try:\n"
        "        signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
        "def attack():\n    while True:\n        pass\n",
        "a loop that catches everything": "def attack():\n    while True:\n        try:\n"
        "            attack()\n        except BaseException:\n            pass\n",
        "a flood of output": "def attack():\n    while True:\n        print('x' * 1000)\n",
        "a flood of results": "def attack():\n    return 'x' * (64 << 20)\n",
        "an endless repr": "class A:\n    def __repr__(self):\n        while True:\n            pass\n"
        "def attack():\n    return A()\n",
        "a crash": "import ctypes\ndef attack():\n    return ctypes.string_at(0)\n",
        "deep recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\n"
        "def attack(n=0):\n    return attack(n + 1)\n",
    },
}
"""By what they go for. They know the paths ``SECRET`` and ``OUTSIDE``, the variable ``CANARY``, the process
``VICTIM`` and a listening ``PORT``.
"""

ATTACKS: dict[str, str] = {name: code for group in GROUPS.values() for name, code in group.items()}


class Trial(NamedTuple):
    """How one attack ended. ``held``: it got nothing. ``what``: what the program told, or what it changed."""

    name: str
    held: bool
    what: str


def trials(sandbox: Sandbox, names: tuple[str, ...] = tuple(ATTACKS)) -> Iterator[Trial]:
    """Try the attacks one after another: about 15 s in all, since several only end at a time limit."""
    with _Scene() as scene:
        for name in names:
            (result,) = sandbox.run(scene.facts + ATTACKS[name], ("attack()",), LIMITS)
            got = None if isinstance(result, Broken | Raised) else str(result.value)
            damage = scene.damage()
            yield Trial(name, not got and not damage, damage or got or _told(result))


class _Scene:
    """A secret, a victim, a listener and a canary; what was done to them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="llmeval-attacks-")
        self._secret = Path(self._folder.name, "secret")
        self._outside = Path(self._folder.name, "outside")
        self._text = secrets.token_hex()
        self._victim = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0)
        os.environ[_CANARY] = self._text
        self._restore()

    @property
    def facts(self) -> str:
        """What the attacks know, as assignments."""
        port = self._listener.getsockname()[1]
        return (
            f"SECRET, OUTSIDE = {str(self._secret)!r}, {str(self._outside)!r}\n"
            f"CANARY, VICTIM, PORT = {_CANARY!r}, {self._victim.pid}, {port}\n"
        )

    def damage(self) -> str:
        """What is not as it was, in words; all is put right again."""
        found = []
        if not self._secret.exists() or self._secret.read_text() != self._text:
            found.append("the secret was changed")
        elif self._stat() != self._before:
            found.append("the secret's rights or times were changed")
        if self._outside.exists():
            found.append("something was made outside")
        if self._victim.poll() is not None:
            found.append("the victim was killed")
        with contextlib.suppress(BlockingIOError):
            self._listener.accept()[0].close()
            found.append("the listener was reached")
        if found:
            self._restore()
        return ", ".join(found)

    def _restore(self) -> None:
        if self._outside.is_dir():
            self._outside.rmdir()
        self._outside.unlink(missing_ok=True)
        self._secret.unlink(missing_ok=True)
        self._secret.write_text(self._text)
        self._before = self._stat()

    def _stat(self) -> tuple[int, int, float]:
        stat = self._secret.stat()
        return stat.st_mode, stat.st_uid, stat.st_mtime

    def __enter__(self) -> _Scene:
        return self

    def __exit__(self, *_: object) -> None:
        os.environ.pop(_CANARY, None)
        self._victim.kill()
        self._victim.wait()
        self._listener.close()
        self._folder.cleanup()


def _told(result: Result) -> str:
    if isinstance(result, Broken):
        return result.reason
    return f"raised {result.names[0]}: {result.text}" if isinstance(result, Raised) else "got nothing"
