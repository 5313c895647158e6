"""Questions that a text answers: grammatical, specific, and answered where they point."""

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.summary.claims import claim_questions
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.templates import Template, TemplateField
from odqa.index.summary.verbs import LEMMAS
from odqa.schema import Document, FieldKind, Statement

NAMED = {"Captain Aldane", "Acme Solutions", "Hélène Carré"}


def asked(document: Document, limit: int = 12) -> tuple[Statement, ...]:
    parsed = parse(document, lambda texts: [len(text.split()) for text in texts])
    template = Template("q", "", (TemplateField("questions", "", FieldKind.QUESTION, limit, "questions"),))
    return ExtractiveSummarizer(template).summarize(parsed)[0]["questions"]


@pytest.mark.parametrize(
    ("sentence", "questions"),
    [
        (
            "The second pier was delayed because the contractor had failed to test the silt.",
            {"Why was the second pier delayed?"},
        ),
        ("The old breakwater was built in 1884 from granite blocks.", {"When was the old breakwater built?"}),
        ("Brannock Marine closed the yard because it had no work.", {"Why did Brannock Marine close the yard?"}),
        (
            "Brannock Marine went into receivership on 21 February 1994.",
            {"When did Brannock Marine go into receivership?"},
        ),
        (
            "Acme Solutions invested $50 million in new films.",
            {"How much did Acme Solutions invest in new films?", "Who invested $50 million in new films?"},
        ),
        (
            "The production costs of the film rose by 38 per cent.",
            {"By how much did the production costs of the film rise?"},
        ),
        ("The terminal hall was designed by Hélène Carré of Atelier Carré.", {"Who designed the terminal hall?"}),
        ("Captain Aldane kept the harbour log for thirteen years.", {"Who kept the harbour log for thirteen years?"}),
        (
            "In May 2019, Acme Solutions acquired a maker of water pumps.",
            {
                "When did Acme Solutions acquire a maker of water pumps?",
                "What did Acme Solutions do in May 2019?",
                "Who acquired a maker of water pumps?",
            },
        ),
    ],
)
def test_claims_turned_round(sentence: str, questions: set[str]) -> None:
    assert {text for text, _ in claim_questions(sentence, NAMED)} == questions


@pytest.mark.parametrize(
    "sentence",
    [
        "It was built in 1884 because the town wanted it.",
        "The design adopted in 1992 stood on steel piles.",
        "The men were tired because they had rowed all night.",
        "He said that the pier was closed because of the storm.",
        "The mayor who resigned in 1994 was asked to come back.",
        "The pier was designed on the strength of a survey made in 1989.",
        "The company paid £300 for the lamp.",
        "Their ferry sank in 1991.",
        "The tests failed by a wide margin.",
        "Silt.",
    ],
)
def test_what_does_not_clearly_fit_is_left_alone(sentence: str) -> None:
    assert list(claim_questions(sentence, NAMED)) == []


def test_the_company_is_the_one_the_document_is_about() -> None:
    sentence = "In April 2019, the company raised $50 million through a bond issue."
    texts = [text for text, _ in claim_questions(sentence, NAMED, "EcoGuard Solutions")]
    assert "How much did EcoGuard Solutions raise through a bond issue?" in texts
    assert list(claim_questions(sentence, NAMED)) == []


def test_past_forms() -> None:
    forms = {"carried": "carry", "stopped": "stop", "acquired": "acquire", "stayed": "stay", "took": "take"}
    assert {past: LEMMAS[past] for past in forms} == forms
    assert "wined" not in LEMMAS


def test_no_question_needs_to_be_told_what_it_is_about() -> None:
    builder = DocumentBuilder("b", title="The Breakwater — Town Museum")
    for heading in (
        "Could it happen again?",
        "Is it safe to walk out in a storm?",
        "Why are the jacks numbered?",
        "Here?",
    ):
        builder.heading(heading, 2)
        builder.paragraph("The wall answers this under every heading of the page.")
    questions = asked(builder.build())
    assert {q.text for q in questions} == {"Is it safe to walk out in a storm?", "Why are the jacks numbered?"}
    answer = "The wall answers this under every heading of the page."
    assert all(q.spans[1].of(builder.build().text) == answer for q in questions)


def test_voices_are_asked_about_by_the_terms_they_come_back_to() -> None:
    builder = DocumentBuilder("m", title="Council meeting")
    for _ in range(2):
        builder.turn("I open the meeting of the council, and the clerk will read the letters from the parish.", "Chair")
        builder.turn("The Herring Pier needs longer piles, since the silt under the Herring Pier is too deep.", "Thole")
        builder.turn("The bus shelter has no roof, and nobody on the council mends the bus shelter.", "Mowbray")
    found = {q.text for q in asked(builder.build())}
    assert "What did Thole say about the Herring Pier?" in found
    assert "What did Mowbray say about the bus shelter?" in found


def test_papers_are_asked_how_what_they_present_works() -> None:
    builder = DocumentBuilder("p", title="Sentences")
    builder.paragraph(
        "We present an unsupervised method for detecting grammatical errors by inferring evidence from text."
    )
    assert [q.text for q in asked(builder.build())] == [
        "How does the unsupervised method for detecting grammatical errors work?"
    ]


def test_a_question_is_asked_once_and_no_sort_takes_every_place() -> None:
    builder = DocumentBuilder("h", title="Holm")
    for year, place in enumerate(("north mill", "south mill", "town bridge", "old chapel", "stone quay", "long barn")):
        builder.paragraph(f"The {place} was built in {1880 + year} from granite.")
    builder.paragraph("The north mill was built in 1880 by hand.")
    builder.paragraph("Gorse Weir is a dam across the river. Nobody has rebuilt Gorse Weir since.")
    texts = [q.text for q in asked(builder.build(), 4)]
    assert len(texts) == len(set(texts)) == 4
    assert "What is Gorse Weir?" in texts
