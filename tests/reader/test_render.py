from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.reader.cite import assemble
from odqa.reader.extractive import ExtractiveReader
from odqa.reader.render import source_line, to_dict, to_html, to_markdown
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import AnswerStyle, Claim, Draft, Hop, HopKind, Style, Verdict

QUESTION = "Why did the second pier fail?"


def answered(question, evidence, style=None):
    layout = AnswerStyle(style)
    draft = ExtractiveReader().draft(question, evidence, layout)
    return assemble(question, draft, evidence, AlignmentVerifier(), layout, timings={"read": 0.01})


@pytest.fixture
def everything(report, meeting, evidence_of):
    return [*evidence_of(report), *evidence_of(meeting)]


@pytest.fixture
def hostile(evidence_of):
    builder = DocumentBuilder("evil.html", title="<b>Evil</b> [^1] | *x*", source="javascript:alert(1)")
    builder.paragraph(
        "The second pier failed because of <script>alert('shipworm')</script> & *bold* [link](http://x) claims.[99] "
        "- The second pier failed \u202eagain\x1b[31m since # nobody `looked` [^2]: at it."
    )
    return evidence_of(builder.build())


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.seen = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        self.seen.append(data)


def test_source_lines(everything):
    pier = answered(QUESTION, everything).sources[0]
    assert source_line(pier) == "Harbour Commission Report › Findings › Second pier, p. 4"
    brandt = answered("What did Councillor Brandt say about borrowing?", everything)
    lines = [source_line(citation) for citation in brandt.sources]
    assert "Council meeting of 3 October, 00:14:31, Councillor Brandt" in lines


def test_a_title_is_not_repeated_as_its_own_heading(everything):
    citation = replace(
        answered(QUESTION, everything).sources[0], section=("Harbour Commission Report", "Costs"), page=None
    )
    assert source_line(citation) == "Harbour Commission Report › Costs"


def test_the_dictionary_is_complete_json(everything):
    everything[0] = replace(everything[0], path=(Hop(HopKind.QUESTION, QUESTION, 1.0),), scores={"dense": 0.5})
    answer = answered(QUESTION, everything)
    value = json.loads(json.dumps(to_dict(answer)))
    assert value["question"] == QUESTION
    assert value["text"] == answer.text
    assert value["refused"] is False
    assert value["timings"] == {"read": 0.01}
    assert len(value["evidence"]) == len(everything)
    assert value["evidence"][0]["path"] == [{"kind": "question", "label": QUESTION, "score": 1.0}]
    assert value["evidence"][0]["scores"] == {"dense": 0.5}
    citation = value["claims"][0]["citations"][0]
    document = everything[0].document.text
    assert citation["quote"] == " … ".join(document[a:b] for a, b in citation["spans"])
    assert (citation["page"], citation["section"], citation["support"]) == (4, ["Findings", "Second pier"], 1.0)


def test_markdown_has_a_footnote_for_every_mark(everything):
    markdown = to_markdown(answered(QUESTION, everything))
    assert "eaten by shipworm.[^1]" in markdown
    assert "[^1]: Harbour Commission Report › Findings › Second pier, p. 4: “" in markdown


def test_bullets_are_a_list(everything):
    answer = answered("What does the commission recommend?", everything, Style.BULLETS)
    assert to_markdown(answer).startswith("- ")
    assert "<ul><li>" in to_html(answer)


def test_neighbouring_quotes_of_one_source_are_joined_without_a_gap(everything):
    markdown = to_markdown(answered("What did Councillor Brandt say about borrowing?", everything))
    assert "from the county. The interest would" in markdown.split("[^1]:", 1)[1]


def test_hostile_text_stays_text_in_html(hostile):
    html = to_html(answered(QUESTION, hostile))
    page = Page()
    page.feed(html)
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert all(link.startswith(("#source-", "https://", "http://")) for link in page.links)
    assert "<script>alert('shipworm')</script>" in "".join(page.seen)
    assert "[99]" not in "".join(page.seen).split("Sources")[0]
    assert not any(c in html for c in "\x1b\u202e")


def test_hostile_text_stays_text_in_markdown(hostile):
    answer = answered(QUESTION, hostile)
    body, notes = to_markdown(answer).split("\n[^1]:", 1)
    assert "[99]" not in body
    assert r"\<script\>" in body
    assert r"\*bold\*" in body
    assert r"\[link\](http://x)" in body
    assert body.count("[^1]") == len(answer.claims)
    assert "[^2]" not in body.replace(r"\[", "")
    assert "\n" not in notes.strip(), "a footnote is one line, so that no text can start a block of its own"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("# Title", r"\# Title"),
        ("1994 was cold", "1994 was cold"),
        ("A & B", "A &amp; B"),
    ],
)
def test_markdown_blocks_cannot_be_opened(text, expected, everything):
    answer = replace(answered(QUESTION, everything), claims=(Claim(text, (), 1.0),), style=Style.LONG)
    assert to_markdown(answer).splitlines()[0] == expected


def test_flagged_sentences_show_it(everything):
    answer = replace(
        answered(QUESTION, everything), claims=(Claim("Maybe so.", (), 0.2, Verdict.FLAGGED),), reason="note"
    )
    assert "*(unsupported)*" in to_markdown(answer)
    assert "*note.*" in to_markdown(answer)
    assert 'class="claim flagged"' in to_html(answer)


def test_refusals_say_so_and_show_what_was_nearest(everything):
    answer = assemble(QUESTION, Draft((), "No document mentions ‘X’.", 0.1), everything, AlignmentVerifier())
    for text in (to_markdown(answer), to_html(answer)):
        assert "The documents do not say. No document mentions ‘X’." in text
        assert "Nearest passages" in text
    assert to_dict(answer)["claims"] == []


def test_pages_need_nothing_from_outside(everything):
    page = Page()
    page.feed(to_html(answered(QUESTION, everything)))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
