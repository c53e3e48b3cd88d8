"""A PostgreSQL in which several drivers keep one search: Optuna's tables, and one that says who works at what.

Optuna's own heartbeats belong to its `optimize` loop, and a trial whose beats stop is told as failed there. Here it
goes on, with another driver and from its checkpoint, so a trial is held by a claim: a row that names its driver, and is
renewed for as long as that one lives. Taking a row over is one statement, which the database lets succeed for one
driver only; all times are the database's own.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import URL, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from ei_compat.core.errors import RemoteError, UsageError

LEASE_SECONDS = 60.0  # after which a claim that is not renewed is free
BEATS = 4  # renewals in that time
LOOKS = 12  # looks at what others do in that time
CONNECT_SECONDS = 10
LOCK = 0x65692D7475  # of `exclusive`; any number that nobody else in the database uses
EXAMPLE = "postgresql://USER@HOST/DATABASE"
NO_SECRET = {"password", "sslpassword"}  # in a URL's query, where libpq takes them too

CREATE = text(
    "CREATE TABLE IF NOT EXISTS ei_train_claims"
    " (name text PRIMARY KEY, driver text NOT NULL, seen timestamptz NOT NULL)"
)
LOCKED = text("SELECT pg_advisory_xact_lock(:key)")
HELD = text("SELECT name FROM ei_train_claims WHERE seen >= now() - make_interval(secs => :lease)")
CLAIM = text(
    "INSERT INTO ei_train_claims AS held VALUES (:name, :driver, now()) ON CONFLICT (name) DO UPDATE"
    " SET driver = excluded.driver, seen = excluded.seen"
    " WHERE held.driver = excluded.driver OR held.seen < now() - make_interval(secs => :lease)"
)
HOLDS = text("UPDATE ei_train_claims SET seen = now() WHERE name = :name AND driver = :driver")
BEAT = text("UPDATE ei_train_claims SET seen = now() WHERE driver = :driver")
RELEASE = text("DELETE FROM ei_train_claims WHERE name = :name AND driver = :driver")
RELEASE_ALL = text("DELETE FROM ei_train_claims WHERE driver = :driver")


class Database:
    """A database that a driver is connected with; see `train.tuning.claims.Claims`.

    A connection that broke while it was idle, as when the server was started anew, is made again before it is used.

    Args:
        url: `postgresql://USER@HOST/DATABASE`; libpq's variables and files give what is missing, such as the password.

    Attributes:
        storage: of Optuna.

    Raises:
        UsageError: the URL is none, is another database's or holds a password, or psycopg is not installed.
        RemoteError: the database does not answer, or refuses.
    """

    def __init__(self, url: str) -> None:
        place = read_url(url)
        self._driver = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        options: dict[str, Any] = {"pool_pre_ping": True}
        if "connect_timeout" not in place.query:
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
        try:
            self._engine = sqlalchemy.create_engine(place, **options)
        except ImportError:
            fix = "pip install 'ei-train[tune]'"
            raise UsageError("psycopg is not installed", where="--storage", fix=fix) from None
        try:
            with failures(url, "see that it runs; the password is read from PGPASSWORD or ~/.pgpass"):
                self.storage = self._with_tables(place, options)
        except BaseException:
            self._engine.dispose()
            raise
        self._end = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="claims", daemon=True)
        self._beating.start()

    def _with_tables(self, place: URL, options: dict[str, Any]) -> RDBStorage:
        with self._engine.begin() as connection:  # tables that two drivers make at once are an error
            connection.execute(LOCKED, {"key": LOCK})
            connection.execute(CREATE)
            try:
                return RDBStorage(place.render_as_string(hide_password=False), options)
            except RuntimeError as error:  # tables of another Optuna
                raise UsageError(str(error), where="--storage", fix="use another database") from None

    @property
    def patience(self) -> float | None:
        """See `Claims`."""
        return LEASE_SECONDS / LOOKS

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See `Claims`; the database ends the block's right where the driver dies in it."""
        with self._engine.begin() as connection:
            connection.execute(LOCKED, {"key": LOCK})
            yield

    def held(self) -> Collection[str]:
        """See `Claims`."""
        with self._engine.begin() as connection:
            return set(connection.execute(HELD, {"lease": LEASE_SECONDS}).scalars())

    def claim(self, name: str) -> bool:
        """See `Claims`."""
        return self._changes(CLAIM, name=name, lease=LEASE_SECONDS)

    def holds(self, name: str) -> bool:
        """See `Claims`."""
        return self._changes(HOLDS, name=name)

    def release(self, name: str) -> None:
        """See `Claims`."""
        self._changes(RELEASE, name=name)

    def close(self) -> None:
        """See `Claims`; where the database is gone, its claims end by themselves."""
        self._end.set()
        self._beating.join()
        with suppress(SQLAlchemyError):
            self._changes(RELEASE_ALL)
        self._engine.dispose()
        self.storage.engine.dispose()

    def _changes(self, statement: sqlalchemy.TextClause, **values: object) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(statement, {"driver": self._driver, **values}).rowcount > 0

    def _beat(self) -> None:
        while not self._end.wait(LEASE_SECONDS / BEATS):
            with suppress(SQLAlchemyError):  # it is tried again; meanwhile the claims may pass to others, see `holds`
                self._changes(BEAT)


def read_url(url: str) -> URL:
    """A database's address; raises UsageError, which never holds the URL itself."""
    try:
        place = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError("is no database's URL", where="--storage", fix=f"write {EXAMPLE}") from None
    if place.get_backend_name() != "postgresql":
        raise UsageError("is no PostgreSQL", where="--storage", fix=f"write {EXAMPLE}")
    if place.password is not None or NO_SECRET & place.query.keys():
        fix = "leave it out; it is read from PGPASSWORD or ~/.pgpass"
        raise UsageError("holds a password, which others on this machine can see", where="--storage", fix=fix)
    return place.set(drivername="postgresql+psycopg")


@contextmanager
def failures(url: str, fix: str) -> Iterator[None]:
    """Turns what a database says into one line.

    Raises:
        RemoteError: it does not answer, or refuses.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        said = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip().splitlines() or ["no answer"]
        place = read_url(url).set(drivername="postgresql", query={}).render_as_string()
        raise RemoteError(said[0].removeprefix("connection failed: "), where=place, fix=fix) from None
