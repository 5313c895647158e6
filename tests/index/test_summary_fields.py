"""What each field of a summary holds, on small documents of our own."""

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.index.summary.dates import find_dates
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.figures import find_figures
from odqa.index.summary.tables import parse_number
from odqa.index.summary.templates import FILLER_KINDS, Template, TemplateField
from odqa.index.summary.words import fold
from odqa.schema import Document, Statement, StructuredSummary


def summarize(document: Document, template: str | Template = "auto") -> list[StructuredSummary]:
    parsed = parse(document, lambda texts: [len(text.split()) for text in texts])
    return ExtractiveSummarizer(template).summarize(parsed)


def fill(document: Document, filler: str, limit: int = 10) -> tuple[Statement, ...]:
    field = TemplateField(filler, "", FILLER_KINDS[filler], limit, filler)
    return summarize(document, Template("one", "", (field,)))[0][filler]


def texts(statements: tuple[Statement, ...]) -> list[str]:
    return [statement.text for statement in statements]


def prose(*paragraphs: str, title: str = "The harbour") -> Document:
    builder = DocumentBuilder("doc", title=title)
    for paragraph in paragraphs:
        builder.paragraph(paragraph)
    return builder.build()


HARBOUR = prose(
    "The second pier of Tarrowmouth was delayed because the contractor had failed to test the silt. "
    "The harbour commission had paid £2,840,000 for the pier by the spring of 1994. "
    "It was not enough.",
    "Captain Ruth Aldane kept the harbour log for thirteen years. Aldane warned the commission on 17 March 1994 that "
    "the silt under the pier would not carry the piles. Was anybody listening?",
    "The old breakwater was built in 1884 from granite blocks. A jack is a concrete block with six legs. "
    "A jack weighs eight tonnes. The Herring Pier is the oldest pier of the harbour. The Herring Pier closed.",
    "The new contractor drove 84 tubular piles into the silt, and the cost of the pier rose by 38 per cent. "
    "Mrs Yule said that the pier would outlive the commission. Farr & Daughter Ltd cut the granite in Port Lennick.",
)


def test_gist_takes_whole_sentences_in_reading_order_within_its_budget() -> None:
    gist = fill(HARBOUR, "gist")
    starts = [statement.spans[0].start for statement in gist]
    assert starts == sorted(starts)
    assert sum(len(text.split()) for text in texts(gist)) <= 60
    assert not any(text.startswith("It ") or text.endswith("?") for text in texts(gist))
    assert any("pier" in text for text in texts(gist))


def test_gist_does_not_repeat_itself() -> None:
    same = "The committee approved the budget for the new library building."
    others = [
        "The roof of the school needs a repair before the winter comes.",
        "A bus will connect the village with the market town on Fridays.",
        "The well behind the chapel was found to be free of lead.",
    ]
    document = prose(*[same] * 4, *others, *[same] * 4)
    gist = texts(fill(document, "gist", limit=3))
    assert len(set(gist)) == len(gist) == 3


def test_gist_of_a_longer_text_is_longer_but_only_gently() -> None:
    sentences = [
        f"The {thing} of parish {number} was repaired by the {trade} during the wet month of the flood."
        for number, (thing, trade) in enumerate(
            (thing, trade)
            for thing in ("bridge", "tower", "chapel", "bakery", "quarry", "orchard", "mill", "forge", "ferry", "well")
            for trade in ("mason", "joiner", "smith", "tiler", "glazier", "thatcher", "plumber", "cooper")
        )
    ]
    lengths = []
    for count in (8, 40, 80):
        document = prose(*[" ".join(sentences[i : i + 5]) for i in range(0, count, 5)])
        lengths.append(sum(len(text.split()) for text in texts(fill(document, "gist", limit=50))))
    assert lengths[0] < lengths[1] < lengths[2] <= 160


def test_outline_is_the_headings() -> None:
    builder = DocumentBuilder("r", title="The report")
    for heading, level in (("The report", 1), ("1. Costs", 2), ("Timber", 3), ("2. Delays", 2)):
        builder.heading(heading, level)
        builder.paragraph("Words.")
    assert texts(fill(builder.build(), "outline")) == ["1. Costs", "Timber", "2. Delays"]
    assert texts(fill(builder.build(), "outline", limit=2)) == ["1. Costs", "2. Delays"]


