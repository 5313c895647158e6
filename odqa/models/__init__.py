"""Trained models as folders on this machine: found by name, described, verified, exported, removed.

Names are loaded on first use: whoever asks with a reader that is no model imports none of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odqa.models.about import About, Base, FileEntry, LearnedFrom
    from odqa.models.card import write_card
    from odqa.models.store import LocalModel, find, list_models, models_folder, new_folder, open_model, remove
    from odqa.models.verify import Verification, verify_model

__all__ = [
    "About",
    "Base",
    "FileEntry",
    "LearnedFrom",
    "LocalModel",
    "Verification",
    "find",
    "list_models",
    "models_folder",
    "new_folder",
    "open_model",
    "remove",
    "verify_model",
    "write_card",
]

_PLACES = {
    **dict.fromkeys(("About", "Base", "FileEntry", "LearnedFrom"), "odqa.models.about"),
    **dict.fromkeys(
        ("LocalModel", "find", "list_models", "models_folder", "new_folder", "open_model", "remove"),
        "odqa.models.store",
    ),
    **dict.fromkeys(("Verification", "verify_model"), "odqa.models.verify"),
    "write_card": "odqa.models.card",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'odqa.models' has no attribute {name!r}")
