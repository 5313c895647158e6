"""Clusters of documents: which belong together, what they say, and what is done again when documents come and go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from odqa.data.builder import DocumentBuilder
from odqa.index.collection.clustering import cluster_count, partition, spherical_kmeans
from odqa.index.collection.corpus import MemoryCorpus, unit
from odqa.index.collection.make import Leaves, compose, make_collection, update
from odqa.index.collection.storage import read, write
from odqa.index.collection.terms import choose_terms, class_tfidf, count_terms
from odqa.index.hashing import HashingEncoder
from odqa.schema import (
    Cluster,
    Collection,
    FieldKind,
    ParsedDocument,
    Span,
    Statement,
    StructuredSummary,
    SummaryField,
)

TOPICS = {
    "ships": ("harbour", "The harbour was deepened for ships number {n}.", "Captain Aldane", "1901-05-02"),
    "bread": ("sourdough", "Bakers let sourdough rest for {n} hours.", "Mother Yeast", "1950"),
    "stars": ("telescope", "The telescope was turned to star {n} at night.", "Dr Vega", "199X"),
}


@dataclass
class Shelf:
    """Documents with vectors that a test chooses."""

    items: dict[str, tuple[StructuredSummary, NDArray[np.float32]]] = field(default_factory=dict)

    def put(self, id_: str, topic: str, *, number: int = 0, support: float = 1.0) -> None:
        """Add a document on a topic; its vector lies near the topic's axis, at a distance that grows with `number`."""
        term, said, who, date = TOPICS[topic]
        text = said.format(n=number)
        at = text.lower().index(term)
        statements = {
            ("gist", FieldKind.STATEMENT): Statement(text, (Span(0, len(text)),), support=support),
            ("key_terms", FieldKind.TERM): Statement(term, (Span(at, at + len(term)),)),
            ("entities", FieldKind.ENTITY): Statement(who, (Span(0, 1),), label="person"),
            ("timeline", FieldKind.DATE): Statement(text, (Span(0, len(text)),), label=date),
        }
        fields = tuple(SummaryField(name, kind, (s,)) for (name, kind), s in statements.items())
        axis = np.zeros(8, np.float32)
        axis[list(TOPICS).index(topic)] = 1.0
        axis[3 + number % 5] = 0.01 * (1 + number)
        self.items[id_] = (StructuredSummary(id_, None, "default", fields), unit(axis))

    @property
    def ids(self) -> list[str]:
        return sorted(self.items)

    @property
    def titles(self) -> list[str]:
        return [f"About {id_}" for id_ in self.ids]

    @property
    def keys(self) -> NDArray[np.uint64]:
        return np.array([abs(hash((id_, self.items[id_][0]))) for id_ in self.ids], np.uint64)

    @property
    def vectors(self) -> NDArray[np.float32]:
        return np.stack([self.items[id_][1] for id_ in self.ids]) if self.items else np.zeros((0, 8), np.float32)

    @property
    def characters(self) -> int:
        return 0

    def parsed(self, row: int) -> ParsedDocument:
        text = self.items[self.ids[row]][0]["gist"][0].text
        builder = DocumentBuilder(self.ids[row], title=self.titles[row])
        builder.paragraph(text)
        return ParsedDocument(builder.build(), (), ())

    def summary(self, row: int) -> StructuredSummary:
        return self.items[self.ids[row]][0]

    def summaries(self, row: int) -> Sequence[StructuredSummary]:
        return [self.items[self.ids[row]][0]]

    def centrality(self, row: int, span: Span, centre: NDArray[np.float32]) -> float:
        return float(self.vectors[row] @ centre)


def shelf(**counts: int) -> Shelf:
    made = Shelf()
    for topic, count in counts.items():
        for number in range(count):
            made.put(f"{topic}-{number:02}", topic, number=number)
    return made


def members(collection: Collection) -> dict[str, set[str]]:
    return {cluster.title.partition(",")[0]: set(cluster.members) for cluster in collection.root.leaves}


def collected(corpus: Shelf, kept: Leaves | None = None) -> tuple[Leaves, Collection]:
    leaves, summarized = update(corpus, kept, threshold=0.6)
    return leaves, compose(corpus, leaves, summarized)


@pytest.mark.parametrize(("documents", "clusters"), [(0, 1), (1, 1), (7, 1), (8, 3), (100, 10), (2500, 50)])
def test_clusters_grow_with_the_root_of_the_documents(documents: int, clusters: int) -> None:
    assert cluster_count(documents) == clusters


def test_documents_of_one_topic_are_one_cluster() -> None:
    _, collection = collected(shelf(ships=5, bread=4, stars=3))
    assert members(collection) == {
        "Harbour": {f"ships-{n:02}" for n in range(5)},
        "Sourdough": {f"bread-{n:02}" for n in range(4)},
        "Telescope": {f"stars-{n:02}" for n in range(3)},
    }
    assert [cluster.id for cluster in collection.clusters] == ["1", "2", "3"]  # by falling size
    assert collection.summarized == 3