def test_key_terms() -> None:
    document = prose(
        "Coral bleaching follows warm water. Coral bleaching kills reefs when warm water stays.",
        "Divers of the institute map coral bleaching. The institute maps reefs from the air too.",
    )
    terms = fill(document, "key_terms", limit=5)
    assert terms[0].text.lower() == "coral bleaching"
    assert len(terms[0].spans) == 3
    assert "warm water" in texts(terms)
    assert not {"the", "of", "when"} & {term.text.lower() for term in terms}


def test_entities_join_the_names_of_one_person() -> None:
    named = {statement.text: statement for statement in fill(HARBOUR, "entities")}
    assert named["Captain Ruth Aldane"].label == "person"
    assert [span.of(HARBOUR.text) for span in named["Captain Ruth Aldane"].spans] == ["Captain Ruth Aldane", "Aldane"]
    assert named["Mrs Yule"].label == "person"
    assert named["Farr & Daughter Ltd"].label == "organization"
    assert named["Port Lennick"].label == "place"
    assert not {"The", "It", "Was", "A"} & set(named)
    assert "Aldane" not in named


def test_entities_by_kind() -> None:
    assert set(texts(fill(HARBOUR, "people"))) == {"Captain Ruth Aldane", "Mrs Yule"}
    assert texts(fill(HARBOUR, "places")) == ["Port Lennick"]
    assert texts(fill(HARBOUR, "organizations")) == ["Farr & Daughter Ltd"]


def test_a_capital_at_a_sentence_start_alone_is_no_name() -> None:
    assert fill(prose("Timber floats on water. Granite sinks at once."), "entities") == ()
    assert texts(fill(prose("Oslo is cold. We live in Oslo."), "entities")) == ["Oslo"]


def test_figures_have_units() -> None:
    figures = {statement.text: statement.label for statement in fill(HARBOUR, "figures", limit=20)}
    assert figures == {
        "£2,840,000": "GBP",
        "38 per cent": "%",
        "84 tubular piles": "piles",
        "eight tonnes": "tonnes",
        "thirteen years": "years",
    }


@pytest.mark.parametrize(
    ("text", "figure", "unit"),
    [
        ("It cost $1.5 million in all.", "$1.5 million", "USD"),
        ("a gust of 97 knots at night", "97 knots", "knots"),
        ("about 12.5% of it", "12.5%", "%"),
        ("paid EUR 300 for it", "EUR 300", "EUR"),
        ("at 21°C in the hall", "21°C", "°C"),
        ("a pipe of 40mm across", "40mm", "mm"),
        ("twenty-three men and a horse", "twenty-three men", "men"),
        ("four million pounds were lost", "four million pounds", "pounds"),
        ("some 1,284 armour units of it", "1,284 armour units", "units"),
    ],
)
def test_figure(text: str, figure: str, unit: str) -> None:
    assert [(found.span.of(text), found.unit) for found in find_figures(text)] == [(figure, unit)]


@pytest.mark.parametrize(
    "text", ["in 1994 sales rose", "Figure 3 shows", "version 1.2.3 runs", "at 23:40 it", "two of us"]
)
def test_no_figure(text: str) -> None:
    assert list(find_figures(text)) == []


@pytest.mark.parametrize(
    ("text", "date", "iso"),
    [
        ("on 17 March 1994 it", "17 March 1994", "1994-03-17"),
        ("the 3rd of May, 1921,", "3rd of May, 1921", "1921-05-03"),
        ("on March 17, 1994, it", "March 17, 1994", "1994-03-17"),
        ("dated 1994-03-17.", "1994-03-17", "1994-03-17"),
        ("in March 1994 it", "March 1994", "1994-03"),
        ("in Sept. 1994 it", "Sept. 1994", "1994-09"),
        ("in the spring of 1888 they", "spring of 1888", "1888-21"),
        ("since 1994.", "1994", "1994"),
        ("the storm (1991)", "1991", "1991"),
        ("during the 1990s it", "1990s", "199X"),
        ("in the nineteenth century", "nineteenth century", "18XX"),
        ("in the 18th century", "18th century", "17XX"),
    ],
)
def test_date(text: str, date: str, iso: str) -> None:
    assert [(found.span.of(text), found.iso) for found in find_dates(text)] == [(date, iso)]


