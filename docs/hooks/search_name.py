"""Gives the theme's dialog of the search a name, which screen readers say."""

from __future__ import annotations

NAMELESS = 'data-md-component="search" role="dialog"'


def on_post_page(output: str, **_: object) -> str:
    """See https://www.mkdocs.org/dev-guide/plugins/#on_post_page."""
    return output.replace(f"{NAMELESS}>", f'{NAMELESS} aria-label="Search">')
