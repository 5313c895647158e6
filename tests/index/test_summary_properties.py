"""What holds of every summary, whatever the document."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import load_dataset
from odqa.data.passages import parse
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.analysis import normalize
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.templates import FILLER_KINDS, TEMPLATES, Template, TemplateField
from odqa.protocols import Summarizer
from odqa.schema import Document, FieldKind, ParsedDocument, Span, Statement, StructuredSummary

OF_ONES_OWN = tuple(TemplateField(f"own_{kind}", "delays of the pier, and silt", kind, 4) for kind in FieldKind)
EVERYTHING = Template(
    "all", "", (*(TemplateField(name, "", kind, 4, name) for name, kind in FILLER_KINDS.items()), *OF_ONES_OWN)
)
VERBATIM = {
    "gist", "quotes", "definitions", "timeline", "decisions", "actions", "recommendations", "findings",
    "contributions", "warnings", "steps", "positions", "outline",
}  # fmt: skip

WORDS = st.one_of(
    st.sampled_from(
        "the pier Pier was delayed because of silt in 1994 17 March £2,840,000 Captain Aldane Council 38 % is a means "
        'We agreed should will send never Do not found that “no one” "yes and no" Mrs O’Neill said ? . ! … — ( ) 84 '
        "piles twelve miles AND U.S. 数据 данные Ёлка מים é ı İ ﬁ 🙂 ² ٣ 1990s century uh".split()
    ),
    st.text(min_size=1, max_size=8),
)
LINES = st.lists(WORDS, min_size=1, max_size=40).map(lambda words: " ".join(words) + ".")
BLOCKS = st.one_of(
    st.tuples(st.just("paragraph"), LINES),
    st.tuples(st.just("heading"), st.lists(WORDS, min_size=1, max_size=5).map(" ".join)),
    st.tuples(st.just("turn"), LINES, st.sampled_from(["Ann", "Bob", "Q", None])),
    st.tuples(st.just("list"), st.lists(LINES, min_size=1, max_size=3)),
    st.tuples(st.just("code"), st.text(max_size=40)),
    st.tuples(st.just("table"), st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=4)),
)


def split(document: Document) -> ParsedDocument:
    return parse(document, lambda texts: [len(text.split()) for text in texts])


def build(blocks: list[tuple]) -> Document:
    builder = DocumentBuilder("doc")
    for method, *arguments in blocks:
        getattr(builder, method)(*arguments)
    return builder.build()


def check(summaries: list[StructuredSummary], parsed: ParsedDocument) -> None:
    text = parsed.document.text
    assert summaries[0].section is None
    sections = [summary.section for summary in summaries[1:]]
    assert sections == sorted(set(sections))
    for summary in summaries:
        whole = Span(0, len(text)) if summary.section is None else parsed.sections[summary.section].span
        for field in summary.fields:
            assert field.statements
            for statement in field.statements:
                check_statement(field.name, field.kind, statement, whole, text)


def check_statement(name: str, kind: FieldKind, statement: Statement, whole: Span, text: str) -> None:
    assert statement.text.strip()
    assert statement.spans
    assert 0.0 <= statement.weight <= 1.0
    quoted = [normalize(span.of(text)) for span in statement.spans]
    for span in statement.spans:
        assert whole.contains(span)
        assert span.start < span.end
    if kind in (FieldKind.TERM, FieldKind.ENTITY) or name in ("figures", "dates", "own_figure"):
        assert len(statement.spans) <= 5
        assert statement.text == quoted[0]
    elif (name in VERBATIM or kind in (FieldKind.DATE, FieldKind.QUOTE)) and not (
        name == "outline" and len(quoted) > 1
    ):
        assert statement.text == " ".join(quoted)
    elif kind is not FieldKind.QUESTION and name != "columns":
        assert all(quote in statement.text for quote in quoted)


@settings(max_examples=70, deadline=None)
@given(st.lists(BLOCKS, max_size=12))
def test_every_statement_rests_on_its_spans(blocks: list[tuple]) -> None:
    parsed = split(build(blocks))
    summaries = ExtractiveSummarizer(EVERYTHING, min_section_words=3).summarize(parsed)
    check(summaries, parsed)
    for summary in summaries:
        most = 4 if summary.section is None else 2
        assert all(len(field.statements) <= most or field.name == "gist" for field in summary.fields)
    again = ExtractiveSummarizer(EVERYTHING, min_section_words=3).summarize(split(build(blocks)))
    assert again == summaries
    check(ExtractiveSummarizer(EVERYTHING, min_section_words=3, encoder=HashingEncoder()).summarize(parsed), parsed)


@settings(max_examples=40, deadline=None)
@given(st.lists(BLOCKS, max_size=10), st.sampled_from(["auto", *TEMPLATES]))
def test_every_template_takes_every_document(blocks: list[tuple], template: str) -> None:
    parsed = split(build(blocks))
    summaries = ExtractiveSummarizer(template).summarize(parsed)
    check(summaries, parsed)
    limits = {
        field.name: field.limit for t in TEMPLATES.values() for field in t.fields if t.name == summaries[0].schema
    }
    for field in summaries[0].fields:
        assert len(field.statements) <= limits.get(field.name, 5)


@pytest.mark.parametrize(
    "document",
    [
        build([]),
        build([("paragraph", "Yes.")]),
        build([("paragraph", "The mill burned down in the dry summer of 1911.")]),
        build([("paragraph", "12 34 56 78 90 11 12")]),
        build([("heading", "Only a heading")]),
        build([("heading", "One"), ("heading", "Two")]),
        build([("table", [["a", "b"], ["1", "2"], ["3", "4"]])]),
        build([("turn", "Uh, yeah.", "Ann"), ("turn", "Mm-hmm.", "Bob")]),
        build([("paragraph", "Где находится мост? Мост находится у реки и построен в 1911 году.")]),
        build([("paragraph", "桥在河边。桥是一九一一年建的。")]),
        build([("paragraph", "... !!! ???")]),
    ],
    ids=[
        "empty",
        "short",
        "sentence",
        "numbers",
        "heading",
        "headings",
        "table",
        "talk",
        "russian",
        "chinese",
        "marks",
    ],
)
def test_odd_documents(document: Document) -> None:
    parsed = split(document)
    for template in ("auto", *TEMPLATES, EVERYTHING):
        check(ExtractiveSummarizer(template).summarize(parsed), parsed)


def test_one_sentence_is_its_own_gist() -> None:
    sentence = "The mill burned down in the dry summer of 1911."
    summaries = ExtractiveSummarizer().summarize(split(build([("paragraph", sentence)])))
    assert [statement.text for statement in summaries[0]["gist"]] == [sentence]
    assert len(summaries) == 1


def test_a_document_of_numbers_still_has_words_to_be_found_by() -> None:
    summaries = ExtractiveSummarizer().summarize(split(build([("paragraph", "12 34 56 78 90 11 12")])))
    assert "34" in summaries[0].text


def test_sections_get_their_own_summaries_where_they_have_text() -> None:
    body = "The parish of Holm repaired the bridge over the river with oak from the forest. "
    blocks = [
        ("heading", "Bridge"),
        ("paragraph", body * 5),
        ("heading", "Empty"),
        ("heading", "Road"),
        ("paragraph", body * 4),
    ]
    parsed = split(build(blocks))
    summaries = ExtractiveSummarizer().summarize(parsed)
    titles = [parsed.sections[s.section].title for s in summaries[1:] if s.section is not None]
    assert titles == ["Bridge", "Road"]
    check(summaries, parsed)


def test_vectors_move_the_gist_towards_central_passages() -> None:
    blocks = [
        ("paragraph", f"The {thing} of the parish was repaired by the {trade} with timber from the old forest.")
        for thing, trade in (("bridge", "mason"), ("tower", "joiner"), ("chapel", "smith"), ("bakery", "tiler"))
    ]
    parsed = parse(build(blocks * 3), lambda texts: [120 for _ in texts])
    summarizer = ExtractiveSummarizer("default")
    vectors = np.tile(np.eye(8, dtype=np.float32)[0], (len(parsed.passages), 1))
    assert summarizer.summarize(parsed, vectors) == summarizer.summarize(parsed)
    vectors[1::2] = np.eye(8, dtype=np.float32)[1]
    vectors[-1] = np.eye(8, dtype=np.float32)[0]
    check(summarizer.summarize(parsed, vectors), parsed)
    assert summarizer.summarize(parsed, vectors) != summarizer.summarize(parsed)


def test_summarizer_fits_the_protocol() -> None:
    assert isinstance(ExtractiveSummarizer(), Summarizer)


@pytest.mark.data
@pytest.mark.parametrize(("name", "schema"), [("squality", "story"), ("qmsum", "meeting")])
def test_real_documents(name: str, schema: str) -> None:
    folder = Path(os.environ.get("ODQA_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / name).is_dir():
        pytest.skip(f"no data set {name} in {folder}; set ODQA_DATA")
    documents = [document for document, _ in zip(load_dataset(name, data=folder).documents(), range(4), strict=False)]
    for parsed in map(split, documents):
        summaries = ExtractiveSummarizer().summarize(parsed)
        check(summaries, parsed)
        assert summaries[0].schema == schema
        assert len(summaries) > 2
        assert 60 <= sum(len(s.text.split()) for s in summaries[0]["gist"]) <= 170
