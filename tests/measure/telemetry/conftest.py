"""A metrics page on a real socket, and the GPU library that this machine lacks."""

# ruff: noqa: N801, N802, N815 - NVIDIA's own names

from __future__ import annotations

import http.server
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pages:
    """Answers ``respond(path) -> (status, body)``; ``paths`` and ``headers`` say what was asked."""

    def __init__(self) -> None:
        self.respond: Callable[[str], tuple[int, bytes]] = lambda path: (200, b"")
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.close_after_answer = False
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                pages.connections += 1

            def do_GET(self) -> None:
                pages.paths.append(self.path)
                pages.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, body = pages.respond(self.path)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection |= pages.close_after_answer

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def pages() -> Iterator[Pages]:
    served = Pages()
    yield served
    served.close()


class Gpus:
    """Stands in for ``pynvml``: the functions that we call, with its error classes and its version of each.

    ``unsupported``: names of functions that the GPU refuses. ``fails``: a function that fails, and how.
    """

    nvmlMemory_v2 = 0x02000028

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):
        def __str__(self) -> str:
            return "Not Supported"

    class NVMLError_NoPermission(NVMLError):
        pass

    class NVMLError_FunctionNotFound(NVMLError):
        pass

    class NVMLError_InvalidArgument(NVMLError):
        pass

    class NVMLError_LibraryNotFound(NVMLError):
        def __str__(self) -> str:
            return "NVML Shared Library Not Found"

    class NVMLError_GpuIsLost(NVMLError):
        def __str__(self) -> str:
            return "GPU is lost"

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.used = [(index + 1) * 10**9 for index in range(count)]
        self.energy_mj = [5_000_000 for _ in range(count)]
        self.unsupported: set[str] = set()
        self.fails: dict[str, Exception] = {}
        self.knows_v2 = True
        self.initialised = 0

    def _may(self, name: str) -> None:
        assert self.initialised or name == "nvmlInit", f"{name} before nvmlInit"
        if name in self.fails:
            raise self.fails[name]
        if name in self.unsupported:
            raise self.NVMLError_NotSupported

    def nvmlInit(self) -> None:
        self._may("nvmlInit")
        self.initialised += 1

    def nvmlShutdown(self) -> None:
        self.initialised -= 1

    def nvmlDeviceGetCount(self) -> int:
        self._may("nvmlDeviceGetCount")
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= self.count:
            raise self.NVMLError_InvalidArgument
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> Any:
        self._may("nvmlDeviceGetMemoryInfo")
        if version is not None and not self.knows_v2:
            raise self.NVMLError_FunctionNotFound
        assert version in (None, self.nvmlMemory_v2)
        reserved = 0 if version else 500_000_000  # the first version counts the driver's share as used
        return SimpleNamespace(used=self.used[handle] + reserved, total=80 * 10**9)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._may("nvmlDeviceGetUtilizationRates")
        return SimpleNamespace(gpu=20 * (handle + 1), memory=7)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        self._may("nvmlDeviceGetPowerUsage")
        return 70_000

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        self._may("nvmlDeviceGetTotalEnergyConsumption")
        self.energy_mj[handle] += 1000
        return self.energy_mj[handle]


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Gpus]:
    """``gpus(count)`` puts a machine with so many GPUs in place."""

    def install(count: int = 1) -> Gpus:
        stand_in = Gpus(count)
        monkeypatch.setitem(sys.modules, "pynvml", stand_in)  # type: ignore[arg-type]  # it is not a module
        return stand_in

    return install
