"""Which template a document calls for, and templates that users write themselves."""

from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.errors import ConfigError
from odqa.index.summary.extractive import ExtractiveSummarizer
from odqa.index.summary.fields import FILLERS
from odqa.index.summary.templates import (
    FILLER_KINDS,
    TEMPLATES,
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
        ("[[fields]]\nname = 'gist'\n[[fields]]\nname = 'poem'", "'fields[1].filler'"),
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


def test_fingerprint_follows_the_template(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(GOOD, encoding="utf-8")
    first = ExtractiveSummarizer(str(path)).fingerprint
    assert first == ExtractiveSummarizer(str(path)).fingerprint
    path.write_text(GOOD.replace("limit = 3", "limit = 4"), encoding="utf-8")
    prints = {first, ExtractiveSummarizer(str(path)).fingerprint}
    prints |= {ExtractiveSummarizer(name).fingerprint for name in ("auto", *TEMPLATES)}
    assert len(prints) == 3 + len(TEMPLATES)
