"""NVML against a stand-in of nvidia-ml-py, and DCGM's page. No test here has seen a GPU."""

from __future__ import annotations

import inspect
import sys

import pytest

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry import summary
from pytest_llmeval.measure.telemetry.gpu import Dcgm, Gpu, dcgm_figures, figures
from pytest_llmeval.measure.telemetry.nvml import Nvml, total_memory_bytes, visible
from pytest_llmeval.measure.telemetry.page import Page


def test_one_gpu(gpus) -> None:
    library = gpus(1)
    source = Nvml()
    assert source.read()() == {
        "gpu_memory_used_bytes": 1e9,
        "gpu_utilization": 0.2,
        "gpu_power_w": 70.0,
        "gpu_energy_j_total": 5001.0,
    }
    source.close()
    source.close()
    assert library.initialised == 0


def test_several_gpus_together_and_each(gpus) -> None:
    gpus(2)
    source = Nvml()
    told = source.read()()
    source.close()
    assert told["gpu_memory_used_bytes"] == 3e9
    assert told["gpu_memory_used_bytes.0"] == 1e9
    assert told["gpu_memory_used_bytes.1"] == 2e9
    assert told["gpu_utilization"] == pytest.approx(0.3)
    assert told["gpu_power_w"] == 140.0
    assert told["gpu_energy_j_total"] == 10_002.0


def test_only_the_gpus_of_the_server(gpus) -> None:
    gpus(4)
    source = Nvml(visible("2,3"))
    told = source.read()()
    source.close()
    assert told["gpu_memory_used_bytes"] == 7e9
    assert {name for name in told if "." in name} == {
        f"gpu_{figure}.{index}"
        for figure in ("memory_used_bytes", "utilization", "power_w")
        for index in "23"
    }


@pytest.mark.parametrize(
    ("value", "devices"),
    [
        ("0", (0,)),
        ("1, 3", (1, 3)),
        (None, None),
        ("GPU-8932f937", None),
        ("", ()),
        ("-1", ()),
        ("2,-1,3", (2,)),
    ],
)
def test_visible(value: str | None, devices: tuple[int, ...] | None) -> None:
    assert visible(value) == devices


def test_an_old_driver(gpus) -> None:
    gpus(1).knows_v2 = False
    source = Nvml()
    assert source.read()()["gpu_memory_used_bytes"] == 1.5e9
    source.close()


def test_what_a_gpu_does_not_support_is_absent(gpus) -> None:
    gpus(1).unsupported = {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetTotalEnergyConsumption"}
    source = Nvml()
    assert source.read()() == {"gpu_memory_used_bytes": 1e9, "gpu_power_w": 70.0}
    source.close()


def test_a_gpu_that_tells_nothing(gpus) -> None:
    gpus(1).unsupported = {
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetMemoryInfo",
    }
    source = Nvml()
    with pytest.raises(TelemetryError, match="tells nothing about its GPUs"):
        source.read()
    source.close()


def test_a_lost_gpu_may_come_back(gpus) -> None:
    library = gpus(1)
    source = Nvml()
    library.fails["nvmlDeviceGetPowerUsage"] = library.NVMLError_GpuIsLost()
    with pytest.raises(OSError, match="GPU is lost"):
        source.read()
    library.fails.clear()
    assert source.read()()["gpu_power_w"] == 70.0
    source.close()


def test_no_driver(gpus) -> None:
    library = gpus(1)
    library.fails["nvmlInit"] = library.NVMLError_LibraryNotFound()
    with pytest.raises(TelemetryError, match=r"no NVIDIA GPU .* \(NVML Shared Library Not Found\)"):
        Nvml().read()
    with pytest.raises(TelemetryError, match="no NVIDIA GPU"):
        total_memory_bytes()


def test_a_driver_without_a_gpu(gpus) -> None:
    gpus(0)
    with pytest.raises(TelemetryError, match="but no GPU"):
        Nvml().read()


def test_the_extra_is_not_installed(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(TelemetryError, match=r"pip install 'pytest-llmeval-suite\[gpu\]'"):
        Nvml().read()


def test_total_memory(gpus) -> None:
    library = gpus(2)
    assert total_memory_bytes() == (80 * 10**9, 80 * 10**9)
    assert library.initialised == 0


def test_energy_is_a_counter(gpus) -> None:
    gpus(1)
    source = Nvml()
    seen = summary.of_readings([source.read()() for _ in range(4)])
    source.close()
    assert seen.total == {"gpu_energy_j_total": 3.0}
    assert seen.peak["gpu_power_w"] == 70.0


def test_the_stand_in_is_faithful(gpus) -> None:
    """Every function and class of the stand-in is there in the real library, and takes as much."""
    real = pytest.importorskip("pynvml")
    stand_in = type(gpus(1))
    names = [name for name in vars(stand_in) if name.startswith(("nvml", "NVML"))]
    assert len(names) > 12
    for name in names:
        ours, theirs = getattr(stand_in, name), getattr(real, name)
        if inspect.isclass(ours):
            assert issubclass(theirs, real.NVMLError)
        elif callable(ours):
            parameters = [*inspect.signature(ours).parameters.values()][1:]
            assert [(one.name, one.default) for one in parameters] == [
                (one.name, one.default) for one in inspect.signature(theirs).parameters.values()
            ]
        else:
            assert ours == theirs


def test_a_sum_with_a_missing_part_is_not_told() -> None:
    gpus = {"0": Gpu(memory_used_bytes=1.0, power_w=50.0), "1": Gpu(memory_used_bytes=2.0)}
    assert figures(gpus) == {
        "gpu_memory_used_bytes": 3.0,
        "gpu_memory_used_bytes.0": 1.0,
        "gpu_memory_used_bytes.1": 2.0,
        "gpu_power_w.0": 50.0,
    }


DCGM = """\
# HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-a",Hostname="h"} 1410
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA L4",Hostname="h"} 1024
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA L4",Hostname="h"} 512
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",Hostname="h"} 87
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b",Hostname="h"} 13
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",Hostname="h"} 71.5
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-b",Hostname="h"} 9223372036854775792
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",Hostname="h"} 5000
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="1",UUID="GPU-b",Hostname="h"} 7000
"""


def test_dcgm() -> None:
    assert dcgm_figures(DCGM) == {
        "gpu_memory_used_bytes": 1536 * 2**20,
        "gpu_memory_used_bytes.0": 1024 * 2**20,
        "gpu_memory_used_bytes.1": 512 * 2**20,
        "gpu_utilization": 0.5,
        "gpu_utilization.0": 0.87,
        "gpu_utilization.1": 0.13,
        "gpu_power_w.0": 71.5,
        "gpu_energy_j_total": 12.0,
    }


def test_instances_of_one_gpu_add_up() -> None:
    page = 'DCGM_FI_DEV_FB_USED{gpu="0",GPU_I_ID="1"} 1\nDCGM_FI_DEV_FB_USED{gpu="0",GPU_I_ID="2"} 2\n'
    assert dcgm_figures(page) == {"gpu_memory_used_bytes": 3 * 2**20}


def test_dcgm_as_a_source(pages) -> None:
    pages.respond = lambda path: (200, DCGM.encode())
    source = Dcgm(Page(f"{pages.url}/metrics"))
    assert source.read()() == dcgm_figures(DCGM)
    pages.respond = lambda path: (200, b"node_load1 3\n")
    with pytest.raises(TelemetryError, match="is not a DCGM exporter's page"):
        source.read()
    source.close()
