"""SubRip and WebVTT: speakers, times, mark-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.loaders.transcript import TranscriptLoader
from odqa.errors import LoadError
from odqa.schema import Document

Turn = tuple[str | None, float | None, float | None, str]


def load(tmp_path: Path, content: str, name: str) -> Document:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (document,) = TranscriptLoader().load(path)
    return document


def turns(document: Document) -> list[Turn]:
    return [(b.speaker, b.start_s, b.end_s, b.body.of(document.text)) for b in document.blocks]


def test_vtt_voices_notes_styles_and_tags(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "WEBVTT - A meeting\n\nNOTE\nnot this\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\n"
        "intro\n00:01.000 --> 00:03.500 align:start position:10%\n"
        "<v.loud Ann Bell>Good <i>evening</i> &amp; welcome.</v>\n\n"
        "00:00:03.600 --> 00:00:05.000\n<v Ann Bell><00:00:03.700><c.yellow>Sit</c> down.\n\n"
        "01:00:06.000 --> 01:00:07.000\n<v Tom>No.</v> <v Ann Bell>Yes.</v>\n",
        "meeting.vtt",
    )
    assert turns(document) == [
        ("Ann Bell", 1.0, 5.0, "Good evening & welcome. Sit down."),
        ("Tom", 3606.0, 3607.0, "No."),
        ("Ann Bell", 3606.0, 3607.0, "Yes."),
    ]
    assert document.text.startswith("Ann Bell: Good evening")
    assert document.metadata["duration_s"] == 3607.0
    assert document.media_type == "text/vtt"


def test_srt_speakers_in_the_text(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>JOHN:</i> Hello,\r\nmy friend.\r\n\r\n"
        "2\r\n00:00:10,000 --> 00:00:12,000\r\n- Who is it?\r\n- Nobody.\r\n\r\n"
        "3\r\n00:00:20,000 --> 00:00:22,000\r\nNote: the sea rises.\r\n\r\n"
        "4\r\n00:00:30,000 --> 00:00:32,000\r\n{\\an8}>> MARY ANN: At once.\r\n",
        "film.srt",
    )
    assert turns(document) == [
        ("JOHN", 1.0, 2.0, "Hello, my friend."),
        (None, 10.0, 12.0, "Who is it?"),
        (None, 10.0, 12.0, "Nobody."),
        (None, 20.0, 22.0, "Note: the sea rises."),
        ("MARY ANN", 30.0, 32.0, "At once."),
    ]


def test_turns_stay_short_enough_for_their_times_to_be_useful(tmp_path: Path) -> None:
    cues = "".join(
        f"00:{n // 6:02}:{n % 6 * 10:02}.000 --> 00:{n // 6:02}:{n % 6 * 10 + 9:02}.000\n"
        f"<v Ann>Sentence {n} is said.\n\n"
        for n in range(60)
    )
    document = load(tmp_path, f"WEBVTT\n\n{cues}", "long.vtt")
    lengths = [(b.end_s or 0) - (b.start_s or 0) for b in document.blocks]
    assert 8 < len(document.blocks) < 20
    assert max(lengths) <= 60
    assert all(f"Sentence {n} is said." in document.text for n in range(60))


def test_a_long_pause_begins_a_new_turn(tmp_path: Path) -> None:
    document = load(tmp_path, "WEBVTT\n\n00:01.000 --> 00:02.000\nOne.\n\n00:30.000 --> 00:31.000\nTwo.\n", "a.vtt")
    assert [turn[1] for turn in turns(document)] == [1.0, 30.0]


def test_rolling_captions_are_not_doubled(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "WEBVTT\n\n00:01.000 --> 00:03.000\nthe first line\n\n"
        "00:03.000 --> 00:05.000\nthe first line\nthe second line\n\n"
        "00:05.000 --> 00:07.000\nthe second line\nthe third\n",
        "rolling.vtt",
    )
    assert document.text == "the first line the second line the third"


def test_missing_blank_lines_and_bad_times_cost_no_other_cue(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "1\n00:00:01,000 --> 00:00:02,000\nOne.\n2\n00:00:03,000 --> 00:00:04,000\nTwo.\n\n"
        "3\n00:00:xx,000 --> 00:00:06,000\nLost.\n\n4\n00:00:09,000 --> 00:00:08,000\nFour.\n",
        "a.srt",
    )
    assert document.text.replace("\n", " ") == "One. Two. Four."
    assert all((b.end_s or 0) >= (b.start_s or 0) for b in document.blocks)


@pytest.mark.parametrize(
    "content", ["WEBVTT\n\nNOTE nothing\n", "just some text\n", "1\n00:00:01,000 --> 00:00:02,000\n\n"]
)
def test_a_transcript_without_cues_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(LoadError, match="no cue"):
        load(tmp_path, content, "a.srt")
