"""RAPTOR without a language model: a tree of clusters of passages, searched whole.

After Sarthi et al. (ICLR 2024) and their code (github.com/parthsarthi03/raptor): passage vectors are reduced to ten
dimensions and clustered by a Gaussian mixture, first all of them, then each cluster by itself; BIC chooses the number
of clusters, 50 at most; a passage belongs to every cluster that has it with probability 0.1 or more; clusters of more
than 3,500 tokens are split again. Each cluster is summarized in 100 tokens, the summaries are encoded and clustered in
turn, in five layers at most. A question is compared with all nodes ("collapsed tree"), and a node that is a summary
stands for the passages below it, the nearest to the question first.

What differs, for want of a language model: a summary is the sentences of the cluster nearest to its mean, chosen one
by one so that they do not repeat each other (maximal marginal relevance, Carbonell and Goldstein 1998). And vectors are
reduced by PCA, not by UMAP, which would bring a compiler along; on more than `BIC_SAMPLE` vectors the number of
clusters is chosen on that many of them. The encoder and the passages are those of the index.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.retrieval.graphs import names
from odqa.evaluate.retrieval.graphs.names import titled
from odqa.evaluate.retrieval.graphs.stored import stored
from odqa.evaluate.retrieval.ranking import PER_DOCUMENT, FlatPassages, Ranking, Stopwatch, rank_by_passages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.engine import Engine
    from odqa.evaluate.retrieval.graphs.stored import Arrays
    from odqa.protocols import Encoder

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.int64]

DIMENSIONS = 10
MOST_CLUSTERS = 50
PROBABILITY = 0.1
LAYERS = 5
SUMMARY_TOKENS = 100
CLUSTER_TOKENS = 3500
BIC_SAMPLE = 2000
SEED = 224
"""Of the mixtures, as in the authors' code."""

_READ = 100  # Sentences of a cluster that may be quoted: those nearest to its mean.
_RELEVANCE = 0.7  # What nearness to the mean counts beside being unlike what is chosen.


@dataclass(frozen=True, slots=True)
class _Node:
    """A passage or a summary.

    Attributes:
        sentences: numbers of its sentences.
        leaves: passages below it; itself for a passage.
    """

    sentences: Sequence[int]
    leaves: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Sentences:
    texts: Sequence[str]
    vectors: Floats
    tokens: Sequence[int]


class Raptor:
    """RAPTOR's collapsed tree over the passages of an open engine."""

    def __init__(self, engine: Engine, depth: int) -> None:
        """Make the tree, or read it from the cache.

        Args:
            engine: whose documents are searched; must stay open.
            depth: how many documents and passages to rank.

        Raises:
            UsageError: the collection is too large.
        """
        self._depth, self._flat = depth, FlatPassages(engine)
        index = stored(engine, "raptor", [sys.modules[__name__], names], lambda: build_tree(engine))
        self._vectors = index.arrays["summary_vectors"].astype(np.float32)
        self._ends, self._leaves = index.arrays["leaf_ends"], index.arrays["leaves"]
        layers = np.bincount(index.arrays["layers"])[1:].tolist()
        self.about = (
            f"RAPTOR: {len(self._vectors):,} summaries in {len(layers)} layers ({', '.join(map(str, layers))}), made "
            f"in {index.seconds:.0f} s beside the index."
        )

    def __call__(self, questions: Sequence[str]) -> Iterator[Ranking]:
        """Yield a ranking for each question."""
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found = self._search(question)
            yield rank_by_passages(self._flat.snapshot, found, self._depth, watch.milliseconds)

    def _search(self, question: str) -> Numbers:
        limit = self._depth * PER_DOCUMENT
        query = self._flat.encode([question])[0]
        cosines = self._flat.cosines(query)
        nodes = np.argsort(-np.concatenate([cosines, self._vectors @ query]), kind="stable")
        found: dict[int, None] = {}
        for node in nodes.tolist():
            if node < len(cosines):
                found[node] = None
            else:
                summary = node - len(cosines)
                leaves = self._leaves[self._ends[summary - 1] if summary else 0 : self._ends[summary]]
                found.update(dict.fromkeys(leaves[np.argsort(-cosines[leaves], kind="stable")].tolist()))
            if len(found) >= limit:
                break
        return self._flat.numbers[np.array(list(found)[:limit], np.int64)]


def raptor(engine: Engine, depth: int) -> Raptor:
    """Return RAPTOR over an engine's documents."""
    return Raptor(engine, depth)


