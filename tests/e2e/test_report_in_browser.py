"""An HTML report in a real Chromium: nothing leaves, nothing runs, and it can be read everywhere."""

from __future__ import annotations

import os
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.model import Facts, Failure, Host, Record, Run, Sample, Score, Telemetry
from pytest_llmeval.report import html, page, sections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVIL = (
    "</style></title></pre></svg><script>document.title='run'</script><img src=http://127.0.0.1:9/x "
    "onerror=\"document.title='run'\"><a href=http://127.0.0.1:9/>link</a> {{7*7}}"
)
UNBROKEN = "x" * 400

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium here: apt-get install chromium, or set CHROMIUM"
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two endpoints, hostile and very long texts, plots, a trend."""
    samples = [
        Sample(
            round=0, at_s=0.0, ok=True, ttft_s=0.2, output_tps=20.0 + at, latency_s=2.0, gap_p50_s=0.05,
            gap_p99_s=0.1, score=Score(total=5.0 + at, parts={EVIL: 1.0}), reasons=(EVIL,), answer_sha256="1",
        )
        for at in range(3)
    ]  # fmt: skip
    failed = Sample(round=1, at_s=0.0, ok=False, error=Failure("http_5xx", f"{EVIL} {UNBROKEN}", status=500))
    cells = tuple(
        Record(
            endpoint=name, suite="s", scenario=f"{EVIL if at == 2 else 'cell'}-{at}", language="ko",
            category=EVIL, prompt_sha256="", parameters_sha256="",
            samples=(sample, failed) if at == 2 else (sample,),
        )
        for name in ("우리-서버", EVIL)
        for at, sample in enumerate(samples)
    )  # fmt: skip
    run = Run(
        id="r", started="2026-11-21T03:45:01Z", finished="", complete=True, plugin="0", cells=cells,
        host=Host(cpus=2, os="linux", python="3.11"),
        endpoints={name: Facts(kind="openai", server=EVIL, model=UNBROKEN) for name in ("우리-서버", EVIL)},
        telemetry={EVIL: Telemetry(wall_s=1.0, peak={"process_memory_bytes": 2.0**30})},
    )  # fmt: skip
    points = tuple(page.Point(f"run-{at}", f"2026-11-{at + 10}", 20.0 + at % 2) for at in range(6))
    given = page.Given(f"{EVIL}\n{UNBROKEN}", "", "1", (0,), EVIL)
    known = [page.Cell(one, record, page.Question(EVIL), (given,)) for one, record in sections.chosen([run])]
    trend = page.Trend("우리-서버", "output_tps", points, (19.0, 22.0), {2: "model a → b"})
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.document(page.Page([run], (EVIL,), [trend], (), known)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser with a profile of its own."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Opened:
    """The report in a tab, and what the tab had to say."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1200, scheme: str = "light") -> None:
        self.requests: list[str] = []
        self.said: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.tab = context.new_page()
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.goto(path.as_uri())

    def unfolded(self) -> Opened:
        """With everything open."""
        self.tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        return self


def test_nothing_leaves_and_nothing_runs(browser: Any, report: Path) -> None:
    opened = Opened(browser, report).unfolded()
    opened.tab.wait_for_load_state("networkidle")
    assert opened.requests == [report.as_uri()]
    assert opened.said == [], "no breach of the policy, no error"
    assert opened.tab.title() == "llmeval: failed requests in 2 cells"
    assert opened.tab.locator("script, img, main a:not([href^='#'])").count() == 0
    assert opened.tab.locator("pre", has_text="<script>document.title").count() > 0
    assert opened.tab.locator("svg").count() == 7


def test_the_policy_is_what_stops_a_script(browser: Any, report: Path, tmp_path: Path) -> None:
    """Were a text not escaped, it would still not run, nor load anything."""
    broken = tmp_path / "broken.html"
    with socket.create_server(("127.0.0.1", 0)) as server:
        evil = EVIL.replace("127.0.0.1:9", f"127.0.0.1:{server.getsockname()[1]}")
        broken.write_text(
            report.read_text(encoding="utf-8").replace("<main", f"{evil}<main"), encoding="utf-8"
        )
        opened = Opened(browser, broken)
        opened.tab.wait_for_load_state("networkidle")
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert opened.tab.title() != "run"
    assert any("Content Security Policy" in said for said in opened.said)


def test_light_and_dark(browser: Any, report: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        tab = Opened(browser, report, scheme=scheme).tab
        colours.append(
            tab.evaluate(
                "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color, "
                "getComputedStyle(document.querySelector('svg text')).fill]"
            )
        )
    (light, dark) = colours
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize("width", [320, 375, 1200])
def test_a_page_is_as_wide_as_its_screen(browser: Any, report: Path, width: int) -> None:
    opened = Opened(browser, report, width=width).unfolded()
    assert opened.tab.evaluate("document.documentElement.scrollWidth") == width


def test_it_can_be_walked_through(browser: Any, report: Path) -> None:
    tab = Opened(browser, report).tab
    assert tab.get_by_role("heading", level=1).count() == 1
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the report"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "report"
    cell = tab.locator("td a, th a").first
    cell.click()
    opened = tab.locator(cell.get_attribute("href"))
    assert opened.is_visible(), "a link to a cell opens its section"
    names = tab.get_by_role("img").evaluate_all(
        "all => all.map(one => one.ariaLabelledByElements?.length ?? 2)"
    )
    assert set(names) == {2}
    tab.emulate_media(media="print")
    assert tab.locator("nav").is_hidden()
