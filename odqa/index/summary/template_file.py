"""Templates that users write: TOML, with every mistake named by file and key."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from odqa.errors import ConfigError
from odqa.index.summary.schemas import BY_DESCRIPTION, FILLER_KINDS, MAX_LIMIT, Cardinality, Template, TemplateField
from odqa.schema import FieldKind

_Choice = TypeVar("_Choice", bound=StrEnum)

_DEFAULT_LIMIT = 8
_FIELD_KEYS = ("name", "description", "kind", "cardinality", "limit", "filler")
_TEMPLATE_KEYS = ("name", "description", "fields")


def load_template(path: str | Path) -> Template:
    """Read a template from a TOML file: `name`, `description`, and a `[[fields]]` table for each field.

    A field has `name`, `description`, `kind`, `cardinality` (`many` by default), `limit` (8 for `many`, else 1) and
    `filler`. The filler defaults to the one that has the field's name, else to `description`: the field then
    holds what fits its name and description best, and `kind` says what that is (`statement` by default).

    Raises:
        ConfigError: the file cannot be read, is not TOML, or a key is missing, unknown or holds a wrong value.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the template {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the template {path} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the template {path} is not TOML: {error}") from error
    _reject_unknown(path, "", table, _TEMPLATE_KEYS)
    name = _string(path, "name", table, default=path.stem)
    entries = table.get("fields")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: key 'fields' must be one or more [[fields]] tables")
    fields = tuple(_read_field(path, number, entry) for number, entry in enumerate(entries))
    repeated = [field for field, count in Counter(field.name for field in fields).items() if count > 1]
    if repeated:
        raise ConfigError(f"{path}: two fields are called {repeated[0]!r}", "give each [[fields]] its own name")
    return Template(name, _string(path, "description", table, default=""), fields)


def _read_field(path: Path, number: int, entry: object) -> TemplateField:
    where = f"fields[{number}]."
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: key 'fields[{number}]' must be a table")
    _reject_unknown(path, where, entry, _FIELD_KEYS)
    name = _string(path, "name", entry, where=where)
    filler = _string(path, "filler", entry, where=where, default=name if name in FILLER_KINDS else BY_DESCRIPTION)
    if filler != BY_DESCRIPTION and filler not in FILLER_KINDS:
        raise ConfigError(
            f"{path}: key '{where}filler' names no filler: {filler!r}",
            f"use one of {', '.join([BY_DESCRIPTION, *FILLER_KINDS])}",
        )
    usual = FILLER_KINDS.get(filler, FieldKind.STATEMENT)
    kind = _choice(path, where, "kind", entry, usual)
    if filler != BY_DESCRIPTION and kind is not usual:
        raise ConfigError(
            f"{path}: key '{where}kind' must be {usual.value!r} for filler {filler!r}",
            f"leave it out, or set filler = {BY_DESCRIPTION!r} to fill the field by its description",
        )
    cardinality = _choice(path, where, "cardinality", entry, Cardinality.MANY)
    limit = _limit(path, where, entry, cardinality)
    description = _string(path, "description", entry, where=where, default="")
    return TemplateField(name, description, kind, limit, filler, cardinality)


def _limit(path: Path, where: str, entry: Mapping[str, object], cardinality: Cardinality) -> int:
    most = MAX_LIMIT if cardinality is Cardinality.MANY else 1
    limit = entry.get("limit", _DEFAULT_LIMIT if cardinality is Cardinality.MANY else 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
        rule = f"a whole number from 1 to {most}" if most > 1 else f"1 for cardinality {cardinality.value!r}"
        raise ConfigError(f"{path}: key '{where}limit' must be {rule}, not {limit!r}")
    return limit


def _choice(path: Path, where: str, key: str, entry: Mapping[str, object], default: _Choice) -> _Choice:
    known = type(default)
    value = entry.get(key, default.value)
    if not isinstance(value, str) or value not in {member.value for member in known}:
        raise ConfigError(
            f"{path}: key '{where}{key}' names no {key}: {value!r}", f"use one of {', '.join(m.value for m in known)}"
        )
    return known(value)


def _reject_unknown(path: Path, where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"{path}: unknown key '{where}{key}'", f"known keys are {', '.join(known)}")


def _string(path: Path, key: str, table: Mapping[str, object], *, where: str = "", default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise ConfigError(f"{path}: key '{where}{key}' is missing")
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise ConfigError(f"{path}: key '{where}{key}' must be text, not {value!r}")
    return value.strip()
