"""Markdown: blocks, links with exact offsets, front matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.loaders.markdown import MarkdownLoader
from odqa.errors import LoadError
from odqa.schema import Document


def load(tmp_path: Path, text: str, name: str = "the-report.md") -> Document:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (document,) = MarkdownLoader().load(path)
    return document


def outline(document: Document) -> list[tuple[str, str]]:
    return [(str(b.kind), b.span.of(document.text)) for b in document.blocks]


def test_blocks_in_reading_order_without_markup(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "# A *fine* title\n\nSome **bold**\ntext &amp; `code`.\n\n> Quoted.\n\n"
        "Second\n------\n\n```py\nx = 1\n\ny\n```\n",
    )
    assert outline(document) == [
        ("heading", "A fine title"),
        ("paragraph", "Some bold text & code."),
        ("paragraph", "Quoted."),
        ("heading", "Second"),
        ("code", "x = 1\n\ny"),
    ]
    assert [block.level for block in document.blocks if block.level] == [1, 2]
    assert document.title == "A fine title"
    assert document.media_type == "text/markdown"


def test_nested_lists_keep_their_order_and_numbers(tmp_path: Path) -> None:
    document = load(tmp_path, "3. one\n   - under one\n     goes on\n\n     and on\n4. two\n\nAfter.\n")
    assert outline(document) == [("list", "- 3. one\n- under one goes on and on\n- 4. two"), ("paragraph", "After.")]


def test_code_and_headings_inside_a_list_stand_where_they_stood(tmp_path: Path) -> None:
    document = load(tmp_path, "- before\n\n  ```\n  run\n  ```\n- # Heading\n- after\n")
    assert [kind for kind, _ in outline(document)] == ["list", "code", "heading", "list"]


def test_tables_have_cells_and_a_header(tmp_path: Path) -> None:
    document = load(tmp_path, "| Year | Cost |\n|---|--:|\n| 1991 | **310** |\n| 1992 | |\n")
    (table,) = document.blocks
    assert table.header_rows == 1
    assert [[cell.of(document.text) for cell in row] for row in table.rows] == [
        ["Year", "Cost"],
        ["1991", "310"],
        ["1992", ""],
    ]


def test_links_carry_exactly_their_words(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "See [the\nother **page**](other.md#part) and <https://example.org/a>, "
        "not [this](#here) or [that](mailto:a@b.c).\n\n"
        "- an [item](http://example.org/b)\n\n1. a [numbered one](http://example.org/c)\n",
    )
    assert [(link.span.of(document.text), link.target) for link in document.links] == [
        ("the other page", str(tmp_path / "other.md")),
        ("https://example.org/a", "https://example.org/a"),
        ("item", "http://example.org/b"),
        ("numbered one", "http://example.org/c"),
    ]


def test_a_picture_gives_a_caption(tmp_path: Path) -> None:
    document = load(tmp_path, "Look: ![The pier in 1902](pier.jpg) here.\n\n![](silent.png)\n")
    assert outline(document) == [("paragraph", "Look: here."), ("caption", "The pier in 1902")]


def test_raw_html_leaves_its_words(tmp_path: Path) -> None:
    document = load(tmp_path, "<div>Said <b>so</b></div>\n<script>alert(1)</script>\n\n<!-- not this -->\n\nA<br>B\n")
    assert outline(document) == [("paragraph", "Said so"), ("paragraph", "A B")]


def test_front_matter_is_metadata(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "---\ntitle: The Pier\nauthor: A. Thole\ndate: 1994-01-28\ntags: [pier, silt]\n"
        "draft: false\nx: {y: 1}\n---\nText.\n",
    )
    assert document.title == "The Pier"
    assert document.text == "Text."
    assert document.metadata == {
        "author": "A. Thole",
        "date": "1994-01-28",
        "tags": ["pier", "silt"],
        "draft": False,
        "x": '{"y": 1}',
    }


@pytest.mark.parametrize(
    "matter",
    [
        "a: [1, 2",
        "- just\n- a list",
        "a: &x [1]\nb: *x",
        "a: " + "[" * 3000,
        "2024-13-45: bad",
        "!!python/object:os.system x",
    ],
    ids=["broken", "list", "alias", "deep", "bad-date", "tag"],
)
def test_what_is_no_front_matter_stays_in_the_text(tmp_path: Path, matter: str) -> None:
    document = load(tmp_path, f"---\n{matter}\n---\n\nThe text.\n")
    assert document.text.endswith("The text.")
    assert len(document.text) > len("The text.")


def test_without_heading_the_file_name_is_the_title(tmp_path: Path) -> None:
    assert load(tmp_path, "Just text.\n").title == "The report"


def test_nothing_but_markup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no text"):
        load(tmp_path, "---\n\n***\n\n<!-- x -->\n")


def test_footnote_marks_are_left_out_and_notes_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("The toe was taken in 1961.[^1] It was put back.\n\n[^1]: See the chronicle for 1961.\n")
    (document,) = MarkdownLoader().load(path)
    assert document.text == "The toe was taken in 1961. It was put back.\n\nSee the chronicle for 1961."
