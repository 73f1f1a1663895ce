"""MLflow: a database of SQLite beside the runs, whatever server the environment names; its telemetry is off.

Source: mlflow.org/docs/latest/community/usage-tracking (``MLFLOW_DISABLE_TELEMETRY``, ``DO_NOT_TRACK``).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olaria.trackers import About

if TYPE_CHECKING:
    from mlflow.entities import Metric

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
EXPERIMENT = "olaria"
FOLDER_TAG = "olaria.folder"
EVERY_S = 2.0
"""Numbers are written that often: each time costs the disk more than a step takes."""


class MLflow:
    """One run of the experiment ``olaria``; see :class:`olaria.trackers.Tracker`.

    Args:
        about: the run.
        folder: of the run; the database lies beside it. An older record of the same folder is deleted in MLflow.
    """

    def __init__(self, about: About, folder: Path) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
        from mlflow import MlflowClient
        from mlflow.entities import Param

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        home, place = folder.resolve().parent, str(folder.resolve())
        self._client = client = MlflowClient(tracking_uri=f"sqlite:///{home / DATABASE}")
        known = client.get_experiment_by_name(EXPERIMENT)
        where = (home / ARTIFACTS).as_uri()
        number = known.experiment_id if known else client.create_experiment(EXPERIMENT, where)
        for older in client.search_runs([number]):
            if older.data.tags.get(FOLDER_TAG) == place:
                client.delete_run(older.info.run_id)
        self._began_s = about.began_s
        self._id = client.create_run(
            number, self._ms(0.0), {FOLDER_TAG: place}, about.name
        ).info.run_id
        parameters = [Param(name, str(value)) for name, value in about.settings.items()]
        for first in range(0, len(parameters), 100):  # the most that MLflow takes at once
            client.log_batch(self._id, params=parameters[first : first + 100])
        self._kept: list[Metric] = []
        self._written = time.monotonic()

    def numbers(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Metrics, in double precision."""
        from mlflow.entities import Metric

        when = self._ms(seconds)
        self._kept += [Metric(tag, value, when, step) for tag, value in values.items()]
        if time.monotonic() > self._written + EVERY_S:
            self._write()

    def picture(self, step: int, seconds: float, path: Path) -> None:
        """The file, as an artifact."""
        self._client.log_artifact(self._id, str(path), "samples")

    words = picture

    def close(self, is_done: bool) -> None:
        """Say how the run ended."""
        self._write()
        self._client.set_terminated(self._id, "FINISHED" if is_done else "FAILED")

    def _write(self) -> None:
        for first in range(0, len(self._kept), 1000):
            self._client.log_batch(self._id, self._kept[first : first + 1000])
        self._kept, self._written = [], time.monotonic()

    def _ms(self, seconds: float) -> int:
        return round(1000 * (self._began_s + seconds))


opened = MLflow
