"""Examples from questions and summaries that people answered: evidence beside each answer, judged by the verifier.

The verifier is in the loop of training: each sentence of an answer is held against the sources that stand beside it.
What they carry is learned, with a mark of the source that carries it best; what they do not carry counts less, or is
left out. Models trained on answers that their evidence does not hold learn to do without evidence (Krishna et al.
2021).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odqa.data.datasets.types import Gold
from odqa.data.passages import parse
from odqa.data.sentences import split_sentences
from odqa.learn.reader.examples import Example, Said
from odqa.learn.reader.sentences import PASSAGE_WORDS, items_of
from odqa.reader.neural.sources import source_of, summary_of
from odqa.reader.words import content_stems, count_words, squeeze
from odqa.schema import Evidence, Span, Support

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.reader.neural.inputs import Source
    from odqa.schema import ParsedDocument

SUMMARIZE = "What is it about?"
_FEWEST_SOURCES = 2


@dataclass(frozen=True, slots=True)
class Teaching:
    """How answers are made into examples.

    Attributes:
        support: of a claim by evidence; None trusts every answer.
        threshold: support from which a sentence is taught with a mark.
        doubtful: what sentences count that are not supported; 0 leaves them out.
        sources: passages beside an answer.
        marks: highest number of a source.
        gist: of a document, put beside its passages; None leaves it out.
        most_words: of an answer; longer ones are cut after a sentence.
        seed: of what is drawn.
    """

    support: Callable[[str, Sequence[Evidence]], Support] | None
    threshold: float = 0.5
    doubtful: float = 0.2
    sources: int = 6
    marks: int = 64
    gist: Callable[[ParsedDocument], str] | None = None
    most_words: int = 260
    seed: int = 13


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    answers: tuple[str, ...]
    gold: tuple[Gold, ...]
    group: str
    kind: str

    @property
    def documents(self) -> frozenset[str]:
        return frozenset(gold.document_id for gold in self.gold)


def from_dataset(
    dataset: Dataset, teaching: Teaching, *, tell: Callable[[int, int], None] | None = None
) -> Iterator[Example]:
    """Yield an example for every answer and summary of a data set's documents.

    Args:
        dataset: its training questions are used where it has some beside those it asks.
        teaching: how.
        tell: told the number of questions done, and of all that have answers.
    """
    waiting: dict[str, list[_Asked]] = {}
    asked = list(_asked(dataset))
    for one in asked:
        for document_id in one.documents:
            waiting.setdefault(document_id, []).append(one)
    # A document stays at hand until all questions about it are answered, which may wait for other documents.
    read: dict[str, list[Evidence]] = {}
    gists: dict[str, Source] = {}
    done = 0
    for document in dataset.documents():
        if document.id not in waiting or document.id in read:
            continue
        parsed = parse(document, lambda texts: [count_words(text) for text in texts], max_tokens=PASSAGE_WORDS)
        read[document.id] = list(items_of(parsed))
        if teaching.gist is not None and (gist := teaching.gist(parsed)):
            gists[document.id] = summary_of(document.title, gist)
        ready = [one for one in waiting[document.id] if one.documents <= read.keys()]
        for one in ready:
            names = sorted(one.documents)
            summaries = [gists[name] for name in names if name in gists]
            yield from _examples(one, [item for name in names for item in read[name]], summaries, teaching)
            done += 1
            if tell is not None:
                tell(done, len(asked))
        for name in {name for one in ready for name in one.documents}:
            waiting[name] = [one for one in waiting[name] if one not in ready]
            if not waiting[name]:
                del waiting[name], read[name]
                gists.pop(name, None)


def _asked(dataset: Dataset) -> Iterator[_Asked]:
    """Yield what has an answer and documents that it is to be found in."""
    known: set[str] = set()
    questions = dataset.questions() if dataset.training is None else dataset.training()
    for question in questions:
        if question.gold and question.answerable and question.references:
            known.update(question.references)
            yield _Asked(question.text, question.references, question.gold, question.id, "question")
    for summary in () if dataset.summaries is None else dataset.summaries():
        # Some data sets ask for the summary, too.
        if texts := tuple(text for text in summary.texts if text not in known):
            yield _Asked(SUMMARIZE, texts, (Gold(summary.document_id),), summary.document_id, "summary")


def _examples(
    one: _Asked, items: Sequence[Evidence], summaries: Sequence[Source], teaching: Teaching
) -> Iterator[Example]:
    if len(items) < _FEWEST_SOURCES:
        return
    ranking = _Ranking(items)
    for number, answer in enumerate(one.answers):
        rng = random.Random(f"{teaching.seed}/{one.group}/{one.question}/{number}")
        chosen = [items[n] for n in _chosen(one, answer, ranking, teaching.sources)]
        example = _example(one, chosen, tuple(_said(answer, chosen, teaching)), teaching, rng)
        if example is not None:
            yield replace(example, sources=(*example.sources, *summaries))


class _Ranking:
    """Passages of what a question is about, by BM25."""

    def __init__(self, items: Sequence[Evidence]) -> None:
        from rank_bm25 import BM25Okapi

        self.items = items
        self._index = BM25Okapi([content_stems(item.text) or ("",) for item in items])

    def best(self, text: str) -> list[int]:
        scores = self._index.get_scores(list(content_stems(text)))
        return [int(n) for n in (-scores).argsort(kind="stable")]


def _chosen(one: _Asked, answer: str, ranking: _Ranking, most: int) -> list[int]:
    """Return passages for an answer: what people marked, what its own words find, and what the question finds.

    The second stand in for marks where a data set has none; the third are what search would bring, right or wrong.
    """
    spans = {(gold.document_id, span) for gold in one.gold for span in gold.spans}
    marked = {
        n
        for n, item in enumerate(ranking.items)
        if any(name == item.document.id and item.passage.span.overlaps(span) for name, span in spans)
    }
    told = ranking.best(answer)
    near = [n for n in told if n in marked] if marked else told
    first = near[: max(1, round(0.7 * most))]
    rest = [n for n in ranking.best(one.question) if n not in first]
    return [*first, *rest][:most]


def _said(answer: str, items: Sequence[Evidence], teaching: Teaching) -> Iterator[Said]:
    """Yield the sentences of an answer with the numbers of what carries them, counted from 0."""
    left = teaching.most_words
    for span in split_sentences(answer, Span(0, len(answer))):
        text = squeeze(span.of(answer))
        left -= count_words(text)
        if left < 0:
            return
        if teaching.support is None:
            yield Said(text)
            continue
        found = teaching.support(text, items)
        if found.score >= teaching.threshold and found.evidence is not None:
            numbers = dict.fromkeys([found.evidence, *(index for index, _ in found.also)])
            yield Said(text, tuple(numbers))
        elif teaching.doubtful:
            yield Said(text, (), teaching.doubtful)


def _example(
    one: _Asked, items: Sequence[Evidence], said: Sequence[Said], teaching: Teaching, rng: random.Random
) -> Example | None:
    if not said or not any(sentence.weight == 1.0 for sentence in said):
        return None
    numbers = rng.sample(range(1, teaching.marks + 1), len(items))
    sources = [source_of(item, number) for item, number in zip(items, numbers, strict=True)]
    rng.shuffle(sources)
    cited = tuple(Said(each.text, tuple(numbers[n] for n in each.numbers), each.weight) for each in said)
    return Example(one.question, tuple(sources), cited, one.group, one.kind)
