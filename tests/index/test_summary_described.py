"""Fields that ask by name and description are filled by what fits them, and stay empty where nothing does."""

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.analysis import Analysis
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.fitting import Descriptions, Fitting
from odqa.index.summary.templates import Template, TemplateField
from odqa.schema import Document, FieldKind, ParsedDocument, Statement

FILL = [
    "The bakery on the square opened a second oven for the holiday season.",
    "A new bench stands beside the chapel, paid for by the rowing club.",
    "The river rose in spring and fell again before the hay was cut.",
    "The school play was about a lighthouse and ran for two evenings.",
    "Ducks nest on the island, and the ferry keeps a wide berth.",
    "The library bought forty novels and a globe with a lamp inside.",
]
GRIEVANCES = [
    "Residents complained about the noise of the night ferry under their windows.",
    "The residents of Quay Street complain that the lamp posts have been dark for months.",
    "One grievance was older than the rest: the drains of Mill Lane overflow every winter.",
]


def split(*paragraphs: str) -> ParsedDocument:
    builder = DocumentBuilder("town", title="Notes of the town")
    for paragraph in paragraphs:
        builder.paragraph(paragraph)
    return parse(builder.build(), lambda texts: [len(text.split()) for text in texts])


def fill(
    parsed: ParsedDocument, kind: FieldKind, name: str, description: str, limit: int = 8, *, encoder: bool = False
) -> tuple[Statement, ...]:
    template = Template("mine", "", (TemplateField(name, description, kind, limit),))
    return ExtractiveSummarizer(template, encoder=HashingEncoder() if encoder else None).summarize(parsed)[0][name]


def texts(statements: tuple[Statement, ...]) -> list[str]:
    return [statement.text for statement in statements]


@pytest.mark.parametrize("encoder", [False, True])
def test_statements_that_fit(encoder: bool) -> None:
    parsed = split(*FILL[:3], *GRIEVANCES, *FILL[3:])
    found = fill(parsed, FieldKind.STATEMENT, "grievances", "what residents complain about", encoder=encoder)
    assert texts(found) == GRIEVANCES
    assert all(s.spans[0].of(parsed.document.text) == s.text and 0 < s.weight <= 1 for s in found)
    assert len(fill(parsed, FieldKind.STATEMENT, "grievances", "what residents complain about", 2)) == 2


@pytest.mark.parametrize("kind", list(FieldKind))
@pytest.mark.parametrize("encoder", [False, True])
def test_a_document_that_holds_nothing_of_the_kind_leaves_the_field_out(kind: FieldKind, encoder: bool) -> None:
    parsed = split(*FILL)
    summary = ExtractiveSummarizer(
        Template("mine", "", (TemplateField("vaccines", "side effects of vaccines", kind, 4),)),
        encoder=HashingEncoder() if encoder else None,
    ).summarize(parsed)[0]
    assert summary["vaccines"] == ()


def test_figures_of_sentences_that_fit() -> None:
    parsed = split(*FILL, "The repair of the roof cost £1,200 and took nine weeks.", "The fair drew 400 visitors.")
    assert texts(fill(parsed, FieldKind.FIGURE, "repairs", "what repairs cost")) == ["£1,200"]
    assert texts(fill(parsed, FieldKind.FIGURE, "repairs", "how repairs went")) == ["£1,200", "nine weeks"]


def test_dates_of_sentences_that_fit_are_in_order_of_time() -> None:
    parsed = split(*FILL, "A flood came in 1953 too.", "The worst flood struck in May 1911.", "The fair began in 1880.")
    dated = fill(parsed, FieldKind.DATE, "floods", "when floods struck")
    assert [(s.label, s.text) for s in dated] == [
        ("1911-05", "The worst flood struck in May 1911."),
        ("1953", "A flood came in 1953 too."),
    ]


def test_entities_of_sentences_that_fit_and_of_the_sort_that_is_asked_for() -> None:
    parsed = split(
        *FILL, "Farr & Daughter Ltd supplied granite, and Mrs Yule signed for it.", "Captain Aldane sailed for Holm."
    )
    found = fill(parsed, FieldKind.ENTITY, "suppliers", "companies that supplied granite")
    assert texts(found)[0] == "Farr & Daughter Ltd"
    assert "Captain Aldane" not in texts(found)


