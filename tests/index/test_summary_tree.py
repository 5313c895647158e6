"""The tree a person reads: its nodes, and what is written of it as JSON, Markdown and HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.collection.corpus import MemoryCorpus
from odqa.index.collection.make import make_collection
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.pages import html
from odqa.index.summary.pages.outline import source_link, to_json, to_markdown
from odqa.index.summary.pages.text import document_text
from odqa.index.summary.tree import SummaryTree
from odqa.schema import (
    Document,
    FieldKind,
    NodeKind,
    ParsedDocument,
    Span,
    Statement,
    StructuredSummary,
    SummaryField,
)
from tests.towns import towns

VOID = {"meta", "input", "br", "link"}
EVIL = '<script>alert("x")</script> & "quoted" \u202e gnp.exe'


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.marked: dict[str, str] = {}
        self._last = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
            self._last = str(found["id"])
        if found.get("href"):
            self.links.append(str(found["href"]))
        if tag == "mark":
            self.marked[f"{found['data-s']}-{found['data-e']}"] = ""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if "mark" in self.open:
            self.marked[list(self.marked)[-1]] += data


def summarized(document: Document) -> tuple[ParsedDocument, list[StructuredSummary]]:
    from odqa.index.summary.extractive import ExtractiveSummarizer

    parsed = parse(document, lambda texts: [len(text.split()) for text in texts])
    return parsed, ExtractiveSummarizer(min_section_words=10).summarize(parsed)


def tree_of(
    items: list[tuple[ParsedDocument, list[StructuredSummary]]], deepest: NodeKind = NodeKind.SECTION
) -> SummaryTree:
    corpus = MemoryCorpus(items, HashingEncoder())
    return SummaryTree("Works", corpus, make_collection(corpus, threshold=0.6), 0.6, deepest)


@pytest.fixture(scope="module")
def town_tree() -> SummaryTree:
    return tree_of([summarized(document) for document in towns(9, paragraphs=4)])


def evil() -> tuple[ParsedDocument, list[StructuredSummary]]:
    builder = DocumentBuilder('/x/"><script>.txt', title=f"Title {EVIL}", source='javascript:alert("x")')
    builder.heading(f"Heading {EVIL}")
    builder.paragraph(
        f"A paragraph says {EVIL} and ends here. It goes on for [one](http://evil.example) more sentence."
    )
    document = builder.build()
    whole, part = Span(0, len(document.text)), Span(10, 40)
    statements = (
        Statement(f"Said {EVIL}", (part, whole, Span(20, 60))),
        Statement("A model\n# made this up", (part,), support=0.1),
    )
    fields = (
        SummaryField("gist", FieldKind.STATEMENT, statements),
        SummaryField("<b>field", FieldKind.QUOTE, statements[:1]),
        SummaryField("key_terms", FieldKind.TERM, (Statement("<i>", (part,)),)),
    )
    return ParsedDocument(document, (), ()), [StructuredSummary(document.id, None, "<u>", fields)]


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from nodes(child)


def test_nodes_come_from_the_outside_in(town_tree: SummaryTree) -> None:
    found = list(town_tree)
    assert [(depth, node.kind) for depth, node in found[:4]] == [
        (0, NodeKind.COLLECTION),
        (1, NodeKind.CLUSTER),
        (2, NodeKind.DOCUMENT),
        (3, NodeKind.SECTION),
    ]
    assert sum(node.kind is NodeKind.DOCUMENT for _, node in found) == len(town_tree) == 9
    assert all(node["gist"] for _, node in found if node.kind is not NodeKind.SECTION)
    assert found[0][1].documents == 9


@pytest.mark.parametrize("deepest", list(NodeKind))
def test_the_tree_ends_where_it_should(town_tree: SummaryTree, deepest: NodeKind) -> None:
    items = [summarized(document) for document in towns(9, paragraphs=4)]
    kinds = {node.kind for _, node in tree_of(items, deepest)}
    assert kinds == set(list(NodeKind)[: list(NodeKind).index(deepest) + 1])


def test_sections_nest_by_their_headings() -> None:
    builder = DocumentBuilder("a.md", title="Guide")
    said = "The pump must be cleaned every week with warm water and a soft brush by the keeper of the house."
    for level, heading in [(1, "Guide"), (2, "Pump"), (3, "Cleaning"), (2, "Tank"), (4, "Valve")]:
        builder.heading(heading, level)
        builder.paragraph(said)
    tree = tree_of([summarized(builder.build())])
    assert [(depth, node.title) for depth, node in tree.sections("a.md")] == [
        (1, "Guide"),  # the title again: its sections are the document's
        (1, "Pump"),
        (2, "Cleaning"),
        (1, "Tank"),
        (2, "Valve"),
    ]


def test_json_spans_are_characters_of_their_documents(town_tree: SummaryTree) -> None:
    root = json.loads("".join(to_json(town_tree)))
    assert root["kind"] == "collection"
    texts = {document.id: document.text for document in towns(9, paragraphs=4)}
    kinds = {node["kind"] for node in nodes(root)}
    assert kinds == {"collection", "cluster", "document", "section"}
    count = 0
    for node in nodes(root):
        for field in node["fields"]:
            for statement in field["statements"]:
                assert statement["supported"] is True
                for mention in statement["mentions"]:
                    text = texts[mention["document"]]
                    assert [text[a:b] for a, b in mention["spans"]] == mention["quotes"]
                    assert all(mention["quotes"])
                    count += 1
    assert count > 100
    assert len(list(nodes(root))) == len(list(town_tree))


def test_json_of_one_document_and_of_none() -> None:
    assert json.loads("".join(to_json(tree_of([]))))["children"] == []
    one = json.loads("".join(to_json(tree_of([evil()]))))
    (document,) = one["children"]
    flagged = document["fields"][0]["statements"][1]
    assert (flagged["support"], flagged["supported"]) == (0.1, False)


def test_one_page_is_well_formed_and_every_link_has_its_target(town_tree: SummaryTree) -> None:
    page = Page("".join(html.to_html(town_tree)))
    inner = [link for link in page.links if link.startswith("#")]
    assert len(inner) > 100
    assert {link[1:] for link in inner} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("script") == 1
    for document in towns(9, paragraphs=4):
        shown = "".join(page.words)
        assert document.blocks[-1].span.of(document.text) in shown


def test_what_is_cited_is_marked_exactly() -> None:
    (document,) = towns(1, paragraphs=2)
    spans = [Span(5, 30), Span(20, 50), Span(20, 25), Span(120, 121)]
    page = Page("".join(document_text(document, 3, spans)))
    assert "".join(page.marked.values()) == document.text[5:50].replace("\n\n", "") + document.text[120]
    assert page.ids == ["d3-5-30", "d3-20-25", "d3-20-50", "d3-120-121"]
    for cut, words in page.marked.items():
        start, end = map(int, cut.split("-"))
        assert document.text[start:end] == words


def test_a_span_outside_the_text_still_has_a_target() -> None:
    (document,) = towns(1, paragraphs=1)
    end = len(document.text)
    page = Page("".join(document_text(document, 1, [Span(end + 5, end + 9), Span(0, end + 99)])))
    assert page.ids == [f"d1-0-{end + 99}", f"d1-{end + 5}-{end + 9}"]
    assert "".join("".join(page.marked.values()).split()) == "".join(document.text.split())


def test_tables_and_turns_are_shown_as_such() -> None:
    builder = DocumentBuilder("m", title="M")
    builder.turn("The pier will be built of larch.", "Stannard", 65.0, 70.0)
    builder.table([["payer", "sum"], ["Town <b>", "7"]], header_rows=1)
    document = builder.build()
    start = document.text.index("Town")
    page = Page("".join(document_text(document, 1, [Span(start, start + 12)])))
    assert page.tags.count("th") == page.tags.count("td") == 2
    assert list(page.marked.values()) == ["Town <b>", "7"]
    assert "1:05" in page.words


def test_markup_in_documents_and_statements_stays_text() -> None:
    text = "".join(html.to_html(tree_of([evil()])))
    page = Page(text)
    assert page.tags.count("script") == 1
    assert not {"b", "i", "u"} & set(page.tags)
    assert "\u202e" not in text
    assert not any(link.startswith("javascript") for link in page.links)
    assert '<script>alert("x")</script>' in "".join(page.words)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert text.count('<span class="flag">unsupported</span>') == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "default-src &#x27;none&#x27;" in policy[1]


def test_the_policy_names_the_script_that_is_there() -> None:
    import base64
    import hashlib

    text = "".join(html.to_html(tree_of([evil()])))
    script = text.rsplit("<script>", 1)[1].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in text
    assert "http" not in script


def test_a_large_collection_is_a_folder_of_pages(
    town_tree: SummaryTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "ONE_PAGE_DOCUMENTS", 5)
    count = html.write_html(town_tree, tmp_path / "index.html", tmp_path / "pages")
    clusters = len(list(town_tree.collection.root.leaves))
    assert count == 1 + clusters + 9
    pages = {path: Page(path.read_text("utf-8")) for path in tmp_path.rglob("*.html")}
    assert len(pages) == count
    for path, page in pages.items():
        local = [link for link in page.links if not link.startswith(("http", "/"))]
        assert local
        for link in local:
            name, _, target = link.partition("#")
            place = (path.parent / unquote(name)).resolve() if name else path
            if place.suffix == ".html":
                assert place in pages
                assert not target or target in pages[place].ids
    titles = "".join(pages[tmp_path / "index.html"].words)
    assert all(document.title in titles for document in towns(9, paragraphs=4))


def test_writing_twice_gives_the_same_page(town_tree: SummaryTree, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert html.write_html(town_tree, tmp_path / name, tmp_path / "pages") == 1
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_markdown_has_a_heading_for_each_node_and_the_characters_of_each_sentence(town_tree: SummaryTree) -> None:
    text = "".join(to_markdown(town_tree))
    assert text.startswith("# Works\n\n*9 documents*\n")
    assert len(re.findall(r"^#+ ", text, re.MULTILINE)) == len(list(town_tree))
    document = next(d for d in towns(9, paragraphs=4) if d.title in text)
    part = text[text.index(f"### {document.title}") :]
    found = re.search(r"^- (.+) \(\[.+\]\(/towns/\d+\.txt\), (\d+)–(\d+)\)$", part, re.MULTILINE)
    assert found is not None
    assert document.text[int(found[2]) : int(found[3])] == found[1]


def test_markdown_cannot_be_steered_by_a_document() -> None:
    text = "".join(to_markdown(tree_of([evil()])))
    assert "\n# made this up" not in text
    assert "\\<script\\>" in text
    assert "<script" not in text.replace("\\<script", "")
    assert "*(unsupported)*" in text
    assert "](javascript" not in text


def source(source: str, media_type: str = "text/plain") -> Document:
    builder = DocumentBuilder("d", title="D", source=source, media_type=media_type)
    builder.page(7)
    builder.paragraph("The survey-team found silt.")
    return builder.build()


@pytest.mark.parametrize(
    ("document", "link"),
    [
        (source("/a b/c (1).txt"), "/a%20b/c%20%281%29.txt"),
        (source("/a/x.pdf", "application/pdf"), "/a/x.pdf#page=7"),
        (source("/a/x.jsonl#TM.4"), "/a/x.jsonl"),
        (source("https://e.org/p?q=1&r=2", "text/html"), "https://e.org/p?q=1&r=2#:~:text=The%20survey%2Dteam"),
        (source("https://e.org/a b)c", "text/csv"), "https://e.org/a%20b%29c"),
        (source("javascript:alert(1)"), ""),
        (source("file:///etc/passwd"), ""),
        (source("stdin"), ""),
    ],
    ids=lambda value: value.source if isinstance(value, Document) else "",
)
def test_links_go_to_the_source_as_far_as_its_format_has_places(document: Document, link: str) -> None:
    assert source_link(document, Span(0, 15), None) == link


def test_links_to_files_may_be_relative(tmp_path: Path) -> None:
    assert source_link(source(str(tmp_path / "docs" / "a.txt")), None, tmp_path / "out") == "../docs/a.txt"
