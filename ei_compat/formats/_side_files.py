"""Files beside samples: whether JSON or CSV is a signal, and whether a file holds labels of samples that lie here."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path

HEAD = 1 << 16  # bytes of a file that are looked at
_PAYLOAD, _IN_PAYLOAD = b'"payload"', (b'"values"', b'"sensors"', b'"interval_ms"')
_TABLES = frozenset({".csv", ".tsv", ".txt", ".lst", ".list", ".dat", ".data", ".tab"})
_DOCUMENTS = frozenset({".json", ".jsonl", ".ndjson", ".xml", ".yaml", ".yml", ".labels", ".html"})
_BINARY = frozenset(
    [
        ".xlsx",
        ".xls",
        ".ods",
        ".mat",
        ".npz",
        ".npy",
        ".pkl",
        ".pickle",
        ".parquet",
        ".feather",
        ".tfrecord",
        ".record",
        ".tfrecords",
        ".db",
        ".sqlite",
        ".sqlite3",
    ]
)
_ALWAYS = frozenset({".names", ".labels", ".tfrecord", ".tfrecords", ".record"})
_LABEL_WORDS = re.compile(
    rb'"(labels?|label_?names?|class(es)?|class_?(id|name)s?|categor(y|ies)|annotations?|shapes|regions|objects|bbox|boxes|'
    rb'tags?|targets?|boundingBoxes|structuredLabels|species|breed)"|<(annotations?|object|label|bndbox|polygon|box)\b',
    re.IGNORECASE,
)
_LABEL_NAMES = re.compile(
    r"(^|.*[\W\d_])(\w*labels?|annotations?|annots?|classes|categories|ground.?truth|bbox(es)?|targets?)([\W\d_].*|$)",
    re.I,
)
_KEY = re.compile(r"(^|[\W_])(id|name|file|filename|image|img|picture|photo|path|sample)s?([\W_]|$)|imageid")
_DELIMITERS = re.compile(r"[,;\t\r\n\"'<>|=\[\]{}]+")


def is_signal(path: Path) -> bool:
    """Whether a JSON or CSV file looks like one that `ei_compat.media.signals` parses, from its first bytes."""
    head = head_of(path)
    if path.suffix.lower() == ".json":
        is_object = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
        return is_object and _PAYLOAD in head and any(mark in head for mark in _IN_PAYLOAD)
    first = next((line for line in _lines(head) if line.strip()), "")
    return _cells(first)[0].strip().lower() == "timestamp"


def is_row(path: Path) -> bool:
    """Whether a CSV file holds the names of some values and one row of them, as a signal without a time may be."""
    head = head_of(path)
    lines = [line for line in _lines(head) if line.strip()]
    if path.suffix.lower() != ".csv" or len(lines) != 2 or len(head) == HEAD:
        return False
    return len(_cells(lines[0])) == len(_cells(lines[1])) and _numeric(lines[1])


def _lines(head: bytes) -> list[str]:
    return head.decode("utf-8-sig", errors="replace").splitlines()


def head_of(path: Path) -> bytes:
    """The first bytes of a file; none where it is no regular file or cannot be read."""
    if not path.is_file():
        return b""
    with path.open("rb") as stream:
        return stream.read(HEAD)


def is_named_like_labels(name: str) -> bool:
    """Whether a file's name says that it holds labels, as `train_labels.csv` does."""
    suffix = f".{name.rpartition('.')[2].lower()}"
    if suffix not in _TABLES | _DOCUMENTS | _BINARY | _ALWAYS | {".pbtxt"}:
        return False
    return suffix in _ALWAYS or _LABEL_NAMES.match(name.rpartition(".")[0]) is not None


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(max(",;\t", key=line.count))]


def _numeric(line: str) -> bool:
    try:
        return bool([float(cell) for cell in _cells(line)])
    except ValueError:
        return False