def test_a_cluster_says_what_its_documents_have_in_common() -> None:
    _, collection = collected(shelf(ships=5, bread=4, stars=3))
    harbour = collection.clusters[0]
    assert (harbour["key_terms"][0].text, harbour["key_terms"][0].documents) == ("harbour", 5)
    assert [(s.text, s.documents, s.label) for s in harbour["entities"]] == [("Captain Aldane", 5, "person")]
    assert [s.label for s in harbour["period"]] == ["1901-05-02"]
    assert [s.label for s in collection.root["period"]] == ["1901-05-02", "199X"]
    nearest = harbour.members[0]
    assert harbour["gist"][0].mentions[0].document_id == nearest
    # From the whole, the best statement of every cluster comes before the second best of any.
    first = {statement.mentions[0].document_id.partition("-")[0] for statement in collection.root["gist"][:3]}
    assert first == {"ships", "bread", "stars"}


def test_members_are_ordered_by_closeness() -> None:
    corpus = shelf(ships=9)
    _, collection = collected(corpus)
    for leaf in collection.root.leaves:
        rows = [corpus.ids.index(id_) for id_ in leaf.members]
        centre = unit(corpus.vectors[rows].mean(axis=0))
        near = corpus.vectors[rows] @ centre
        assert np.all(np.diff(near) <= 1e-5)


def test_one_document_keeps_its_title_and_no_document_is_no_error() -> None:
    _, one = collected(shelf(bread=1))
    assert (one.root.title, one.root.members) == ("About bread-00", ("bread-00",))
    assert one.clusters == (one.root,)
    _, none = collected(Shelf())
    assert none.root == Cluster("", "", ())


def test_only_touched_clusters_are_summarized_again() -> None:
    corpus = shelf(ships=5, bread=4, stars=3)
    leaves, before = collected(corpus)
    corpus.put("ships-new", "ships", number=2)
    leaves, added = collected(corpus, leaves)
    assert added.summarized == 1
    assert "ships-new" in members(added)["Harbour"]
    assert added.clusters[1:] == before.clusters[1:]
    del corpus.items["bread-00"]
    leaves, removed = collected(corpus, leaves)
    assert removed.summarized == 1
    assert "bread-00" not in removed.root.documents
    assert all(m.document_id != "bread-00" for c in removed.root.leaves for s in c["gist"] for m in s.mentions)
    again, unchanged = collected(corpus, leaves)
    assert again is leaves
    assert unchanged.summarized == 0
    assert unchanged.root == removed.root


def test_another_summary_of_the_same_text_is_a_change() -> None:
    corpus = shelf(ships=5, bread=4, stars=3)
    leaves, _ = collected(corpus)
    summary, vector = corpus.items["stars-01"]
    corpus.items["stars-01"] = (replace(summary, schema="story"), vector)
    _, collection = collected(corpus, leaves)
    assert collection.summarized == 1


def test_a_cluster_that_loses_its_last_document_goes() -> None:
    corpus = shelf(ships=5, bread=4, stars=1)
    leaves, before = collected(corpus)
    del corpus.items["stars-00"]
    _, after = collected(corpus, leaves)
    assert set(after.root.documents) == set(corpus.items)
    assert len(list(after.root.leaves)) <= len(list(before.root.leaves))


def test_half_as_many_again_are_clustered_afresh() -> None:
    corpus = shelf(ships=5, bread=5)
    leaves, first = collected(corpus)
    for number in range(4):
        corpus.put(f"stars-{number}", "stars", number=number)
    leaves, some = collected(corpus, leaves)
    assert (first.clustered, some.clustered) == (10, 10)
    corpus.put("stars-9", "stars", number=9)
    leaves, many = collected(corpus, leaves)
    assert many.clustered == 15
    assert many.summarized == len(list(many.root.leaves)) == 4
    assert all(len({id_[:5] for id_ in leaf.members}) == 1 for leaf in many.root.leaves)
    for id_ in [id_ for id_ in corpus.items if id_.startswith(("ships", "bread"))][:8]:
        del corpus.items[id_]
    assert collected(corpus, leaves)[1].clustered == 7


def test_two_levels_beyond_two_thousand_documents() -> None:
    rng = np.random.default_rng(5)
    vectors = unit(rng.normal(size=(2_100, 8)).astype(np.float32))
    clusters = partition(vectors)
    assert all(name.count(".") == 1 for name in clusters)
    assert sorted(row for rows in clusters.values() for row in rows) == list(range(2_100))
    assert 40 <= len(clusters) <= 46
    assert len({name.partition(".")[0] for name in clusters}) == pytest.approx(math.sqrt(len(clusters)), abs=1.5)


