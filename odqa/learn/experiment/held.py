"""What the folder of a run holds already: a run to go on with, one to put aside, a line that was never ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odqa import fs
from odqa.errors import LoadError
from odqa.learn.experiment.record import EARLIER, LOG, RUN, SAMPLES, read_json, read_run

BLANK: Mapping[str, Any] = {"status": "running", "ended": "", "stopped": "", "error": "", "figures": {}}
"""What `run.json` says of a run that has not ended."""


def held(folder: Path, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the run that a folder holds; None if there is none, or it learned from other data and is put aside."""
    if not (folder / RUN).exists():
        return None
    record = read_json(folder)
    if not isinstance(record.get("sittings"), list) or not isinstance(record.get("id"), str):
        raise LoadError(f"{folder / RUN}: not a run of a training", "name another folder, or remove the file")
    if record.get("data") == data:
        # What was killed could not say how long it took: its last line can.
        seconds = read_run(folder).seconds
        return {**BLANK, **record, "seconds": seconds, "notes": list(record.get("notes") or ())}
    put_aside(folder, record["id"])
    return None


def put_aside(folder: Path, name: str) -> None:
    """Move the files of a run to `earlier/<name>`; `run.json` goes last."""
    aside = folder / EARLIER / (re.sub(r"[^\w-]", "_", name) or "run")
    aside.mkdir(parents=True, exist_ok=True)
    for file in (LOG, SAMPLES, RUN):
        if (folder / file).exists():
            fs.replace(folder / file, aside / file)


def changes(record: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not as it was when the run was last started: old and new value by name."""
    found: dict[str, Any] = {}
    for part in ("settings", "versions", "machine"):
        old, new = (one[part] if isinstance(one.get(part), Mapping) else {} for one in (record, own))
        found |= {name: [old.get(name), new.get(name)] for name in {**old, **new} if old.get(name) != new.get(name)}
    if record.get("commit") != own["commit"]:
        found["commit"] = [record.get("commit"), own["commit"]]
    return found


def end_line(file: Path) -> None:
    """End the line that a killed process left half written, so that the next one stands by itself."""
    if not file.exists() or not file.stat().st_size:
        return
    with file.open("rb+") as log:
        log.seek(-1, 2)
        if log.read(1) != b"\n":
            log.write(b"\n")
