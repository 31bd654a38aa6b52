"""``llmeval fit``: the answer in words, its exit code, and every wrong input in one sentence."""

from __future__ import annotations

import argparse
import json

import pytest

from pytest_llmeval import runfile
from pytest_llmeval.cli import fit
from pytest_llmeval.errors import TelemetryError, UsageError
from pytest_llmeval.model import Facts, Host, Run, Telemetry

GIB = 1 << 30
NUMBERS = ["--weights=16GiB", "--layers=32", "--kv-heads=8", "--head-dim=128"]


@pytest.fixture
def llmeval(capsys, monkeypatch):
    """``llmeval(*arguments) -> (exit code, output)``; there is no GPU unless a test says so."""

    def no_gpu() -> tuple[int, ...]:
        raise TelemetryError("no NVIDIA GPU to be seen here")

    monkeypatch.setattr(fit.nvml, "total_memory_bytes", no_gpu)

    def call(*arguments: str) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        fit.add(parser.add_subparsers(required=True))
        options = parser.parse_args(["fit", *arguments])
        return options.run(options), capsys.readouterr().out

    return call


@pytest.fixture
def folder(tmp_path):
    config = {
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "hidden_size": 4096,
        "max_position_embeddings": 131072,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_it_fits(llmeval) -> None:
    code, said = llmeval(*NUMBERS, "--context=32768", "--memory=24GiB")
    assert code == 0
    assert said.splitlines() == [
        "weights   16.00 GiB",
        "KV cache  4.00 GiB  1 stream of 32,768 tokens, 131,072 bytes a token",
        "together  20.00 GiB",
        "memory    21.60 GiB of 24.00 GiB, less a margin of 10%",
        "fits      yes; the largest context for 1 stream is 45,875 tokens",
    ]


def test_it_does_not(llmeval) -> None:
    code, said = llmeval(*NUMBERS, "--context=32768", "--parallel=4", "--memory=24GiB")
    assert code == 1
    assert "KV cache  16.00 GiB  4 streams of 32,768 tokens" in said
    assert "fits      no; the largest context for 4 streams is 11,468 tokens" in said


def test_the_weights_alone_are_too_much(llmeval) -> None:
    code, said = llmeval(*NUMBERS, "--context=1", "--memory=16GiB")
    assert code == 1
    assert "no: the weights alone take more" in said


def test_a_smaller_cache_and_margin(llmeval) -> None:
    full = [*NUMBERS, "--context=45876", "--memory=24GiB"]
    assert llmeval(*full)[0] == 1
    assert llmeval(*full, "--cache-type=q8_0")[0] == 0
    assert llmeval(*full, "--margin=0")[0] == 0


def test_a_folder_and_its_own_context(llmeval, folder) -> None:
    code, said = llmeval(str(folder), "--weights=1GiB", "--memory=80GB")
    assert code == 0
    assert "1 stream of 131,072 tokens" in said
    assert "yes; the 131,072 tokens it was trained for fit, for 1 stream" in said


def test_more_context_than_it_was_trained_for(llmeval, folder) -> None:
    code, said = llmeval(str(folder), "--weights=1GiB", "--memory=80GB", "--context=200000")
    assert code == 0
    assert "yes, but it was trained for 131,072 tokens only" in said


def test_notes_are_said(llmeval, folder) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "sliding_window": 4096}))
    assert "\nnote      some layers may keep only a window" in llmeval(str(folder), "--weights=1GiB")[1]


def test_the_gpus_here(llmeval, monkeypatch) -> None:
    monkeypatch.setattr(fit.nvml, "total_memory_bytes", lambda: (24 * GIB,))
    assert "of 24.00 GiB, less a margin of 10%  the GPU here" in llmeval(*NUMBERS, "--context=1")[1]
    monkeypatch.setattr(fit.nvml, "total_memory_bytes", lambda: (24 * GIB, 24 * GIB))
    code, said = llmeval(*NUMBERS, "--context=131072")
    assert code == 0
    assert "of 48.00 GiB, less a margin of 10%  the 2 GPUs here together" in said