def test_a_cluster_of_clusters_is_made_of_their_summaries() -> None:
    corpus = shelf(ships=5, bread=4, stars=3)
    leaves, _ = collected(corpus)
    names = dict(zip(["1", "2", "3"], ["1.1", "1.2", "2.1"], strict=True))
    nested = replace(leaves, leaves=tuple(replace(leaf, id=names[leaf.id]) for leaf in leaves.leaves))
    root = compose(corpus, nested, 0).root
    assert [(child.id, len(child.documents), len(child.children)) for child in root.children] == [
        ("1", 9, 2),
        ("2", 3, 1),
    ]
    assert {s.text for s in root.children[0]["key_terms"]} >= {"harbour", "sourdough"}
    assert [s.label for s in root.children[0]["period"]] == ["1901-05-02", "1950"]


def test_copies_of_one_vector_do_no_harm() -> None:
    same = np.tile(unit(np.ones((1, 8), np.float32)), (30, 1))
    assert sorted(row for rows in partition(same).values() for row in rows) == list(range(30))
    assert set(spherical_kmeans(np.zeros((9, 8), np.float32), 3)) <= {0, 1, 2}


def test_class_tfidf_by_hand() -> None:
    # Two classes with total weight 6: A = 3. W = tf * log(1 + A / f) (Grootendorst 2022, eq. 2).
    one, total = {"tide": 2.0, "wall": 1.0}, {"tide": 2.0, "wall": 2.0, "crust": 2.0}
    assert class_tfidf(one, total, 2) == pytest.approx({"tide": 2 * math.log(2.5), "wall": math.log(2.5)})


def test_of_two_terms_that_share_their_words_the_better_stays() -> None:
    scores = {"sea wall": 3.0, "wall": 2.0, "tide": 1.0, "pier": 9.0}
    shared = {"sea wall": True, "wall": True, "tide": True, "pier": False}
    assert choose_terms(scores, shared, 3) == ["sea wall", "tide", "pier"]


def test_a_term_used_in_passing_counts_for_less() -> None:
    first, second = Shelf(), Shelf()
    first.put("a", "ships")
    second.put("b", "ships")
    unnamed = replace(second.items["b"][0], fields=(second.items["b"][0].fields[0],))
    tally = count_terms([("a", first.items["a"][0]), ("b", unnamed)])["harbour"]
    assert (tally.documents, tally.weight) == (2, pytest.approx(1.3))


def test_an_unsupported_statement_does_not_speak_for_a_cluster() -> None:
    corpus = shelf(ships=3)
    corpus.put("ships-09", "ships", number=0, support=0.2)
    _, collection = collected(corpus)
    assert all(statement.support >= 0.6 for statement in collection.root["gist"])
    assert "ships-09" in collection.root.documents


def test_leaves_come_back_as_they_were(tmp_path) -> None:
    corpus = shelf(ships=5, bread=4, stars=3)
    leaves, collection = collected(corpus)
    write(tmp_path / "one.json", leaves)
    write(tmp_path / "two.json", collected(corpus)[0])
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    back = read(tmp_path / "one.json", 8)
    assert back is not None
    again, unchanged = collected(corpus, back)
    assert again is back
    assert unchanged.root == collection.root


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-9],
        lambda data: data.replace(b"harbour", b"harbors"),
        lambda data: b"[]\n" + data.partition(b"\n")[2],
        lambda data: b"\xff\x00\n\n",
    ],
    ids=["empty", "cut short", "changed", "no head", "no text"],
)
def test_a_damaged_file_counts_as_absent(tmp_path, damage) -> None:
    path = tmp_path / "collection.json"
    write(path, collected(shelf(ships=5, bread=4))[0])
    path.write_bytes(damage(path.read_bytes()))
    assert read(path, 8) is None


def test_a_file_for_other_vectors_or_with_a_path_as_a_name_counts_as_absent(tmp_path) -> None:
    leaves, _ = collected(shelf(ships=5, bread=4))
    write(tmp_path / "a.json", leaves)
    assert read(tmp_path / "a.json", 384) is None
    first, *rest = leaves.leaves
    write(tmp_path / "b.json", replace(leaves, leaves=(replace(first, id="../../x"), *rest)))
    assert read(tmp_path / "b.json", 8) is None


def test_documents_in_memory_are_clustered_by_what_their_summaries_say() -> None:
    made = shelf(ships=4, stars=4)
    items = [(made.parsed(row), made.summaries(row)) for row in range(8)]
    corpus = MemoryCorpus(items[::-1], HashingEncoder())
    assert list(corpus.ids) == made.ids
    assert corpus.vectors.shape == (8, HashingEncoder().dimension)
    collection = make_collection(corpus, threshold=0.6)
    assert set(collection.root.documents) == set(made.ids)
    assert all(len({id_[:5] for id_ in leaf.members}) == 1 for leaf in collection.root.leaves)
