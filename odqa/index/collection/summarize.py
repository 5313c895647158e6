"""The summary of a cluster: of documents, made from their summaries; of clusters, made from theirs.

Nothing is generated: every statement is one that a document's summary makes, with the characters it rests on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.collection.corpus import Corpus
from odqa.index.collection.terms import Tally, choose_terms, class_tfidf, count_names, count_terms, grams, tokens
from odqa.schema import CitedField, CitedStatement, Cluster, FieldKind, Mention, Statement, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAREST = 16
"""Documents nearest to a centre that speak for their cluster."""
_TITLE_TERMS = 3
_LIMITS = {"gist": 5, "key_terms": 12, "entities": 12, "figures": 6, "questions": 6}
_SAME = 0.5
_SHARES = {"near": 0.5, "terms": 0.3, "weight": 0.2}
_TRIMMED = 20
_DATE = re.compile(r"(\d\d[\dX]{2})(?:-(\d\d))?(?:-(\d\d))?$")
_SEASON_MONTH = {21: 3, 22: 6, 23: 9, 24: 12}

Background = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the documents of a cluster have in common, before it is compared with other clusters."""

    terms: dict[str, Tally]
    names: dict[str, Tally]
    dates: tuple[CitedStatement, ...]

    def weights(self, limit: int) -> dict[str, float]:
        """Return the weights of the heaviest terms."""
        heaviest = sorted(self.terms, key=lambda term: (-self.terms[term].weight, term))[:limit]
        return {term: round(self.terms[term].weight, 4) for term in heaviest}


def count(corpus: Corpus, rows: Sequence[int]) -> Counts:
    """Read the summaries of documents, nearest to the centre first, and count what they say."""
    own = [(corpus.ids[row], summary) for row in rows if (summary := corpus.summary(row)) is not None]
    dates = tuple(_cited(id_, s) for id_, summary in own for s in _of_kind(summary, FieldKind.DATE) if _order(s.label))
    return Counts(count_terms(own), count_names(own), dates)


def summarize_documents(
    corpus: Corpus,
    rows: Sequence[int],
    centre: NDArray[np.float32],
    counts: Counts,
    total: Background,
    clusters: int,
    threshold: float,
) -> tuple[str, tuple[CitedField, ...]]:
    """Return title and fields of a cluster of documents.

    Args:
        corpus: where they are.
        rows: nearest to the centre first.
        centre: unit vector, shape (dimension,).
        counts: of these documents.
        total: weight of each term in all clusters.
        clusters: how many there are.
        threshold: support from which a generated statement may speak for the cluster.
    """
    scores = class_tfidf({term: tally.weight for term, tally in counts.terms.items()}, total, clusters)
    shared = {term: tally.documents > 1 or len(rows) == 1 for term, tally in counts.terms.items()}
    terms = choose_terms(scores, shared, _LIMITS["key_terms"])
    top = max((scores[term] for term in terms), default=1.0) or 1.0
    fields = [
        CitedField("gist", FieldKind.STATEMENT, tuple(_gist(corpus, rows, centre, scores, threshold))),
        CitedField("key_terms", FieldKind.TERM, tuple(counts.terms[t].cited(scores[t] / top) for t in terms)),
        CitedField("entities", FieldKind.ENTITY, tuple(_names(counts.names, len(rows)))),
        CitedField("period", FieldKind.DATE, _period(counts.dates)),
        CitedField("figures", FieldKind.FIGURE, tuple(_first(corpus, rows, FieldKind.FIGURE, threshold))),
        CitedField("questions", FieldKind.QUESTION, tuple(_first(corpus, rows, FieldKind.QUESTION, threshold))),
    ]
    said = [counts.terms[term].text for term in terms]
    title = _title(said) if len(rows) != 1 else ""
    return title or (corpus.titles[rows[0]] if rows else ""), _kept(fields)


