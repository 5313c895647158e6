import pytest
from hypothesis import given
from hypothesis import strategies as st

from odqa.data.sentences import MAX_WORDS, cut, split_sentences, word_spans
from odqa.schema import Span

GOLDEN = [
    ["Dr. Okafor met Mrs. Lindqvist at 9 a.m. on Tuesday.", "They spoke briefly."],
    ["The bridge was tested by Harlan et al. (1998) in spring.", "See Fig. 3 for loads."],
    ["Costs rose by 3.5 per cent.", "The U.S. share fell to 1.25 million."],
    ["J. R. R. Winterbourne wrote it.", "K. did not."],
    ['"Where are you going?" she asked.', '"Home," he said.'],
    ['"Stop!" cried the ferryman.', "Nobody stopped."],
    ['"Not now!" Magnusson snapped.', "He left."],
    ['"I told you."', '"You did not."'],
    ['"We have lost.', "They took it.", 'There is nothing to do," he said.', '"Go."'],
    ["He waited ... and waited.", "Then he left..."],
    ['"I ... I can\'t."', "She wept."],
    ["Well... maybe.", "I don't know!"],
    ["What?!", "No way!!", "Yes."],
    ["OK , we 're on .", "So um , who is first ?", "Me ."],
    ["Mm.", "Yeah.", "No.", "Fine."],
    ["how are you?", "i am fine.", "ok then."],
    ["The committee (see Sec. 4.2) agreed.", "It was late."],
    ["Visit www.example.org/a.b?c=d for more.", "It is free."],
    ["Mail to a.b@example.org, e.g. on Monday.", "We reply."],
    ["The plan, i.e. the second one, was adopted vs. the first.", "Why?"],
    ["Acme Inc. bought Boll Ltd. in 2001.", "Then it closed."],
    ["He lives in the U.S.", "It suits him."],
    ["She was born on Jan. 5, 1901 in St. Ives.", "Her father fished."],
    ["It was No. 7 that sank.", "No. 8 floated."],
    ["Was it p. 12 or pp. 13-14?", "Neither."],
    ["(He had left by then.)", "The door was open."],
    ["\u201cWe can\u2019t,\u201d he said.", "\u201cNot now.\u201d"],
    ["The end came at 5 p.m.", "Nobody cheered."],
    ["1. Open the valve.", "2. Close the gate."],
    ["Das ist gut.", "Über den Fluss führt z.B. eine Brücke.", "Am 5. März kam er."],
    ["¿Quién es?", "¡Nadie!", "Eso dijo."],
    ["هل أنت هنا؟", "نعم أنا هنا."],
    ["यह एक वाक्य है।", "दूसरा वाक्य।"],
    ["iPhones sold well.", "eBay did not."],
    ["The ratio was 4:1.", "42 people came."],
    ['He said "No." and left.', "She stayed."],
    ["That was in v. 2.0 of the code.", "Version 3 broke it."],
    ["Gen. Moreau and Lt. Col. Banks agreed.", "The war went on."],
    ["I saw it; he did not: that is all.", "Done."],
    ["Mr. and Mrs. Pell, Sr. were there.", "So was Rev. Tull."],
    ["Results are in Table 2.", "As Eq. (5) shows, x is small."],
    ["The dose is approx. 5 mg. per day.", "Take it."],
    ["The river rose [12].", "The dam held [13, 14]."],
    ["The river rose.[12]", "The dam held."],
    ["Prof. Adeyemi, Ph.D., spoke.", "Everyone listened."],
    ["We need nails, screws, etc.", "Bring them."],
    ["He came in.", "Magnusson sat."],
    ["Who's there?", "It is I.", "Magnusson opened the door."],
]

# Text of every kind of character that matters here, dense enough in stops, quotes and blanks to meet every rule.
prose = st.text(
    st.sampled_from(list("abAB1 .!?…,;:\"'()[]\n—「」。？")) | st.characters(exclude_categories=["Cs"]), max_size=80
)


