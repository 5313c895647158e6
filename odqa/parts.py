"""The reader and the verifier that the settings name, made once for an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from odqa.errors import ConfigError
from odqa.models.about import NAME
from odqa.models.store import find, is_model, list_models, models_folder
from odqa.protocols import Encoder, Reader, Verifier
from odqa.registry import is_known, names, resolve
from odqa.settings import Settings

_MODEL = "model"
"""The part that takes any grounding model, under the model's own name."""
_FUSION = "fusion"
"""The part that takes any trained encoder–decoder, under its own name."""


def make_reader(settings: Settings, encoder: Encoder, verifier: Callable[[], Verifier] | None = None) -> Reader:
    """Return the reader of the settings: a part by its name, or else a trained one by its name or folder.

    Args:
        settings: `reader` names it.
        encoder: the index's, for relevance and redundancy.
        verifier: gives the verifier by which a trained reader chooses among its drafts; that of the settings if None.

    Raises:
        ConfigError: there is no such part, and no trained reader of that name.
        ModelError: it needs a model that cannot be loaded or reached.
    """
    name = settings.reader
    if name != _FUSION and is_known("readers", name):
        part: Reader = resolve("readers", name)(settings, encoder)
        return part
    folder = _trained(name, "reader")
    if folder is None:
        known = [other for other in names("readers") if other != _FUSION]
        trained = [model.name for model in list_models("reader")]
        raise ConfigError(
            f"there is no reader called {name!r}", f"{', '.join([*known, *trained])}, or a trained reader's folder"
        )
    own = settings.replace(reader=str(folder))
    reader: Reader = resolve("readers", _FUSION)(own, encoder, verifier or (lambda: make_verifier(settings, encoder)))
    return reader


def make_verifier(settings: Settings, encoder: Encoder) -> Verifier:
    """Return the verifier of the settings: a part by its name, or else a grounding model by its name or folder.

    Args:
        settings: `verifier` names it.
        encoder: the index's, for the alignment of meaning.

    Raises:
        ConfigError: there is no such part, and it can be no model either.
        ModelError: it names a model that cannot be loaded.
    """
    name = settings.verifier
    if name != _MODEL and is_known("verifiers", name):
        part: Verifier = resolve("verifiers", name)(settings, encoder)
        return part
    folder = _trained(name, "verifier")
    if folder is None and "/" not in name:
        known = [other for other in names("verifiers") if other != _MODEL]
        trained = [model.name for model in list_models("verifier")]
        raise ConfigError(
            f"there is no verifier called {name!r}",
            f"{', '.join([*known, *trained])}, a model's folder, or its name on the hub",
        )
    own = settings if folder is None else settings.replace(verifier=str(folder))
    verifier: Verifier = resolve("verifiers", _MODEL)(own, encoder)
    return verifier


def _trained(name: str, kind: str) -> Path | None:
    """Return the folder of a model of the store, or the one that is named; None where there is neither."""
    if NAME.fullmatch(name) and is_model(models_folder() / name):
        return find(name, kind).folder
    folder = Path(name).expanduser()
    return folder if name and folder.is_dir() else None
