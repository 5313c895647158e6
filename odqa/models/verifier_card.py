"""What there is to say of a verifier: from `verifier.json`, which the engine reads, for `odqa models` and the cards.

`odqa train verifier` writes `odqa.json` beside it. Verifiers that were made before are known by `verifier.json` alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from odqa.errors import ModelError
from odqa.models.about import About, Figures, LearnedFrom

CARD = "verifier.json"
_LARGEST = 16 << 20
_TRAINING = ("steps", "losses", "seed", "calibrated_on", "claims")
_DESCRIPTION = "Says whether evidence carries a sentence, and so whether the sentence may stand in an answer."
_HELD_OUT = (
    "Of labelled claims, by cross-validation over their groups: neither weights nor a model had seen the claims that "
    "they are measured on. Rates are those at a threshold of one half."
)
_NOTES = {
    "semantic": "`semantic`: weighed without the model.",
    "lexical": "`lexical`: weighed without vectors of sentences, by words alone.",
    "names": "`names`: whether a name is told from another that was put in its place.",
    "caught": "`caught_…`: share of claims made false by rule that are not believed, and (`of_passed`) of those among "
    "them whose original is.",
    "pairs": "`pairs held-out`: the model by itself, on pairs of claim and evidence from documents that it did not "
    "learn from.",
}
"""What the words in the names of figures mean, said where they occur."""


def verifier_about(card: Mapping[str, Any]) -> About:
    """Return what the own card of a verifier says of it, as a card of any model says it.

    Args:
        card: of `verifier.json`; what is not as it should be is left out.
    """
    learned = card.get("learned_from")
    return About(
        kind="verifier",
        description=_DESCRIPTION,
        learned_from=tuple(LearnedFrom(str(name)) for name in learned) if isinstance(learned, list) else (),
        figures=_figures(card.get("figures")),
        training={name: card[name] for name in _TRAINING if name in card},
        shape={name: card[name] for name in ("max_tokens", "evidence_words") if name in card},
    )


def read_verifier(folder: Path) -> About:
    """Return what the card of a verifier says that has no other; no checksums, since it keeps none.

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
    return dataclasses.replace(verifier_about(card), made=made, odqa="")


def held_out_note(figures: Mapping[str, Figures]) -> str:
    """Return what the figures of a verifier are of, in sentences for its README.

    Args:
        figures: as its card has them, by data set.
    """
    names = {name for measured, row in figures.items() for name in (measured, *row)}
    begun = {word for name in names for word in name.replace("_", " ").split()[:1]}
    return "\n".join([_HELD_OUT, "", *(f"- {note}" for word, note in _NOTES.items() if word in begun)]).strip()


def _figures(figures: Any) -> dict[str, dict[str, float]]:
    if not isinstance(figures, dict):
        return {}
    return {str(name): dict(_finite(row)) for name, row in figures.items() if isinstance(row, dict)}


def _finite(row: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    for metric, value in row.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield str(metric), value
