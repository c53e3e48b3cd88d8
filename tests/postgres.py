"""A PostgreSQL of a test's own, on a socket in a folder of its own, with Debian's binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

USER = "tuner"  # owns the databases; needs no password
LOCKED, PASSWORD = "locked", "right"  # a user who needs this one
DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """The folder of `postgres` and `initdb`, which Debian keeps off PATH; None where there is none."""
    found = shutil.which("postgres")
    places = (
        [Path(found).resolve().parent] if found else sorted(DEBIAN.glob("*/bin"), key=lambda each: each.parent.name)
    )
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


class Server:
    """A server that runs while the block does; it can be stopped and started in it.

    Args:
        kept: a folder whose databases outlive the block; by default they go with it.
    """

    def __init__(self, kept: Path | None = None) -> None:
        found = binaries()
        assert found is not None
        self._binaries, self._kept = found, kept

    def __enter__(self) -> Server:
        self._folder = Path(tempfile.mkdtemp(prefix="ei-pg-", dir="/tmp"))  # a socket's path is short
        self._data = (self._kept or self._folder) / "data"
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # which PostgreSQL refuses
            user = next(name for name in ("postgres", "nobody") if _exists(name))
            shutil.chown(self._folder, user)
            if self._kept is not None:
                shutil.chown(self._kept, user)
            self._as_user = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
        if (self._data / "PG_VERSION").exists():
            (self._data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
            self.start()
            return self
        self._call("initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C")
        rules = f"local all {LOCKED} scram-sha-256\nlocal all all trust\n"
        (self._data / "pg_hba.conf").write_text(rules)
        self.start()
        self.do(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._binaries / program), "-D", str(self._data), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        """Begins to answer."""
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Ends at once, whoever is connected."""
        self._call("pg_ctl", "-w", "-m", "immediate", "stop")

    def do(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs a statement; the rows that it gives."""
        import psycopg

        with psycopg.connect(host=str(self._folder), user=USER, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def database(self, name: str) -> str:
        """Makes an empty database, in place of one of that name; its URL."""
        self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.do(f"CREATE DATABASE {name}")
        return self.url(name)

    def has(self, name: str) -> bool:
        """Whether there is a database of that name."""
        return (name,) in self.do("SELECT datname FROM pg_database")

    def url(self, database: str, user: str = USER) -> str:
        """The URL of a database."""
        return f"postgresql://{user}@/{database}?host={self._folder}"


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
