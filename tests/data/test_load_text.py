"""Plain text as people type it: structure, encodings, dialogue."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from odqa.data.loaders.text import TextLoader
from odqa.errors import LoadError
from odqa.schema import BlockKind, Document


def load(tmp_path: Path, content: str | bytes, name: str = "harbour-notes.txt") -> Document:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (document,) = TextLoader().load(path)
    return document


def outline(document: Document) -> list[tuple[str, int, str]]:
    return [(str(b.kind), b.level, b.span.of(document.text)) for b in document.blocks]


def test_paragraphs_are_separated_by_blank_lines_and_wrapped_lines_are_joined(tmp_path: Path) -> None:
    document = load(tmp_path, "The pier was\nbuilt in 1902.\n\n\nIt was well-\nknown.\n")
    assert outline(document) == [
        ("paragraph", 0, "The pier was built in 1902."),
        ("paragraph", 0, "It was well-known."),
    ]


def test_lines_that_were_never_wrapped_are_paragraphs(tmp_path: Path) -> None:
    first, second = "The pier stands. " * 20, "The sea does not care."
    document = load(tmp_path, f"{first}\n{second}\n")
    assert [text for _, _, text in outline(document)] == [first.strip(), second]


def test_indented_first_lines_begin_paragraphs(tmp_path: Path) -> None:
    document = load(tmp_path, "   The first begins\nand goes on\nand on.\n   The second begins\nand ends.\n")
    assert len(document.blocks) == 2


def test_headings_by_underline_capitals_and_number(tmp_path: Path) -> None:
    text = (
        "The Renewal\n===========\n\nWhat was done\n-------------\nWork began.\n\n"
        "THE NIGHT OF THE STORM\n\nIt blew.\n\n"
        "3.2 The ground below\n\nIt was soft.\n\nChapter IV\n\nIt ended.\n"
    )
    headings = [(level, text) for kind, level, text in outline(load(tmp_path, text)) if kind == "heading"]
    assert headings == [
        (1, "The Renewal"),
        (2, "What was done"),
        (2, "THE NIGHT OF THE STORM"),
        (3, "3.2 The ground below"),
        (2, "Chapter IV"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Chapter one was short, and the second was worse.",
        "1999 was a bad year for herring",
        "1. Introduction .................. 3",
        "He said NO.",
        "STOP, HE CRIED,",
    ],
    ids=["prose-chapter", "year", "contents", "one-capital-word", "comma"],
)
def test_ordinary_lines_are_no_headings(tmp_path: Path, line: str) -> None:
    document = load(tmp_path, f"Before it.\n\n{line}\n\nAfter it.\n")
    assert "heading" not in {block.kind for block in document.blocks}


def test_a_text_all_in_capitals_is_not_all_headings(tmp_path: Path) -> None:
    document = load(tmp_path, "ARRIVED SAFELY\n\nSEND MONEY AT ONCE\n\nLOVE TO MOTHER\n")
    assert {str(block.kind) for block in document.blocks} == {"paragraph"}


def test_numbered_lines_in_a_row_are_a_list_not_headings(tmp_path: Path) -> None:
    document = load(tmp_path, "1. Buy rope\n\n2. Buy tar\n\n3. Buy oakum\n")
    assert "heading" not in {block.kind for block in document.blocks}


def test_bullets_fields_and_columns(tmp_path: Path) -> None:
    text = (
        "- rope,\n  forty fathoms\n- tar\n\nPlace:   Skell\nDate:    8 May\n\n"
        "Name     Age\nAnna      12\nBob       14\n"
    )
    kinds = outline(load(tmp_path, text))
    assert kinds[0] == ("list", 0, "- rope, forty fathoms\n- tar")
    assert kinds[1] == ("list", 0, "- Place: Skell\n- Date: 8 May")
    assert kinds[2] == ("table", 0, "Name | Age\nAnna | 12\nBob | 14")


def test_a_log_keeps_its_lines(tmp_path: Path) -> None:
    lines = [f"2024-01-02 10:00:0{n} INFO pump {n} started" for n in range(6)]
    document = load(tmp_path, "\n".join(lines), "pump.log")
    assert document.text.split("\n") == lines


def test_form_feeds_are_pages(tmp_path: Path) -> None:
    document = load(tmp_path, "On the first page.\n\fOn the second page.\n")
    assert [block.page for block in document.blocks] == [1, 2]


def test_title_is_the_first_heading_or_the_file_name_made_readable(tmp_path: Path) -> None:
    assert load(tmp_path, "THE LOG BOOK\n\nIt blew.\n").title == "THE LOG BOOK"
    assert load(tmp_path, "It blew.", "storm_log-1991-01-12.txt").title == "Storm log 1991-01-12"


INTERVIEW = """Note by the editor. This was cut.

Q: Where were you born?

A: In the room above, with the
window open.

My father was on the barges.

Q: And then?

A: Then I was six.

