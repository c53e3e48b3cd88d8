"""The Linux runner: the protocol, broken requests, and the official SDK as its client."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np
import pytest

from tests.firmware import host
from tests.firmware.official import installed
from tests.firmware.packages_made import SANITIZED, WARNINGS, classifier, identity, packed, run, unpacked

PIXELS = 9 * 12


class Client:
    """A connection to a runner."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(path))

    def ask(self, request: object) -> dict[str, object]:
        return self.exchange(json.dumps(request).encode())

    def exchange(self, data: bytes) -> dict[str, object]:
        """Sends bytes and waits for one reply."""
        self.socket.sendall(data)
        return self.reply()

    def reply(self) -> dict[str, object]:
        answer = b""
        while not answer.endswith(b"\0"):
            piece = self.socket.recv(1)
            assert piece, "the runner hung up"
            answer += piece
        return json.loads(answer[:-1])


class Runner:
    """A runner as a process."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.path = folder / "runner.sock"
        options = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
        self.process = subprocess.Popen([program, self.path], stderr=subprocess.PIPE, env=options)
        for _ in range(1000):
            if self.path.exists():
                break
            time.sleep(0.02)
        self.client = Client(self.path)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stops it; it must end by itself, without a complaint, and leave nothing behind."""
        self.client.socket.close()
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=20)
        assert (self.process.returncode, complaints) == (0, b"")
        assert not self.path.exists()
        assert not Path(f"/dev/shm/eim-{self.process.pid}").exists()


def sanitized(model: bytes, folder: Path, **options: object) -> Path:
    """A runner built with the address and undefined-behaviour sanitisers, every warning an error."""
    tree = unpacked(packed(model, folder, target="linux", **options), folder / "c")
    flags = ["-std=c99", *WARNINGS, *SANITIZED, "-I.", "-Ieim"]
    listed = [p.relative_to(tree).as_posix() for p in sorted(tree.rglob("*.c"))]
    run(["gcc", *flags, *listed, "-lm", "-lrt", "-o", "model.eim"], tree)
    return tree / "model.eim"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sanitized(classifier(), tmp_path_factory.mktemp("eim"), names=['say "hi"', "blöd\\", "c"])


@pytest.fixture
def runner(program: Path, tmp_path: Path) -> Iterator[Runner]:
    started = Runner(program, tmp_path)
    yield started
    started.stop()


def image(seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 1 << 24, PIXELS).tolist()


def expected(values: list[int]) -> list[float]:
    wide = np.array(values)
    pixels = np.stack([wide >> 16, wide >> 8 & 255, wide & 255], axis=-1)
    return ((host.answers(classifier(), (pixels - 128).astype(np.int8)).astype(int) + 128) / 256).tolist()


def test_hello_describes_the_model(runner: Runner) -> None:
    answer = runner.client.ask({"hello": 1, "id": 7})
    assert (answer["id"], answer["success"]) == (7, True)
    assert answer["model_parameters"] == {
        "axis_count": 1, "frequency": 0, "has_anomaly": 0, "input_features_count": PIXELS, "image_input_height": 9,
        "image_input_width": 12, "image_input_frames": 1, "image_channel_count": 3, "image_resize_mode": "fit-shortest",
        "interval_ms": 1, "label_count": 3, "sensor": 3, "slice_size": 27, "use_continuous_mode": False,
        "inferencing_engine": 255, "model_type": "classification", "labels": ['say "hi"', "blöd\\", "c"],
    }  # fmt: skip
    assert answer["project"] == {"deploy_version": 3, "id": 0, "name": "tiny", "owner": ""}


def test_classify_gives_the_references_scores(runner: Runner) -> None:
    for seed in range(5):
        answer = runner.client.ask({"id": seed, "classify": image(seed), "debug": seed == 0})
        assert answer["success"]
        assert list(answer["result"]["classification"].values()) == expected(image(seed))
        assert answer["timing"].keys() == {"dsp", "classification", "anomaly"}


def test_classify_reads_shared_memory(runner: Runner) -> None:
    described = runner.client.ask({"hello": 1, "id": 1})["features_shm"]
    assert (described["type"], described["elements"], described["size_bytes"]) == ("float32", PIXELS, 4 * PIXELS)
    code = (
        "import sys\nfrom multiprocessing import resource_tracker, shared_memory\n"
        "memory = shared_memory.SharedMemory(sys.argv[1])\nresource_tracker.unregister(memory._name, 'shared_memory')\n"
        "memory.buf[:] = sys.stdin.buffer.read()\nmemory.close()\n"
    )
    assert shared_memory  # what the official SDK uses, in a process of its own here
    values = struct.pack(f"{PIXELS}f", *image(9))
    subprocess.run([sys.executable, "-c", code, described["name"].lstrip("/")], input=values, check=True)
    answer = runner.client.ask({"classify_shm": {"elements": PIXELS}, "id": 2})
    assert list(answer["result"]["classification"].values()) == expected(image(9))
    refused = runner.client.ask({"classify_shm": {"elements": PIXELS + 1}, "id": 3})
    assert (refused["success"], refused["error"]) == (False, f"the model takes {PIXELS} numbers, not {PIXELS + 1}")


