"""HippoRAG without a language model: personalised PageRank over names and passages.

`hipporag` follows Gutiérrez et al. (NeurIPS 2024): nodes are noun phrases; edges are relations of triples, weighted by
their count, and synonymy, from a cosine of 0.8. The names of a question are linked to their nearest nodes, which
PageRank starts from, each weighted by one over the number of its passages; damping is 0.5. Passages rank by the mass
of their phrases times how often they have them. A question without a name is answered by dense retrieval.

`hipporag2` follows Gutiérrez et al. (ICML 2025): passages are nodes too, with an edge to each of their phrases. The
question is linked to the five nearest triples, whose phrases, five at most, start the walk by the triples' scaled
cosines over the number of the phrases' passages; so do all passages, with 0.05 of their scaled cosine. Passages rank
by their own mass. Constants are those of the authors' code (github.com/OSU-NLP-Group/HippoRAG).

What differs, for want of a language model: phrases are names, and a triple is two names in one sentence (`names`), so
that its text is the sentence under its document's title; the names of a question are found likewise; HippoRAG 2's
filter of triples ("recognition memory", worth a point of recall in their ablation) is left out. The encoder is the
engine's in place of Contriever, ColBERTv2 or NV-Embed-v2, and passages are those of the index.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.bench import plain_encoder
from odqa.evaluate.retrieval.graphs import names
from odqa.evaluate.retrieval.graphs.stored import stored
from odqa.evaluate.retrieval.ranking import PER_DOCUMENT, FlatPassages, Ranking, Stopwatch, best, rank_by_passages

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from odqa.engine import Engine
    from odqa.evaluate.retrieval.graphs.stored import Arrays

DAMPING = 0.5
"""Share of the mass that follows edges; the rest starts again."""
SYNONYM = 0.8
"""Cosine from which two phrases are joined."""
SYNONYMS = 100
"""Most phrases that one is joined to."""
FACTS = 5
"""Triples that HippoRAG 2 links a question to, and the phrases of them that it starts from."""
PASSAGE_WEIGHT = 0.05
"""What HippoRAG 2 gives to passages beside phrases."""

_SHORTEST = 3  # Characters of a phrase that may have synonyms.
_BLOCK = 1024
_TOLERANCE, _STEPS = 1e-6, 50


class HippoRAG:
    """HippoRAG over the passages of an open engine."""

    version = 1

    def __init__(self, engine: Engine, depth: int) -> None:
        """Make the graph, or read it from the cache.

        Args:
            engine: whose documents are searched; must stay open.
            depth: how many documents and passages to rank.

        Raises:
            UsageError: the collection is too large.
        """
        self._depth, self._encoder = depth, plain_encoder(engine.encoder)
        self._flat = FlatPassages(engine)
        index = stored(engine, "hipporag", [sys.modules[__name__], names], lambda: build_graph(engine))
        arrays = index.arrays
        self._phrases = arrays["phrases"].tolist()
        self._known = frozenset(self._phrases)
        self._vectors = arrays["phrase_vectors"].astype(np.float32)
        total = int(engine.snapshot.first_passage[-1])
        self._contains = _sparse(arrays["contains"], np.ones(len(arrays["contains"])), (total, len(self._phrases)))
        self._passages_with = np.maximum(np.diff(self._contains.tocsc().indptr), 1)
        edges = np.concatenate([arrays["relations"], arrays["synonyms"]])
        weights = np.concatenate([arrays["relation_counts"], arrays["synonym_cosines"]])
        self._edges = _sparse(edges, weights, (len(self._phrases),) * 2)
        self._prepare(arrays)
        self.about = (
            f"HippoRAG{'' if self.version == 1 else ' 2'}: {len(self._phrases):,} phrases, "
            f"{len(arrays['relations']):,} relations and {len(arrays['synonyms']):,} synonyms, made in "
            f"{index.seconds:.0f} s beside the index."
        )

    def __call__(self, questions: Sequence[str]) -> Iterator[Ranking]:
        """Yield a ranking for each question."""
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found = self._search(question)
            yield rank_by_passages(self._flat.snapshot, found, self._depth, watch.milliseconds)

    def _prepare(self, arrays: Arrays) -> None:
        self._walk = transitions(self._edges + self._edges.T)
        self._mass = _sparse(arrays["contains"], arrays["contains_counts"], self._contains.shape)

    def _search(self, question: str) -> NDArray[np.int64]:
        limit = self._depth * PER_DOCUMENT
        asked = names.question_names(question, self._known) if self._phrases else []
        if not asked:
            return self._flat.search(self._flat.encode([question])[0], limit)
        nearest = (self._encoder.encode(asked) @ self._vectors.T).argmax(axis=1)
        start = np.zeros(len(self._phrases))
        start[nearest] = 1 / self._passages_with[nearest]
        mass = self._mass @ personalized_pagerank(self._walk, start)
        return best(mass, limit, above=0.0)


class HippoRAG2(HippoRAG):
    """HippoRAG 2 over the passages of an open engine."""

    version = 2

    def _prepare(self, arrays: Arrays) -> None:
        from scipy.sparse import block_array

        # Passages come after phrases.
        edges = block_array([[self._edges, self._contains.T], [None, _empty(self._contains.shape[0])]])
        self._walk = transitions((edges + edges.T).tocsr())
        self._facts = arrays["fact_vectors"].astype(np.float32)
        self._fact_ends, self._fact_phrases = arrays["fact_ends"], arrays["fact_phrases"]

    def _search(self, question: str) -> NDArray[np.int64]:
        limit = self._depth * PER_DOCUMENT
        query = self._flat.encode([question])[0]
        cosines = self._flat.cosines(query)
        if not len(self._facts):
            return self._flat.numbers[best(cosines, limit)]
        start = np.zeros(self._walk.shape[0])
        self._start_phrases(start, _scaled(self._facts @ query))
        start[len(self._phrases) + self._flat.numbers] = PASSAGE_WEIGHT * _scaled(cosines)
        mass = personalized_pagerank(self._walk, start)[len(self._phrases) :]
        return best(mass, limit, above=0.0)

    def _start_phrases(self, start: NDArray[np.float64], scores: NDArray[np.float32]) -> None:
        """Weigh the phrases of the best facts: the mean of the facts' scores over the number of their passages."""
        count = Counter[int]()
        weights: dict[int, float] = {}
        for fact in best(scores, FACTS).tolist():
            first = int(self._fact_ends[fact - 1]) if fact else 0
            for phrase in self._fact_phrases[first : self._fact_ends[fact]].tolist():
                count[phrase] += 1
                weights[phrase] = weights.get(phrase, 0.0) + float(scores[fact]) / int(self._passages_with[phrase])
        means = sorted(((weight / count[phrase], phrase) for phrase, weight in weights.items()), reverse=True)
        for weight, phrase in means[:FACTS]:
            start[phrase] = weight