class Described:
    """Detector of the label files of a set's samples, by what is in them.

    Args:
        samples: relative paths of everything that could be a sample.
    """

    def __init__(self, samples: Collection[str]) -> None:
        self._samples = samples

    @functools.cached_property
    def names(self) -> set[str]:
        """Names of the samples' files, without regard to capitals."""
        return {path.rpartition("/")[2].casefold() for path in self._samples}

    @functools.cached_property
    def stems(self) -> set[str]:
        """The same without their extensions."""
        return {name.rpartition(".")[0] for name in self.names}

    @functools.cached_property
    def telling(self) -> set[str]:
        """Names without extensions that are no bare numbers or letters, which any document may hold."""
        return {stem for stem in self.stems if len(stem) > 2 and not stem.isdigit()}

    def by(self, path: Path) -> bool:
        """Whether a file holds labels of any of the samples, as far as its beginning shows."""
        suffix, name = path.suffix.lower(), path.name.casefold()
        if suffix in _BINARY | (_ALWAYS - {".labels"}):
            return is_named_like_labels(path.name)
        if suffix not in _TABLES | _DOCUMENTS:
            return False
        head = head_of(path)
        text = head.decode("utf-8-sig", errors="replace")
        stem = name.rpartition(".")[0]
        if stem in self.stems or stem in self.names:
            return self._of_one(suffix, head, text)
        if suffix in _DOCUMENTS:
            return _LABEL_WORDS.search(head) is not None and any(self._mentioned(text, self.names | self.telling))
        return self._is_table(text)

    def _of_one(self, suffix: str, head: bytes, text: str) -> bool:
        """A file that bears one sample's name."""
        if suffix in _DOCUMENTS:
            return _LABEL_WORDS.search(head) is not None
        rows = [row for row in re.split(r"[\r\n]+", text) if row.strip()]
        return self._is_table(text) or (bool(rows) and all(_is_boxes(row) for row in rows[:5]))

    def _mentioned(self, text: str, known: Set[str]) -> Iterator[str]:
        for piece in _DELIMITERS.split(text.casefold()):
            for word in {piece.strip(), *piece.split()}:
                last = re.split(r"[/\\]", word)[-1]
                if last in known:
                    yield last

    def _is_table(self, text: str) -> bool:
        """Whether rows name samples and say something of them; a mere list of names does not."""
        rows = [row for row in re.split(r"[\r\n]+", text) if row.strip()]
        if len(rows) < 1:
            return False
        named = [row for row in rows if any(self._mentioned(row, self.names))]
        if any(len(_words(row)) > 1 for row in named):
            return True
        table = [words for row in rows if len(words := _words(row.casefold())) > 1]
        width = Counter(map(len, table)).most_common(1)[0][0] if table else 0
        columns = zip(*(words for words in table if len(words) == width), strict=True)
        return any(self._is_key(column[0], column[1:]) for column in columns)

    def _is_key(self, header: str, cells: Sequence[str]) -> bool:
        """Whether a column names samples without their extensions; bare numbers do where its head says so."""
        found = [cell for cell in (header, *cells) if cell.rpartition("/")[2] in self.stems]
        certain = _KEY.search(header) is not None or any(not cell.isdigit() for cell in found)
        return bool(found) and certain and 2 * len(found) >= len(cells)


def _words(row: str) -> list[str]:
    cells = [cell for cell in _cells(row) if cell]
    return cells if len(cells) > 1 else (row.split() or [""])


def _is_boxes(row: str) -> bool:
    """A class and at least four numbers, in either order."""
    cells = row.replace(",", " ").split()
    numbers = sum(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", cell) is not None for cell in cells)
    return numbers >= 4


def lists_only(path: Path, names: Iterable[str]) -> bool:
    """Whether a file lists just these class names, with or without a number each: it agrees and says nothing new."""
    text = head_of(path).decode("utf-8-sig", errors="replace")
    if path.suffix.lower() == ".json":
        return _json_names(text) == {name.casefold() for name in names}
    if path.suffix.lower() == ".pbtxt":
        found = {name.casefold() for name in re.findall(r"name\s*:\s*['\"]([^'\"]+)", text)}
        return found == {name.casefold() for name in names}
    found = {re.sub(r"^\W*\d+[\s:,;.-]+(?=\S)", "", row).strip(" \t,;'\"-").casefold() for row in text.splitlines()}
    return found - {""} == {name.casefold() for name in names}


def _json_names(text: str) -> set[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    if isinstance(value, dict):
        value = list(value) if all(isinstance(item, int) for item in value.values()) else list(value.values())
    return {item.casefold() for item in value if isinstance(item, str)} if isinstance(value, list) else set()
