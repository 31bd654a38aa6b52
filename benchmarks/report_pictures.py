"""Draw the pictures of ``docs/reports.md``: a report of an invented run, in Chromium.

    python benchmarks/report_pictures.py [--out=docs] [--html=report.html]

Two endpoints that never were answer seven cells of five scenarios: two sessions of an old level, five of a
new one, then a run in which one endpoint is 13 % slower. All that follows from the figures is the real thing:
baselines, verdicts, report. Needs the extra ``report``, the package ``playwright``, a Chromium and a font
with Hangul.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from pytest_llmeval import dossier, evaluate, hashes, judge, scenarios
from pytest_llmeval.judge import baselines
from pytest_llmeval.model import (
    Analysers,
    Commit,
    Facts,
    Host,
    Policy,
    Record,
    Run,
    Sample,
    Scenario,
    Score,
    Selection,
    Telemetry,
    cell_key,
)
from pytest_llmeval.report import html

SUITE = """\
suite: coding
scenarios:
- id: fibonacci
  category: algorithm
  prompt:
    en: Write fib(n) that returns the n-th Fibonacci number; fib(0) is 0.
    ko: "n번째 피보나치 수를 돌려주는 fib(n)을 작성해 줘. fib(0)은 0이야."
  answer: {code: python, requires: ["fib(n)"]}
- id: is-prime
  category: algorithm
  prompt: {en: "Write is_prime(n) that says whether n is prime."}
  answer: {code: python, requires: ["is_prime(n)"]}
- id: merge-counts
  category: data
  prompt: {en: "Write merge(a, b) that returns a new dict with the sums of equal keys."}
  answer: {code: python, requires: ["merge(a, b)"]}
- id: slugify
  category: text
  prompt: {en: "Write slugify(text): lower case, words joined by single dashes."}
  answer: {code: python, requires: ["slugify(text)"]}
- id: word-count
  category: text
  prompt:
    en: Write word_count(text) that returns how often each word comes.
    ko: "단어마다 몇 번 나오는지 돌려주는 word_count(text)를 작성해 줘."
  answer: {code: python, requires: ["word_count(text)"]}