BROKEN: dict[str, tuple[bytes, object, str]] = {
    "no JSON": (b"hello?", None, "not a JSON object"),
    "an array": (b"[1, 2]", None, "not a JSON object"),
    "cut number": (b'{"id": 1.}', None, "not a JSON object"),
    "leading zero": (b'{"id": 01}', None, "not a JSON object"),
    "bare word": (b'{"id": 4, "hello": maybe}', 4, "not a JSON object"),
    "NaN": (b'{"id": 4, "classify": [NaN]}', 4, "not a JSON object"),
    "missing comma": (b'{"id": 4 "hello": 1}', 4, "not a JSON object"),
    "comma at the end": (b'{"id": 4, "hello": 1,}', 4, "not a JSON object"),
    "mismatched brackets": (b'{"id": 4, "classify": [1}', 4, "not a JSON object"),
    "too deep": (b'{"id": 4, "x": ' + b"[" * 40, 4, "not a JSON object"),
    "number without end": (b'{"id": 4, "x": ' + b"1" * 500 + b"}", 4, "not a JSON object"),
    "control character": (b'{"id": 4, "x": "\x01"}', 4, "not a JSON object"),
    "bad escape": (b'{"id": 4, "x": "\\q"}', 4, "not a JSON object"),
    "bad unicode": (b'{"id": 4, "x": "\\u12g4"}', 4, "not a JSON object"),
    "empty object": (b"{}", None, "the request has no id"),
    "no id": (b'{"hello": 1}', None, "the request has no id"),
    "id of text": (b'{"hello": 1, "id": "x"}', None, "the request has no id"),
    "infinite id": (b'{"hello": 1, "id": 1e999}', None, "the request has no id"),
    "nothing asked": (b'{"id": 5, "h\\u0065llo": 1}', 5, "neither hello nor classify"),
    "too few": (b'{"id": 5, "classify": [1, 2]}', 5, f"the model takes {PIXELS} numbers, not 2"),
    "too many": (json.dumps({"id": 5, "classify": [0] * 5000}).encode(), 5, f"takes {PIXELS} numbers, not 5000"),
    "text as feature": (b'{"id": 5, "classify": ["x"]}', 5, "an array of numbers"),
    "nested features": (json.dumps({"id": 5, "classify": [[0]] * PIXELS}).encode(), 5, "an array of numbers"),
    "features of text": (b'{"id": 5, "classify": "all"}', 5, "an array of numbers"),
    "pixel too large": (json.dumps({"id": 5, "classify": [1 << 24] * PIXELS}).encode(), 5, "out of range"),
    "pixel below zero": (json.dumps({"id": 5, "classify": [-1] * PIXELS}).encode(), 5, "out of range"),
    "no elements": (b'{"id": 5, "classify_shm": {}}', 5, f"takes {PIXELS} numbers, not 0"),
    "shm of numbers": (b'{"id": 5, "classify_shm": [1]}', 5, "an array of numbers"),
    "endless elements": (b'{"id": 5, "classify_shm": {"elements": 1e300}}', 5, f"takes {PIXELS} numbers"),
    "continuous": (b'{"id": 5, "classify_continuous": [1]}', 5, "send classify"),
    "threshold": (b'{"id": 5, "set_threshold": {"id": 4, "min_score": 0.5}}', 5, "no thresholds"),
}


