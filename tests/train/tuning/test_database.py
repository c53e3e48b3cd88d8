"""What a database holds of a search, and what is said where it fails; on a real server."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ei_compat.core.errors import RemoteError, UsageError
from tests.postgres import LOCKED, PASSWORD, Server
from train.cli.main import main
from train.tuning import database
from train.tuning.database import Database, failures, read_url
from train.tuning.space import Space, space_of
from train.tuning.study import Study

ONE_KNOB = {
    "alpha": [0.35, 0.5], "backbone": "mobilenet_v2", "image_size": 96, "channels": 3, "final_sparsity": 0.8,
    "head": "x", "epochs": 5, "learning_rate": 0.001, "fine_tune_learning_rate": 0.0005, "augment": False,
}  # fmt: skip


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database("claims")


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[], Database]]:
    """Connects, each time as another driver."""
    made: list[Database] = []

    def connect() -> Database:
        made.append(Database(url))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def space() -> Space:
    return space_of({**ONE_KNOB, "head": {"head_units": "64", "head_dropout": "0.3"}})


def study_in(place: Database, space: Space) -> Study:
    return Study(place.storage, space, seed=1, higher_is_better=True, claims=place)


def dies(driver: Database) -> None:
    """It is not heard of any more, though it has given nothing back."""
    driver._end.set()
    driver._beating.join()


@pytest.mark.postgres
def test_a_claim_is_one_drivers_until_it_is_given_back(opened: Callable[[], Database]) -> None:
    one, other = opened(), opened()
    assert one.claim("it")
    assert one.claim("it")
    assert not other.claim("it")
    assert one.holds("it")
    assert not other.holds("it")
    other.release("it")
    assert other.held() == {"it"}
    one.release("it")
    assert other.held() == set()
    assert other.claim("it")
    other.close()
    assert one.claim("it")


@pytest.mark.postgres
def test_what_a_dead_driver_held_passes_to_one_other(
    opened: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LEASE_SECONDS", 0.8)
    dead, living, heirs = opened(), opened(), [opened() for _ in range(6)]
    assert dead.claim("it")
    assert living.claim("other")
    dies(dead)
    time.sleep(1.2)
    assert living.held() == {"other"}  # whose beats go on
    won: list[int] = []
    gate = threading.Barrier(len(heirs))

    def take(number: int) -> None:
        gate.wait()
        if heirs[number].claim("it"):
            won.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(len(heirs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert not dead.holds("it")
    assert heirs[won[0]].holds("it")


@pytest.mark.postgres
def test_several_drivers_never_ask_for_more_than_is_wanted(opened: Callable[[], Database], space: Space) -> None:
    studies = [study_in(opened(), space) for _ in range(3)]
    numbers: list[int] = []

    def ask(study: Study) -> None:
        while (asked := study.ask(lambda trials: len(trials) < 6)) is not None:
            numbers.append(asked[0])

    threads = [threading.Thread(target=ask, args=(study,)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(6))
    assert all(study.abandoned(10) == [] for study in studies)  # each has a driver


@pytest.mark.postgres
def test_a_trial_whose_driver_is_dead_goes_on_elsewhere(
    opened: Callable[[], Database], space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LEASE_SECONDS", 0.8)
    place = opened()
    first, second, third = study_in(place, space), study_in(opened(), space), study_in(opened(), space)
    asked = first.ask()
    assert asked is not None
    number, values = asked
    first.stands(number, 0)
    assert second.abandoned(5) == []
    dies(place)
    time.sleep(1.2)
    assert second.abandoned(5) == [(number, values, 0)]
    assert third.abandoned(5) == []
    assert not first.keeps(number)
    second.done(number, {"ram": 0.0}, 0.9)
    assert third.abandoned(5) == []
    assert [trial.state for trial in third.trials()] == ["trained"]
    assert third.claims.held() == set()


@pytest.mark.postgres
def test_a_server_that_was_started_anew_is_met_again(postgres: Server, opened: Callable[[], Database]) -> None:
    place = opened()
    assert place.claim("it")
    postgres.stop()
    postgres.start()
    assert place.holds("it")
    place.storage.get_all_studies()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nothing of the kind", "is no database's URL; write postgresql://"),
        ("postgresql://me@host:port/tune", "is no database's URL; write postgresql://"),
        ("mysql://me@host/tune", "is no PostgreSQL; write postgresql://"),
        ("oracles://me@host/tune", "is no PostgreSQL; write postgresql://"),
        ("postgresql://me:secret@host/tune", "holds a password, which others on this machine can see"),
        ("postgresql://me@host/tune?password=secret", "holds a password, which others on this machine can see"),
    ],
)
def test_a_wrong_url_is_one_line_that_does_not_repeat_it(wrong: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"^--storage: ") as caught:
        read_url(wrong)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_without_its_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"psycopg is not installed; pip install 'ei-train\[tune\]'"):
        Database("postgresql://me@host/tune")


@pytest.mark.postgres
def test_what_the_server_refuses_is_one_line(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(url: str) -> str:
        with pytest.raises(RemoteError) as caught:
            Database(url)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    postgres.database("claims")
    closed = postgres.url("claims", LOCKED)
    assert "no password supplied" in said(closed)
    monkeypatch.setenv("PGPASSWORD", "wr0ng")
    assert "password authentication failed" in said(closed)
    assert "wr0ng" not in said(closed)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert "permission denied" in said(closed)  # to make tables, since PostgreSQL 15
    assert 'database "nowhere" does not exist' in said(postgres.url("nowhere"))
    nobody = said(f"postgresql://me@/tune?host={tmp_path}")
    assert nobody.startswith(f"postgresql://me@/tune?host={tmp_path}".split("?")[0])
    assert "No such file or directory" in nobody


@pytest.mark.postgres
def test_failures_of_optuna_and_of_claims_are_told_alike(
    postgres: Server, url: str, opened: Callable[[], Database], space: Space
) -> None:
    place = opened()
    study = study_in(place, space)
    postgres.do("DROP DATABASE claims WITH (FORCE)")
    for act in (study.trials, lambda: place.claim("it"), lambda: study.note("key", 1)):
        with (
            pytest.raises(RemoteError, match='database "claims" does not exist; try again'),
            failures(url, "try again"),
        ):
            act()


def test_a_wrong_storage_leaves_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--storage", f"postgresql://me@/tune?host={tmp_path}"])
    assert end.value.code == RemoteError.exit_code
    assert "see that it runs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
