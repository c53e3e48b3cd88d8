"""Puts ImageNet weights of MobileNets into the image: those given, else Keras' published files, else none.

    fetch_weights.py --given weights --into /opt/ei-train/weights 0.35_96 0.35_160 v1_0.25_128

Files that the builder put into `weights/` are taken as they are and nothing is downloaded. Otherwise each ALPHA_SIZE of
MobileNetV2, or with v1_ before it of MobileNetV1, is fetched from the place that Keras itself fetches from. A file that
cannot be had is left out: training then says so and does without. Standard library only; the program checks every
tensor's name and shape before it uses a file.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

PUBLISHED = "https://storage.googleapis.com/tensorflow/keras-applications/"
V2 = "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5"
V1 = "mobilenet/mobilenet_{alpha}_{size}_tf_no_top.h5"
ALPHAS = {V2: ("0.35", "0.5", "0.75", "1.0"), V1: ("0.25", "0.5", "0.75", "1.0")}
SIZES = {V2: ("96", "128", "160", "192", "224"), V1: ("128", "160", "192", "224")}
CALLED = {"0.25": "2_5", "0.5": "5_0", "0.75": "7_5", "1.0": "1_0"}  # alphas in the names of MobileNetV1's files
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
TIMEOUT = 10.0  # seconds without a byte; a build without a network must not hang
LARGEST = 64 << 20  # bytes; the largest published file, alpha 1.0, has 9 MiB


def main() -> None:
    """Fills the target folder and prints one line per file, or one that says why there is none."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--given", type=Path, required=True, help="folder with the builder's own .h5 files")
    parser.add_argument("--into", type=Path, required=True, help="folder to fill; made where missing")
    parser.add_argument("wanted", nargs="*", type=published_name, metavar="ALPHA_SIZE", help="0.35_160, v1_0.25_128")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    given = sorted(options.given.glob("*.h5"))
    for path in given:
        take(path, options.into)
    if not given:
        download(options.wanted, options.into)
    if not any(options.into.iterdir()):
        say("no ImageNet weights in this image: training starts from scratch unless --weights names a file")


def take(path: Path, into: Path) -> None:
    """Copies a file that the builder gave; a wrong one is a mistake to correct, so it stops the build."""
    try:
        with path.open("rb") as source:
            save(source, path.stat().st_size, into / path.name)
    except ValueError as error:
        sys.exit(f"fetch_weights.py: {path}: {error}")
    say(f"{path.name}: taken from {path.parent}/")


def download(names: list[str], into: Path) -> None:
    """Fetches what is published; a file that cannot be had is left out, and without a network all that remain."""
    for path in names:
        name = path.rpartition("/")[2]
        try:
            with urllib.request.urlopen(PUBLISHED + path, timeout=TIMEOUT) as source:  # noqa: S310 - https
                save(source, int(source.headers["Content-Length"]), into / name)
        except urllib.error.HTTPError as error:
            say(f"{name}: left out, the server answers {error.code} {error.reason}")
        except (ValueError, TypeError, http.client.HTTPException) as error:
            say(f"{name}: left out, {error}")
        except OSError as error:
            say(f"no network ({getattr(error, 'reason', error)}): {name} and what follows are left out")
            return
        else:
            say(f"{name}: downloaded")


def published_name(text: str) -> str:
    """The published file for ALPHA_SIZE, or v1_ALPHA_SIZE, with its folder."""
    kind = V1 if text.startswith("v1_") else V2
    alpha, _, size = text.removeprefix("v1_").partition("_")
    if alpha not in ALPHAS[kind] or size not in SIZES[kind]:
        alphas, sizes = (", ".join(choices[kind]) for choices in (ALPHAS, SIZES))
        raise argparse.ArgumentTypeError(f"{text}: alpha is one of {alphas}, size of {sizes}")
    return kind.format(alpha=CALLED[alpha] if kind == V1 else alpha, size=size)


def save(source: BinaryIO, size: int, target: Path) -> None:
    """Copies a stream to a file that appears whole or not at all.

    Raises:
        ValueError: it is not `size` bytes long, is absurdly large, or does not begin as an HDF5 file does; anything
            else is a proxy's page or a Git LFS pointer.
    """
    content = source.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    if not content.startswith(HDF5_SIGNATURE):
        raise ValueError(f"not an HDF5 file; it begins with {content[:8]!r}")
    if len(content) != size:
        raise ValueError(f"ended after {len(content)} of {size} bytes")
    beside = target.with_name(f".{target.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(0o644)
    beside.replace(target)


def say(line: str) -> None:
    """One line of the build's log."""
    sys.stdout.write(f"weights: {line}\n")


if __name__ == "__main__":
    main()
