"""`upload`, `download` and `push`: data, models and blocks to and from Edge Impulse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from ei_compat.block.run_folder import RunFolder, read_labels
from ei_compat.core.errors import DataError, Interrupted, UsageError
from ei_compat.core.progress import Progress
from train.cli import console, names
from train.cli.data import FORM, open_source
from train.cli.examples import examples

if TYPE_CHECKING:
    from ei_compat.remote.remote import Remote
    from ei_compat.studio.studio import Studio

AGAIN = "run the same command again: it continues where it was"
KEY_FILE = typer.Option(None, help="File with the API key, readable by you alone (mode 600); else EI_API_KEY.")
PROJECT = typer.Option(None, help="The project's number, where the key opens several.")
AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


@contextmanager
def _interruptible(fix: str) -> Iterator[None]:
    """Says what to do after a signal."""
    try:
        yield
    except Interrupted as stopped:
        raise Interrupted(stopped.signal, fix=fix) from None


def _progress(as_json: bool) -> Progress:
    """What the user watches; on stderr alone beside JSON."""
    from train.cli.progress import bars, make_progress

    return bars() if as_json else make_progress("auto")


def _studio_session(key_file: Path | None, progress: Progress) -> Remote:
    from ei_compat.remote.credentials import Endpoints, api_key
    from ei_compat.remote.remote import Remote

    return Remote(Endpoints.from_env().api, api_key(key_file), progress=progress)


def _project(key_file: Path | None, project: int | None, progress: Progress) -> Studio:
    from ei_compat.studio.studio import Studio

    return Studio.of_key(_studio_session(key_file, progress), project, progress=progress)


def upload_data(
    source: Path = typer.Argument(help="The dataset: a folder or a label file.", show_default=False),
    category: str = typer.Option(
        "split",
        autocompletion=names.CATEGORIES,
        help="For samples whose format does not say: training, testing, split, …",
    ),
    form: str | None = FORM,
    project: int | None = PROJECT,
    api_key_file: Path | None = KEY_FILE,
    hmac_key_file: Path | None = typer.Option(
        None, help="File with the HMAC key for signals, mode 600; else EI_HMAC_KEY, else the project's own."
    ),
    journal: Path | None = typer.Option(None, help="Where to keep what has arrived [default: beside the dataset]."),
    parallel: int = typer.Option(20, help="Requests in flight, 1 to 100."),
    batch_files: int = typer.Option(100, help="Files in one request, 1 to 1000."),
    allow_duplicates: bool = typer.Option(
        False, "--allow-duplicates", help="Store content that the project has; a lost answer may then store it twice."
    ),
    add_date_id: bool = typer.Option(False, "--add-date-id", help="Let the service put date and id into the names."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be sent; needs no key and no network."),
    as_json: bool = AS_JSON,
) -> None:
    """Upload a dataset to a project; an interrupted upload continues, without a duplicate or a gap."""
    from ei_compat.dataset.dataset import Category
    from ei_compat.remote.credentials import Endpoints, api_key, optional_key
    from ei_compat.remote.remote import Remote
    from ei_compat.upload import ingestion
    from ei_compat.upload.batches import CATEGORIES
    from ei_compat.upload.journal import Journal
    from ei_compat.upload.options import UploadOptions
    from ei_compat.upload.uploads import journal_path, uploads_of
    from train.cli.remote_views import PlanView, UploadView

    if category not in CATEGORIES:
        raise UsageError(f"{category!r} is not one of {', '.join(sorted(CATEGORIES))}", where="--category")
    options = UploadOptions(
        parallel=parallel, batch_files=batch_files, allow_duplicates=allow_duplicates, add_date_id=add_date_id
    )
    dataset = open_source(source, form)
    if dry_run:
        planned = ingestion.plan(uploads_of(dataset, category=category, validation=True), options)
        console.show(PlanView(source, dataset.format, planned), as_json=as_json)
        return
    key, hmac_key = api_key(api_key_file), optional_key("EI_HMAC_KEY", hmac_key_file)
    progress, endpoints = _progress(as_json), Endpoints.from_env()
    with _interruptible(AGAIN):
        studio = _project(api_key_file, project, progress)
        remote = Remote(endpoints.ingestion, key, progress=progress)
        kept = journal or journal_path(source, studio.project)
        held_out = sum((each.category or category) == Category.VALIDATION for each in dataset.samples)
        validation = held_out > 0 and studio.keeps_validation_set()
        if held_out and not validation:
            console.warn(
                f"{held_out} validation samples go to training: the project keeps no validation set of its own"
            )
        uploads = uploads_of(
            dataset, category=category, signer=lambda: hmac_key or studio.hmac_key(), validation=validation
        )
        with Journal(kept, {"endpoint": endpoints.ingestion, "project": studio.project}) as opened:
            report = ingestion.upload(uploads, remote, opened, options=options, total=len(dataset), progress=progress)
    console.show(UploadView(source, studio.project, studio.name, report), as_json=as_json)
    report.check()


def upload_model(
    model: Path = typer.Argument(
        help="A .tflite, .onnx or zipped SavedModel; or the folder of a training run: its INT8 model and its labels.",
        show_default=False,
    ),
    labels: str | None = typer.Option(None, help="Class names with commas between, in the order of the output."),
    labels_file: Path | None = typer.Option(None, help="Class names, one a line, in the order of the output."),
    output_type: str | None = typer.Option(
        None,
        autocompletion=names.OUTPUT_TYPES,
        help="classification, regression, object-detection, freeform or anomaly [default: that of the run, else "
        "classification]",
    ),
    last_layer: str | None = typer.Option(None, help="What a detector's output means: fomo, yolov5, …"),
    minimum_confidence: float = typer.Option(0.5, help="Below it a detector's finding is left out, 0 to 1."),
    input_type: str | None = typer.Option(
        None,
        autocompletion=names.INPUT_TYPES,
        help="image, audio, time-series or other [default: other for a run on features, else image]",
    ),
    input_scaling: str | None = typer.Option(
        None,
        autocompletion=names.INPUT_SCALINGS,
        help="Of the pixels: 0..1, -1..1, -128..127, 0..255, torch, … [default: that of the run, else 0..1]",
    ),
    input_shape: str | None = typer.Option(None, help="Such as 1,96,96,3: fixes the open dimensions of an ONNX model."),
    resize_mode: str = typer.Option(
        "fit-short", autocompletion=names.UPLOAD_RESIZE_MODES, help="fit-short, fit-long, squash or crop."
    ),
    frequency_hz: float | None = typer.Option(None, help="Of audio and time series."),
    window_ms: int | None = typer.Option(None, help="Of time series."),
    representative: Path | None = typer.Option(None, help="A .npy of inputs; Studio makes an int8 variant with it."),
    device: str | None = typer.Option(None, help="Studio's name of a processor to profile for."),
    profile: bool = typer.Option(True, help="Let Studio estimate time and memory."),
    deploy: str | None = typer.Option(None, help="Build this and download it: zip is the C++ library."),
    engine: str = typer.Option("tflite-eon", help="Inference engine of --deploy: tflite, tflite-eon, …"),
    model_type: str | None = typer.Option(None, help="Variant of --deploy: int8 or float32 [default: int8 if any]."),
    out: Path = typer.Option(Path(), help="Folder for what --deploy builds."),
    one_shot: bool = typer.Option(False, "--one-shot", help="Only --deploy; leave the project's impulse as it is."),
    project: int | None = PROJECT,
    api_key_file: Path | None = KEY_FILE,
    as_json: bool = AS_JSON,
) -> None:
    """Make a trained model a project's impulse, profile it there, and build Edge Impulse's library from it.

    What the project's impulse was is replaced; --one-shot leaves it alone.
    """
    from ei_compat.studio import pretrained
    from ei_compat.studio.model_info import ModelInfo, input_of, output_of
    from train.cli.remote_views import BuiltView, ModelView

    names = _labels(labels, labels_file)
    if model.is_dir():
        run = RunFolder(model)
        model, input_scaling = run.int8_model(), input_scaling or run.input_scaling()
        names = run.labels() if names is None else names
        output_type = output_type or run.mode()
        input_type = input_type or ("other" if run.takes_features() else None)
    info = ModelInfo(
        input_of(input_type or "image", input_scaling or "0..1", resize_mode, frequency_hz, window_ms),
        output_of(output_type or "classification", names, last_layer, minimum_confidence),
    )
    shape = _shape(input_shape)
    if one_shot and deploy is None:
        raise UsageError("builds nothing without --deploy", where="--one-shot", fix="add --deploy zip")
    built = None if deploy is None else pretrained.Deployment(deploy, engine, model_type, out)
    progress = _progress(as_json)
    with _interruptible("the job goes on in Studio"):
        studio = _project(api_key_file, project, progress)
        if one_shot and built is not None:
            path = pretrained.deploy_once(studio, model, info, built, representative=representative, input_shape=shape)
            console.show(BuiltView(studio.project, path), as_json=as_json)
            return
        report = pretrained.upload_model(
            studio,
            model,
            info,
            representative=representative,
            device=device,
            input_shape=shape,
            profile=profile,
            deployment=built,
        )
    console.show(ModelView(model, report), as_json=as_json)


def _shape(text: str | None) -> tuple[int, ...] | None:
    """The numbers of an input shape."""
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6})*", text):
        raise UsageError("must be whole numbers with commas between", where=f"--input-shape {text}")
    return tuple(map(int, text.split(",")))


def _labels(text: str | None, file: Path | None) -> tuple[str, ...] | None:
    """The class names from the file or the option."""
    if file is not None:
        return read_labels(file)
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if len(set(names)) != len(names):
        raise DataError("a label is there twice", where="--labels", fix="name every class once")
    return names


def download(
    what: Literal["data", "block-data", "block"] = typer.Argument(
        help="data: the project's data as an export; block-data: the arrays that a learning block trains on, which "
        "--data-directory takes; block: the whole local block, as Studio's 'Edit block locally'.",
        show_default=False,
    ),
    folder: Path = typer.Argument(help="A new or empty folder; it appears whole or not at all.", show_default=False),
    learn_block: int | None = typer.Option(None, help="The learning block's number, where the impulse has several."),
    project: int | None = PROJECT,
    api_key_file: Path | None = KEY_FILE,
    max_gib: float = typer.Option(20.0, help="Most that is downloaded and unpacked."),
    max_files: int = typer.Option(500_000, help="Most files that are unpacked."),
    as_json: bool = AS_JSON,
) -> None:
    """Download data or a training block from an Edge Impulse project."""
    from ei_compat.remote.unzip import GIB, ArchiveLimits
    from train.cli.remote_views import DownloadView

    if what == "data" and learn_block is not None:
        raise UsageError("the project's data belongs to no block", where="--learn-block", fix="leave it out")
    limits = ArchiveLimits(bytes=round(max_gib * GIB), members=max_files)
    progress = _progress(as_json)
    with _interruptible(AGAIN):
        studio = _project(api_key_file, project, progress)
        if what == "data":
            done = studio.download_data(folder, limits)
        else:
            learn = learn_block or studio.only_learn_block().id
            fetch = studio.download_block if what == "block" else studio.download_block_data
            done = fetch(learn, folder, limits)
    console.show(DownloadView(what, studio.project, done), as_json=as_json)


def push(
    folder: Path = typer.Argument(Path(), help="The block: its Dockerfile and parameters.json."),
    organization: int | None = typer.Option(None, help="Its number, where the key opens several."),
    api_key_file: Path | None = KEY_FILE,
    as_json: bool = AS_JSON,
) -> None:
    """Push a custom training block to an organization, as `edge-impulse-blocks push` does."""
    from ei_compat.remote.credentials import Endpoints
    from ei_compat.studio import push as blocks
    from train.cli.remote_views import PushView

    progress = _progress(as_json)
    with _interruptible("look at the block in Studio, then run again"):
        remote = _studio_session(api_key_file, progress)
        host = Endpoints.from_env().host
        report = blocks.push_block(remote, folder, host=host, organization=organization, progress=progress)
    console.show(PushView(folder, report), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    upload = typer.Typer(help="Upload data or a model to an Edge Impulse project.")
    upload.command("data", epilog=examples("upload data"))(upload_data)
    upload.command("model", epilog=examples("upload model"))(upload_model)
    app.add_typer(upload, name="upload")
    app.command(epilog=examples("download"))(download)
    app.command(epilog=examples("push"))(push)
