"""The identity of a study, by which its trials are reproduced, and the differences between two identities."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from models.core import names
from models.core.config import OwnConfig, TrialConfig
from models.core.errors import ConfigError
from search.study.settings import SOURCE_KEYS, StudySettings


class OtherSettings(ConfigError):
    """A study of this name has settings that make other trials."""

    def __init__(self, message: str, parent_run_id: str | None) -> None:
        super().__init__(message)
        self.parent_run_id = parent_run_id
        """The parent run of the study that has this name already."""


def identity_of(settings: StudySettings, data_sha256: str) -> dict[str, Any]:
    """The settings that decide the trials: two studies of equal identity make the same trials, apart from their number.

    Parameters are drawn in the order of the study file, so their order is part of the identity.
    """
    written = settings.as_written()
    data = written["data"] | {"sha256": data_sha256}
    for key in SOURCE_KEYS:  # the content that these keys lead to is in the data's hash
        data.pop(key, None)
    written.pop("task", None)
    del written["trials"], written["description"]
    # Defaults are part of the identity, so that a release with another default does not extend an old study.
    if settings.source is None:
        defaults = TrialConfig.from_parameters({}).parameters()
    else:
        defaults = OwnConfig.from_parameters("", "", {}, {}).parameters()
        digests = {file: hashlib.sha256(text.encode()).hexdigest()[:16] for file, text in settings.source.texts}
        written["network"] = {"function": str(settings.source), "files": digests}
        if settings.source.callbacks:
            written["callbacks"] = settings.source.callbacks
    ordered = {"space": [list(item) for item in written["space"].items()]} if "space" in written else {}
    kept = {names.FORMAT: names.FORMAT_NOW, "data": data, "training": defaults | written["training"]}
    return written | kept | ordered


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """One line for each setting that differs between two identities: `training.epochs: 10 -> 20`."""
    lines = []
    for key in sorted(set(before) | set(now)):
        old, new = before.get(key, "(nothing)"), now.get(key, "(nothing)")
        if old == new:
            continue
        if key == "space" and isinstance(old, list) and isinstance(new, list):
            if dict(old) == dict(new):
                orders = (", ".join(name for name, _ in space) for space in (old, new))
                lines.append(f"space, the order of its parameters: {' -> '.join(orders)}")
                continue
            old, new = dict(old), dict(new)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += differences(old, new, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key}: {_short(old)} -> {_short(new)}")
    return lines


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:57] + "..."