@pytest.mark.parametrize(
    "text", ["in 1200 metres", "the 31 February 1994 flight", "may 12 come", "room 1994 b", "$1994"]
)
def test_no_date(text: str) -> None:
    assert [found.iso for found in find_dates(text) if len(found.iso) != 7] == []


def test_dates_and_timeline_are_in_order_of_time() -> None:
    assert [(s.text, s.label) for s in fill(HARBOUR, "dates")] == [
        ("1884", "1884"),
        ("spring of 1994", "1994-21"),
        ("17 March 1994", "1994-03-17"),
    ]
    timeline = fill(HARBOUR, "timeline")
    assert [statement.label for statement in timeline] == ["1884", "1994-21", "1994-03-17"]
    assert timeline[0].text == "The old breakwater was built in 1884 from granite blocks."


def test_definitions() -> None:
    found = texts(fill(HARBOUR, "definitions"))
    assert "A jack is a concrete block with six legs." in found
    assert "The Herring Pier is the oldest pier of the harbour." in found
    assert not any(text.startswith(("It", "The second", "Was")) for text in found)


def test_definition_in_a_list_has_neither_dash_nor_number() -> None:
    builder = DocumentBuilder("terms", title="Terms")
    builder.list(
        ["Chainage means the distance along a structure.", "2. Fetch refers to the open water before a coast."]
    )
    assert texts(fill(builder.build(), "definitions")) == [
        "Chainage means the distance along a structure.",
        "Fetch refers to the open water before a coast.",
    ]


def test_questions_from_claims() -> None:
    found = texts(fill(HARBOUR, "questions"))
    assert "Why was the second pier of Tarrowmouth delayed?" in found
    assert "When was the old breakwater built?" in found
    assert "What is a jack?" in found


def test_questions_from_headings() -> None:
    builder = DocumentBuilder("r", title="The harbour scheme")
    for heading in ("1. Introduction", "2. The money", "Who paid for the pier?", "14 January 1991", "DELAYS"):
        builder.heading(heading)
        builder.paragraph("Words stand here.")
    assert set(texts(fill(builder.build(), "questions"))) == {
        "Who paid for the pier?",
        "What does the harbour scheme say about the money?",
        "What does the harbour scheme say about delays?",
        "What happened on 14 January 1991?",
    }


def test_quotes_are_verbatim_speech() -> None:
    document = prose(
        'The master said, "We are not going to open the lock before the flood has gone," and left.',
        "“Every gate of this lock was built by my grandfather,” said the keeper. “No.”",
    )
    assert set(texts(fill(document, "quotes"))) == {
        "We are not going to open the lock before the flood has gone",
        "Every gate of this lock was built by my grandfather",
    }


def meeting() -> Document:
    builder = DocumentBuilder("m", title="Council")
    for speaker, text in (
        ("Stannard", "Good evening. The only business is the second pier and the loan that pays for it."),
        ("Thole", "The pier needs longer piles because the silt is deeper than the survey said. The piles cost money."),
        ("Mowbray", "I'm against the loan. Nobody has told the council what the longer piles will cost."),
        ("Thole", "The longer piles for the pier will cost ninety thousand pounds."),
        ("Stannard", "Then we agreed to build the pier on longer piles. The motion is carried by seven votes to five."),
        ("Stannard", "Mr Haske, you'll write to the commission before the next meeting."),
    ):
        builder.turn(text, speaker)
    return builder.build()


def test_meeting_fields() -> None:
    document = meeting()
    summary = summarize(document)[0]
    assert summary.schema == "meeting"
    assert set(texts(summary["speakers"])) == {"Stannard", "Thole", "Mowbray"}
    assert all(span.of(document.text) == s.text for s in summary["speakers"] for span in s.spans)
    assert any("motion is carried" in text for text in texts(summary["decisions"]))
    assert any("write to the commission" in text for text in texts(summary["actions"]))


def test_positions_say_who_said_what() -> None:
    document = meeting()
    held = fill(document, "positions")
    assert {text.split(":")[0] for text in texts(held)} == {"Stannard", "Thole", "Mowbray"}
    for statement in held:
        name, sentence = (span.of(document.text) for span in statement.spans)
        assert f"{name} {sentence}" == statement.text
        turn = next(b for b in document.blocks if b.span.contains(statement.spans[1]))
        assert turn.speaker == name.rstrip(":")