def build_graph(engine: Engine) -> Arrays:
    """Return the graph of a collection as arrays; phrases and facts are encoded through the engine's cache.

    Args:
        engine: whose documents are read.

    Returns:
        `phrases` (text), their `phrase_vectors`; `contains`: pairs of passage and phrase, with `contains_counts`;
        `relations` and `synonyms`: pairs of phrases, the lower first, with `relation_counts` and `synonym_cosines`;
        `fact_vectors`, and the phrases of fact i as `fact_phrases[fact_ends[i - 1] : fact_ends[i]]`.
    """
    known: dict[str, int] = {}
    contains, relations = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    facts: list[str] = []
    fact_ends: list[int] = []
    fact_phrases: list[int] = []
    for sentence in names.named_sentences(engine.snapshot):
        numbers = [known.setdefault(phrase, len(known)) for phrase in sentence.phrases]
        contains.update((sentence.passage, number) for number in numbers)
        relations.update(tuple(sorted(pair)) for pair in combinations(numbers, 2))  # type: ignore[misc]
        if len(numbers) > 1:
            facts.append(sentence.text)
            fact_phrases += numbers
            fact_ends.append(len(fact_phrases))
    phrases = list(known)
    vectors = engine.encoder.encode(phrases) if phrases else np.zeros((0, engine.encoder.dimension), np.float32)
    synonyms, cosines = find_synonyms(phrases, vectors)
    fact_vectors = engine.encoder.encode(facts) if facts else np.zeros((0, engine.encoder.dimension), np.float32)
    return {
        "phrases": np.array(phrases, np.str_),
        "phrase_vectors": vectors.astype(np.float16),
        "contains": _pairs(contains),
        "contains_counts": np.fromiter(contains.values(), np.float32),
        "relations": _pairs(relations),
        "relation_counts": np.fromiter(relations.values(), np.float32),
        "synonyms": synonyms,
        "synonym_cosines": cosines,
        "fact_vectors": fact_vectors.astype(np.float16),
        "fact_ends": np.array(fact_ends, np.int64),
        "fact_phrases": np.array(fact_phrases, np.int64),
    }