def summarize_clusters(id_: str, children: Sequence[Cluster], scores: Mapping[str, float]) -> Cluster:
    """Return the cluster that holds `children`, largest first: what each says best, and what several have in common.

    Args:
        id_: its name.
        children: at least one.
        scores: class-based TF-IDF of its terms.
    """
    terms = _merged(children, "key_terms", lambda s: " ".join(tokens(s.text)))
    shared = {key: len(found) > 1 for key, found in terms.items()}
    chosen = choose_terms({key: scores.get(key, 0.0) for key in terms}, shared, _LIMITS["key_terms"])
    top = max((scores.get(key, 0.0) for key in chosen), default=1.0) or 1.0
    names = _merged(children, "entities", lambda s: s.text.casefold())
    common = sorted(names, key=lambda key: (-sum(s.documents for s in names[key]), key))[: _LIMITS["entities"]]
    most = max((sum(s.documents for s in names[key]) for key in common), default=1)
    fields = [
        CitedField("gist", FieldKind.STATEMENT, tuple(_each_first(children, "gist", 2 * _LIMITS["gist"]))),
        CitedField("key_terms", FieldKind.TERM, tuple(_joined(terms[k], scores.get(k, 0.0) / top) for k in chosen)),
        CitedField(
            "entities",
            FieldKind.ENTITY,
            tuple(_joined(names[k], sum(s.documents for s in names[k]) / most) for k in common),
        ),
        CitedField("period", FieldKind.DATE, _ends([s for child in children for s in child["period"]])),
        CitedField("figures", FieldKind.FIGURE, tuple(_each_first(children, "figures", _LIMITS["figures"]))),
        CitedField("questions", FieldKind.QUESTION, tuple(_each_first(children, "questions", _LIMITS["questions"]))),
    ]
    title = _title([_joined(terms[key], 0.0).text for key in chosen])
    return Cluster(id_, title or children[0].title, _kept(fields), (), tuple(children))


def _kept(fields: Sequence[CitedField]) -> tuple[CitedField, ...]:
    return tuple(field for field in fields if field.statements)


def _title(terms: Sequence[str]) -> str:
    title = ", ".join(terms[:_TITLE_TERMS])
    return title[:1].upper() + title[1:]


def _of_kind(summary: StructuredSummary, kind: FieldKind) -> Iterator[Statement]:
    return (statement for field in summary.fields if field.kind is kind for statement in field.statements)


def _cited(document_id: str, statement: Statement) -> CitedStatement:
    mention = Mention(document_id, statement.spans)
    return CitedStatement(statement.text, (mention,), statement.weight, statement.label, statement.support)


@dataclass(slots=True)
class _Candidate:
    row: int
    statement: CitedStatement
    words: frozenset[str]
    near: float
    terms: float

    def score(self, most_terms: float) -> float:
        terms = self.terms / most_terms if most_terms > 0 else 0.0
        return _SHARES["near"] * self.near + _SHARES["terms"] * terms + _SHARES["weight"] * self.statement.weight


