"""Keys that cannot be printed, and the addresses of Edge Impulse's services by the official clients' rules."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ei_compat.core.errors import UsageError

PUBLIC_HOST = "edgeimpulse.com"
KEY_FILE_LIMIT = 4096  # bytes; a key is some 70 characters
_LOCAL_PORTS = {"api": 4800, "ingestion": 4810}  # of Edge Impulse's own development set-up
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class Key:
    """A secret that no text form shows: `str`, `repr` and formatting give `***`, and it cannot be pickled.

    Args:
        text: the key; surrounding white space, such as a file's last line end, is dropped.
        source: where it came from, for messages: `EI_API_KEY` or a file's path.

    Raises:
        UsageError: the text is empty or holds a character that no header may carry. The message never holds the text.
    """

    __slots__ = ("_text", "source")

    def __init__(self, text: str, *, source: str) -> None:
        self._text = text.strip()
        self.source = source
        if not re.fullmatch(r"[\x21-\x7e]+", self._text):
            raise UsageError("holds no usable key", where=source, fix="put one line with the key in it")

    def reveal(self) -> str:
        """The key itself, for the one place that puts it in a header."""
        return self._text

    def scrub(self, text: str) -> str:
        """`text` with every occurrence of the key blotted out, for what a server or a library said."""
        return text.replace(self._text, "***")

    def __repr__(self) -> str:
        return "Key(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not written anywhere")


def api_key(file: Path | None = None, env: Mapping[str, str] = os.environ) -> Key:
    """The project's or organization's API key, from `file` or else from `EI_API_KEY`.

    Raises:
        UsageError: there is no key, or the file can be read by others than its owner.
    """
    key = optional_key("EI_API_KEY", file, env)
    if key is None:
        raise UsageError("no API key", where="EI_API_KEY", fix="set EI_API_KEY or give a file with --api-key-file")
    return key


def optional_key(variable: str, file: Path | None = None, env: Mapping[str, str] = os.environ) -> Key | None:
    """The key in `file`, else the one in the environment's `variable`, else None.

    Raises:
        UsageError: the file is missing, too long for a key, or readable by others than its owner.
    """
    if file is not None:
        return Key(_read_private(file), source=str(file))
    text = env.get(variable, "")
    return Key(text, source=variable) if text.strip() else None


def _read_private(file: Path) -> str:
    """The text of a file that only its owner may read."""
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                what = f"others may read this key, its mode is {stat.S_IMODE(mode):03o}"
                raise UsageError(what, where=file, fix=f"chmod 600 {file}")
            content = stream.read(KEY_FILE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read the key: {error.strerror}", where=file, fix="check --api-key-file") from None
    if len(content) > KEY_FILE_LIMIT:
        raise UsageError("too long for a key", where=file, fix="put one line with the key in it")
    return content.decode("ascii", errors="replace")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the two services, without a slash at the end.

    Attributes:
        api: Studio's API, ending in `/v1`.
        ingestion: the ingestion service.
        host: the name that `.ei-block-config` files know the installation by.
    """

    api: str
    ingestion: str
    host: str = PUBLIC_HOST

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Endpoints:
        """The endpoints that Edge Impulse's own clients would take.

        `EI_API_ENDPOINT` and `EI_INGESTION_ENDPOINT` (the Python SDK's) are taken as they are and win over `EI_HOST`
        (the command line client's): `localhost`, an IPv4 address or `host.docker.internal` mean the ports 4800 and 4810
        there, anything else the subdomains `studio` and `ingestion`.

        Raises:
            UsageError: a value is no address.
        """
        host = env.get("EI_HOST", "").strip() or PUBLIC_HOST
        if not _HOST_NAME.fullmatch(host):
            raise UsageError(f"{host!r} is no host name", where="EI_HOST", fix="give a name alone, without https://")
        if host in ("localhost", "host.docker.internal") or _IPV4.fullmatch(host):
            api = f"http://{host}:{_LOCAL_PORTS['api']}/v1"
            ingestion = f"http://{host}:{_LOCAL_PORTS['ingestion']}"
        else:
            api, ingestion = f"https://studio.{host}/v1", f"https://ingestion.{host}"
        return cls(
            api=_address(env, "EI_API_ENDPOINT", api),
            ingestion=_address(env, "EI_INGESTION_ENDPOINT", ingestion),
            host=host,
        )


def _address(env: Mapping[str, str], variable: str, default: str) -> str:
    address = env.get(variable, "").strip() or default
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", address):
        raise UsageError("is no http address", where=variable, fix=f"give one such as {default}")
    return address.rstrip("/")