def find_synonyms(
    phrases: Sequence[str], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return pairs of phrases, the lower number first, whose cosine is `SYNONYM` at least, and these cosines."""
    able = np.flatnonzero([len(phrase.replace(" ", "")) >= _SHORTEST for phrase in phrases])
    chosen = vectors[able]
    found: dict[tuple[int, int], float] = {}
    for first in range(0, len(able), _BLOCK):
        cosines = chosen[first : first + _BLOCK] @ chosen.T
        for row, values in enumerate(cosines):
            values[first + row] = -1
            for other in best(values, SYNONYMS, above=SYNONYM).tolist():
                one, two = sorted((int(able[first + row]), int(able[other])))
                found[one, two] = float(values[other])
    return _pairs(found), np.fromiter(found.values(), np.float32)


def transitions(weights: csr_array) -> csr_array:
    """Return the matrix of a random walk on a graph: entry (i, j) is the chance of a step from j to i.

    Args:
        weights: of the edges, symmetric, shape (nodes, nodes).
    """
    from scipy.sparse import csr_array, diags_array

    totals = np.asarray(weights.sum(axis=0)).ravel()
    scale = np.divide(1.0, totals, out=np.zeros(len(totals)), where=totals > 0)
    return csr_array(weights @ diags_array(scale), dtype=np.float64)


def personalized_pagerank(walk: csr_array, start: NDArray[np.float64], damping: float = DAMPING) -> NDArray[np.float64]:
    """Return the stationary mass of a walk that starts again at every step with probability 1 − damping.

    By power iteration (Page et al., 1999; Haveliwala, 2002), until no more than a millionth of the mass moves; what
    comes to a node without edges starts again.

    Args:
        walk: `transitions` of the graph, shape (nodes, nodes).
        start: where the walk starts, not negative, of positive sum; need not be normalised.
        damping: as above.
    """
    start = start / start.sum()
    mass = start
    for _ in range(_STEPS):
        moved: NDArray[np.float64] = damping * (walk @ mass)
        moved += (1 - moved.sum()) * start
        if float(np.abs(moved - mass).sum()) < _TOLERANCE:
            return moved
        mass = moved
    return mass


def hipporag(engine: Engine, depth: int) -> HippoRAG:
    """Return HippoRAG (2024) over an engine's documents."""
    return HippoRAG(engine, depth)


def hipporag2(engine: Engine, depth: int) -> HippoRAG2:
    """Return HippoRAG 2 (2025) over an engine's documents."""
    return HippoRAG2(engine, depth)


def _scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values between 0 and 1; all 1 where they are equal, as in the authors' code."""
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    scaled: NDArray[np.float32] = (values - low) / (high - low) if high > low else np.ones_like(values)
    return scaled


def _pairs(pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(list(pairs), np.int64).reshape(-1, 2)


def _sparse(pairs: NDArray[np.int64], values: NDArray[np.floating], shape: tuple[int, ...]) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((values.astype(np.float64), (pairs[:, 0], pairs[:, 1])), shape)


def _empty(size: int) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((size, size))
