"""What documents have in common, and what sets them apart: terms and names counted over the documents of a cluster.

Terms are scored by class-based TF-IDF (Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF
procedure"): a term's weight in the cluster times log(1 + A / f), where f is its weight in all clusters and A the mean
weight of a cluster. A document counts each term once, so that a long one does not outvote the others.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from odqa.index.summary.words import STOP_WORDS, fold
from odqa.schema import CitedStatement, FieldKind, Mention, Statement, StructuredSummary

KEPT = 500
"""Terms of a cluster that are remembered for comparison with the others."""
_MENTIONS = 3
_SPANS = 2
_IN_PASSING = 0.3
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(slots=True)
class Tally:
    """Everything said under one name."""

    weight: float = 0.0
    documents: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    mentions: list[Mention] = field(default_factory=list)

    def add(self, document_id: str, statement: Statement) -> None:
        """Count a statement of one more document."""
        self.weight += statement.weight
        self.documents += 1
        self.forms[statement.text] += 1
        self.labels[statement.label] += 1
        if len(self.mentions) < _MENTIONS:
            self.mentions.append(Mention(document_id, statement.spans[:_SPANS]))

    def cited(self, weight: float) -> CitedStatement:
        """Return it as a statement in its most usual form."""
        label = self.labels.most_common(1)[0][0]
        return CitedStatement(self.text, tuple(self.mentions), round(weight, 4), label, documents=self.documents)

    @property
    def text(self) -> str:
        """Its most usual form; where it occurs in lower case, one of these: the others may be headings."""
        lower = Counter({form: count for form, count in self.forms.items() if form == form.lower()})
        return (lower or self.forms).most_common(1)[0][0]


def tokens(text: str) -> list[str]:
    """Return the words of a text, folded."""
    return [fold(word) for word in _WORD.findall(text)]


def grams(words: Sequence[str]) -> set[str]:
    """Return the distinct runs of one to three words."""
    doubles = {f"{a} {b}" for a, b in pairwise(words)}
    triples = {f"{a} {b} {c}" for a, b, c in zip(words, words[1:], words[2:], strict=False)}
    return set(words) | doubles | triples


def count_terms(documents: Iterable[tuple[str, StructuredSummary]]) -> dict[str, Tally]:
    """Count the key terms of documents, by their folded words.

    A term that another document's summary uses without naming it as a key term counts there as well, for less: few
    documents choose quite the same terms.
    """
    tallies: dict[str, Tally] = {}
    unnamed: list[set[str]] = []
    for document_id, summary in documents:
        named: dict[str, Statement] = {}
        for statement in _terms(summary):
            named.setdefault(" ".join(tokens(statement.text)), statement)
        named.pop("", None)
        for key, statement in named.items():
            tallies.setdefault(key, Tally()).add(document_id, statement)
        unnamed.append(grams(tokens(summary.text)) - named.keys())
    for used in unnamed:
        for key in used & tallies.keys():
            tallies[key].weight += _IN_PASSING
            tallies[key].documents += 1
    return tallies


def _terms(summary: StructuredSummary) -> Iterator[Statement]:
    """Yield the key terms of a summary; of one whose template has none, the words of what it states."""
    named = [s for field in summary.fields if field.kind is FieldKind.TERM for s in field.statements]
    yield from named
    if not named:
        stated = next((f for f in summary.fields if f.kind is FieldKind.STATEMENT), None)
        for statement in stated.statements if stated is not None else ():
            for word in _WORD.findall(statement.text):
                if len(word) > 3 and word[0].isalpha() and fold(word) not in STOP_WORDS:
                    yield Statement(word, statement.spans, _IN_PASSING)


def count_names(documents: Iterable[tuple[str, StructuredSummary]]) -> dict[str, Tally]:
    """Count who and what documents name, by lower-case name, each document once."""
    tallies: dict[str, Tally] = {}
    for document_id, summary in documents:
        named: dict[str, Statement] = {}
        for field_ in summary.fields:
            if field_.kind is FieldKind.ENTITY:
                for statement in field_.statements:
                    named.setdefault(statement.text.casefold(), statement)
        for key, statement in named.items():
            tallies.setdefault(key, Tally()).add(document_id, statement)
    return tallies


def class_tfidf(cluster: Mapping[str, float], total: Mapping[str, float], clusters: int) -> dict[str, float]:
    """Return the class-based TF-IDF of each term of a cluster.

    Args:
        cluster: weight of each term in it.
        total: weight of each term in all clusters, this one included.
        clusters: how many there are.
    """
    average = math.fsum(total.values()) / max(clusters, 1)
    return {
        term: weight * math.log1p(average / max(total.get(term, weight), weight)) for term, weight in cluster.items()
    }


def total_weights(clusters: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the weight of each term in all clusters together."""
    total: Counter[str] = Counter()
    for cluster in clusters:
        total.update(cluster)
    return dict(total)


def choose_terms(scores: Mapping[str, float], shared: Mapping[str, bool], limit: int) -> list[str]:
    """Return the best terms, those of several documents first; of two where one holds the other, the better one.

    Args:
        scores: by term.
        shared: whether several documents have it, by term.
        limit: how many.
    """
    chosen: list[str] = []
    for term in sorted(scores, key=lambda t: (not shared[t], -scores[t], t)):
        if len(chosen) == limit:
            break
        words = set(term.split())
        if not any(words <= set(other.split()) or words >= set(other.split()) for other in chosen):
            chosen.append(term)
    return chosen