[The kettle boils.]

Q: Note: this is a test?

Mrs Yule: He was never six.

A: Quiet.


Afterword. He was right.
"""


def test_a_dialogue_becomes_turns(tmp_path: Path) -> None:
    document = load(tmp_path, INTERVIEW)
    turns = [(block.speaker, block.body.of(document.text)) for block in document.blocks if block.kind == "turn"]
    assert turns == [
        ("Q", "Where were you born?"),
        ("A", "In the room above, with the window open. My father was on the barges."),
        ("Q", "And then?"),
        ("A", "Then I was six."),
        ("Q", "Note: this is a test?"),
        ("Mrs Yule", "He was never six."),
        ("A", "Quiet."),
    ]
    prose = [text for kind, _, text in outline(document) if kind == "paragraph"]
    assert prose == ["Note by the editor. This was cut.", "[The kettle boils.]", "Afterword. He was right."]


def test_speeches_line_by_line_with_times(tmp_path: Path) -> None:
    text = "".join(
        f"[00:0{n}:05] {name}: I say that this is so, and I said it before.\n"
        for n, name in enumerate(["ANNA BELL", "TOM", "ANNA BELL", "TOM", "TOM"])
    )
    document = load(tmp_path, text)
    assert [(block.speaker, block.start_s) for block in document.blocks] == [
        ("ANNA BELL", 5.0),
        ("TOM", 65.0),
        ("ANNA BELL", 125.0),
        ("TOM", 185.0),
        ("TOM", 245.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Note: the sea is cold here.\n\nIt is deep.\n\nNote: it is also wet.\n\nNote: bring a coat.\n\nIt is far.\n",
        "Colour: red\nPrice: 3\n\nColour: blue\nPrice: 4\n\nColour: green\nPrice: 5\n",
        "The Harbour: a short history of it.\n\nThe Harbour was built.\n\nHe said: go home.\n\nThen he went.\n",
    ],
    ids=["notes", "records", "prose"],
)
def test_labels_that_are_no_speakers(tmp_path: Path, text: str) -> None:
    assert all(block.speaker is None for block in load(tmp_path, text).blocks)


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        (codecs.BOM_UTF8 + "Café £40".encode(), None, "Café £40"),
        ("Café £40".encode("utf-16"), "utf-16-le", "Café £40"),
        (codecs.BOM_UTF16_BE + "Café £40".encode("utf-16-be"), "utf-16-be", "Café £40"),
        ("The café cost £40 in all.".encode("utf-16-le"), "utf-16-le", "The café cost £40 in all."),
        (
            "The café’s owner said “we’re £40 short”.".encode("cp1252"),
            "cp1252",
            "The café’s owner said “we’re £40 short”.",
        ),
        ("Мой дядя самых честных правил, когда не в шутку занемог".encode("koi8-r"), "koi8-r", None),
        ("吾輩は猫である。名前はまだ無い。どこで生れたか".encode("shift_jis"), "shift_jis", None),
    ],
    ids=["utf8-bom", "utf16-le", "utf16-be", "utf16-bare", "cp1252", "koi8", "shift-jis"],
)
def test_encodings(tmp_path: Path, data: bytes, encoding: str | None, expected: str | None) -> None:
    document = load(tmp_path, data)
    assert document.metadata.get("encoding") == encoding
    assert document.text == (expected or data.decode(encoding or "utf-8"))


def test_utf8_with_one_broken_character_stays_utf8(tmp_path: Path) -> None:
    data = ("Élève dévoué, forêt, œuvre, où, ça, naïve, garçon. " * 3).encode()
    document = load(tmp_path, data + b"\xe9 fin.")
    assert document.text.startswith("Élève dévoué")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (b"\x00\x01\x02\x03" * 100, "binary"),
        (b"PK\x03\x04" + bytes(range(256)) * 8, "Office, EPUB or ZIP"),
        (b"--------\n\n* * *\n", "no text"),
    ],
    ids=["nothing", "blank", "only-bom", "zeros", "zip", "rules"],
)
def test_what_is_no_text_is_refused_with_a_reason(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(LoadError, match=words) as caught:
        load(tmp_path, data)
    assert caught.value.remedy
    assert "harbour-notes.txt" in str(caught.value)


def test_an_interview_in_questions_and_answers_names_who_answers(tmp_path: Path) -> None:
    path = tmp_path / "interview.txt"
    turns = "\n\n".join(f"Q: What came after year {n}?\n\nA: Well, we mended the nets in year {n}." for n in range(5))
    path.write_text(f'RECORDING 41\n\nSpeaker: Edmund "Ned" Garrick, foreman\nDate: 8 November 1998\n\n{turns}\n')
    (document,) = TextLoader().load(path)
    speakers = [block.speaker for block in document.blocks if block.kind is BlockKind.TURN]
    assert set(speakers) == {"Q", 'Edmund "Ned" Garrick'}
