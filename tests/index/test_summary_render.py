"""A summary as Markdown and as JSON."""

import json

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.render import to_dict, to_markdown
from odqa.schema import Document, FieldKind, Span, Statement, StructuredSummary, SummaryField
from odqa.schema.dates import readable_date


def minutes() -> Document:
    builder = DocumentBuilder("minutes.vtt", title="Council", source="minutes.vtt")
    builder.turn("The council agreed to build the second pier on longer piles.", "Stannard", 3725.0, 3730.0)
    builder.turn("The pier will cost £90,000 and open on 17 March 1994.", "Thole", 65.5, 70.0)
    return builder.build()


def summarized(document: Document) -> StructuredSummary:
    parsed = parse(document, lambda texts: [len(text.split()) for text in texts])
    return ExtractiveSummarizer().summarize(parsed)[0]


def test_json_has_every_statement_with_its_source() -> None:
    document = minutes()
    summary = summarized(document)
    data = json.loads(json.dumps(to_dict(summary, document)))
    assert data["document"] == "minutes.vtt"
    assert data["schema"] == "meeting"
    assert [field["name"] for field in data["fields"]] == [field.name for field in summary.fields]
    for field in data["fields"]:
        for statement in field["statements"]:
            assert {"text", "spans", "quote", "label", "weight"} <= set(statement)
            assert statement["quote"] == " … ".join(document.text[a:b] for a, b in statement["spans"])
    timeline = next(field for field in data["fields"] if field["name"] == "timeline")
    assert timeline["statements"][0]["label"] == "1994-03-17"
    assert timeline["statements"][0]["start_s"] == 65.5


def test_markdown_has_a_heading_for_each_field_and_says_where() -> None:
    document = minutes()
    shown = to_markdown(summarized(document), document)
    assert shown.startswith("# Council\n")
    assert "## Gist" in shown
    assert (
        "## Speakers\n\nStannard (speaker), Thole (speaker)" in shown or "Thole (speaker), Stannard (speaker)" in shown
    )
    assert "- **1994-03-17** The pier will cost £90,000 and open on 17 March 1994. (1:05)" in shown
    assert "(1:02:05)" in shown


def test_markdown_shows_pages() -> None:
    builder = DocumentBuilder("a.pdf", title="A")
    builder.page(7)
    builder.paragraph("The survey found that the silt is nine metres deep.")
    document = builder.build()
    parsed = parse(document, lambda texts: [len(text.split()) for text in texts])
    shown = to_markdown(ExtractiveSummarizer("report").summarize(parsed)[0], document)
    assert "- The survey found that the silt is nine metres deep. (p. 7)" in shown


def test_markup_in_a_document_stays_text() -> None:
    builder = DocumentBuilder("x", title="<b>X</b>")
    builder.paragraph("# See [here](http://evil.example) and *now* `run` <script>.")
    document = builder.build()
    span = Span(0, len(document.text))
    field = SummaryField("findings", FieldKind.STATEMENT, (Statement(document.text, (span,)),))
    shown = to_markdown(StructuredSummary("x", 2, "default", (field,)), document)
    assert r"\# See \[here\](http://evil.example) and \*now\* \`run\` \<script\>." in shown
    assert shown.startswith("# \\<b\\>X\\</b\\>, section 3\n")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1888-21", "spring 1888"),
        ("1865-24", "winter 1865"),
        ("199X", "1990s"),
        ("18XX", "1800s"),
        ("1994-03-17", "1994-03-17"),
        ("1994-12", "1994-12"),
        ("1994", "1994"),
    ],
)
def test_a_season_is_written_as_people_write_it(code: str, said: str) -> None:
    assert readable_date(code) == said
