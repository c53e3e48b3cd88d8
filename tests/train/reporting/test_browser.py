"""A report in Debian's Chromium: silent, without the network, on a phone and on paper; what can be pressed works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.browser import Opened, chromium, expect
from tests.train.reporting import made
from tests.train.reporting.made import make_evaluation, make_run
from train.reporting.evaluation_page import evaluation_page
from train.reporting.page import page_of
from train.tasks import TASKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KINDS = ("classification", "regression")
SEEN = [
    *(("classification", width, scheme) for width in (1280, 390) for scheme in ("light", "dark")),
    *((kind, *seen) for kind in ("regression", "evaluation") for seen in ((1280, "light"), (390, "dark"))),
]

CUT = """[...document.querySelectorAll(".chart text")].filter((text) => {
    const frame = (text.closest(".wide") || document.body).getBoundingClientRect();
    return text.getBoundingClientRect().left < frame.left - 1;
}).map((text) => text.textContent)"""  # of the charts' letters, what begins where nobody sees it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind of task, and one of an evaluation."""
    made = {"evaluation": tmp_path_factory.mktemp("browser") / "evaluation.html"}
    evaluation = make_evaluation(own=True, threshold=0.6, against=True)
    made["evaluation"].write_text(evaluation_page(evaluation), encoding="utf-8")
    for kind in KINDS:
        folder = tmp_path_factory.mktemp("browser") / kind
        make_run(folder, kind)
        made[kind] = folder / "report.html"
        made[kind].write_text(page_of(folder), encoding="utf-8")
    return made


