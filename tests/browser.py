"""Debian's Chromium, and a page in it with everything that it said, asked for, and that people would stumble over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, LocatorAssertions, Page

CHROMIUM = "/usr/bin/chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, until the block ends."""
    from playwright.sync_api import sync_playwright

    unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=unboxed)
        yield running
        running.close()


def expect(found: Locator) -> LocatorAssertions:
    """What must soon hold of it; the browser hears of a press some time after the press has returned."""
    from playwright.sync_api import expect as waiting

    return waiting(found)


class Opened:
    """A file in a window of its own."""

    def __init__(self, browser: Browser, file: Path, width: int = 1280, scheme: Any = "light") -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    @property
    def overhang(self) -> int:
        """How many pixels it is wider than the window, at most 0 where it fits."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def stumbles(self) -> list[tuple[str, list[str]]]:
        """What axe-core calls serious or critical: the rule, and the first elements that break it."""
        from axe_playwright_python.sync_playwright import Axe

        return [
            (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
            for each in Axe().run(self.page, options={"preload": False}).response["violations"]  # it would fetch files
            if each["impact"] in {"serious", "critical"}
        ]

    def close(self) -> list[str]:
        """Closes it; the files that it asked for.

        Raises:
            AssertionError: it said something, or asked for anything that is not on this disk.
        """
        outside = [url for url in self.asked if not url.startswith(("file:", "data:"))]
        self.page.close()
        assert not self.said, self.said
        assert not outside, outside
        return [url for url in self.asked if url.startswith("file:")]
