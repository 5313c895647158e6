"""Which template a document calls for, and templates that users write themselves."""

from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.errors import ConfigError
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.fields import FILLERS
from odqa.index.summary.templates import (
    BY_DESCRIPTION,
    FILLER_KINDS,
    TEMPLATES,
    Cardinality,
    Template,
    TemplateField,
    choose_template,
    load_template,
    named_template,
    strip_numbering,
)
from odqa.schema import Document, FieldKind

GOOD = """
name = "audit"
description = "What an auditor looks for."

[[fields]]
name = "gist"
limit = 3

[[fields]]
name = "money"
description = "Sums."
filler = "figures"
kind = "figure"
limit = 20
"""


def paragraphs(*texts: str, headings: tuple[str, ...] = (), title: str = "Notes") -> Document:
    builder = DocumentBuilder("doc", title=title)
    for heading in headings:
        builder.heading(heading)
        builder.paragraph("Some words stand under this heading.")
    for text in texts:
        builder.paragraph(text)
    return builder.build()


def transcript(*turns: tuple[str, str]) -> Document:
    builder = DocumentBuilder("talk", title="Talk")
    for speaker, text in turns:
        builder.turn(text, speaker)
    return builder.build()


def test_every_filler_is_there_and_every_template_uses_one() -> None:
    assert set(FILLERS) == set(FILLER_KINDS)
    for template in TEMPLATES.values():
        names = [field.name for field in template.fields]
        assert len(set(names)) == len(names)
        assert all(field.kind is FILLER_KINDS[field.filler] for field in template.fields)
    used = {field.filler for template in TEMPLATES.values() for field in template.fields}
    assert used == set(FILLER_KINDS) - {"dates"}  # A timeline says more; templates of one's own may want the list.


@pytest.mark.parametrize(
    ("expected", "document"),
    [
        ("default", paragraphs("The mill stands by the river.", "It was sold last year.")),
        ("paper", paragraphs(headings=("Abstract", "1 Introduction", "2. Methods", "3 Results and Discussion"))),
        ("paper", paragraphs(headings=("1 INTRODUCTION", "2 Related Work", "5 CONCLUSIONS AND FUTURE WORK"))),
        ("report", paragraphs(headings=("Executive summary", "Findings", "Recommendations"))),
        ("report", paragraphs(headings=("Methods", "Results"), title="Report of the committee")),
        ("manual", paragraphs(headings=("Getting started", "Safety warnings", "Troubleshooting"))),
        ("story", paragraphs(*['"Who is there?" asked Anna.', '"Only the wind," said Tom.', "She waited."] * 4)),
        (
            "default",
            paragraphs(*['"Quite," he said.', "One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven."] * 5),
        ),
        ("meeting", transcript(*[("Chair", "We begin."), ("Ann", "I agree."), ("Bob", "So do I."), ("Cy", "No.")] * 3)),
        ("interview", transcript(*[("Q", "Where were you born?"), ("A", "Here, in this room.")] * 3)),
        ("interview", transcript(*[("Moira", "And what then?"), ("Ned", "Then it rained on us all day.")] * 4)),
        ("meeting", transcript(*[("Moira", "It rained."), ("Ned", "It rained on us all day.")] * 4)),
    ],
    ids=[
        "prose",
        "abstract",
        "numbered",
        "findings",
        "title",
        "warnings",
        "dialogue",
        "one-quote",
        "many-voices",
        "marked-q",
        "one-asks",
        "two-talk",
    ],
)
def test_template_follows_from_the_document(expected: str, document: Document) -> None:
    assert choose_template(document).name == expected


def test_table_template() -> None:
    builder = DocumentBuilder("t", title="Costs")
    builder.paragraph("All sums in pounds.")
    builder.table([["item", "cost"]] + [[f"timber of grade {n}", str(n)] for n in range(20)])
    assert choose_template(builder.build()).name == "table"


def test_a_page_around_a_table_is_about_the_table() -> None:
    builder = DocumentBuilder("t", title="Boats of the town")
    builder.paragraph("The town of Holm has kept a list of its boats since the harbour was dug. " * 6)
    builder.table([["boat", "built"]] + [[f"Boat of the family {n}", str(1900 + n)] for n in range(5)])
    assert choose_template(builder.build()).name == "table"


def test_papers_without_the_usual_headings_are_known_by_what_they_say() -> None:
    cited = "We propose a tagger (Brill, 1995) and compare it with others (Ratnaparkhi, 1996; Brants, 2000) [3] [4]. "
    document = paragraphs(cited * 3, headings=("1 Introduction", "2 The Joyce System", "3 Porting the System"))
    assert choose_template(document).name == "paper"
    prose = paragraphs("The mill was sold. " * 9, headings=("1 Introduction", "2 The Joyce System"))
    assert choose_template(prose).name == "default"


def test_prose_full_of_money_is_a_report() -> None:
    sentence = "In March 2019 the firm raised $50 million and its profit rose by 12% to €3 million in the same year. "
    assert choose_template(paragraphs(sentence * 25)).name == "report"
    assert choose_template(paragraphs("A currency report names no sums.", title="Currency report")).name == "default"


def test_a_story_told_in_the_first_person_with_little_speech() -> None:
    told = "I went down to the harbour, and he came after me with his lamp, for she had asked him to watch me. " * 3
    assert choose_template(paragraphs(*[told] * 22, '"Stop," he said.', '"No," I said.')).name == "story"


def test_a_broadcast_is_no_meeting() -> None:
    turns = [("Fiona", "This is Radio Bay, and tonight a programme about a boat."), ("Donal", "She sails.")]
    voices = [(name, "The boat went out and came in again.") for name in ("Joan", "Effie", "Tom")] * 3
    assert choose_template(transcript(*turns, *voices)).name == "interview"
    assert choose_template(transcript(("Chair", "I open this meeting."), *voices)).name == "meeting"


