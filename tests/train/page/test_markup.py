"""HTML from values: text stays text, and figures look the same everywhere."""

from __future__ import annotations

import pytest

from train.page.document import island_text
from train.page.markup import (
    Markup,
    difference,
    element,
    joined,
    kilobytes,
    listed,
    percent,
    plural,
    seconds,
    signed_text,
    whole,
)


def test_text_is_escaped_and_markup_is_not() -> None:
    made = element(
        "p", "a < b & c", element("b", "x"), 3, None, ["y", Markup("<i>z</i>")], title='say "hi"', hidden=True
    )
    assert made == '<p title="say &quot;hi&quot;" hidden>a &lt; b &amp; c<b>x</b>3y<i>z</i></p>'
    assert (
        element("input", type="range", class_="a", for_=None, data_set="b")
        == '<input type="range" class="a" data-set="b">'
    )
    assert joined("<", Markup("<br>")) == "&lt;<br>"


def test_an_island_ends_no_element() -> None:
    text = island_text({"name": "</script><!-- \u2028"})
    assert "<" not in text
    assert "\u2028" not in text


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (whole(1234567.4), "1 234 567"),
        (percent(0.8062), "80.6 %"),
        (percent(1, 0), "100 %"),
        (signed_text(-0.04, 1), "0.0"),
        (signed_text(-1.25, 2), "\u22121.25"),
        (difference(2.0), "+2.0"),
        (difference(-0.0), "0.0"),
        (kilobytes(81_484), "81.5 kB"),
        (kilobytes(99_949), "99.9 kB"),
        (kilobytes(99_950), "100 kB"),
        (seconds(429.2), "7 min 9 s"),
        (seconds(4.38), "4.4 s"),
        (plural(1, "label looks", "labels look"), "1 label looks"),
        (plural(2, "picture"), "2 pictures"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed(["a"]), "a"),
        (listed([]), ""),
    ],
)
def test_figures(shown: str, text: str) -> None:
    assert shown.replace("\u202f", " ") == text
