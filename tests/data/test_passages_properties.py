import re
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.schema import BlockKind, Document

WORDS = ["pier", "The", "sank.", "Dr.", '"No!"', "3.5", "(see", "U.S.", "...", "?", "-", "a|b", "x" * 300]
SCRIPTS = ["e\u0301t\u0301e", "\u0301", "\u200d", "👩\u200d👧", "שלום", "هل؟", "語。", "語語語"]
words = st.sampled_from([*WORDS, *SCRIPTS])
texts = st.lists(words, max_size=40).map(" ".join) | st.text(max_size=20)
rows = st.lists(st.lists(st.sampled_from(["", "", "cell", "a b.", "語", "9"]), max_size=4), max_size=8)
blocks = st.one_of(
    st.tuples(st.just("heading"), texts, st.integers(1, 4)),
    st.tuples(st.just("paragraph"), texts),
    st.tuples(st.just("list"), st.lists(texts, max_size=4)),
    st.tuples(st.just("caption"), texts),
    st.tuples(st.just("code"), texts),
    st.tuples(st.just("turn"), texts, st.sampled_from([None, "Ada", "Dr. No: Sr", "語"])),
    st.tuples(st.just("table"), rows, st.integers(0, 2)),
)


@st.composite
def documents(draw: Callable[..., list[tuple[str, ...]]]) -> Document:
    builder = DocumentBuilder("folder/d", title=draw(st.sampled_from(["", "Title", "pier"])))
    for name, *arguments in draw(st.lists(blocks, max_size=14)):
        getattr(builder, name)(*arguments)
    return builder.build()


def count(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


@settings(deadline=None, max_examples=200)
@given(documents(), st.sampled_from([8, 32, 128]))
def test_passages_cover_the_document_once_in_order(document: Document, budget: int) -> None:
    parsed = parse(document, count, max_tokens=budget)
    text = document.text
    position = 0
    for index, passage in enumerate(parsed.passages):
        assert passage.index == index
        assert position <= passage.span.start < passage.span.end <= len(text)
        position = passage.span.end
        assert parsed.sections[passage.section].span.contains(passage.span)
        assert passage.sentences
        inside = passage.span.start
        for sentence in passage.sentences:
            assert inside <= sentence.start < sentence.end <= passage.span.end
            assert sentence.of(text) == sentence.of(text).strip()
            inside = sentence.end
    assert [p.section for p in parsed.passages] == sorted(p.section for p in parsed.passages)
    assert {p.section for p in parsed.passages} == {s.index for s in parsed.sections}

    covered = {i for p in parsed.passages for s in p.sentences for i in range(s.start, s.end)}
    for block in document.blocks:
        if block.kind is not BlockKind.HEADING:
            missing = [text[i] for i in range(block.body.start, block.body.end) if i not in covered]
            assert not "".join(missing).strip()
    for passage in parsed.passages:
        tokens = count([passage.span.of(text)])[0]
        assert tokens <= budget or len(passage.sentences) == 1


@settings(deadline=None, max_examples=100)
@given(documents())
def test_sections_hold_every_block_and_parsing_is_deterministic(document: Document) -> None:
    parsed = parse(document, count)
    assert parsed == parse(document, count)
    position = 0
    for index, section in enumerate(parsed.sections):
        assert section.index == index
        assert position <= section.span.start < section.span.end
        position = section.span.end
        assert section.title in ("", *section.path[-1:])
    for block in document.blocks:
        assert any(section.span.contains(block.span) for section in parsed.sections)
    assert bool(parsed.sections) == bool(document.blocks)
    # Only a passage of headings that holds the title itself needs no context.
    assert all(p.context or document.title in parsed.passage_text(p) for p in parsed.passages)


@settings(deadline=None, max_examples=100)
@given(documents())
def test_every_heading_is_in_a_passage_or_its_context(document: Document) -> None:
    parsed = parse(document, lambda texts: [1 for _ in texts])
    spoken = [parsed.passage_input(passage) for passage in parsed.passages]
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            section = next(s for s in parsed.sections if s.span.contains(block.span))
            heading = " ".join(block.span.of(document.text).split())
            found = [spoken[p.index] for p in parsed.passages if p.section == section.index]
            assert any(heading in " ".join(text.split()) for text in found)