def test_no_memory_is_known(llmeval) -> None:
    code, said = llmeval(*NUMBERS, "--context=1")
    assert code == 0
    assert "memory    not known: no NVIDIA GPU to be seen here; say --memory=24GiB" in said
    assert "fits" not in said


def run_file(tmp_path, **telemetry: Telemetry) -> str:
    run = Run(
        id="r1",
        started="2026-11-21T03:45:01Z",
        finished="2026-11-21T03:46:01Z",
        complete=True,
        plugin="0",
        host=Host(cpus=1, os="o", python="p"),
        endpoints={name: Facts(kind="openai") for name in ("vllm", "cpu", "cloud")},
        telemetry=telemetry,
    )
    path = tmp_path / "run.json"
    path.write_text(runfile.dump(run))
    return str(path)


def test_beside_what_a_run_measured(llmeval, tmp_path) -> None:
    vllm = Telemetry(
        wall_s=1.0,
        peak={"gpu_memory_used_bytes": 20.0 * GIB},
        steps={"before": {"gpu_memory_used_bytes": 1.0 * GIB}, "peak": {"gpu_memory_used_bytes": 21.0 * GIB}},
    )
    cpu = Telemetry(wall_s=1.0, peak={"process_memory_bytes": 0.5 * GIB}, absent={"gpu": "no GPU"})
    run = run_file(tmp_path, vllm=vllm, cpu=cpu)
    said = llmeval(*NUMBERS, "--context=1", "--run", run)[1]
    assert said.splitlines()[-3:] == [
        "measured  no telemetry  cloud, run r1",
        "measured  512.0 MiB in the server's processes  cpu, run r1",
        "measured  20.00 GiB on the GPU  vllm, run r1",
    ]
    only = llmeval(*NUMBERS, "--context=1", "--run", run, "--endpoint=vllm")[1]
    assert only.count("measured") == 1
    with pytest.raises(UsageError, match=r"no endpoint gpt[\s\S]*it has: vllm, cpu, cloud"):
        llmeval(*NUMBERS, "--context=1", "--run", run, "--endpoint=gpt")


def test_a_run_that_measured_no_memory(llmeval, tmp_path) -> None:
    run = run_file(tmp_path, vllm=Telemetry(wall_s=1.0, absent={"gpu": "the server runs elsewhere"}))
    said = llmeval(*NUMBERS, "--context=1", "--run", run, "--endpoint=vllm")[1]
    assert "measured  no memory (the server runs elsewhere)  vllm, run r1" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "add --layers, --kv-heads, --head-dim, --weights"),
        (["--weights=1G", "--layers=1", "--kv-heads=1"], "add --head-dim"),
        (NUMBERS, "the model does not say: --context=8192"),
        (["nowhere.gguf"], "nowhere.gguf: the model file can't be read"),
        (["nowhere.gguf", "--layers=3"], "nowhere.gguf says that itself: leave out --layers"),
    ],
)
def test_what_is_missing(llmeval, arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        llmeval(*arguments)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--memory=lots", "'lots' is no size: 24GiB, 24GB or a number of bytes"),
        ("--context=0", "'0' is no whole number of at least 1"),
        ("--parallel=1.5", "'1.5' is no whole number of at least 1"),
        ("--margin=1", "'1' is no share"),
        ("--margin=nan", "'nan' is no share"),
        ("--cache-type=int3", "invalid choice: 'int3'"),
    ],
)
def test_a_wrong_value_is_named(llmeval, capsys, argument: str, words: str) -> None:
    with pytest.raises(SystemExit):
        llmeval(argument)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("24GiB", 24 * GIB),
        ("24g", 24 * GIB),
        ("24GB", 24 * 10**9),
        ("1.5 GiB", 3 * GIB // 2),
        ("512MiB", GIB // 2),
        ("4096", 4096),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert fit._size(text) == size
