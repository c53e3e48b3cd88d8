"""Charts as SVG: lines over steps, points in a plane. Colours and letters are the style sheet's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from train.page.markup import Markup, element, joined

WIDTH, HEIGHT = 420, 240  # of a chart; on a desk two stand beside each other, on a phone it has about that width
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 22, 30
LETTER = 6.2  # width of one, about


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        name: above the chart.
        points: x and y of each.
        class_: of the style sheet.
    """

    name: str
    points: Sequence[tuple[float, float]]
    class_: str


@dataclass(frozen=True, slots=True)
class Axis:
    """What one direction stands for.

    Attributes:
        name: of the quantity, with its unit.
        low, high: what the ends are.
        ticks: where numbers stand.
        percent: whether they are shares.
    """

    name: str
    low: float
    high: float
    ticks: Sequence[float]
    percent: bool = False

    def text(self, value: float) -> str:
        """A tick's number."""
        return f"{100 * value:.0f} %" if self.percent else f"{value:g}"


def axis(name: str, values: Sequence[float], *, percent: bool = False, count: int = 5, zero: bool = False) -> Axis:
    """An axis with round ticks around all values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low = min(low, 0.0) if zero else low
    high = high if high > low else low + 1
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(step * number, 12) for number in range(first, last + 1)]
    return Axis(name, ticks[0], ticks[-1], ticks, percent)


SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plane between two axes on `width` times `height` units."""

    x: Axis
    y: Axis
    width: int = WIDTH
    height: int = HEIGHT

    def across(self, value: float) -> float:
        """Where an x lies."""
        room = self.width - LEFT - RIGHT
        return round(LEFT + room * (value - self.x.low) / (self.x.high - self.x.low), 1)

    def up(self, value: float) -> float:
        """Where a y lies."""
        room = self.height - TOP - BOTTOM
        return round(self.height - BOTTOM - room * (value - self.y.low) / (self.y.high - self.y.low), 1)

    def drawn(self, title: str, *marks: Markup) -> Markup:
        """The chart with these marks on it; `title` says to those who do not see it what it shows."""
        rules = [
            element("line", x1=LEFT, x2=self.width - RIGHT, y1=self.up(tick), y2=self.up(tick), class_="rule")
            for tick in self.y.ticks
        ]
        numbers = [
            element("text", self.y.text(tick), x=LEFT - 6, y=self.up(tick) + 3.5, class_="tick end")
            for tick in self.y.ticks
        ] + [
            element("text", self.x.text(tick), x=self.across(tick), y=self.height - BOTTOM + 14, class_="tick middle")
            for tick in self.x.ticks
        ]
        names = [
            element("text", self.y.name, x=0, y=10, class_="axis"),
            element("text", self.x.name, x=self.width - RIGHT, y=self.height - 2, class_="axis end"),
        ]
        return element(
            "svg",
            element("title", title),
            *rules, *numbers, *names, *marks,
            viewBox=f"0 0 {self.width} {self.height}", role="img", class_="chart",
        )  # fmt: skip

    def line(self, line: Line, *, dots: bool = False) -> Markup:
        """A line, with its points where there are few."""
        places = [(self.across(x), self.up(y)) for x, y in line.points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        marks = [element("circle", cx=x, cy=y, r=2.2, class_=f"dot {line.class_}") for x, y in places if dots]
        return joined(element("path", d=path, class_=f"line {line.class_}"), *marks)

    def names(self, lines: Sequence[Line]) -> Markup:
        """What the lines are called, above the plane, where none of them runs."""
        spans = [
            element("tspan", f"— {line.name}", dx=None if line is lines[0] else 12, class_=f"name {line.class_}")
            for line in lines
        ]
        return element("text", *spans, x=self.width - RIGHT, y=10, class_="end")


def curves(
    title: str,
    frame: Frame,
    lines: Sequence[Line],
    bands: Sequence[tuple[str, float, float]] = (),
    more: Sequence[Markup] = (),
) -> Markup:
    """Lines over steps, with stretches of the x axis that have a name."""
    marks = []
    for number, (name, low, high) in enumerate(bands):
        left, right = frame.across(low), frame.across(high)
        if number % 2:
            marks.append(
                element(
                    "rect",
                    x=left,
                    y=TOP,
                    width=round(right - left, 1),
                    height=frame.height - TOP - BOTTOM,
                    class_="band",
                )
            )
        if right - left > LETTER * len(name) * 0.8:
            marks.append(element("text", name, x=(left + right) / 2, y=TOP + 10, class_="phase middle"))
    marks += [frame.line(line, dots=len(line.points) <= 40) for line in lines]
    return frame.drawn(title, *marks, *more, frame.names(lines))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart.

    Attributes:
        name: what it stands for.
        value: its height.
        mark: where it was to be; None for nowhere.
        says: what is shown when it is pointed at.
    """

    name: str
    value: float
    mark: float | None
    says: str


def columns(title: str, y: Axis, shown: Sequence[Column], what: str) -> Markup:
    """A column for each of many things in their order, and a line across where it was to be."""
    frame = Frame(Axis(what, 0, len(shown), ()), y, width=2 * WIDTH, height=200)
    step = frame.across(1) - frame.across(0)
    marks = []
    for number, column in enumerate(shown):
        left, top = frame.across(number), frame.up(column.value)
        body = [
            element("title", column.says),
            element(
                "rect", x=round(left + step * 0.12, 1), y=top, width=round(step * 0.76, 1),
                height=round(max(frame.up(y.low) - top, 0.5), 1), class_="column",
            ),
        ]  # fmt: skip
        if column.mark is not None:
            height = frame.up(column.mark)
            body.append(element("line", x1=left, x2=round(left + step, 1), y1=height, y2=height, class_="mark"))
        marks.append(element("g", *body))
    y_of_names = frame.height - BOTTOM + 14
    names = [
        element("text", shown[0].name, x=frame.across(0), y=y_of_names, class_="tick"),
        element("text", shown[-1].name, x=frame.across(len(shown)), y=y_of_names, class_="tick end"),
    ]
    return frame.drawn(title, *marks, *names)
