"""NVIDIA GPUs of this machine, through the driver's own library (NVML) and ``nvidia-ml-py``.

A GPU's memory and utilisation are everybody's on it, not one server's alone. NVML counts GPUs in the order of
the PCI bus, CUDA by its own unless ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` is set.
"""

from __future__ import annotations

import importlib
import itertools
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_llmeval.errors import TelemetryError

from . import gpu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .protocol import Reading

_UUIDS = ("GPU-", "MIG-")
INSTALL = "pip install 'pytest-llmeval-suite[gpu]'"


def visible(cuda_visible_devices: str | None) -> tuple[int, ...] | None:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` leaves to a server; None: all, or named by UUID.

    As CUDA reads it: an index that is none ends the list, and an empty one hides every GPU.
    """
    names = [name.strip() for name in (cuda_visible_devices or "").split(",")]
    if cuda_visible_devices is None or names[0].startswith(_UUIDS):
        return None
    return tuple(map(int, itertools.takewhile(str.isdecimal, names)))


def total_memory_bytes() -> tuple[int, ...]:
    """The memory of each GPU here. Raises ``TelemetryError`` where there is none to ask."""
    library = _Library()
    try:
        return tuple(int(library.memory(handle).total) for _, handle in library.handles(None))
    finally:
        library.shut_down()


class Nvml:
    """Memory, utilisation, power and energy as a source. ``devices``: indices; None: every GPU."""

    name = "gpu"
    interval_s = 0.5
    settle_s = 0.0

    def __init__(self, devices: Iterable[int] | None = None) -> None:
        self._devices = None if devices is None else tuple(devices)
        self._library: _Library | None = None
        self._handles: tuple[tuple[str, Any], ...] = ()

    def read(self) -> Reading:
        """See ``Source``. The first reading loads the driver's library."""
        if self._library is None:
            self._library = _Library()
            self._handles = self._library.handles(self._devices)
        gpus = {index: self._library.read(handle) for index, handle in self._handles}
        if all(told == gpu.Gpu() for told in gpus.values()):
            raise TelemetryError("the NVIDIA driver tells nothing about its GPUs")
        return partial(gpu.figures, gpus)

    def close(self) -> None:
        """See ``Source``."""
        library, self._library = self._library, None
        if library is not None:
            library.shut_down()


class _Library:
    """``pynvml``, initialised. What a GPU does not support is absent; what fails is an ``OSError``."""

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an older package of the same module name warns of itself
                self._nvml: Any = importlib.import_module("pynvml")
        except ImportError:
            raise TelemetryError(f"nvidia-ml-py is not installed: {INSTALL}") from None
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as error:
            raise TelemetryError(f"no NVIDIA GPU to be seen here ({error})") from None

    def handles(self, devices: tuple[int, ...] | None) -> tuple[tuple[str, Any], ...]:
        """``(index, handle)`` of each GPU. Raises ``TelemetryError`` where there is none."""
        try:
            count = self._nvml.nvmlDeviceGetCount()
            chosen = range(count) if devices is None else [index for index in devices if index < count]
            found = tuple((str(index), self._nvml.nvmlDeviceGetHandleByIndex(index)) for index in chosen)
        except self._nvml.NVMLError as error:
            raise TelemetryError(f"the NVIDIA driver does not show its GPUs ({error})") from None
        if not found:
            raise TelemetryError("the NVIDIA driver is here, but no GPU")
        return found

    def memory(self, handle: Any) -> Any:
        """With ``used`` and ``total`` as nvidia-smi shows them; old drivers count their own share as used."""
        try:
            return self._nvml.nvmlDeviceGetMemoryInfo(handle, version=self._nvml.nvmlMemory_v2)
        except (self._nvml.NVMLError_FunctionNotFound, self._nvml.NVMLError_InvalidArgument):
            return self._nvml.nvmlDeviceGetMemoryInfo(handle)

    def read(self, handle: Any) -> gpu.Gpu:
        nvml = self._nvml
        return gpu.Gpu(
            memory_used_bytes=self._told(lambda: self.memory(handle).used),
            utilization=self._told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
            power_w=self._told(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            energy_j=self._told(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000),
        )

    def _told(self, ask: Callable[[], float]) -> float | None:
        nvml = self._nvml
        try:
            return float(ask())
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission):
            return None  # utilisation under MIG, energy before Volta, memory that a chip shares with its CPU
        except nvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from error

    def shut_down(self) -> None:
        try:
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:
            return
