"""The pictures of the tutorial, made anew from a finished run: its report in a browser, and what a terminal shows.

    python -m bench.page_pictures PHOTOS DATASET RUN [--into docs/images]

PHOTOS are class folders, DATASET is what `split` made of them, RUN the output directory of a training on that by this
version, with the same weights at hand. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 96
LIGHT, DARK = (222, 226, 233), (24, 27, 33)
RED, GREEN, YELLOW = (240, 113, 120), (152, 195, 121), (229, 192, 123)
BLUE, MAGENTA, CYAN = (97, 175, 239), (198, 120, 221), (86, 182, 194)
THEME = TerminalTheme(DARK, LIGHT, [(60, 64, 72), RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, LIGHT])
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect fill="#181b21" width="100%" height="100%" rx="8"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""  # rich's own frame fetches a font


def on_a_terminal(arguments: list[str], folder: Path) -> str:
    """What the program writes to a terminal of COLUMNS columns, with its colours, without what bars leave."""
    master, slave = pty.openpty()
    environment = os.environ | {
        "COLUMNS": str(COLUMNS),
        "LINES": "200",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "train", *arguments],
        cwd=folder,
        env=environment,
        stdout=slave,
        stderr=slave,
        stdin=slave,
    ) as process:
        os.close(slave)
        parts = []
        while part := _read(master):
            parts.append(part)
    os.close(master)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return _screen(b"".join(parts).decode())


def _screen(written: str) -> str:
    """What stays on the screen: bars go back to their line and clear it; colours are kept as they are written."""
    rows, at = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[\d*[A-HJK]|\x1b\[\?25[lh])", written):
        if part == "\n":
            at += 1
            rows += [""] * (at == len(rows))
        elif part.endswith("A") and part.startswith("\x1b"):
            at = max(0, at - int(part[2:-1] or 1))
        elif part.endswith("K") and part.startswith("\x1b"):
            rows[at] = ""
        elif part != "\r" and not re.fullmatch(r"\x1b\[(\d*[A-HJ]|\?25[lh])", part):
            rows[at] += part
    return "\n".join(rows)


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 16)
    except OSError:  # the other end is closed
        return b""


def draw(command: str, shown: str, file: Path) -> None:
    """The command with what it showed, as SVG."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text.assemble(("$ ", "green"), command))
    console.print(Text.from_ansi(shown.strip("\n")))
    svg = console.export_svg(theme=THEME, code_format=FRAME, unique_id=file.stem)
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def shoot(page: Page, file: Path, **clip: object) -> None:
    """The page as it is, as WebP."""
    picture = Image.open(BytesIO(page.screenshot(**clip)))  # type: ignore[arg-type]
    picture.convert("RGB").save(file, quality=80, method=6)


def main() -> None:
    """Makes all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").symlink_to(given.photos.resolve())
        (folder / "out").symlink_to(given.run.resolve())
        for file, command in {
            "terminal-split": "split photos/ dataset/",
            "terminal-package": "package out --name rubbish --version 1 --target arduino",
        }.items():
            draw(f"ei-train {command}", on_a_terminal(command.split(), folder), given.into / f"{file}.svg")
        # A finished run says at once what it ended with.
        again = ["--data-directory", str(given.dataset.resolve()), "--out-directory", "out", "--resume"]
        end = on_a_terminal(again, folder).partition("nothing is left to do\n")[2]
        draw("ei-train --data-directory dataset --out-directory out", end, given.into / "terminal-train.svg")
    with sync_playwright() as playwright:
        unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=unboxed)
        for file, width, scheme, chapter in (
            ("report-desk", 1280, "light", None),
            ("report-wrong", 1280, "light", "worst"),
            ("report-phone", 390, "dark", "explorer"),
        ):
            height = 900 if width > 400 else 800
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto((given.run / "report.html").resolve().as_uri())
            if chapter is not None:
                page.locator(f"#{chapter}").scroll_into_view_if_needed()
                page.evaluate(f"document.getElementById('{chapter}').scrollIntoView()")
            page.wait_for_timeout(500)
            shoot(page, given.into / f"{file}.webp")
        browser.close()


if __name__ == "__main__":
    main()
