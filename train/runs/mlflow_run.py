"""A run on an MLflow server: its recipe as parameters, a metric's value per epoch, its files as artifacts.

MLflow's own client does the talking (https://mlflow.org/docs/latest/api_reference/python_api/mlflow.client.html), from
the optional extra `mlflow`. Its variables hold: MLFLOW_EXPERIMENT_NAME, MLFLOW_TRACKING_USERNAME and the others.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ei_compat.block.run_folder import RESULTS
from ei_compat.core.errors import Interrupted, RemoteError, UsageError
from ei_compat.core.words import first_line
from train import __version__

if TYPE_CHECKING:
    from train.methods.state import Epoch
    from train.runs.report import Report

EXPERIMENT = "ei-train"  # unless MLFLOW_EXPERIMENT_NAME names another
DEFAULTS = {  # a server that is gone must not hold up a training for minutes at every epoch
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def check(uri: str) -> None:
    """Makes sure that there is a client, and that the address has no secret in it.

    Raises:
        UsageError: otherwise.
    """
    if urlsplit(uri).password is not None:
        raise UsageError(
            "the address holds a password, which others can read",
            where="--mlflow",
            fix="give it as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        )
    if importlib.util.find_spec("mlflow") is None:
        raise UsageError(
            "MLflow's client is not installed", where=f"--mlflow {uri}", fix="pip install 'ei-train[mlflow]'"
        )


def _reason(error: BaseException) -> str:
    """Why a server does not answer, in a few words, which clients wrap in several layers of their own."""
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, ConnectionError | TimeoutError | socket.gaierror) and each.strerror:
            return f"does not answer ({each.strerror.lower()})"
        each = each.__cause__ or each.__context__
    return first_line(error)


class MlflowRun:
    """One run there.

    Args:
        uri: of the tracking server.
        name: of the run.
        metric: what the task's is called.

    Raises:
        RemoteError: it does not answer, or refuses.
    """

    name = "MLflow"

    def __init__(self, uri: str, name: str, metric: str) -> None:
        for variable, value in DEFAULTS.items():
            os.environ.setdefault(variable, value)
        from mlflow import MlflowClient

        self._metric = metric
        try:
            self._client = MlflowClient(tracking_uri=uri)
            experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
            known = self._client.get_experiment_by_name(experiment)
            number = self._client.create_experiment(experiment) if known is None else known.experiment_id
            self._run = self._client.create_run(number, run_name=name, tags={"ei-train": __version__}).info.run_id
        except Interrupted:
            raise
        except Exception as error:
            fix = "check the address and that it answers"
            raise RemoteError(_reason(error), where=f"--mlflow {uri}", fix=fix) from error

    def begin(self, config: Mapping[str, Any]) -> None:
        """See `train.runs.tracking.Tracker`."""
        from mlflow.entities import Param

        values = config["recipe"] | {"data.sha256": config["data"]["sha256"]}
        self._client.log_batch(self._run, params=[Param(name, str(value)) for name, value in values.items()])

    def epoch(self, number: int, line: Epoch) -> None:
        """See `train.runs.tracking.Tracker`."""
        row = line.as_row(self._metric)
        self._log({name: value for name, value in row.items() if name != "phase"}, number)

    def end(self, report: Report, folder: Path) -> None:
        """See `train.runs.tracking.Tracker`."""
        self._log(report.figures(), len(report.history))
        for name in RESULTS:
            if (folder / name).is_file():
                self._client.log_artifact(self._run, str(folder / name))
        self._client.set_terminated(self._run)

    def stop(self) -> None:
        """See `train.runs.tracking.Tracker`."""
        self._client.set_terminated(self._run, status="KILLED")

    def _log(self, figures: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, float(value), now, step) for name, value in figures.items()]
        self._client.log_batch(self._run, metrics=metrics)
