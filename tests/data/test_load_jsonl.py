"""JSON Lines: one document a record, bad lines listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.data.loaders.jsonl import JsonlLoader
from odqa.errors import LoadError
from odqa.schema import Document


def load(tmp_path: Path, *records: object) -> list[Document]:
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return list(JsonlLoader().load(path))


def test_fields(tmp_path: Path) -> None:
    (document,) = load(
        tmp_path,
        {
            "id": 7,
            "title": "The Jack",
            "text": "It weighs\neight tonnes.\n\nIt cracked.",
            "url": "https://example.org/jack",
            "year": 1992,
            "tags": ["concrete", "sea"],
            "lost": None,
            "nested": {"left": "out"},
            "huge": 10**30,
        },
    )
    assert document.id == f"{tmp_path / 'records.jsonl'}#7"
    assert document.title == "The Jack"
    assert [block.span.of(document.text) for block in document.blocks] == ["It weighs eight tonnes.", "It cracked."]
    assert document.source == "https://example.org/jack"
    assert document.metadata == {"year": 1992, "tags": ["concrete", "sea"], "lost": None, "huge": str(10**30)}


def test_sections_and_abstract(tmp_path: Path) -> None:
    (document,) = load(
        tmp_path,
        {
            "title": "A paper",
            "abstract": "We dig.",
            "sections": [
                {"title": "Method", "sentences": ["We dug.", "We sieved."]},
                {"heading": "Results", "text": "Mud.\n\nMore mud."},
                "And a last word.",
            ],
        },
    )
    assert [(str(b.kind), b.span.of(document.text)) for b in document.blocks] == [
        ("heading", "Abstract"),
        ("paragraph", "We dig."),
        ("heading", "Method"),
        ("paragraph", "We dug. We sieved."),
        ("heading", "Results"),
        ("paragraph", "Mud."),
        ("paragraph", "More mud."),
        ("paragraph", "And a last word."),
    ]


def test_ids_are_unique_even_where_the_records_are_not(tmp_path: Path) -> None:
    documents = load(
        tmp_path, {"id": "a", "text": "x"}, {"id": "a", "text": "y"}, {"text": "z"}, {"id": True, "text": "t"}
    )
    assert [document.id.partition("#")[2] for document in documents] == ["a", "a@2", "3", "4"]


def test_good_lines_are_delivered_before_the_bad_ones_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "records.ndjson"
    deep = b'{"text": ' + b"[" * 100_000
    lines = [
        b'{"text": "one"}',
        b"{broken",
        b"[1]",
        b"",
        b'{"title": "no text"}',
        b'{"text": "\xff"}',
        deep,
        b'{"text": "two"}',
    ]
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    texts = []
    with pytest.raises(LoadError) as caught:  # noqa: PT012
        for document in JsonlLoader().load(path):
            texts.append(document.text)  # noqa: PERF401 - what came before the error is what counts
    assert texts == ["one", "two"]
    message = str(caught.value)
    for words in (
        "records.ndjson",
        "line 2: is not JSON",
        "line 3: is no JSON object",
        "line 5",
        "line 6: is not UTF-8",
        "line 7",
    ):
        assert words in message
    assert "\n" not in message


def test_many_bad_lines_make_a_short_message(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"lines 1, 2, 3, 4, 5 and 995 more: has no text") as caught:
        load(tmp_path, *[{"question": "why?"}] * 1000)
    assert len(str(caught.value)) < 400


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="empty"):
        load(tmp_path)


def test_utf16_records_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.jsonl"
    path.write_text('{"text": "café"}\n', encoding="utf-16")
    assert [document.text for document in JsonlLoader().load(path)] == ["café"]
