"""The links of hand-made collections: what points where, and what must not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from odqa.data.builder import DocumentBuilder
from odqa.errors import ConfigError, ModelError
from odqa.index.links.graph import LINK_KINDS, Edges, open_links
from odqa.index.snapshot import Snapshot
from odqa.schema import Document, LinkKind, Span
from tests.linked import FILLER, everywhere, links_of, page


def owner(snapshot: Snapshot, passage: int) -> str:
    return snapshot.ids[int(np.searchsorted(snapshot.first_passage, passage, side="right")) - 1]


def shown(snapshot: Snapshot, edges: Edges) -> list[tuple[str, str, str, str]]:
    """Edges as (document, its words, kind, document that they lead to)."""
    found = []
    for source, document, passage, kind, start, end in zip(
        edges.source, edges.document, edges.passage, edges.kind, edges.start, edges.end, strict=True
    ):
        id_ = owner(snapshot, source)
        words = snapshot.document(snapshot.by_id[id_]).text[start:end]
        target = snapshot.ids[document] if document >= 0 else owner(snapshot, passage)
        found.append((id_, words, LINK_KINDS[kind].value, target))
    return found


def titles(path: Path, *documents: Document) -> list[tuple[str, str, str]]:
    snapshot, graph = links_of(path, *documents)
    edges = graph.out(everywhere(snapshot), {LinkKind.TITLE})
    return [(source, words, target) for source, words, _, target in shown(snapshot, edges)]


def only(found: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(words, target) for source, words, target in found if source == "s"]


@pytest.mark.parametrize(
    ("title", "text", "words"),
    [
        ("Ridley Scott", "It was directed by Ridley Scott in a hurry.", "Ridley Scott"),
        ("Ridley Scott", "It was Ridley Scott's second film.", "Ridley Scott"),
        ("J. R. R. Tolkien", "A book by J.R.R. Tolkien about rings.", "J.R.R. Tolkien"),
        ("J. R. R. Tolkien", "A book by JRR Tolkien about rings.", "JRR Tolkien"),
        ("US Route 66", "They drove along U.S. Route 66 to the sea.", "U.S. Route 66"),
        ("The Beatles", "A song of the Beatles was played.", "the Beatles"),
        ("The Beatles", "An old Beatles song was played.", "Beatles"),
        ("Expense policy", "Taxis are named in the expense policy of the firm.", "expense policy"),
        ("Expense policy", "All expense policies of the firm say so.", "expense policies"),
        ("annual_report_2019.pdf", "See Annual Report 2019 for the rest.", "Annual Report 2019"),
        ("Mercury (planet)", "A probe went to Mercury last year.", "Mercury"),
        ("Brindle Bridge: a history of its building", "The Brindle Bridge fell down.", "Brindle Bridge"),
        ("Simon & Garfunkel", "They heard Simon and Garfunkel there.", "Simon and Garfunkel"),
        ("Beyoncé Knowles", "They heard Beyonce Knowles there.", "Beyonce Knowles"),
        ("Paris, Texas", "They saw Paris, Texas at night.", "Paris, Texas"),
        ("West Chicago, Illinois", "He left West Chicago for good.", "West Chicago"),
        ("Washington, D.C.", "They went to Washington D.C. by train.", "Washington D.C"),
        ("AC/DC", "They heard AC/DC there.", "AC/DC"),
        ("東京都", "彼は東京都に住んでいる。", "東京都"),
    ],
)
def test_a_title_is_found_however_it_is_written(tmp_path: Path, title: str, text: str, words: str) -> None:
    assert only(titles(tmp_path, page("t", title), page("s", "Another", text))) == [(words, "t")]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Home", "He went home, and home was far."),
        ("Love", "Love is a strong word, and love is a weak one."),
        ("The Wall", "The wall fell upon the men behind the wall."),
        ("As It Is", "They left it as it is."),
        ("London Bridge", "In London, Bridge is a game for the old."),
        ("London Bridge", "He came from London. Bridge was all he played."),
        ("1984", "It was built in 1984 by the town."),
        ("It", "They said It was good."),
    ],
)
def test_common_words_are_no_titles(tmp_path: Path, title: str, text: str) -> None:
    assert only(titles(tmp_path, page("t", title), page("s", "Another", text))) == []


def test_a_common_word_links_where_it_is_written_as_a_name(tmp_path: Path) -> None:
    text = "He never saw Love at the cinema, though love is common."
    assert only(titles(tmp_path, page("t", "Love"), page("s", "Another", text))) == [("Love", "t")]


def test_a_rare_lower_case_word_links_in_a_large_collection(tmp_path: Path) -> None:
    table = DocumentBuilder("o", title="Filling")
    table.table([["Number", "Said"], *([str(n), FILLER] for n in range(600))])
    named = page("t", "Photosynthesis"), page("m", "Mill")
    text = "The leaf lives by photosynthesis and the mill by water."
    assert only(titles(tmp_path, *named, page("s", "Another", text), table.build())) == [("photosynthesis", "t")]


def test_the_longest_name_wins(tmp_path: Path) -> None:
    named = page("a", "York"), page("b", "New York"), page("c", "New York City"), page("d", "City")
    text = "She lived in New York City before she moved to York."
    assert only(titles(tmp_path, *named, page("s", "Another", text))) == [("New York City", "c"), ("York", "a")]


def test_a_part_of_a_longer_name_weighs_less(tmp_path: Path) -> None:
    text = "Courtney Love came. They met Anna Thorpe and then Love again."
    snapshot, graph = links_of(
        tmp_path, page("t", "Love"), page("u", "Anna Thorpe"), page("s", "One", text), page("r", "Two", text[:20])
    )
    edges = graph.into(np.array([snapshot.by_id["t"]]))
    weights = {owner(snapshot, s): w for s, w in zip(edges.source, edges.weight, strict=True)}
    assert weights["r"] < weights["s"]
    assert [w for _, w, _, _ in shown(snapshot, edges)] == ["Love", "Love"]
    # Of two mentions in one passage, the surer one is kept.
    assert {int(s) for s, w in zip(edges.start, edges.weight, strict=True) if w == weights["s"]} == {
        text.rindex("Love")
    }


def test_a_document_does_not_link_to_itself_nor_to_parts_of_its_own_title(tmp_path: Path) -> None:
    text = "Ridley Scott was born in Farholt. Scott lives there."
    found = titles(tmp_path, page("s", "Ridley Scott", text), page("t", "Scott"), page("f", "Farholt"))
    assert only(found) == [("Farholt", "f"), ("Scott", "t")]


def test_an_ambiguous_name_leads_to_all_who_bear_it(tmp_path: Path) -> None:
    named = page("a", "Mercury (planet)"), page("b", "Mercury (element)"), page("c", "Venus")
    snapshot, graph = links_of(tmp_path, *named, page("s", "Another", "A probe went past Mercury and past Venus."))
    edges = graph.out(everywhere(snapshot))
    weights = {target: w for (_, _, _, target), w in zip(shown(snapshot, edges), edges.weight, strict=True)}
    assert set(weights) == {"a", "b", "c"}
    assert weights["a"] == weights["b"] < weights["c"]


def test_a_name_that_too_many_bear_leads_to_those_whose_very_title_it_is(tmp_path: Path) -> None:
    many = [page(f"m{n}", f"Minutes (week {n})") for n in range(12)]
    text = "He read the Minutes of the board twice."
    assert only(titles(tmp_path / "1", *many, page("s", "Another", text))) == []
    found = only(titles(tmp_path / "2", *many, page("x", "Minutes"), page("s", "Another", text)))
    assert found == [("Minutes", "x")]


def test_aliases_and_acronyms_are_names(tmp_path: Path) -> None:
    service = "The Special Air Service (SAS) is a unit of the army."
    named = page("t", "Special Air Service", service), page("u", "Elsworth", aliases=["Queen of the North"])
    text = "A failed SAS raid began at the Queen of the North."
    assert only(titles(tmp_path, *named, page("s", "Another", text))) == [("SAS", "t"), ("Queen of the North", "u")]


def test_hyperlinks_are_resolved_however_they_are_written(tmp_path: Path) -> None:
    targets = {
        "docs/b.md": "docs/b.md",
        "b.md#part": "docs/b.md",
        "./b.md": "docs/b.md",
        "../other/c%20d.md": "other/c d.md",
        "https://www.example.org/x/": "web",
        "http://example.org/x#top": "web",
        "web": "web",
        "#here": None,
        "mailto:a@example.org": None,
        "nowhere.md": None,
    }
    builder = DocumentBuilder("docs/a.md", title="Start")
    for number, target in enumerate(targets):
        builder.paragraph(f"Number {number} is here for you.", [(7, 8, target)])
    others = page("docs/b.md", "Qb"), page("other/c d.md", "Qc"), page("web", "Qw", url="https://example.org/x")
    snapshot, graph = links_of(tmp_path, builder.build(), *others)
    edges = graph.out(everywhere(snapshot), {LinkKind.HYPERLINK})
    found = {target for source, _, _, target in shown(snapshot, edges) if source == "docs/a.md"}
    assert found == {"docs/b.md", "other/c d.md", "web"}
    assert set(edges.weight.tolist()) == {1.0}
    resolved = {
        snapshot.document(snapshot.by_id["docs/a.md"]).text[s:e] for s, e in zip(edges.start, edges.end, strict=True)
    }
    assert resolved <= {str(n) for n, target in enumerate(targets.values()) if target}
    for number, (target, wanted) in enumerate(targets.items()):
        one = DocumentBuilder("docs/a.md", title="Start")
        one.paragraph("See here.", [(4, 8, target)])
        snapshot, graph = links_of(tmp_path / str(number), one.build(), *others)
        expected = [("docs/a.md", "here", "hyperlink", wanted)] if wanted else []
        assert shown(snapshot, graph.out(everywhere(snapshot), {LinkKind.HYPERLINK})) == expected


def test_a_link_in_a_cell_leads_from_its_row(tmp_path: Path) -> None:
    builder = DocumentBuilder("s", title="Games")
    builder.paragraph("All that was held.", [(0, 3, "held")])
    builder.table([["Year", "Town"], ["2006", "Doha"], ["2010", "Jarrow"]], 1, [(1, 1, "wiki/Doha"), (2, 1, "wiki/No")])
    snapshot, graph = links_of(tmp_path, builder.build(), page("wiki/Doha", "Qa"), page("held", "Qb"))
    edges = graph.out(everywhere(snapshot))
    assert shown(snapshot, edges) == [("s", "All", "hyperlink", "held"), ("s", "Doha", "cell", "wiki/Doha")]
    row = snapshot.parsed(snapshot.by_id["s"]).passages[
        int(edges.source[1] - snapshot.first_passage[snapshot.by_id["s"]])
    ]
    assert (row.kind.value, row.span.contains(Span(int(edges.start[1]), int(edges.end[1])))) == ("row", True)


def test_a_link_in_a_heading_leads_from_what_stands_under_it(tmp_path: Path) -> None:
    builder = DocumentBuilder("s", title="Games")
    builder.table([["Year", "Town"], ["2006", "Farholt"]], 1, [(0, 1, "t")])
    snapshot, graph = links_of(tmp_path, builder.build(), page("t", "Something else"))
    assert shown(snapshot, graph.out(everywhere(snapshot))) == [("s", "Town", "cell", "t")]


def test_rare_names_link_passages_of_different_documents(tmp_path: Path) -> None:
    documents = (
        page("a", "One", "In May the engineer Ruth Aldane drew a plan.", FILLER),
        page("b", "Two", "Nobody thanked Ruth Aldane for the 1996 Summer Games."),
        page("c", "Three", "The 1996 Summer Games in Gatesby by the Gulf of Carrow."),
        page("d", "Four", "However, the men of the Gulf of Carrow went home."),
        page("e", "Five", "The Eastern Region of Uganda lies in the east."),
        page("f", "Six", "They saw Uganda in spring."),
    )
    snapshot, graph = links_of(tmp_path, *documents)
    edges = graph.shared(everywhere(snapshot))
    assert sorted(shown(snapshot, edges)) == [
        ("a", "Ruth Aldane", "name", "b"),
        ("b", "1996 Summer Games", "name", "c"),
        ("b", "Ruth Aldane", "name", "a"),
        ("c", "1996 Summer Games", "name", "b"),
        ("c", "Gulf of Carrow", "name", "d"),
        ("d", "Gulf of Carrow", "name", "c"),
        ("e", "Uganda", "name", "f"),
        ("f", "Uganda", "name", "e"),
    ]
    assert (edges.document == -1).all()
    assert len(graph.shared(everywhere(snapshot), limit=1)) == 6
    assert graph.counts["names"] == 6  # "Gulf" and "Carrow" are names too, but add no edge.


def test_names_of_more_than_fifty_documents_link_nothing(tmp_path: Path) -> None:
    documents = [page(f"d{n}", f"Report {n}", f"The council of Upper Brindle met {n} times.") for n in range(51)]
    snapshot, graph = links_of(tmp_path / "51", *documents)
    assert len(graph.shared(everywhere(snapshot))) == 0
    snapshot, graph = links_of(tmp_path / "50", *documents[:50])
    assert len(graph.shared(everywhere(snapshot))) == 50 * 49
    assert len(graph.shared(np.array([7]), limit=10)) == 10


def test_out_and_into_are_two_views_of_the_same_edges(tmp_path: Path) -> None:
    texts = ["Anna Thorpe met Ben Hollin.", "Ben Hollin met Anna Thorpe and Cara Jarrow.", "Nobody met Cara Jarrow."]
    names = ["Anna Thorpe", "Ben Hollin", "Cara Jarrow"]
    documents = [page(str(n), name, text) for n, (name, text) in enumerate(zip(names, texts, strict=True))]
    snapshot, graph = links_of(tmp_path, *documents)
    kinds = {LinkKind.TITLE}
    out = shown(snapshot, graph.out(everywhere(snapshot), kinds))
    assert sorted(out) == sorted(shown(snapshot, graph.into(np.arange(3), kinds)))
    assert ("1", "Cara Jarrow", "title", "2") in out
    assert len(graph.out(everywhere(snapshot), set())) == 0
    ordered = graph.out(np.array([2, 0]), kinds)
    assert ordered.source.tolist() == sorted(ordered.source.tolist(), key=[2, 0].index)
    assert shown(snapshot, ordered.select(ordered.source == 0)) == [("0", "Ben Hollin", "title", "1")]


def test_a_question_names_documents_and_rare_names(tmp_path: Path) -> None:
    documents = (
        page("t", "Ridley Scott", "A director of films."),
        page("u", "Due South", "Constable Benton Fraser rides a horse in winter."),
    )
    snapshot, graph = links_of(tmp_path, *documents)
    text = "Which horse of Benton Fraser or Constable Benton Fraser did Ridley Scott ride?"
    found = graph.find(text)
    assert [item.text for item in found] == ["Constable Benton Fraser", "Ridley Scott"]
    assert all(text[item.span.start : item.span.end] == item.text for item in found)
    assert [owner(snapshot, p) for p in found[0].passages] == ["u"]
    assert found[1].documents == (snapshot.by_id["t"],)
    assert all(0 < item.weight <= 1 for item in found)
    lowered = graph.find("what did constable benton fraser say to ridley scott")
    assert [item.text for item in lowered] == ["constable benton fraser", "ridley scott"]
    assert graph.find("") == graph.find("?!") == graph.find("what is it") == []


def test_an_empty_collection_and_documents_without_text_have_no_links(tmp_path: Path) -> None:
    snapshot, graph = links_of(tmp_path, DocumentBuilder("e", title="Empty").build(), page("!", "!?"))
    assert len(graph.out(everywhere(snapshot))) == len(graph.into(np.arange(2))) == 0
    assert graph.counts == {"hyperlink": 0, "cell": 0, "title": 0, "name": 0, "names": 0, "titles": 1}


def test_an_unknown_extractor_is_refused_in_words(tmp_path: Path) -> None:
    snapshot, _ = links_of(tmp_path, page("a", "One"))
    with pytest.raises(ConfigError, match=r"'capitals'.*rules, spacy:<model> or gliner:<model>"):
        open_links(snapshot, extractor="capitals")
    for name in ("spacy:en_core_web_sm", "gliner:urchade/gliner_small-v2.1"):
        package = name.partition(":")[0]
        try:
            __import__(package)
        except ImportError:
            with pytest.raises(ModelError, match=f"pip install {package}"):
                open_links(snapshot, extractor=name)
