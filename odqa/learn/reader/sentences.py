"""Examples that any documents give: keywords and passages go in, the sentences that hold the keywords come out.

Nobody has to have written answers for it. The keywords are some of the content words of a sentence or two, the sources
are the passages that hold them among others that do not. What is learned is what all answering begins with: to find
the right source, to say what stands there, to cite it, and to say several things one after the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from odqa.data.passages import parse
from odqa.learn.reader.examples import Example, Said
from odqa.reader.neural.inputs import Source
from odqa.reader.neural.sources import source_of
from odqa.reader.words import count_words, squeeze, words
from odqa.schema import Document, Evidence, ParsedDocument

PASSAGE_WORDS = 96
_POOL = 256
"""Documents that the sources of one example are drawn from."""
_SENTENCE_WORDS = (6, 45)
_KEYWORDS = (2, 5)
_MOST_SAID = 3
_MOST_SOURCES = 3


@dataclass(frozen=True, slots=True)
class _Passage:
    item: Evidence
    sentences: tuple[str, ...]


def from_documents(
    documents: Iterable[Document], *, seed: int, marks: int, most_sources: int = _MOST_SOURCES
) -> Iterator[Example]:
    """Yield an example for each passage that says something.

    Args:
        documents: read once, a few hundred at a time.
        seed: of what is drawn; the same documents give the same examples.
        marks: highest number of a source; which one a source gets is drawn, so that all are learned.
        most_sources: passages of an example, at most.
    """
    pool: list[_Passage] = []
    stream = (passage for document in documents for passage in _passages(document))
    for number, passage in enumerate(stream):
        pool.append(passage)
        if len(pool) == _POOL:
            yield from _examples(pool, random.Random(f"{seed}/{number}"), marks, most_sources)
            pool = []
    if pool:
        yield from _examples(pool, random.Random(f"{seed}/last"), marks, most_sources)


def _passages(document: Document) -> Iterator[_Passage]:
    parsed = parse(document, lambda texts: [count_words(text) for text in texts], max_tokens=PASSAGE_WORDS)
    for item in items_of(parsed):
        least, most = _SENTENCE_WORDS
        texts = (squeeze(span.of(document.text)) for span in item.passage.sentences)
        kept = tuple(text for text in texts if least <= count_words(text) <= most and text[-1:] in ".!?")
        if kept:
            yield _Passage(item, kept)


def items_of(parsed: ParsedDocument) -> Iterator[Evidence]:
    """Yield the passages of a document as evidence."""
    for passage in parsed.passages:
        yield Evidence(parsed.document, parsed.sections[passage.section], passage, 0.0)


def _examples(pool: Sequence[_Passage], rng: random.Random, marks: int, most_sources: int) -> Iterator[Example]:
    for place, passage in enumerate(pool):
        count = min(rng.choice((1, 1, 2)), most_sources, len(pool))
        others = rng.sample([other for other in range(len(pool)) if other != place], min(count - 1, len(pool) - 1))
        told = [passage, *(pool[other] for other in others)]
        rest = [other for other in range(len(pool)) if other != place and other not in others]
        distractors = [pool[n] for n in rng.sample(rest, min(len(rest), rng.randint(0, most_sources - len(told))))]
        if (example := _example(told, distractors, rng, marks)) is not None:
            yield example


def _example(
    told: Sequence[_Passage], distractors: Sequence[_Passage], rng: random.Random, marks: int
) -> Example | None:
    numbers = rng.sample(range(1, marks + 1), len(told) + len(distractors))
    keywords: list[str] = []
    said: list[Said] = []
    for passage, number in zip(told, numbers, strict=False):
        start = rng.randrange(len(passage.sentences))
        length = rng.randint(1, _MOST_SAID) if len(told) == 1 else 1
        chosen = tuple(islice(passage.sentences, start, start + length))
        said += [Said(sentence, (number,)) for sentence in chosen]
        keywords += _keywords(chosen, rng)
        if rng.random() < 0.5:
            keywords.insert(0, passage.item.document.title)
    if not keywords:
        return None
    sources: list[Source] = [
        source_of(passage.item, number) for passage, number in zip([*told, *distractors], numbers, strict=True)
    ]
    rng.shuffle(sources)
    return Example(
        " ".join(dict.fromkeys(keywords)), tuple(sources), tuple(said), told[0].item.document.id, "sentences"
    )


def _keywords(sentences: Sequence[str], rng: random.Random) -> list[str]:
    found: list[str] = []
    for sentence in sentences:
        content = [word.text for word in words(sentence) if word.is_content and len(word.text) > 2]
        least, most = _KEYWORDS
        chosen = set(rng.sample(range(len(content)), min(len(content), rng.randint(least, most))))
        found += [word for place, word in enumerate(content) if place in chosen]
    return found
