"""Command lines that are shown below the help of each command; a test parses every one."""

from __future__ import annotations

EXAMPLES = {
    "train": (
        "ei-train --data-directory dataset --out-directory out",
        "ei-train --data-directory dataset --out-directory out96 --image-size 96 --effort quick",
        "ei-train --data-directory dataset --out-directory out --resume",
    ),
    "compress": (
        "ei-train compress trained.keras dataset out --input-scaling 0..1",
        "ei-train compress saved_model dataset out --labels labels.txt --final-sparsity 0.7",
    ),
    "demo": ("ei-train demo data/demo",),
    "evaluate": (
        "ei-train evaluate out dataset --threshold 0.6",
        "ei-train evaluate out photos --against out96",
        "ei-train evaluate model.tflite photos --labels labels.txt --json",
    ),
    "predict": (
        "ei-train predict out photos --save marked",
        "ei-train predict rubbish-v1.eim 'photos/*.jpg' --json",
        "find photos -name '*.png' | ei-train predict out -",
    ),
    "report": ("ei-train report out", "ei-train report out --output /tmp/report.html"),
    "split": (
        "ei-train split photos dataset",
        "ei-train split photos dataset --train 0.7 --validation 0.1 --test 0.2 --group-by '^([^_]+)_'",
    ),
    "convert": (
        "ei-train convert dataset arrays --to arrays --image-size 96",
        "ei-train convert annotations.json export --from coco --to ei",
    ),
    "formats": ("ei-train formats",),
    "package": (
        "ei-train package out --name rubbish --version 1",
        "ei-train package out --name rubbish --version 1.0.2 --target arduino",
        "ei-train package model.tflite --labels labels.txt --name m --version 1 --max-ram 64KiB",
    ),
    "profile": ("ei-train profile out", "ei-train profile model.tflite --front"),
    "plan": ("ei-train plan --board esp32-cam", "ei-train plan --max-ram 96KiB --max-instructions 60M --channels 1,3"),
    "tune": (
        "ei-train tune dataset search --board esp32-cam",
        "ei-train tune dataset search --max-ram 96KiB --trials 20 --rungs quick",
    ),
    "upload data": (
        "EI_API_KEY=... ei-train upload data dataset",
        "ei-train upload data dataset --dry-run",
    ),
    "upload model": (
        "ei-train upload model out --api-key-file ~/.ei-key",
        "ei-train upload model out --one-shot --deploy zip --out library",
    ),
    "download": ("ei-train download data export", "ei-train download block block --learn-block 3"),
    "push": ("ei-train push . --organization 7",),
    "run": (
        "ei-train run --memory 4g --data-directory photos --out-directory out",
        "ei-train run --dry-run package out --name rubbish --version 1",
    ),
}


def examples(command: str) -> str:
    """What stands below the help of a command."""
    lines = EXAMPLES[command]
    as_it_is = "\b\n"  # click would make a paragraph of it
    return as_it_is + "\n  ".join(["Examples:" if len(lines) > 1 else "Example:", *lines])
