"""What tells a question that the evidence answers from one that it does not: similarity, coverage, agreement.

Scores say whether a collection is *about* what is asked. They do not say whether it answers: a question about a
company that is in the collection finds its pages, whatever it asks of it. So coverage is also measured where an answer
would stand. The words of a question fall into its *subject*, the titles of documents that it names, and its *focus*,
the rest; a document of that subject answers if one of its sentences, or two in a row, holds the focus, the date that
is asked for and something of the kind that is asked for. What other documents say counts only where no subject is
named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.summary.dates import find_dates
from odqa.retriever.asked import Asked, Statistics, answer_type, collection_statistics, date_keys, evidence_statistics

if TYPE_CHECKING:
    from odqa.schema import Document, Evidence

__all__ = ["SIGNALS", "Lacking", "Statistics", "collection_statistics", "evidence_statistics", "lacking", "signals"]

SIGNALS = (
    "dense", "passage", "joint", "named", "known", "agree", "concentration",
    "near", "dated", "pairs", "length",
)  # fmt: skip
"""Names of the signals, in the order in which `signals` gives them."""

_READ = 16
_LONGEST_SCAN = 1_000_000
_MOST_SUBJECTS = 4


def signals(question: str, evidence: Sequence[Evidence], statistics: Statistics | None = None) -> dict[str, float]:
    """Measure how well the evidence fits a question; all but `length` grow with the chance that it answers.

    - `dense`: cosine of the nearest passage. `agree`: share that the five nearest and the five best by BM25 have in
      common. `concentration`: share of the first eight passages that come from one document.
    - Shares of the question's inverse passage frequency: `passage` held by the best passage with its context, `joint`
      by all together, `known` by the collection; `named`: the same as `joint` of the names in it alone.
    - Of the question's focus: `near` held by one sentence or two of its subject that give what is asked for (a number,
      a date, a name); `dated`: the same with the month that is asked for; `pairs`: neighbouring words of the question
      that stand side by side in one sentence (sequential dependence, Metzler and Croft 2005).
    - `length`: log(1 + terms of the focus); of a long question a sentence seldom holds all.

    Args:
        question: as asked.
        evidence: best first, with the scores `dense` and `bm25` where passages have them.
        statistics: of the collection; of the evidence alone if None.
    """
    items = tuple(evidence[:_READ])
    statistics = statistics or evidence_statistics(items)
    asked = Asked.read(question, statistics)
    if not items:
        return dict.fromkeys(SIGNALS, 0.0) | {"length": math.log1p(len(asked.weights))}
    found = _Found(asked, items, statistics)
    joint = frozenset[str]().union(*found.held)
    return {
        "dense": max(item.scores.get("dense", 0.0) for item in items),
        "passage": max(asked.share(held) for held in found.held),
        "joint": asked.share(joint),
        "named": asked.share(joint, asked.names),
        "known": asked.share(asked.weights.keys() - asked.unknown),
        "agree": _agreement(items),
        "concentration": Counter(item.document.id for item in items[:8]).most_common(1)[0][1] / 8,
        "near": found.mean(found.best),
        "dated": found.mean(lambda subject: found.best(subject, dated=True)),
        "pairs": found.mean(found.pairs),
        "length": math.log1p(len(found.focus)),
    }


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a question asks for and the evidence does not hold.

    Attributes:
        names: words of names that no document found mentions.
        words: other words that neither the passages nor the documents of the subject hold, the rarest first.
        subject: title of the document that the question names; "" where it names none.
        month: a month that the question asks about and that no sentence of the evidence mentions, as it writes it.
    """

    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    subject: str = ""
    month: str = ""


def lacking(question: str, evidence: Sequence[Evidence], statistics: Statistics | None = None) -> Lacking:
    """Say what the evidence lacks; takes what `signals` takes."""
    items = tuple(evidence[:_READ])
    statistics = statistics or evidence_statistics(items)
    asked = Asked.read(question, statistics)
    found = _Found(asked, items, statistics)
    held = frozenset[str]().union(*found.held)
    texts = [document.text[:_LONGEST_SCAN].casefold() for document in found.documents]
    rare = sorted(asked.weights, key=lambda term: -asked.weights[term])
    # The stemmer writes -i for the -y of many words, which is the only way in which a stem is no prefix.
    names = [t for t in rare if t in asked.names - held and not any(t.removesuffix("i") in text for text in texts)]
    about = [texts[n] for n in found.subjects] or texts
    focus = set(found.focus) - asked.names
    words = [t for t in rare if t in focus and not any(t.removesuffix("i") in text for text in about)]
    said = frozenset(key for item in items for key in date_keys(item.text))
    months = {key: m.span.of(question) for m in find_dates(question) for key in date_keys(m.span.of(question))}
    return Lacking(
        tuple(dict.fromkeys(asked.words[term] for term in names)),
        tuple(dict.fromkeys(asked.words[term] for term in words)),
        found.documents[found.subjects[0]].title if found.subjects else "",
        next((written for key, written in months.items() if "-" in key and key not in said), ""),
    )