def test_quotes_are_verbatim_speech_that_fits() -> None:
    parsed = split(
        *FILL, 'The keeper said, "The lock gates are rotten and will not hold another flood," and went in.',
        'The vicar said, "I have always liked the sound of the little bell," and smiled.',
    )  # fmt: skip
    assert texts(fill(parsed, FieldKind.QUOTE, "locks", "the state of the lock gates")) == [
        "The lock gates are rotten and will not hold another flood"
    ]


def test_questions_terms_and_headings_that_fit() -> None:
    builder = DocumentBuilder("town", title="Notes")
    builder.heading("The drains")
    builder.paragraph("The storm drains were laid in 1911 by the council. Storm drains carry rain to the river.")
    builder.heading("The school")
    builder.paragraph("The school play was written in 1950 by a pupil. " + " ".join(FILL))
    parsed = parse(builder.build(), lambda items: [len(text.split()) for text in items])
    assert texts(fill(parsed, FieldKind.QUESTION, "drains", "drains and sewers")) == [
        "When were the storm drains laid?"
    ]
    assert "storm drains" in [t.lower() for t in texts(fill(parsed, FieldKind.TERM, "drains", "drains and sewers"))]
    assert texts(fill(parsed, FieldKind.HEADING, "drains", "drains and sewers")) == ["The drains"]


def test_a_sentence_that_says_the_same_again_is_left_out() -> None:
    again = GRIEVANCES[0].replace("night ferry", "late ferry")
    parsed = split(GRIEVANCES[0], *FILL, again)
    assert len(fill(parsed, FieldKind.STATEMENT, "grievances", "what residents complain about")) == 1


def test_words_rank_as_bm25_does() -> None:
    parsed = split(*FILL, *GRIEVANCES)
    analysis = Analysis(parsed)
    field = TemplateField("x", "ferry lamp drains", FieldKind.STATEMENT, 5)
    fits = Fitting(analysis).fits(field)
    corpus = [
        [analysis.terms[t] for t in analysis.ids[a:b]]
        for a, b in zip(analysis.firsts, analysis.firsts[1:], strict=False)
    ]
    # BM25Plus differs from Okapi by a constant for matches (0 here) and never has a negative IDF; b = 0: sentences
    # are not discounted for their length.
    scores = BM25Plus(corpus, k1=1.2, b=0.0, delta=0.0).get_scores(["ferry", "lamp", "drain"])
    assert np.array_equal(fits > 0, scores > 0)
    assert np.argsort(-fits, kind="stable")[:3].tolist() == np.argsort(-scores, kind="stable")[:3].tolist()


class Counting(HashingEncoder):
    """Counts what it encodes."""

    def __init__(self) -> None:
        self.texts = 0

    def encode(self, texts, *, kind="passage"):
        self.texts += len(texts)
        return super().encode(texts, kind=kind)


def test_encoding_is_bounded_and_shared() -> None:
    paragraphs = [f"{sentence} Number {n} of the list is {n}." for n in range(60) for sentence in FILL]
    builder = DocumentBuilder("long", title="Long")
    for paragraph in paragraphs:
        builder.paragraph(paragraph)
    parsed = parse(builder.build(), lambda items: [len(text.split()) for text in items])
    field = TemplateField("grievances", "what residents complain about", FieldKind.STATEMENT, 5)
    encoder = Counting()
    fitting = Fitting(Analysis(parsed), Descriptions(encoder))
    fitting.fits(field)
    assert 0 < encoder.texts <= 41
    before = encoder.texts
    fitting.fits(field)
    assert encoder.texts == before


def test_other_scripts_and_empty_documents() -> None:
    field = (FieldKind.STATEMENT, "мосты", "мост через реку")
    parsed = split("Новый мост через реку построен в 1911 году.", "Школа стоит у площади города.", *FILL)
    assert texts(fill(parsed, *field)) == ["Новый мост через реку построен в 1911 году."]
    empty: Document = DocumentBuilder("empty").build()
    assert fill(parse(empty, lambda items: [1 for _ in items]), *field, encoder=True) == ()