"""
COLOURS = 128
"""Of a picture: text on a page has few."""
SAID = "Here is the function.\n\n```python\n{code}```\n"


class Known(NamedTuple):
    """What an endpoint answers to a scenario, and what that is worth."""

    code: str
    score: Score
    reasons: tuple[str, ...] = ()


def worth(correctness: float, quality: float, **parts: float) -> Score:
    """A score of code."""
    return Score(
        total=round(0.7 * correctness + 0.3 * quality, 2),
        correctness=correctness,
        quality=quality,
        parts=parts,
    )


GOOD = {
    "fibonacci": Known(
        "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
        worth(10.0, 9.4, checks=4, checks_passed=4),
    ),
    "is-prime": Known(
        "def is_prime(n):\n    return n > 1 and all(n % i for i in range(2, int(n**0.5) + 1))\n",
        worth(10.0, 9.0, checks=5, checks_passed=5),
    ),
    "merge-counts": Known(
        "def merge(a, b):\n    return {k: a.get(k, 0) + b.get(k, 0) for k in a.keys() | b.keys()}\n",
        worth(10.0, 9.2, checks=3, checks_passed=3),
    ),
    "slugify": Known(
        'def slugify(text):\n    return text.lower().replace(" ", "-")\n',
        worth(6.7, 8.8, checks=3, checks_passed=2),
        ("`slugify` fails on `' A  B '`: returned '-a--b-'; 'a-b' was expected",),
    ),
    "word-count": Known(
        "from collections import Counter\n\n\ndef word_count(text):\n    return Counter(text.split())\n",
        worth(10.0, 9.6, checks=3, checks_passed=3),
    ),
}
WORSE = GOOD | {
    "merge-counts": Known(
        "def merge(a, b):\n    a.update(b)\n    return a\n",
        worth(3.3, 7.1, checks=3, checks_passed=1),
        (
            "`merge` fails on `{'x': 1}, {'x': 2}`: returned {'x': 2}; {'x': 3} was expected",
            "`merge` changes its first argument",
        ),
    ),
}
ENDPOINTS = {"awq": (0.118, 83.0, GOOD, 5.6), "gptq": (0.094, 101.0, WORSE, 5.9)}
"""Name -> time to first token, tokens a second, answers, GiB of GPU memory."""
FACTS = {
    name: Facts(
        kind="openai",
        server="vllm 0.32.0",
        model="coder-7b-instruct",
        quantization=name,
        context_window=32768,
    )
    for name in ENDPOINTS
}


def answer(known: Known) -> str:
    """The whole text."""
    return SAID.format(code=known.code)


def record(name: str, scenario: Scenario, language: str, rng: random.Random, speed: float) -> Record:
    """A cell of one run; ``speed`` is what the session has of its own."""
    ttft_s, tps, answers, _ = ENDPOINTS[name]
    known = answers[scenario.id]
    samples = []
    for at in range(3):
        rate = tps * speed * rng.gauss(1, 0.025)
        first_s = ttft_s / speed * abs(rng.gauss(1, 0.12))
        tokens = len(known.code) // 3 + 40
        samples.append(
            Sample(
                round=at, at_s=0.0, ok=True, finish_reason="stop", score=known.score, reasons=known.reasons,
                answer_sha256=evaluate.sha256(answer(known)), cache="cold", transport="measured",
                prompt_tokens=64, completion_tokens=tokens, ttft_s=first_s, tpot_s=1 / rate, output_tps=rate,
                latency_s=first_s + tokens / rate, gap_p50_s=0.97 / rate,
                gap_p99_s=abs(rng.gauss(1.9, 0.3)) / rate, gap_max_s=3.1 / rate,
            )
        )  # fmt: skip
    return Record(
        endpoint=name, suite="coding", scenario=scenario.id, language=language, category=scenario.category,
        prompt_sha256=hashes.prompt_sha256(scenario, language), parameters_sha256="q", samples=tuple(samples),
        nodeid=f"coding.eval.yaml::{scenario.id}[{name}-{language}]",
    )  # fmt: skip


def run(number: int, known: list[Scenario], rng: random.Random, **speeds: float) -> Run:
    """The run of that day. ``speeds``: endpoint -> as a share of its own."""
    cells = tuple(
        record(name, scenario, language, rng, speeds.get(name, 1.0) * rng.gauss(1, 0.012))
        for name in ENDPOINTS
        for scenario in known
        for language in scenario.prompt
    )
    return Run(
        id=f"202611{number:02}T031500Z-{rng.randrange(1 << 16):04x}",
        started=f"2026-11-{number:02}T03:15:00Z", finished=f"2026-11-{number:02}T03:17:41Z",
        complete=True, plugin="0.1.0", cells=cells, endpoints=FACTS,
        host=Host(cpus=16, os="Linux x86_64", python="3.12.3"), sandbox="landlock",
        commit=Commit(id=f"{rng.randrange(1 << 40):010x}", dirty=False),
        analysers=Analysers(pylint="4.1.4", astroid="4.3.4", radon="6.0.1", python="3.12", rules="invented"),
        selection=Selection(suites=("coding",), cells=tuple(sorted({cell.key for cell in cells}))),
        telemetry={
            name: Telemetry(wall_s=60.0, peak={"gpu_memory_used_bytes": gib * 2**30})
            for name, (*_, gib) in ENDPOINTS.items()
        },
    )  # fmt: skip


def report(root: Path) -> str:
    """The report of the last of these runs."""
    (root / "coding.eval.yaml").write_text(SUITE, encoding="utf-8")
    known = list(scenarios.load(root / "coding.eval.yaml", root=root).scenarios)
    rng, folder = random.Random(7), root / "baselines"
    for number in (2, 4):
        baselines.update(folder, run(number, known, rng, awq=0.78, gptq=0.8))
    first = run(9, known, rng)
    for name in ENDPOINTS:
        baselines.accept(folder, first, name)
    for number in (10, 11, 14, 16):
        baselines.update(folder, run(number, known, rng))
    last = run(20, known, rng, awq=0.87)
    promises = baselines.load_all(folder)
    last = structs.replace(last, verdicts=judge.judge_run(promises, last, Policy()).lines)
    lines = [
        {
            "endpoint": name, "cell": cell_key("coding", scenario.id, language), "round": at,
            "text": answer(ENDPOINTS[name][2][scenario.id]), "reasoning": "",
        }
        for name in ENDPOINTS
        for scenario in known
        for language in scenario.prompt
        for at in range(3)
    ]  # fmt: skip
    return html.document(dossier.gathered([last], root=root, answers={last.id: lines}, baselines=promises))


def shoot(path: Path, out: Path) -> None:
    """Two pictures: how the page begins, light; and cells, dark."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, scheme, width in (("report", "light", 1100), ("report-cells", "dark", 900)):
            tab = browser.new_page(viewport={"width": width, "height": 1500}, color_scheme=scheme)
            tab.goto(path.as_uri())
            if name == "report-cells":
                tab.locator("details.cell").first.evaluate("one => one.open = true")
                tab.locator("#cells").evaluate("one => one.scrollIntoView()")
                tab.set_viewport_size({"width": width, "height": 1350})
            path_of = out / f"{name}.png"
            tab.screenshot(path=path_of)
            shot = Image.open(path_of).convert("RGB")
            # by distance in colour, not by frequency: little is red
            shot.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path_of, optimize=True)
        browser.close()


def main() -> None:
    """Write the report and its pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    parser.add_argument("--html", type=Path, help="keep the page itself, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.html or Path(folder) / "report.html").absolute()
        path.write_text(report(Path(folder)), encoding="utf-8")
        shoot(path, options.out)


if __name__ == "__main__":
    main()
