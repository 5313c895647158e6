import random

from odqa.data.builder import DocumentBuilder
from odqa.data.sections import LONG_STRETCH, find_sections, segment
from odqa.schema import Document, Section

TOPICS = {
    "harbour": "quay crane dredger tide mooring pilot jetty cargo anchor berth wharf hull",
    "orchard": "apple pruning graft blossom cider ladder pear pollen orchard ripening frost picker",
    "railway": "signal sleeper locomotive junction guard platform timetable boiler carriage gauge siding driver",
}


def paragraphs(topic: str, words: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    vocabulary = TOPICS[topic].split()
    filler = "the and was with then over from that under near".split()
    return [
        " ".join(draw.choice(vocabulary if draw.random() < 0.4 else filler) for _ in range(60)) + "."
        for _ in range(words // 60)
    ]


def outline(sections: tuple[Section, ...]) -> list[tuple[str, tuple[str, ...], int]]:
    return [(section.title, section.path, section.level) for section in sections]


def texts(document: Document) -> list[str]:
    return [section.span.of(document.text) for section in find_sections(document)]


def test_headings_open_sections_with_their_path() -> None:
    builder = DocumentBuilder("d")
    builder.paragraph("Before any heading.")
    for level, title in [(1, "Findings"), (2, "First pier"), (3, "Piles"), (2, "Second pier"), (1, "Costs")]:
        builder.heading(title, level)
        builder.paragraph(f"About {title}.")
    document = builder.build()
    assert outline(find_sections(document)) == [
        ("", (), 0),
        ("Findings", ("Findings",), 1),
        ("First pier", ("Findings", "First pier"), 2),
        ("Piles", ("Findings", "First pier", "Piles"), 3),
        ("Second pier", ("Findings", "Second pier"), 2),
        ("Costs", ("Costs",), 1),
    ]
    assert texts(document)[1] == "Findings\n\nAbout Findings."


def test_a_heading_with_only_deeper_headings_opens_no_section_of_its_own() -> None:
    builder = DocumentBuilder("d")
    builder.heading("Report", 1)
    builder.heading("Scope", 2)
    builder.paragraph("What it covers.")
    builder.heading("Empty", 2)
    builder.heading("Last", 2)
    document = builder.build()
    assert outline(find_sections(document)) == [
        ("Scope", ("Report", "Scope"), 2),
        ("Empty", ("Report", "Empty"), 2),
        ("Last", ("Report", "Last"), 2),
    ]
    assert texts(document)[0] == "Report\n\nScope\n\nWhat it covers."


def test_a_document_without_text_has_no_section() -> None:
    assert find_sections(DocumentBuilder("d").build()) == ()


def test_a_short_stretch_stays_one_section() -> None:
    builder = DocumentBuilder("d")
    for topic in ("harbour", "orchard"):
        for paragraph in paragraphs(topic, 420, 1):
            builder.paragraph(paragraph)
    assert len(find_sections(builder.build())) == 1


def test_a_long_stretch_is_cut_where_the_topic_changes() -> None:
    builder = DocumentBuilder("d")
    builder.heading("Chronicle", 2)
    openings = []
    for seed, topic in enumerate(TOPICS):
        for number, paragraph in enumerate(paragraphs(topic, 660, seed)):
            openings += [paragraph] if number == 0 else []
            builder.paragraph(paragraph)
    document = builder.build()
    assert outline(find_sections(document)) == [
        ("Chronicle", ("Chronicle",), 2),
        ("", ("Chronicle",), 0),
        ("", ("Chronicle",), 0),
    ]
    assert [text.startswith(opening) for text, opening in zip(texts(document)[1:], openings[1:], strict=True)] == [
        True,
        True,
    ]


def test_turns_are_never_divided_but_a_huge_paragraph_is_between_sentences() -> None:
    builder = DocumentBuilder("d")
    for number, paragraph in enumerate(paragraphs("harbour", 1500, 2) + paragraphs("railway", 1500, 3)):
        builder.turn(paragraph, f"Speaker {number % 3}")
    document = builder.build()
    starts = {block.span.start for block in document.blocks}
    sections = find_sections(document)
    assert len(sections) > 2
    assert {section.span.start for section in sections} <= starts

    one = DocumentBuilder("d")
    one.paragraph(" ".join(s.capitalize() for s in paragraphs("harbour", 1500, 2) + paragraphs("railway", 1500, 3)))
    pieces = texts(one.build())
    assert len(pieces) > 2
    assert all(piece.endswith(".") and piece[0].isupper() for piece in pieces)


def test_very_long_text_is_cut_throughout() -> None:
    builder = DocumentBuilder("d")
    for seed in range(30):
        for paragraph in paragraphs(list(TOPICS)[seed % 3], 1200, seed):
            builder.paragraph(paragraph)
    pieces = texts(builder.build())
    assert len(pieces) >= 30
    assert max(len(piece.split()) for piece in pieces) <= 1.5 * LONG_STRETCH


def test_a_long_table_stays_whole() -> None:
    builder = DocumentBuilder("d")
    for paragraph in paragraphs("orchard", 900, 4):
        builder.paragraph(paragraph)
    builder.table([["name", "what"], *([f"crane {n}", "lifts cargo from the quay to the cart"] for n in range(2000))])
    for paragraph in paragraphs("railway", 900, 5):
        builder.paragraph(paragraph)
    document = builder.build()
    table = next(block for block in document.blocks if block.rows)
    sections = find_sections(document)
    assert sum(section.span.overlaps(table.span) for section in sections) == 1
    assert any(section.span.contains(table.span) for section in sections)


def test_segment_without_common_words_still_ends() -> None:
    assert segment([["one"], ["two"]])[-1] == 2
    assert segment([["unseen"] * 5000])[-1] == 1
