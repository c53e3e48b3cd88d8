"""The build's fetch step: given files, else published ones, else none, and never half a file."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from train.backbones.mobilenet_v1 import file_name

SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "fetch_weights.py"
NAME = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}_no_top.h5"
SMALLEST = "mobilenet_2_5_128_tf_no_top.h5"  # of MobileNetV1
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(1000)


class Published(BaseHTTPRequestHandler):
    """Stands in for the place that Keras fetches from."""

    def do_GET(self) -> None:
        """Answers with a good file, a proxy's page, half a file, or 404."""
        page = b"<html>log in first</html>"
        bodies = {"0.35_96": (HDF5, len(HDF5)), "0.35_224": (page, len(page)), "0.5_96": (HDF5[:500], len(HDF5))}
        by_path = {"/mobilenet_v2/" + NAME.format(key): value for key, value in bodies.items()}
        by_path["/mobilenet/" + SMALLEST] = (HDF5, len(HDF5))
        body, promised = by_path.get(self.path, (b"", 0))
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Writes nothing."""


@pytest.fixture(scope="module")
def published() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Published) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def fetch(tmp_path: Path, published: str, *wanted: str) -> tuple[int, str, dict[str, bytes]]:
    """Runs the script against a stand-in server: its exit code, what it printed, the files that it left."""
    (tmp_path / "given").mkdir(exist_ok=True)
    program = (
        "import runpy, sys; main = runpy.run_path(sys.argv.pop(1))['main'];"
        "main.__globals__.update(PUBLISHED=sys.argv.pop(1), TIMEOUT=2.0); main()"
    )
    command = [sys.executable, "-c", program, str(SCRIPT), published, "--given", "given", "--into", "into", *wanted]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    into = tmp_path / "into"
    files = {path.name: path.read_bytes() for path in into.iterdir()} if into.is_dir() else {}
    return done.returncode, done.stdout + done.stderr, files


def test_given_files_are_taken_and_nothing_is_downloaded(tmp_path: Path, published: str) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "my.h5").write_bytes(HDF5)
    (tmp_path / "given" / "README.md").write_text("not weights")
    code, output, files = fetch(tmp_path, published, "0.35_96")
    assert (code, files) == (0, {"my.h5": HDF5})
    assert "my.h5: taken from given/" in output


def test_published_files_are_downloaded_and_a_missing_one_is_left_out(tmp_path: Path, published: str) -> None:
    code, output, files = fetch(tmp_path, published, "1.0_96", "0.35_96")
    assert (code, files) == (0, {NAME.format("0.35_96"): HDF5})
    assert "1.0_96_no_top.h5: left out, the server answers 404" in output


def test_files_of_mobilenet_v1_have_the_names_that_training_looks_for(tmp_path: Path, published: str) -> None:
    code, _, files = fetch(tmp_path, published, "v1_0.25_128")
    assert (code, files) == (0, {SMALLEST: HDF5})
    assert file_name(0.25, 128) == SMALLEST


def test_no_network_leaves_an_empty_folder_and_says_so_once(tmp_path: Path) -> None:
    code, output, files = fetch(tmp_path, "http://127.0.0.1:9/", "0.35_96", "0.35_160", "0.35_224")
    assert (code, files) == (0, {})
    assert output.count("no network") == 1
    assert "no ImageNet weights in this image" in output


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param("0.35_224", "left out, not an HDF5 file; it begins with b'<html>lo'", id="a proxy's page"),
        pytest.param("0.5_96", "left out, ended after 500 of 1008 bytes", id="a download that breaks off"),
    ],
)
def test_a_wrong_download_is_left_out_and_the_next_one_taken(
    wanted: str, message: str, tmp_path: Path, published: str
) -> None:
    code, output, files = fetch(tmp_path, published, wanted, "0.35_96")
    assert (code, files) == (0, {NAME.format("0.35_96"): HDF5})
    assert message in output


@pytest.mark.parametrize(
    "given", [pytest.param(b"version https://git-lfs", id="a Git LFS pointer"), pytest.param(b"", id="an empty file")]
)
def test_a_wrong_file_that_was_given_stops_the_build(given: bytes, tmp_path: Path, published: str) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "my.h5").write_bytes(given)
    code, output, files = fetch(tmp_path, published, "0.35_96")
    assert (code, files) == (1, {})
    assert "my.h5: not an HDF5 file" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("wanted", ["0.35", "0.4_96", "0.35_97", "../x_96", "v1_0.35_128", "v1_0.25_96"])
def test_only_published_names_are_asked_for(wanted: str, tmp_path: Path, published: str) -> None:
    code, output, files = fetch(tmp_path, published, wanted)
    assert (code, files) == (2, {})
    assert "alpha is one of" in output