def test_template_of_an_empty_document() -> None:
    assert choose_template(DocumentBuilder("empty").build()).name == "default"


@pytest.mark.parametrize(
    ("heading", "bare"),
    [
        ("2.1 The course of the night", "The course of the night"),
        ("Chapter IV: Home", "Home"),
        ("IV. Home", "Home"),
        ("a) Tools", "Tools"),
        ("Civil war", "Civil war"),
        ("A method", "A method"),
        ("14 January 1991", "14 January 1991"),
        ("Chapter 2", "Chapter 2"),
    ],
)
def test_strip_numbering(heading: str, bare: str) -> None:
    assert strip_numbering(heading) == bare


def test_user_template(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(GOOD, encoding="utf-8")
    template = load_template(path)
    assert template.name == "audit"
    assert [(f.name, f.filler, f.limit, f.kind) for f in template.fields] == [
        ("gist", "gist", 3, FieldKind.STATEMENT),
        ("money", "figures", 20, FieldKind.FIGURE),
    ]
    assert named_template(str(path)) == template
    assert ExtractiveSummarizer(str(path)).template == template


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = ", "not TOML"),
        ("name = 'x'", "'fields'"),
        ("fields = []", "'fields'"),
        ("fields = [3]", "'fields[0]'"),
        ("name = 3\n[[fields]]\nname = 'gist'", "'name'"),
        ("colour = 'red'\n[[fields]]\nname = 'gist'", "'colour'"),
        ("[[fields]]\nfiller = 'gist'", "'fields[0].name'"),
        ("[[fields]]\nname = 'gist'\n[[fields]]\nname = 'poem'\nfiller = 'rhyme'", "'fields[1].filler'"),
        ("[[fields]]\nname = 'poem'\nkind = 'rhyme'", "'fields[0].kind'"),
        ("[[fields]]\nname = 'poem'\nkind = 3", "'fields[0].kind'"),
        ("[[fields]]\nname = 'poem'\ncardinality = 'few'", "'fields[0].cardinality'"),
        ("[[fields]]\nname = 'poem'\ncardinality = 'one'\nlimit = 2", "'fields[0].limit'"),
        ("[[fields]]\nname = 'poem'\nlimit = 201", "'fields[0].limit'"),
        ("[[fields]]\nname = 'gist'\nlimt = 3", "'fields[0].limt'"),
        ("[[fields]]\nname = 'gist'\nlimit = 0", "'fields[0].limit'"),
        ("[[fields]]\nname = 'gist'\nlimit = true", "'fields[0].limit'"),
        ("[[fields]]\nname = 'gist'\nlimit = '3'", "'fields[0].limit'"),
        ("[[fields]]\nname = 'gist'\nkind = 'date'", "'fields[0].kind'"),
        ("[[fields]]\nname = 'gist'\n[[fields]]\nname = 'gist'", "'gist'"),
    ],
)
def test_malformed_template_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_template(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_template_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        ExtractiveSummarizer(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="meeting"):
        ExtractiveSummarizer("sonnet")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_template(binary)


def test_a_field_of_the_users_own_needs_no_filler(tmp_path: Path) -> None:
    path = tmp_path / "council.toml"
    path.write_text(
        """
        [[fields]]
        name = "grievances"
        description = "what residents complain about"
        [[fields]]
        name = "sums"
        kind = "figure"
        description = "what was spent"
        cardinality = "optional"
        [[fields]]
        name = "values"
        filler = "description"
        description = "what the town holds dear"
        limit = 3
        """,
        encoding="utf-8",
    )
    fields = load_template(path).fields
    assert [(f.name, f.filler, f.kind, f.cardinality, f.limit) for f in fields] == [
        ("grievances", BY_DESCRIPTION, FieldKind.STATEMENT, Cardinality.MANY, 8),
        ("sums", BY_DESCRIPTION, FieldKind.FIGURE, Cardinality.OPTIONAL, 1),
        ("values", BY_DESCRIPTION, FieldKind.STATEMENT, Cardinality.MANY, 3),
    ]


@pytest.mark.parametrize(
    ("field", "named"),
    [
        (("x", "", FieldKind.TERM, 3, "rhyme"), "rhyme"),
        (("x", "", FieldKind.TERM, 3, "gist"), "statement"),
        (("x", "", FieldKind.TERM, 0), "limit"),
        (("x", "", FieldKind.TERM, 2, BY_DESCRIPTION, Cardinality.ONE), "one"),
    ],
)
def test_a_field_that_contradicts_itself(field: tuple, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TemplateField(*field)


def test_fingerprint_follows_the_encoder_only_where_it_is_asked() -> None:
    free = Template("mine", "", (TemplateField("grievances", "complaints", FieldKind.STATEMENT, 3),))
    encoder = HashingEncoder()
    assert ExtractiveSummarizer(free).fingerprint != ExtractiveSummarizer(free, encoder=encoder).fingerprint
    assert ExtractiveSummarizer("report").fingerprint == ExtractiveSummarizer("report", encoder=encoder).fingerprint


def test_fingerprint_follows_the_template(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(GOOD, encoding="utf-8")
    first = ExtractiveSummarizer(str(path)).fingerprint
    assert first == ExtractiveSummarizer(str(path)).fingerprint
    path.write_text(GOOD.replace("limit = 3", "limit = 4"), encoding="utf-8")
    prints = {first, ExtractiveSummarizer(str(path)).fingerprint}
    prints |= {ExtractiveSummarizer(name).fingerprint for name in ("auto", *TEMPLATES)}
    assert len(prints) == 3 + len(TEMPLATES)