def test_interview_quotes_leave_out_the_one_who_asks() -> None:
    builder = DocumentBuilder("i", title="Interview")
    for question, answer in (
        ("Where did you learn to drive the crane?", "My father taught me to drive the crane on the coal quay."),
        ("What was the work on the quay like?", "The work on the quay was cold, and the crane had no cabin."),
        ("Did you miss the quay after it closed?", "I walked down to the quay every Sunday until they fenced it."),
    ):
        builder.turn(question, "Q")
        builder.turn(answer, "A")
    summary = summarize(builder.build())[0]
    assert summary.schema == "interview"
    assert summary["quotes"]
    assert not any(text.endswith("?") for text in texts(summary["quotes"]))
    assert "Where did you learn to drive the crane?" in texts(fill(builder.build(), "questions"))


def test_manual_steps_and_warnings() -> None:
    builder = DocumentBuilder("m", title="Pump")
    builder.heading("Installation")
    builder.list(["Close the main valve.", "Remove the four screws from the cover.", "Screws are in the bag."])
    builder.heading("Safety warnings")
    builder.paragraph("Never run the pump without water in the tank. The pump is painted green at the works.")
    summary = summarize(builder.build())[0]
    assert summary.schema == "manual"
    assert texts(summary["steps"]) == ["Close the main valve.", "Remove the four screws from the cover."]
    assert texts(summary["warnings"]) == ["Never run the pump without water in the tank."]


def test_cue_fields_of_papers_and_reports() -> None:
    document = prose(
        "We propose a new method for measuring silt. The river is long and brown and slow.",
        "The survey found that the silt is nine metres deep. The committee recommends that the survey be repeated.",
    )
    assert texts(fill(document, "contributions")) == ["We propose a new method for measuring silt."]
    assert texts(fill(document, "findings")) == ["The survey found that the silt is nine metres deep."]
    assert texts(fill(document, "recommendations")) == ["The committee recommends that the survey be repeated."]


def costs() -> Document:
    builder = DocumentBuilder("costs", title="Costs")
    builder.table(
        [
            ["item", "year", "cost", "paid by", ""],
            ["Rock fill", "1991", "£310,000", "town", ""],
            ["Crane hire", "1992", "£96,000", "town", "x"],
            ["Diver survey", "1993", "(£1,200)", "port", ""],
            ["Lights", "1993", "", "town", ""],
        ]
    )
    return builder.build()


def test_table_fields_rest_on_their_cells() -> None:
    document = costs()
    summary = summarize(document)[0]
    assert summary.schema == "table"
    assert texts(summary["columns"]) == ["4 rows: item, year, cost, paid by"]
    assert [span.of(document.text) for span in summary["columns"][0].spans] == ["item", "year", "cost", "paid by"]
    assert "paid by: town; port" in texts(summary["values"])
    by_name = {statement.text.split(":")[0]: statement for statement in summary["extremes"]}
    assert by_name["cost"].text == "cost: from (£1,200) (Diver survey) to £310,000 (Rock fill)"
    assert by_name["cost"].label == "£"
    cells = [span.of(document.text) for span in by_name["cost"].spans]
    assert cells == ["cost", "(£1,200)", "Diver survey", "£310,000", "Rock fill"]
    assert by_name["year"].text == "year: from 1991 (Rock fill) to 1993 (Diver survey)"


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1,234.5", 1234.5),
        ("£3", 3.0),
        ("-2", -2.0),
        ("−2", -2.0),
        ("(40)", -40.0),
        ("12 %", 12.0),
        ("5 km", 5.0),
        (".5", 0.5),
        ("C06", None),
        ("1, 2", None),
        ("", None),
        ("(40", None),
        ("12 March", None),
    ],
)
def test_parse_number(cell: str, number: float | None) -> None:
    assert parse_number(cell) == number


@pytest.mark.parametrize(
    ("word", "term"),
    [("Piers", "pier"), ("harbour's", "harbour"), ("cities", "city"), ("glass", "glass"), ("bus", "bus")],
)
def test_fold(word: str, term: str) -> None:
    assert fold(word) == term