def _gist(
    corpus: Corpus,
    rows: Sequence[int],
    centre: NDArray[np.float32],
    scores: Mapping[str, float],
    threshold: float,
) -> Iterator[CitedStatement]:
    """Yield the most central statements of the documents nearest to the centre, none that repeats another.

    Central is what stands in a passage near the centre and speaks in the terms that set the cluster apart. Where
    there are documents enough, each gives one statement.
    """
    found = list(_candidates(corpus, rows[:NEAREST], centre, scores, threshold))
    most = max((candidate.terms for candidate in found), default=0.0)
    found.sort(key=lambda candidate: -round(candidate.score(most), 6))
    limit = _LIMITS["gist"]
    each = -(-limit // max(len({candidate.row for candidate in found}), 1))
    chosen: list[_Candidate] = []
    for candidate in found:
        if len(chosen) == limit:
            return
        of_same = sum(other.row == candidate.row for other in chosen)
        if of_same < each and not any(_alike(candidate.words, other.words) for other in chosen):
            chosen.append(candidate)
            yield candidate.statement


def _candidates(
    corpus: Corpus, rows: Sequence[int], centre: NDArray[np.float32], scores: Mapping[str, float], threshold: float
) -> Iterator[_Candidate]:
    for row in rows:
        summary = corpus.summary(row)
        gist = next((f for f in summary.fields if f.kind is FieldKind.STATEMENT), None) if summary else None
        for statement in gist.statements if gist is not None else ():
            if statement.support < threshold:
                continue
            words = tokens(statement.text)
            # By the root of the length, as a sentence's information is measured in a document's summary.
            terms = sum(scores.get(gram, 0.0) for gram in grams(words)) / max(len(words), 8) ** 0.5
            near = corpus.centrality(row, statement.spans[0], centre)
            yield _Candidate(row, _cited(corpus.ids[row], statement), frozenset(words), near, terms)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > _SAME * max(min(len(one), len(other)), 1)


def _names(names: Mapping[str, Tally], documents: int) -> Iterator[CitedStatement]:
    """Yield who and what most documents name; of several documents, only what more than one names."""
    shared = [key for key, tally in names.items() if tally.documents > 1 or documents == 1]
    shared.sort(key=lambda key: (-names[key].documents, -round(names[key].weight, 6), key))
    for key in shared[: _LIMITS["entities"]]:
        yield names[key].cited(names[key].documents / documents)


def _first(corpus: Corpus, rows: Sequence[int], kind: FieldKind, threshold: float) -> Iterator[CitedStatement]:
    """Yield the weightiest statement of a kind of each of the nearest documents, none twice."""
    seen: set[str] = set()
    limit = {FieldKind.FIGURE: _LIMITS["figures"], FieldKind.QUESTION: _LIMITS["questions"]}[kind]
    # A document alone may fill the field.
    each = limit if len(rows) == 1 else 1
    for row in rows[:NEAREST]:
        summary = corpus.summary(row)
        stated = [s for s in _of_kind(summary, kind) if s.support >= threshold] if summary is not None else []
        new = [s for s in sorted(stated, key=lambda s: -s.weight) if s.text.casefold() not in seen]
        for statement in new[:each]:
            if len(seen) < limit:
                seen.add(statement.text.casefold())
                yield _cited(corpus.ids[row], statement)


def _period(dates: Sequence[CitedStatement]) -> tuple[CitedStatement, ...]:
    """Return the earliest and the latest date; of many, without the twentieth at either end that strays furthest."""
    ordered = sorted(dates, key=lambda date: _order(date.label) or ())
    cut = len(ordered) // _TRIMMED
    return _ends(ordered[cut : len(ordered) - cut])


def _ends(dates: Sequence[CitedStatement]) -> tuple[CitedStatement, ...]:
    ordered = sorted(dates, key=lambda date: _order(date.label) or ())
    return tuple(ordered[:1]) + (tuple(ordered[-1:]) if ordered and ordered[-1].label != ordered[0].label else ())


def _order(label: str) -> tuple[int, int, int] | None:
    """Return what puts normalised dates (`1888-03-17`, `1888-21`, `188X`, `18XX`) in order; None for anything else."""
    match = _DATE.match(label)
    if match is None:
        return None
    month = int(match[2] or 0)
    return int(match[1].replace("X", "0")), _SEASON_MONTH.get(month, month), int(match[3] or 0)


def _each_first(children: Sequence[Cluster], name: str, limit: int) -> list[CitedStatement]:
    """Return the first statement of each child, then the second of each, until there are enough."""
    columns = [child[name] for child in children]
    deepest = max((len(column) for column in columns), default=0)
    ranked = [column[depth] for depth in range(deepest) for column in columns if depth < len(column)]
    return list({statement.text.casefold(): statement for statement in reversed(ranked[:limit])}.values())[::-1]


def _merged(
    children: Sequence[Cluster], name: str, key: Callable[[CitedStatement], str]
) -> dict[str, list[CitedStatement]]:
    merged: dict[str, list[CitedStatement]] = {}
    for child in children:
        for statement in child[name]:
            merged.setdefault(key(statement), []).append(statement)
    return merged


def _joined(same: Sequence[CitedStatement], weight: float) -> CitedStatement:
    """Return what several clusters say under one name as one statement, in the words of the first."""
    mentions = tuple(statement.mentions[0] for statement in same[:3])
    documents = sum(statement.documents for statement in same)
    return CitedStatement(same[0].text, mentions, round(weight, 4), same[0].label, documents=documents)
