"""From data sets to a verifier: teach the small model, weigh it beside the alignment, and say what both are worth.

The claims of the first data set that labels some are kept from the model. They calibrate: the regressions are fitted on
them, and the figures are of folds that the regression has not seen, by a model that has seen none of them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.data.passages import parse
from odqa.errors import UsageError
from odqa.evaluate.grounding.exhibits import Exhibit, chunks, whole
from odqa.learn import checkpoint
from odqa.learn.loop import Event, Run, Schedule, Step
from odqa.learn.verifier.calibrate import (
    MODEL,
    Row,
    cross_validated,
    cross_validated_names,
    fit,
    fit_names,
    rows,
)
from odqa.learn.verifier.examples import EVIDENCE_WORDS, Pair, built, labelled
from odqa.learn.verifier.export import export
from odqa.learn.verifier.names import Filler, fillers
from odqa.learn.verifier.train import LABELS, CrossEncoder, fine_tune
from odqa.reader.grounding.calibration import LEXICAL, NAMING, SEMANTIC, Logistic
from odqa.reader.grounding.features import NAMES
from odqa.reader.grounding.sentences import Sentence, Terms, excerpt
from odqa.reader.verify import AlignmentVerifier
from odqa.reader.words import count_words
from odqa.schema import Progress

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset, LabelledClaim
    from odqa.protocols import Encoder, ProgressCallback

CARD = "verifier.json"
_HELD_OUT = 0.1
_PASSAGE_WORDS = 96
_SHARES: Mapping[str, float] = {
    "true": 0.4, "claim": 0.25, "elsewhere": 0.13, "addition": 0.12, "name": 0.1, "negation": 0.08, "number": 0.07,
}  # fmt: skip
"""Most that each kind of pair may make up, beside the number wanted."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A verifier with its figures.

    Attributes:
        regressions: by name: `lexical`, `semantic`, `names` where the claims have some and, with a model, `model`.
        figures: of each, by cross-validation over groups.
        card: what `verifier.json` says.
    """

    regressions: Mapping[str, Logistic]
    figures: Mapping[str, Mapping[str, float]]
    card: Mapping[str, Any]


def teach(
    datasets: Sequence[Dataset],
    encoder: CrossEncoder,
    schedule: Schedule,
    *,
    pairs: int = 6000,
    documents: int | None = None,
    folder: Path | None = None,
    progress: ProgressCallback | None = None,
) -> Run:
    """Teach a model what the data sets have to say, but for the claims that calibrate.

    Args:
        datasets: with claims, summaries or reference answers.
        encoder: is changed.
        schedule: how long and how fast.
        pairs: so many at most, kinds in fixed shares.
        documents: documents of each data set at most.
        folder: of the checkpoints.
        progress: told how far it is.

    Raises:
        UsageError: nothing can be learned from them.
    """
    rng = random.Random(schedule.seed)
    kept = calibrating(datasets)
    found: list[Pair] = []
    for number, dataset in enumerate(datasets):
        if progress is not None:
            progress(Progress("pairs", number, len(datasets), "data sets"))
        found += built(dataset, rng, documents)
        if dataset is not kept:
            found += labelled(dataset)
    chosen = list(_mixed(found, pairs, rng))
    groups = sorted({pair.group for pair in chosen})
    held = set(rng.sample(groups, int(_HELD_OUT * len(groups))))

    def watch(event: Event) -> None:
        if progress is not None and isinstance(event, Step):
            progress(Progress("train", event.step, event.steps, "steps"))

    known = [pair for pair in chosen if pair.group not in held]
    return fine_tune(encoder, known, [p for p in chosen if p.group in held], schedule, folder=folder, watch=watch)


def _mixed(found: Sequence[Pair], most: int, rng: random.Random) -> Iterator[Pair]:
    """Draw pairs so that no kind crowds out the others."""
    kinds: dict[str, list[Pair]] = {}
    for pair in found:
        kinds.setdefault(pair.kind, []).append(pair)
    for kind, members in sorted(kinds.items()):
        yield from rng.sample(members, min(len(members), round(_SHARES.get(kind, 0.1) * most)))


def calibrating(datasets: Sequence[Dataset]) -> Dataset | None:
    """Return the first data set that labels claims, which are kept from the model; None if none does."""
    return next((dataset for dataset in datasets if next(iter(dataset.claims()), None) is not None), None)


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


def write(
    learned: Learned, folder: Path, model: CrossEncoder | None = None, about: Mapping[str, Any] | None = None
) -> None:
    """Write a verifier into a folder: `--set verifier=FOLDER` uses it.

    Args:
        learned: the regressions.
        folder: made if there is none.
        model: written beside them, if there is one.
        about: what else the card says: what it was trained on.
    """
    if model is not None:
        export(model, folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    body = {**learned.card, **(about or {})}
    if model is not None:
        body |= {"max_tokens": model.max_tokens, "evidence_words": EVIDENCE_WORDS, "labels": LABELS}
    fs.write_atomic(folder / CARD, (json.dumps(body, indent=1) + "\n").encode())
    checkpoint.remove(folder)  # Nothing is left to be taken up.