@pytest.fixture(scope="module")
def lasting(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """One runner for all broken requests."""
    started = Runner(program, tmp_path_factory.mktemp("lasting"))
    yield started
    started.stop(signal.SIGTERM)


@pytest.mark.parametrize(("request_bytes", "number", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_request_gets_an_error_and_the_next_an_answer(
    lasting: Runner, request_bytes: bytes, number: object, words: str
) -> None:
    client = Client(lasting.path)
    answer = client.exchange(request_bytes)
    assert (answer["id"], answer["success"]) == (number, False)
    assert words in str(answer["error"])
    time.sleep(0.1)
    assert client.ask({"hello": 1, "id": 2})["success"]
    client.socket.close()


def test_ids_come_back_as_they_were(lasting: Runner) -> None:
    for number in (0, -3, 1 << 50, 1.5):
        assert lasting.client.ask({"id": number, "hello": True})["id"] == number


def test_requests_may_come_in_pieces_and_together(lasting: Runner) -> None:
    request = json.dumps({"classify": image(3), "x": {"id": 9, "y": ["\\u0000", None, False, -1.5e-3]}, "id": 8})
    for start in range(0, len(request), 7):
        lasting.client.socket.sendall(request[start : start + 7].encode())
    assert list(lasting.client.reply()["result"]["classification"].values()) == expected(image(3))
    lasting.client.socket.sendall(b'{"id":1,"hello":1}\n\0 {"id":2,"hello":1}{"id":3,"hello":1}')
    assert [lasting.client.reply()["id"] for _ in range(3)] == [1, 2, 3]


def test_clients_do_not_disturb_each_other(lasting: Runner) -> None:
    half, gone = Client(lasting.path), Client(lasting.path)
    half.socket.sendall(b'{"id": 1, "hel')
    gone.socket.sendall(b'{"id": 1, "classify": [1, 2')
    gone.socket.close()
    assert lasting.client.ask({"id": 5, "hello": 1})["success"]
    assert half.exchange(b'lo": 1}')["id"] == 1
    half.socket.close()


def test_random_bytes_never_stop_the_runner(lasting: Runner) -> None:
    r = random.Random(1)
    whole = json.dumps({"classify": image(1)[:40], "classify_shm": {"elements": 3}, "hello": "\\u00e4", "id": -1.5e3})
    for _ in range(300):
        data = bytearray(whole.encode())
        for _ in range(r.randint(1, 6)):
            place = r.randrange(len(data))
            data[place : place + r.randint(0, 3)] = r.choices(
                b'{}[]",:\\0123456789eE+-.utfn\x00\xff ', k=r.randint(0, 3)
            )
        client = Client(lasting.path)
        client.socket.sendall(bytes(data))
        client.socket.shutdown(socket.SHUT_WR)
        while client.socket.recv(65536):  # whatever it answers, it hangs up in the end
            pass
        client.socket.close()
    assert lasting.client.ask({"id": 5, "hello": 1})["success"]


def test_features_of_another_kind(tmp_path: Path) -> None:
    program = sanitized(identity((1, 12), 0.1, 0), tmp_path, count=12)
    runner = Runner(program, tmp_path)
    parameters = runner.client.ask({"id": 1, "hello": 1})["model_parameters"]
    assert (parameters["sensor"], parameters["image_input_width"], parameters["input_features_count"]) == (-1, 0, 12)
    answer = runner.client.ask({"id": 1, "classify": [x / 10 for x in range(-6, 6)]})
    assert np.allclose(list(answer["result"]["classification"].values()), [x / 10 for x in range(-6, 6)])
    runner.stop(signal.SIGHUP)


def test_wrong_arguments_are_explained(program: Path, tmp_path: Path) -> None:
    for arguments, code, words in (([], 2, b"usage"), (["--help"], 2, b"usage"), (["/nowhere/x"], 1, b"/nowhere/x: ")):
        done = subprocess.run([program, *arguments], capture_output=True, check=False, timeout=20)
        assert (done.returncode, words in done.stderr) == (code, True)
    done = subprocess.run([program, str(tmp_path / ("x" * 150))], capture_output=True, check=False, timeout=20)
    assert done.returncode == 1


# Classifies pictures with the official package's runner, through shared memory, which is its way, and without. With a
# timeout it sends only as much of a request as fits into the socket's buffer, so that one is left out.
OFFICIAL = """
import importlib.util, json, sys
import numpy as np
spec = importlib.util.spec_from_file_location("runner", sys.argv[1] + "/edge_impulse_linux/runner.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
pictures = np.load(sys.argv[3]).astype(np.int64)
values = (pictures[..., 0] << 16 | pictures[..., 1] << 8 | pictures[..., 2]).reshape(len(pictures), -1)
answers = []
for shared in (True, False):
    runner = module.ImpulseRunner(sys.argv[2], timeout=None, allow_shm=shared)
    runner.init()
    answers.append([list(runner.classify(row.tolist())["result"]["classification"].values()) for row in values])
    runner.stop()
print(json.dumps(answers))
"""


@pytest.mark.slow
@pytest.mark.shared
def test_the_official_sdk_gets_what_the_interpreter_computes(shared: Path, tmp_path: Path) -> None:
    from ei_compat.media.images import ImageSpec, load_image

    folder = installed("edge_impulse_linux==1.2.2")
    files = sorted((shared / "data" / "trashnet6").rglob("*.jpg"))
    files = [files[i] for i in np.random.default_rng(2).permutation(len(files))[:100]]
    images = np.stack([load_image(file, ImageSpec(160, 160)) for file in files])
    np.save(tmp_path / "pictures.npy", images)
    model = (shared / "models" / "A.tflite").read_bytes()
    program = packed(model, tmp_path, target="linux", output=tmp_path / "a.eim")
    command = [sys.executable, "-c", OFFICIAL, str(folder), str(program), str(tmp_path / "pictures.npy")]
    by_memory, by_socket = json.loads(run(command, tmp_path))
    scores = [
        ((host.answers(model, (p.astype(int) - 128).astype(np.int8)).astype(int) + 128) / 256).tolist() for p in images
    ]
    assert len(set(map(tuple, scores))) > 10
    assert by_memory == scores
    assert by_socket == scores
