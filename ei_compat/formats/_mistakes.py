"""What somebody who named a folder that no format fits has probably overlooked, in one line."""

from __future__ import annotations

import codecs
from collections import Counter

from ei_compat.core.files import cut_name
from ei_compat.core.words import counted
from ei_compat.formats._side_files import head_of
from ei_compat.formats._tree import Tree, suffix_of

ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
# Pictures that no decoder here knows: of phones, of cameras as the sensor saw them, and drawings.
FOREIGN = frozenset({".heic", ".heif", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".jxl", ".svg"})
TEXTS = frozenset({".json", ".csv", ".txt", ".xml", ".yaml", ".yml", ".labels"})
MOST_TEXTS = 64  # that are looked into
LIST = "`ei-train formats` lists the known ones, and by what they are known"


def likely_mistake(tree: Tree) -> tuple[str, str]:
    """What is wrong with it, and what to do about it."""
    if tree.only is not None and suffix_of(tree.only) in ARCHIVES:
        return "is an archive", "unzip it first, and name the folder"
    files = [tree.only] if tree.only is not None else list(tree.files)
    archives = [path for path in files if suffix_of(path) in ARCHIVES]
    if archives and len(archives) == len(files):
        return f"holds nothing but {cut_name(archives[0], 80)}", "unzip it first"
    foreign = Counter(suffix for path in files if (suffix := suffix_of(path)) in FOREIGN)
    samples = tree.samples if tree.only is None else ()
    if foreign and not samples:
        counts = ", ".join(f"{count} {suffix}" for suffix, count in foreign.most_common())
        are = "file is" if foreign.total() == 1 else "files are"
        return f"no known dataset format: {counts} {are} not read", "convert them to JPEG or PNG"
    texts = [path for path in files if suffix_of(path) in TEXTS]
    for path in texts[:MOST_TEXTS]:
        if head_of(tree.root / path).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return f"no known dataset format: {cut_name(path, 80)} is UTF-16", "save it as UTF-8"
    tables = [path for path in texts if suffix_of(path) == ".csv"]
    if tables and not samples:
        what = f"no known dataset format: {cut_name(tables[0], 80)} holds neither a signal nor known labels"
        return what, f"a signal's first column is timestamp, in milliseconds; {LIST}"
    if samples:
        what = f"no known dataset format, and {counted(len(samples), 'sample')} without labels"
        return what, f"put each class in a folder of its own; {LIST}"
    return "no known dataset format", LIST
