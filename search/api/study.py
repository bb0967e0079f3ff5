"""A study as an object: its trials, the best trial, its network, best-of-N, the report."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.core import names
from models.core.errors import ConfigError
from search.api.asking import answer_to

if TYPE_CHECKING:
    import pandas as pd

    from analysis.estimates.curves import Point
    from analysis.reading.table import TrialTable


@dataclass(frozen=True)
class Best:
    """The trial that the study chose: the best on validation; among equals, the one with the lowest number."""

    number: int
    parameters: dict[str, Any]
    """The searched parameters that exist in this trial."""
    validation: float
    """The objective on validation. It is optimistic, since the trial was chosen by it."""
    test: float | None
    """The objective of this trial's network on test; None where trials are not tested."""
    run_id: str


class ReportPath(type(Path())):  # type: ignore[misc]
    """The path of a report's page. A notebook shows the page itself."""

    def _repr_html_(self) -> str:
        page = escape(Path(self).read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 40em; border: 1px solid #ccc"></iframe>'


@dataclass(frozen=True, repr=False)
class Study:
    """The state of a study when `search.run` or `search.load` returned it; `search.load` reads the state anew."""

    name: str
    tracking_uri: str
    """The address of MLflow's tracking store, which does not depend on the working directory."""
    table: "TrialTable" = field(kw_only=True)
    """The trials and all else from which the estimates follow (analysis.reading.table)."""
    own: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """The program's functions and classes that the text of its network names, by name."""

    @property
    def trials(self) -> "pd.DataFrame":
        """One row per trial, by number: state, scores, sizes, run, and `params.NAME` of each hyperparameter."""
        return self.table.frame.copy()

    @property
    def complete(self) -> bool:
        """Whether all planned trials are finished."""
        return len(self.table.frame) >= (self.table.planned_trials or 0)

    @property
    def best(self) -> Best:
        """The trial that the study chose.

        Raises:
            ConfigError: no trial is complete.
        """
        row = self.table.best
        if row is None:
            raise ConfigError(f"a study has a best trial once a trial is complete, got {self.name} with none")
        objective = self.table.objective
        found = {name: row[names.PARAMS + name] for name in self.table.searched}
        return Best(
            int(row[names.NUMBER]),
            {name: _plain(value) for name, value in found.items() if not _is_missing(value)},
            float(row[objective.name]),
            float(row[objective.test_name]) if self.table.tested else None,
            str(row[names.RUN_ID]),
        )

    def best_of_n(self, n: int) -> "Point":
        """The average score on validation of the best of n trials: `value`, `low`, `high` (95%), `method`.

        `low` and `high` are None where no valid interval exists; `why` then says the reason.

        Raises:
            ValueError: n is not from 1 to the number of trials that count.
        """
        from analysis.estimates.best_of_n import best_of_n

        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise ValueError(f"n must be a whole number of trials, got {n!r}")
        return best_of_n(self.table, at=[int(n)]).curves["best_val"][n]

    def best_model(self, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The network of the best trial, or of the refit of a cross-validated study: a keras.Model that takes raw data.

        Classes of your own are found in your network's file, as in `own_classes`.

        Args:
            custom_objects: classes that the file does not contain, by name.

        Raises:
            ConfigError: no model was logged.
        """
        run_id = self.table.network_run_id
        if run_id is None:
            raise ConfigError(f"a study has a network once a trial is complete, got {self.name} with none")
        with tempfile.TemporaryDirectory() as folder:
            file = answer_to({"act": "fetch", "run_id": run_id, "folder": folder}, self.tracking_uri)
            from models.networks.loading import load_network

            given = {**self.own, **(custom_objects or {})}
            try:
                return load_network(Path(file), given)
            except ConfigError:
                found = {} if self.own else self.own_classes()
                if not found:
                    raise
                return load_network(Path(file), {**found, **given})

    def own_classes(self) -> dict[str, Any]:
        """The classes and functions in your network's file by name, for keras.saving.custom_object_scope.

        The call runs the file. For a study of the built-in network the dict is empty.

        Raises:
            ConfigError: the file is gone or has changed since the search.
        """
        if self.own or not self.table.own_network:
            return dict(self.own)
        source = answer_to({"act": "source", "run_id": self.table.parent_run_id}, self.tracking_uri)
        from models.networks.loading import own_objects

        return own_objects(source)

    def report(self, folder: str | os.PathLike[str] = "report") -> Path:
        """Writes the report into a folder; returns the path of its page, which a notebook shows.

        Raises:
            ConfigError: there is nothing to report yet, or the folder cannot be written.
        """
        request = {"act": "report", "name": self.name, "folder": os.fspath(folder)}
        written = answer_to(request, self.tracking_uri)
        return ReportPath(next(path for path in written if path.endswith(".html")))

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"

    def __repr__(self) -> str:
        counts = self.table.frame[names.STATE].value_counts()
        counted = ", ".join(f"{count} {state}" for state, count in counts.items())
        said = f"study {self.name}: {len(self.table.frame)} trials ({counted})"
        if self.table.best is None:
            return said
        from analysis.estimates.best_of_n import best_of_n
        from analysis.reading.pool import has_prefix
        from analysis.report.sentences import headline

        return f"{said}. {headline(best_of_n(self.table))}" if has_prefix(self.table) else said


def _plain(value: Any) -> Any:
    """The value of a NumPy scalar; any other value as it is."""
    return value.item() if hasattr(value, "item") else value


def _is_missing(value: Any) -> bool:
    """Whether the trial has no such parameter: the value is empty in a column of words, NaN in one of numbers."""
    return value is None or value == "" or value != value
