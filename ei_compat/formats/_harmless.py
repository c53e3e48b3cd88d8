"""The one list of what lies in people's folders and is no part of a dataset."""

from __future__ import annotations

import re

# Folders that systems, stores and editors make, in lower case. Nothing below them is looked at.
SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@recycle", "@recently-snapshot"),  # Synology, QNAP
        *("$recycle.bin", "system volume information", "recycler", "found.000", "~snapshot"),  # Windows, NetApp
        *("__macosx", "lost+found", "network trash folder", "temporary items"),  # macOS, Linux
        *("__pycache__", "node_modules", "venv"),  # editors and languages
        *("thumbnails", "thumbnail", "_thumbnails", "_thumbs", "_thumb"),  # viewers
    }
)
# Files that the same ones make, in lower case.
SYSTEM_FILES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "folder.jpg.thumb"),
        *("icon\r", "zbthumbnail.info", "synoindex_media_info", "sync.ffs_db", "albumart.ini"),
    }
)
# Beginnings and ends of names that mark a thumbnail, a file of an editor or a half-finished copy.
_BEGINNINGS = (".", "~$", "synophoto_thumb", "synofile_thumb")
_ENDS = ("~", ".part", ".crdownload", ".download", ".tmp", ".swp", ".swo", ".lock", ".bak")
# Texts for people, and what tools leave that holds no labels.
_DOCUMENT = re.compile(
    r"(readme|read_me|license|licence|copying|copyright|changelog|citation|notice|authors|attribution|credits|disclaimer)"
    r"([ ._-].*)?",
)
_NO_LABELS = re.compile(
    r".*\.(md|rst|cache|url|webloc|lnk|sha256|md5|sh|py|ipynb)|dataset-metadata\.json|dockerfile|makefile|"
    r"sample_?submission.*\.csv"
)


def is_system_folder(name: str) -> bool:
    """Whether a folder is a system's or an editor's; those with a dot in front always are."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def is_system_file(name: str) -> bool:
    """Whether a file is a system's or an editor's, such as a thumbnail; those with a dot in front always are."""
    lower = name.lower()
    return lower.startswith(_BEGINNINGS) or lower.endswith(_ENDS) or lower in SYSTEM_FILES


def is_document(name: str) -> bool:
    """Whether a file is a text for people or a tool's, such as a README: no sample and no label."""
    lower = name.lower()
    return _DOCUMENT.fullmatch(lower) is not None or _NO_LABELS.fullmatch(lower) is not None
