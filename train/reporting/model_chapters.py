"""The report's chapters on the model: the board, training, pruning and quantisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ei_compat.block.run_folder import INT8_FILE
from train.page.charts import Axis, Column, Frame, Line, axis, columns, curves
from train.page.markup import (
    Content,
    Markup,
    bar,
    difference,
    element,
    joined,
    kilobytes,
    millions,
    percent,
    plural,
    scrolling,
    table,
    whole,
)
from train.page.parts import SHOWN_AS, Section
from train.result import Columns
from train.tasks import TASKS, Answered, Task

if TYPE_CHECKING:
    from train.inspection.board import Board
    from train.methods.state import Epoch
    from train.runs.report import Report


def board(report: Report) -> Section:
    """What it takes on a board."""
    found = report.board
    if found is None:
        return Section("board", "On the board", _why_not(report, "board", "what it takes was not estimated"), Markup())
    lead = (
        f"Of {whole(found.weights)} weights {whole(found.weights - found.nonzero)} are zero, and the library of "
        f"`ei-train package` neither stores nor multiplies most of those. TensorFlow Lite Micro does both."
    )
    note = (
        f"RAM is the arena with the whole input in it, exact; read row by row, the input and the arena take "
        f"{kilobytes(found.rows_ram_bytes)}. Flash is weights and code ({found.flash_method}); TensorFlow Lite Micro's "
        f"is the {INT8_FILE} alone, without its code, and its RAM at least its whole tensors. Instructions: "
        f"{found.instructions_method}; TensorFlow Lite Micro's by what its kernels took per multiply-accumulate on "
        "MobileNetV2. Times are estimates: instructions "
        + ", ".join(f"{formula} on {chip}" for chip, formula in found.chips.items())
        + ". `ei-train profile` counts instructions where QEMU is installed."
    )
    return Section("board", "On the board", _with_code(lead), joined(_against(found), _note(note)))


def _against(found: Board) -> Markup:
    """Both runtimes, bars as long as the figures."""
    own, tflm = found.own, found.tflm
    rows: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("RAM", own.ram_bytes, tflm.ram_bytes, kilobytes),
        ("flash", own.flash_bytes, tflm.flash_bytes, kilobytes),
        ("instructions", own.instructions, tflm.instructions, millions),
    ]
    rows += [
        (f"time on {chip}", value, tflm.milliseconds[chip], lambda value: f"≈\u202f{whole(value)}\u202fms")
        for chip, value in own.milliseconds.items()
    ]
    body = []
    for name, here, there, text in rows:
        most = max(here, there) or 1
        body.append(
            element(
                "tr",
                element("th", name, scope="row"),
                element("td", bar(here / most), element("span", text(here)), class_="n barred"),
                element("td", bar(there / most, "other"), element("span", text(there)), class_="n barred"),
                element("td", f"{there / here:.1f}\u202f×" if here else "", class_="n strong"),
            )
        )
    names = ("", "ei-train's library", "TensorFlow Lite Micro", "ratio")
    head = [element("th", name, scope="col", class_="n" if place else None) for place, name in enumerate(names) if name]
    title = "One inference"
    return scrolling(
        element(
            "table", element("caption", title), element("thead", element("tr", element("td"), *head)),
            element("tbody", *body), class_="board",
        ),
        title,
    )  # fmt: skip


def training(report: Report) -> Section:
    """The curves of learning."""
    metric = TASKS.named(report.task).metric
    history = report.history
    if not history:
        return Section("training", "How it learned", "Nothing was trained.", Markup())
    kept = [place for place, epoch in enumerate(history, 1) if report.best_epochs.get(epoch.phase) == epoch.epoch]
    share = TASKS.named(report.task).higher_is_better
    words = metric.replace("_", " ")
    charts = [
        _curves(words, history, [(e.val_metric, e.metric) for e in history], kept, percent_=share),
        _curves("loss", history, [(e.val_loss, e.loss) for e in history], kept, percent_=False),
    ]
    phases = [f"{name} ({plural(count, 'epoch')})" for name, count in _counts(history).items()]
    lead = (
        f"Phases: {', '.join(phases)}. Rings mark the epochs whose weights were kept. Figures on training are of the "
        "samples as they were drawn, with mirror images, dropout and, where it asks for that, the answers of the "
        "network before: they need not be better than those on validation."
    )
    return Section("training", "How it learned", lead, element("div", *charts, class_="pair"))


def _counts(history: Sequence[Epoch]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for epoch in history:
        counts[epoch.phase] = counts.get(epoch.phase, 0) + 1
    return counts


def _curves(
    name: str, history: Sequence[Epoch], values: Sequence[tuple[float, float]], kept: Sequence[int], *, percent_: bool
) -> Markup:
    y = axis(name, [each for pair in values for each in pair], percent=percent_, zero=not percent_)
    if percent_:
        y = Axis(y.name, y.low, min(y.high, 1.0), [tick for tick in y.ticks if tick <= 1], percent=True)
    count = len(history)
    step = max(1, -(-count // 10))
    frame = Frame(Axis("epoch", 0.5, count + 0.5, range(step, count + 1, step)), y)
    lines = [
        Line("training", [(at, pair[1]) for at, pair in enumerate(values, 1)], "other"),
        Line("validation", [(at, pair[0]) for at, pair in enumerate(values, 1)], "own"),
    ]
    edges = [0, *(at for at, (one, other) in enumerate(pairwise(history), 1) if one.phase != other.phase), count]
    bands = [(history[low].phase, low + 0.5, high + 0.5) for low, high in pairwise(edges)]
    rings = [
        element("circle", cx=frame.across(at), cy=frame.up(values[at - 1][0]), r=5.5, class_="ring") for at in kept
    ]
    chart = curves(f"{name} over the epochs, on training and on validation", frame, lines, bands, rings)
    return element("figure", chart)


def pruning(report: Report) -> Section:
    """What pruning did."""
    zeros, kernels = report.sparsity, report.kernels
    title = "What pruning did"
    result = _networks(report)
    if not kernels or all(kernel.asked is None for kernel in kernels):
        lead = f"Nothing was pruned: {percent(zeros.prunable)} of the weights that can be are zero by themselves."
        return Section("pruning", title, lead, result)
    metric = TASKS.named(report.task).metric.replace("_", " ")
    lead = (
        f"{percent(zeros.int8_file)} of the weights of convolutions and dense layers are zero in the INT8 file "
        f"({percent(zeros.all_kernels)} of all kernels, the depthwise ones included, in the float one). What that cost "
        f"in {metric} shows against the networks before it, which had every weight."
    )
    y = Axis("zeros", 0, 1, (0, 0.25, 0.5, 0.75, 1), percent=True)
    shown = [
        Column(
            kernel.name,
            kernel.reached,
            kernel.asked,
            f"{kernel.name}: {percent(kernel.reached)} of {whole(kernel.weights)} weights are zero"
            + (f", asked for {percent(kernel.asked)}" if kernel.asked is not None else ""),
        )
        for kernel in kernels
    ]
    said = "Share of zeros in each kernel, from the input to the output"
    chart = columns(said, y, shown, "kernels in order")
    rows = [
        [
            kernel.name,
            whole(kernel.weights),
            "" if kernel.asked is None else percent(kernel.asked),
            percent(kernel.reached),
            "not told apart" if kernel.int8 is None else percent(kernel.int8),
        ]
        for kernel in kernels
    ]
    header = ["layer", "weights", "asked", "float file", "INT8 file"]
    details = _details(f"All {len(rows)} kernels in figures", Columns("Zeros in each kernel", header, rows))
    note = element("figcaption", "Columns: zeros reached. Lines across: zeros asked for.")
    return Section(
        "pruning", title, lead, joined(result, element("figure", scrolling(chart, said), note, class_="whole"), details)
    )


def _networks(report: Report) -> Markup:
    """The metric of every network on every set."""
    sets = list(report.metrics["int8"])
    metric = TASKS.named(report.task).metric
    shown = percent if TASKS.named(report.task).higher_is_better else "{:.4g}".format
    rows = [
        [f"{name}, before fine-tuning", *(shown(value) for value in by_set.values()), "none"]
        for name, by_set in report.unpruned.items()
    ]
    zeros = {"float32": report.sparsity.prunable, "int8": report.sparsity.int8_file}
    rows += [
        [f"{SHOWN_AS[kind]} file", *(shown(scores.metric) for scores in by_set.values()), percent(zeros[kind])]
        for kind, by_set in report.metrics.items()
    ]
    words = metric.replace("_", " ")
    header = ["network", *(f"{words}, {name}" for name in sets), "zeros"]
    return table(Columns(f"The networks' {words}", header, rows))


def quantisation(report: Report, task: Task, sets: Mapping[str, Answered]) -> Section:
    """What quantisation did."""
    rows = [_changed(report, task, name, found) for name, found in sets.items()]
    metric = task.metric.replace("_", " ")
    header = ["set", f"{metric}, float", f"{metric}, INT8", "change", "other answers", "made right", "made wrong"]
    answers = table(Columns("Float against INT8", header, rows))
    title, body = "What quantisation did", [answers]
    lead: Content = "Weights and activations of 32 bits became 8 bits."
    if report.layers:
        last = report.layers[-1]
        lead = (
            f"Weights and activations of 32 bits became 8 bits. Rounding adds up from layer to layer; behind the last "
            f"one the difference is {percent(last.error)} of the signal (root mean square)."
        )
        most = max(layer.error for layer in report.layers)
        y = axis("error", [most], percent=True, zero=True)
        shown = [
            Column(layer.name, layer.error, None, f"{layer.name} ({_operator(layer.kind)}): {percent(layer.error)}")
            for layer in report.layers
        ]
        said = "Error behind each layer, as a share of the signal"
        chart = columns(said, y, shown, "layers in order")
        cells = [[layer.name, _operator(layer.kind), percent(layer.error, 2)] for layer in report.layers]
        details = _details(
            f"All {len(cells)} layers in figures",
            Columns("Error behind each layer", ["layer", "operator", "error"], cells, texts=2),
        )
        note = element("figcaption", "Behind each layer: what INT8 differs from float by, as a share of the signal.")
        body += [element("figure", scrolling(chart, said), note, class_="whole"), details]
    elif "layers" in report.missing:
        body.append(_note(_why_not(report, "layers", "errors of layers were not measured")))
    return Section("quantisation", title, lead, joined(*body))


def _changed(report: Report, task: Task, name: str, found: Answered) -> list[str]:
    own, plain = (task.remarks(found.y, found.outputs[kind]) for kind in ("int8", "float32"))
    pairs = list(zip(own, plain, strict=True))
    before, after = (report.metrics[kind][name].metric for kind in ("float32", "int8"))
    shown = percent if task.higher_is_better else "{:.4g}".format
    change = f"{difference(100 * (after - before))} points" if task.higher_is_better else difference(after - before, 4)
    return [
        name,
        shown(before),
        shown(after),
        change,
        f"{whole(sum(one.said != other.said for one, other in pairs))} of {whole(len(found))}",
        whole(sum(one.right and not other.right for one, other in pairs)),
        whole(sum(other.right and not one.right for one, other in pairs)),
    ]


def _operator(kind: str) -> str:
    return kind.replace("_2D", "").replace("_", " ").lower()


def _details(summary: str, shown: Columns) -> Markup:
    return element("details", element("summary", summary), table(shown))


def _note(text: str) -> Markup:
    return element("p", _with_code(text), class_="note")


def _with_code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    parts = text.split("`")
    return joined(*(element("code", part) if place % 2 else part for place, part in enumerate(parts)))


def _why_not(report: Report, part: str, otherwise: str) -> str:
    reason = report.missing.get(part)
    return f"Not known: {reason}." if reason else f"Not known: {otherwise} by this run."