def split(text: str) -> list[str]:
    return [span.of(text) for span in split_sentences(text, Span(0, len(text)))]


@pytest.mark.parametrize("sentences", GOLDEN, ids=lambda sentences: sentences[0][:30])
def test_splits_where_a_reader_would(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


def test_full_width_stops_need_no_blank() -> None:
    assert split("今日は雨です。明日は晴れます！「そう？」") == ["今日は雨です。", "明日は晴れます！", "「そう？」"]


def test_missing_blank_after_a_stop_is_repaired_only_between_words() -> None:
    assert split("The dam held.The town slept. See foo.Bar and 3.5.") == [
        "The dam held.",
        "The town slept.",
        "See foo.Bar and 3.5.",
    ]


def test_each_line_of_a_list_is_a_sentence() -> None:
    assert split("- sand, dry\n- gravel. Two loads.\n- lime") == ["- sand, dry", "- gravel.", "Two loads.", "- lime"]


def test_spans_count_in_the_whole_text() -> None:
    text = "Skipped. One here. Two here. Skipped."
    assert [span.of(text) for span in split_sentences(text, Span(9, 28))] == ["One here.", "Two here."]


def test_long_run_is_cut_at_clauses_and_into_even_pieces() -> None:
    clause = " ".join(["word"] * 39) + " end"
    text = "; ".join([clause] * 5)
    pieces = split(text)
    assert all(len(piece.split()) <= MAX_WORDS for piece in pieces)
    assert all(piece.endswith((";", "end")) for piece in pieces)
    assert min(len(piece.split()) for piece in pieces) >= MAX_WORDS // 4


def test_words_without_blanks_are_cut_too() -> None:
    text = "語" * 1000 + " " + "x" * 5000
    pieces = split(text)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert len(pieces) > 8
    assert max(map(len, pieces)) <= MAX_WORDS * 200


@pytest.mark.parametrize("text", ["", "  \n ", "\u3000"])
def test_nothing_to_split(text: str) -> None:
    assert split(text) == []


@pytest.mark.parametrize("unit", [".", '"', '." ', "Dr. ", "[1]", "(", ".A", '!" Aa', "?\u0301", "a. b) "])
def test_hostile_repetition_ends(unit: str) -> None:
    text = unit * (30_000 // len(unit))
    assert "".join("".join(split(text)).split()) == "".join(text.split())


@given(st.text(max_size=5), prose, st.text(max_size=5))
def test_sentences_are_ordered_trimmed_and_cover_all(before: str, inside: str, after: str) -> None:
    text = before + inside + after
    spans = split_sentences(text, Span(len(before), len(before) + len(inside)))
    covered = set[int]()
    position = len(before)
    for span in spans:
        assert position <= span.start < span.end <= len(before) + len(inside)
        assert span.of(text) == span.of(text).strip()
        covered.update(range(span.start, span.end))
        position = span.end
    white = {i for i in range(len(before), len(before) + len(inside)) if text[i].isspace()}
    assert set(range(len(before), len(before) + len(inside))) - covered <= white


@given(st.lists(st.tuples(st.sampled_from(["a", "bb,", "c;", "語", "e\u0301"]), st.integers(1, 9))), st.integers(1, 30))
def test_cut_respects_the_limit_and_loses_nothing(words: list[tuple[str, int]], limit: int) -> None:
    text = " ".join(word for word, _ in words)
    spans = word_spans(text, Span(0, len(text)))
    weights = [weight for _, weight in words]
    assert [span.of(text) for span in spans] == [word for word, _ in words]
    of = dict(zip(spans, weights, strict=True))
    pieces = cut(text, spans, weights, limit)
    inside = [[span for span in spans if piece.contains(span)] for piece in pieces]
    assert [span for part in inside for span in part] == spans
    assert all(len(part) == 1 or sum(of[span] for span in part) <= limit for part in inside)
