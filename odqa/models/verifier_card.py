"""Verifiers that `odqa train verifier` wrote: their own card, `verifier.json`, read as that of a model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from odqa.errors import ModelError
from odqa.models.about import About, LearnedFrom

CARD = "verifier.json"
_LARGEST = 16 << 20
_TRAINING = ("steps", "losses", "seed", "calibrated_on", "claims")
_DESCRIPTION = "Says whether evidence carries a sentence, and so whether the sentence may stand in an answer."


def read_verifier(folder: Path) -> About:
    """Return what the card of a verifier says; no checksums, since it keeps none.

    Raises:
        ModelError: it is damaged.
    """
    path = folder / CARD
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: too large to be the card of a verifier", "train the verifier again")
        card = json.loads(path.read_bytes())
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}", "train the verifier again") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}", "train the verifier again") from error
    if not isinstance(card, dict) or not isinstance(card.get("regressions"), dict):
        raise ModelError(f"{path}: not the card of a verifier", "train the verifier again")
    learned = card.get("learned_from")
    return About(
        kind="verifier",
        made=made,
        odqa="",
        description=_DESCRIPTION,
        learned_from=tuple(LearnedFrom(str(name)) for name in learned) if isinstance(learned, list) else (),
        figures=dict(_figures(card.get("figures"))),
        training={name: card[name] for name in _TRAINING if name in card},
        shape={name: card[name] for name in ("max_tokens", "evidence_words") if name in card},
    )


def _figures(figures: Any) -> Mapping[str, Mapping[str, float]]:
    if not isinstance(figures, dict):
        return {}
    return {
        str(name): {
            str(metric): value
            for metric, value in row.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        }
        for name, row in figures.items()
        if isinstance(row, dict)
    }