def build_tree(engine: Engine) -> Arrays:
    """Return the summaries of a collection as arrays; sentences and summaries are encoded through the engine's cache.

    Args:
        engine: whose documents are read.

    Returns:
        `summary_vectors`; `layers`: the layer of each, from 1; and the passages below summary i, as places among the
        passages of live documents, as `leaves[leaf_ends[i - 1] : leaf_ends[i]]`.
    """
    nodes, sentences = _read(engine)
    chunks = [np.asarray(vectors, np.float32) for _, vectors in engine.snapshot.live_passage_vectors()]
    vectors = np.concatenate([np.zeros((0, engine.encoder.dimension), np.float32), *chunks])
    summaries: list[_Node] = []
    found, layers = [vectors[:0]], []
    for layer in range(1, LAYERS + 1):
        if len(nodes) <= DIMENSIONS + 1:
            break
        tokens = np.array([sum(sentences.tokens[place] for place in node.sentences) for node in nodes], np.int64)
        nodes = [_summarized(nodes, members, sentences) for members in cluster(vectors, tokens)]
        texts = [" ".join(sentences.texts[place] for place in node.sentences) for node in nodes]
        vectors = engine.encoder.encode(texts)
        summaries += nodes
        found.append(vectors)
        layers += [layer] * len(nodes)
    return {
        "summary_vectors": np.concatenate(found).astype(np.float16),
        "layers": np.array(layers, np.int64),
        "leaves": np.array([leaf for node in summaries for leaf in node.leaves], np.int64),
        "leaf_ends": np.cumsum([len(node.leaves) for node in summaries], dtype=np.int64),
    }


def cluster(vectors: Floats, tokens: Numbers) -> list[Numbers]:
    """Return the clusters of vectors as positions, ascending; they may overlap.

    Args:
        vectors: shape (n, dimension).
        tokens: of each, so that no cluster of more than `CLUSTER_TOKENS` is left where it can be split.
    """
    found: list[Numbers] = []
    for wide in _mixture(_reduced(vectors)):
        # So few are one cluster.
        narrow = _mixture(_reduced(vectors[wide])) if len(wide) > DIMENSIONS + 1 else [np.arange(len(wide))]
        for part in narrow:
            members = wide[part]
            splittable = DIMENSIONS + 1 < len(members) < len(vectors)
            if splittable and int(tokens[members].sum()) > CLUSTER_TOKENS:
                found += [members[some] for some in cluster(vectors[members], tokens[members])]
            elif len(members):
                found.append(members)
    unique = {members.tobytes(): members for members in found}
    return list(unique.values())


def _reduced(vectors: Floats) -> NDArray[np.float64]:
    """Project on the directions of the largest variance."""
    from sklearn.decomposition import PCA

    size = max(1, min(DIMENSIONS, len(vectors) - 2))
    reduced: NDArray[np.float64] = PCA(size, random_state=SEED).fit_transform(vectors.astype(np.float64))
    return reduced


def _mixture(points: NDArray[np.float64]) -> list[Numbers]:
    """Return the clusters of a Gaussian mixture whose number of parts has the lowest BIC; not the empty ones."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(SEED)
    sample = points if len(points) <= BIC_SAMPLE else points[np.sort(rng.choice(len(points), BIC_SAMPLE, False))]
    with warnings.catch_warnings():
        # A mixture of too many parts does not converge, and BIC does not choose it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        sizes = range(1, min(MOST_CLUSTERS, len(sample)))
        bic = [GaussianMixture(size, random_state=SEED).fit(sample).bic(sample) for size in sizes]
        chosen = GaussianMixture(1 + int(np.argmin(bic)), random_state=SEED).fit(points)
    chances = chosen.predict_proba(points) > PROBABILITY
    return [members for column in chances.T if len(members := np.flatnonzero(column))]


def _read(engine: Engine) -> tuple[list[_Node], _Sentences]:
    """Return the passages as nodes, and their sentences with vectors and lengths."""
    snapshot = engine.snapshot
    texts: list[str] = []
    inputs: list[str] = []
    nodes: list[_Node] = []
    for number in snapshot.live_documents():
        parsed = snapshot.parsed(number)
        for passage in parsed.passages:
            own = [span.of(parsed.document.text) for span in passage.sentences]
            nodes.append(_Node(range(len(texts), len(texts) + len(own)), (len(nodes),)))
            texts += own
            inputs += [titled(parsed.document.title, text) for text in own]
    encoder: Encoder = engine.encoder
    vectors = encoder.encode(inputs) if inputs else np.zeros((0, encoder.dimension), np.float32)
    return nodes, _Sentences(texts, vectors, encoder.count_tokens(texts))


def _summarized(nodes: Sequence[_Node], members: Numbers, sentences: _Sentences) -> _Node:
    """Return the node that stands for others: about `SUMMARY_TOKENS` of their sentences."""
    below = [nodes[member] for member in members.tolist()]
    places = np.array(list(dict.fromkeys(place for node in below for place in node.sentences)), np.int64)
    leaves = sorted({leaf for node in below for leaf in node.leaves})
    vectors = sentences.vectors[places]
    near = vectors @ vectors.mean(axis=0) if len(places) else np.zeros(0, np.float32)
    order = np.argsort(-near, kind="stable")[:_READ]
    places, vectors, near = places[order], vectors[order], near[order]
    chosen: list[int] = []
    alike = np.zeros(len(places), np.float32)
    left = SUMMARY_TOKENS
    while len(chosen) < len(places) and left > 0:
        value = _RELEVANCE * near - (1 - _RELEVANCE) * alike
        value[chosen] = -np.inf
        place = int(value.argmax())
        chosen.append(place)
        left -= sentences.tokens[int(places[place])]
        alike = np.maximum(alike, vectors @ vectors[place])
    return _Node(sorted(places[chosen].tolist()), leaves)
