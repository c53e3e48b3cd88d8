"""The site is built strictly, needs no network to be read, and says what the code says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from ei_compat.block.run_folder import CHECKPOINT, RESULTS
from ei_compat.core import errors
from tests.browser import Opened, chromium
from tests.docs.pages import ROOT
from train.cli.main import command_line
from train.recipe import Recipe, option_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOADS = {"src", "srcset", "poster", "data"}  # attributes whose address a page fetches by itself
RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest", "modulepreload"}
REMOTE = re.compile(r"^\s*(https?:)?//")


def build(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Builds strictly; not with --quiet, which hides from --strict what it counts."""
    command = ["mkdocs", "build", "--strict", "--config-file", config, "--site-dir", folder]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a page, link or anchor that is not there fails the build."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """What a page fetches, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [value for name, value in attrs if name in LOADS and value]
        if tag == "link" and RELATIONS & set((given.get("rel") or "").split()):
            self.fetched.append(given.get("href") or "")
        self.fetched += re.findall(r"url\(([^)]+)\)", given.get("style") or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 25
    remote = {str(page): [address for address in Page(page).fetched if REMOTE.match(address)] for page in pages}
    assert not {page: found for page, found in remote.items() if found}
    for sheet in site.rglob("*.css"):
        fetched = re.findall(r"url\([\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", sheet.read_text())
        assert not [address for pair in fetched for address in pair if REMOTE.match(address)], sheet
    for picture in site.rglob("images/*.svg"):
        assert not re.search(r"(href|src)=[\"']https?:|url\([\"']?https?:|@import", picture.read_text()), picture


LOOKED_AT = [  # the two largest pages once each: axe-core looks at every element
    (1280, "light", ("index", "howto/measure", "reference/commands")),
    (390, "dark", ("index", "tutorial", "reference/json")),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme", "names"), LOOKED_AT)
def test_pages_are_silent_fit_and_nobody_stumbles(
    browser: Browser, site: Path, width: int, scheme: str, names: Sequence[str]
) -> None:
    for name in names:
        opened = Opened(browser, site / f"{name}.html", width, scheme)
        assert opened.overhang <= 0, name
        colour = opened.page.evaluate("getComputedStyle(document.body).getPropertyValue('--md-default-bg-color')")
        assert colour.strip().startswith("#fff" if scheme == "light" else "hsla"), colour
        assert opened.stumbles() == [], name
        opened.close()


@pytest.mark.browser
def test_the_search_works_from_disk(browser: Browser, site: Path) -> None:
    opened = Opened(browser, site / "howto" / "prune.html")
    opened.page.locator(".md-search__input").first.click()
    opened.page.keyboard.type("calibration")
    first = opened.page.locator(".md-search-result__link").first
    first.wait_for()
    first.click()
    assert "calibrat" in opened.page.locator("article").inner_text().lower()
    opened.close()


def test_an_address_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<script src="https://cdn/x.js"></script><link rel="preconnect stylesheet" href="//fonts/a">'
        '<a href="https://elsewhere">not fetched</a><p style="background: url(https://b)">'
    )
    fetched = Page(tmp_path / "page.html").fetched
    assert [address for address in fetched if REMOTE.match(address)] == ["https://cdn/x.js", "//fonts/a", "https://b"]


def test_what_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    for path in (ROOT / "docs").iterdir():
        (tmp_path / "docs" / path.name).parent.mkdir(exist_ok=True)
        (tmp_path / "docs" / path.name).symlink_to(path)
    index = tmp_path / "docs" / "index.md"
    index.unlink()
    index.write_text("[a](none.md) [b](tutorial.md#nowhere) [c](reference/commands.md#nothing) ![d](images/none.webp)")
    (tmp_path / "mkdocs.yml").write_text((ROOT / "mkdocs.yml").read_text())
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    for complaint in ("'none.md'", "'#nowhere'", "'#nothing'", "'images/none.webp'"):
        assert complaint in done.stderr


def test_every_option_of_every_command_is_in_the_reference(site: Path) -> None:
    page = Page(site / "reference" / "commands.html").text

    def walk(group: object, before: str) -> None:
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            words = f"{before} {name}"
            if hasattr(command, "commands"):
                walk(command, words)
                continue
            assert f"ei-train{words} " in page
            own = page[page.index(f"ei-train{words} ") :]
            assert not [
                flag for each in command.params for flag in each.opts if flag.startswith("--") and flag not in own
            ]

    walk(typer.main.get_command(command_line()), "")


def test_every_field_of_the_recipe_is_in_the_reference(site: Path) -> None:
    page = Page(site / "reference" / "recipe.html").text
    assert [name for name in Recipe.model_fields if f"{option_of(name)} " not in page] == []


def test_every_exit_code_is_in_the_reference(site: Path) -> None:
    page = Page(site / "reference" / "exit-codes.html").text
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")]
    assert [kind.code for kind in kinds if kind.code not in page] == []


def test_every_field_of_every_document_is_in_the_reference(site: Path) -> None:
    page = Page(site / "reference" / "json.html").text
    schemas = {path.stem: json.loads(path.read_text()) for path in (ROOT / "train" / "schemas").glob("*.json")}
    assert len(schemas) > 10
    for name, schema in schemas.items():
        own = re.split(rf"(?<![\w-]){name}¶", page)[-1]
        assert [field for field in schema.get("properties", {}) if field not in own] == [], name


def test_the_page_on_files_has_each_file_of_a_run() -> None:
    page = (ROOT / "docs/reference/files.md").read_text()
    assert set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)) == set(RESULTS)
    assert f"`{CHECKPOINT}`" in page


def test_what_troubleshooting_quotes_is_said_by_the_program() -> None:
    page = (ROOT / "docs/explanation/troubleshooting.md").read_text()
    quoted = [text for row in re.findall(r"^\| (.*?) \|", page, re.MULTILINE) for text in re.findall(r"`([^`]+)`", row)]
    sources = " ".join(path.read_text() for folder in ("train", "ei_compat") for path in (ROOT / folder).rglob("*.py"))
    others = {"region dram0_0_seg overflowed", "Failed to connect", "no ImageNet weights for alpha 0.35"}
    assert len(quoted) > 8
    assert [text for text in quoted if text not in sources and text not in others] == []
