"""What weighs the small model beside the alignment, and what both are worth, by the claims of a data set.

The model has seen none of the claims: the regressions are fitted on them, and the figures are of folds that a
regression has not seen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.data.passages import parse
from odqa.errors import UsageError
from odqa.evaluate.grounding.exhibits import Exhibit, chunks, whole
from odqa.learn.verifier.calibrate import (
    MODEL,
    Row,
    cross_validated,
    cross_validated_names,
    fit,
    fit_names,
    rows,
)
from odqa.learn.verifier.examples import EVIDENCE_WORDS
from odqa.learn.verifier.names import Filler, fillers
from odqa.learn.verifier.train import CrossEncoder
from odqa.reader.grounding.calibration import LEXICAL, NAMING, SEMANTIC, Logistic
from odqa.reader.grounding.features import NAMES
from odqa.reader.grounding.sentences import Sentence, Terms, excerpt
from odqa.reader.verify import AlignmentVerifier
from odqa.reader.words import count_words
from odqa.schema import Progress

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset, LabelledClaim
    from odqa.protocols import Encoder, ProgressCallback

_PASSAGE_WORDS = 96


@dataclass(frozen=True, slots=True)
class Learned:
    """A verifier with its figures.

    Attributes:
        regressions: by name: `lexical`, `semantic`, `names` where the claims have some and, with a model, `model`.
        figures: of each, by cross-validation over groups.
        card: what `verifier.json` says of both.
    """

    regressions: Mapping[str, Logistic]
    figures: Mapping[str, Mapping[str, float]]
    card: Mapping[str, Any]

    @property
    def used(self) -> str:
        """Return which of the regressions answers: that with the model, else that with vectors, else that of words."""
        return next(name for name in (MODEL, SEMANTIC, LEXICAL) if name in self.regressions)


def calibrate(
    dataset: Dataset,
    encoder: Encoder | None,
    model: CrossEncoder | None = None,
    *,
    seed: int = 13,
    progress: ProgressCallback | None = None,
) -> Learned:
    """Fit the regressions on a data set's claims.

    Args:
        dataset: with labelled claims; those with marked sentences are judged by oracle chunks, as WiCE is.
        encoder: for the regression with cosines; None leaves it out.
        model: for the regression with a model; None leaves it out.
        seed: of chunks and folds.
        progress: told how far it is.

    Raises:
        UsageError: the data set labels no claims, or all alike.
    """
    claims = list(dataset.claims())
    if not claims:
        raise UsageError(f"{dataset.name} labels no claims", "data sets that do: wice, expertqa")
    by_chunks = any(claim.spans for claim in claims)
    shown = [(claim, _exhibits(claim, seed, by_chunks=by_chunks)) for claim in claims]
    margin = None if model is None else lambda claim, document: _margin(model, claim, document)
    known: list[Row] = []
    named: list[Filler] = []
    for number, one in enumerate(shown):
        known += rows([one], AlignmentVerifier(encoder), margin)
        named += fillers(*one, random.Random(f"{seed}/names/{one[0].id}"))
        if progress is not None:
            progress(Progress("calibrate", number + 1, len(shown), "claims"))
    plain = [name for name in NAMES if name != "cosine"]
    wanted = {LEXICAL: plain, **({SEMANTIC: list(NAMES)} if encoder is not None else {})}
    if model is not None:
        wanted[MODEL] = [*(NAMES if encoder is not None else plain), MODEL]
    regressions = {name: fit(known, names) for name, names in wanted.items()}
    if {one.fits for one in named} != {True, False}:
        named.clear()  # Nothing to swap: the verifier takes the regression that odqa brings along.
    figures = {name: cross_validated(known, names, named, seed=seed) for name, names in wanted.items()}
    if named:
        regressions[NAMING], figures[NAMING] = fit_names(named), cross_validated_names(named, seed=seed)
    card = {
        "regressions": {name: {"weights": dict(one.weights), "bias": one.bias} for name, one in regressions.items()},
        "figures": figures,
        "calibrated_on": dataset.name,
        "claims": len(claims),
    }
    return Learned(regressions, figures, card)


def _exhibits(claim: LabelledClaim, seed: int, *, by_chunks: bool) -> Sequence[Exhibit]:
    parsed = parse(claim.document, lambda texts: [count_words(text) for text in texts], max_tokens=_PASSAGE_WORDS)
    return chunks(claim, parsed, random.Random(f"{seed}/chunks/{claim.id}")) if by_chunks else [whole(parsed)]


def _margin(model: CrossEncoder, claim: str, document: Sequence[Sentence]) -> float:
    text = " ".join(s.text for s in excerpt(Terms(claim, document), document, EVIDENCE_WORDS))
    return float(model.scores([(claim, text)])[0])