def _agreement(items: Sequence[Evidence]) -> float:
    best = [
        set(np.argsort([-item.scores.get(name, 0.0) for item in items], kind="stable")[:5].tolist())
        for name in ("dense", "bm25")
    ]
    return len(best[0] & best[1]) / max(len(best[0]), 1)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence of the evidence, or two in a row.

    Attributes:
        document: number of its document among those of the evidence.
        share: of the weight of the focus, what it holds.
        text: its characters.
        telling: the one of its sentences that holds more of the focus: what is asked for is looked for there.
    """

    document: int
    share: float
    text: str
    telling: str


class _Found:
    """The evidence as terms, beside a question."""

    def __init__(self, asked: Asked, items: Sequence[Evidence], statistics: Statistics) -> None:
        self.asked, self.items, self.terms = asked, items, statistics.terms
        self.documents: list[Document] = list({item.document.id: item.document for item in items}.values())
        self.held = [
            frozenset(self.terms(f"{item.text}\n{item.passage.context}\n{' '.join(item.section.path)}"))
            for item in items
        ]
        titles = [frozenset(self.terms(document.title)) for document in self.documents]
        named = [n for n, title in enumerate(titles) if title and title <= asked.weights.keys()]
        self.subjects = named[:_MOST_SUBJECTS]
        subject = frozenset[str]().union(*(titles[n] for n in self.subjects)) | asked.dates
        self.focus = [term for term in asked.weights if term not in subject]
        self.gives = answer_type(asked, self.terms)

    def mean(self, measure: Callable[[int | None], float]) -> float:
        """Average over the documents that the question names; where it names none, measure all together (None)."""
        scope: Sequence[int | None] = self.subjects or (None,)
        return sum(map(measure, scope)) / len(scope)

    def best(self, subject: int | None, *, dated: bool = False) -> float:
        """Return the largest share of the focus in a unit that gives what is asked for, of the month asked for."""
        months = self.asked.months if dated else frozenset[str]()
        for unit in self.units:
            if subject not in (None, unit.document) or not self.gives(unit.telling):
                continue
            if not months or not months.isdisjoint(date_keys(unit.text)):
                return unit.share
        return 0.0

    def pairs(self, subject: int | None) -> float:
        """Return the weight of the neighbouring terms of the focus that stand side by side in a sentence."""
        asked = list(pairwise(self.focus))
        weights = [min(self.asked.weights[a], self.asked.weights[b]) for a, b in asked]
        if not sum(weights):
            return 1.0
        beside: set[tuple[str, str]] = set()
        for n, terms in self._sentences:
            if subject in (None, n):
                beside.update(pairwise(terms), zip(terms, terms[2:], strict=False))
        held = (w for w, (a, b) in zip(weights, asked, strict=True) if (a, b) in beside or (b, a) in beside)
        return sum(held) / sum(weights)

    @cached_property
    def units(self) -> list[_Unit]:
        """The sentences and pairs of sentences that hold any of the focus, the fullest first."""
        weights = {term: self.asked.weights[term] for term in self.focus}
        total = sum(weights.values())

        def share(held: Collection[str]) -> float:
            return sum(weights[term] for term in held) / total if total else 1.0

        units: list[_Unit] = []
        for n, run in self._runs:
            alone = [(weights.keys() & terms, text) for text, terms in run]
            units += [_Unit(n, share(held), text, text) for held, text in alone if held or not total]
            for (a, first), (b, second) in pairwise(alone):
                if not (a <= b or b <= a):  # Else the two hold no more than one of them.
                    units.append(_Unit(n, share(a | b), f"{first} {second}", first if share(a) >= share(b) else second))
        return sorted(units, key=lambda unit: -unit.share)

    @cached_property
    def _runs(self) -> list[tuple[int, list[tuple[str, list[str]]]]]:
        """The sentences of each passage with their terms, and the number of its document."""
        number = {document.id: n for n, document in enumerate(self.documents)}
        runs = []
        for item in self.items:
            texts = [span.of(item.document.text) for span in item.passage.sentences] or [item.text]
            runs.append((number[item.document.id], [(text, self.terms(text)) for text in texts]))
        return runs

    @cached_property
    def _sentences(self) -> list[tuple[int, list[str]]]:
        """The terms, in order, of the sentences that hold two of the focus."""
        wanted = set(self.focus)
        return [(n, terms) for n, run in self._runs for _, terms in run if len(wanted.intersection(terms)) > 1]