@pytest.mark.parametrize(("kind", "width", "scheme"), SEEN)
def test_it_fits_says_nothing_and_nobody_stumbles(
    browser: Browser, files: dict[str, Path], kind: str, width: int, scheme: str
) -> None:
    opened = Opened(browser, files[kind], width, scheme)
    page = opened.page
    assert opened.overhang <= 0
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert opened.overhang <= 0
    assert page.evaluate(CUT) == []
    cell = page.locator(".matrix button").first
    if cell.count():
        cell.click()
    if page.locator("#plane").count():
        page.locator("#plane").press("ArrowRight")
    assert opened.stumbles() == []
    assert len(opened.close()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_pressed_works(browser: Browser, files: dict[str, Path], kind: str) -> None:
    opened = Opened(browser, files[kind])
    page = opened.page
    numbers = json.loads(page.locator("#numbers").text_content() or "")
    if numbers["report"]["task"] == "classification":
        press_cells(page, numbers)
        move_threshold(page, numbers)
    filter_the_worst(page, numbers)
    look_around(page, numbers)
    page.locator("[data-copy]").click()
    expect(page.locator("[data-copy]")).to_have_text(re.compile(r"^(Copied|Selected: press Ctrl-C)$"))
    assert page.evaluate("getSelection().toString()") == numbers["report"]["command"]
    for summary in page.locator("summary").all():
        before = summary.evaluate("(each) => each.parentElement.open")
        summary.click()
        expect(summary.locator("..")).to_have_js_property("open", not before)
    for link in page.locator("nav a").all():
        link.click()
        assert page.locator(link.get_attribute("href") or "").count() == 1
    opened.close()


def test_what_can_be_pressed_of_an_evaluation_works(browser: Browser, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["evaluation"])
    numbers = json.loads(opened.page.locator("#numbers").text_content() or "")
    press_cells(opened.page, numbers)
    move_threshold(opened.page, numbers)
    filter_the_worst(opened.page, numbers)
    opened.close()


def press_cells(page: Page, numbers: Any) -> None:
    """Every cell opens as many pictures as it says, and closes them."""
    answers, samples = numbers["answers"], numbers["samples"]
    cells = page.locator(".matrix button")
    assert cells.count() > 6
    for cell in cells.all():
        if not cell.is_visible():
            continue
        cell.click()
        kind, name, truth, said = (cell.get_attribute(f"data-{of}") for of in ("kind", "set", "truth", "said"))
        wanted = [
            samples["file"][row].rpartition("/")[2]
            for row in range(len(samples["file"]))
            if (samples["set"][row], samples["truth"][row], answers[kind]["said"][row]) == (name, truth, said)
        ]
        expect(page.locator("#cell .tile .file:nth-of-type(2)")).to_have_text(wanted)
        assert len(wanted) == int(cell.text_content() or "")
        expect(cell).to_have_attribute("aria-expanded", "true")
    page.locator(".matrix button[aria-expanded=true]").click()
    expect(page.locator("#cell .tile")).to_have_count(0)


def move_threshold(page: Page, numbers: Any) -> None:
    trust = numbers["report"]["trust"]
    slider = page.locator("#threshold")
    for step in (0, 20):
        slider.fill(str(step))
        answered = trust["thresholds"]["testing"]["answered"][step]
        said = f"{step / 50:.2f}: {100 * answered:.1f} % answered"
        expect(page.locator("#at-threshold")).to_contain_text(said)


def filter_the_worst(page: Page, numbers: Any) -> None:
    tiles, answers = page.locator("#worst .tile"), numbers["answers"]["int8"]
    wrong = sum(right is False for right in answers["right"])
    assert tiles.count() == wrong
    page.locator("#by-set").select_option("testing")
    expect(page.locator("#worst .tile:visible:not([data-set=testing])")).to_have_count(0)
    visible = page.locator("#worst .tile[data-set=testing]:visible").count()
    assert visible
    expect(page.locator("#shown")).to_have_text(re.compile(f"^{visible} of {visible}"))
    page.locator("#by-set").select_option("")
    if page.locator("#more").is_visible():
        page.locator("#more").click()
    expect(page.locator("#worst .tile:visible")).to_have_count(wrong)


def look_around(page: Page, numbers: Any) -> None:
    """The dot under the pointer and those that the arrows reach show their pictures; the legend shows one kind."""
    samples, plane = numbers["samples"], page.locator("#plane")
    dot = page.locator("[data-p='3']")
    for _ in range(10):  # a pointer that comes while the page still scrolls meets another place
        page.mouse.move(0, 0)
        dot.hover(force=True)
        page.wait_for_timeout(100)
        if page.locator("#pointed .tile").count():
            break
    expect(page.locator("#pointed .tile")).to_have_count(1)
    plane.focus()
    names = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        names.add(page.locator("#pointed .file").first.get_attribute("title"))
    assert len(names) > 1
    assert names <= set(samples["file"])
    background = page.locator("#pointed .pic").evaluate("(each) => getComputedStyle(each).backgroundImage")
    assert re.match(r'url\("data:image/webp;base64,', background)
    first = page.locator(".legend button").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#plane .dim")).to_have_count(sum(group != 0 for group in samples["group"]))
    first.click()
    expect(page.locator("#plane .dim")).to_have_count(0)


def test_long_names_stay_on_a_phones_page(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a class whose name is a whole sentence, and not a short one", "Donaudampfschifffahrtsgesellschaft", "x")
    monkeypatch.setattr(made, "task_of", lambda kind: TASKS.named(kind).of_rows(names, np.empty((0, len(names)))))
    make_run(tmp_path / "out")
    (tmp_path / "out" / "report.html").write_text(page_of(tmp_path / "out"), encoding="utf-8")

    opened = Opened(browser, tmp_path / "out" / "report.html", 390)

    assert opened.overhang <= 0
    assert opened.page.locator(".matrix").first.bounding_box()["width"] < 390  # type: ignore[index]
    opened.close()


def test_it_prints(browser: Browser, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["classification"], scheme="dark")
    opened.page.emulate_media(media="print")
    for pressed in ("nav", ".filters", ".more"):
        assert not opened.page.locator(pressed).is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = opened.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40
    opened.close()


def test_it_reads_without_the_script(browser: Browser, files: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["classification"].as_uri())
    assert page.locator("#worst .tile").first.is_visible()
    assert not page.locator(".filters").is_visible()
    context.close()
