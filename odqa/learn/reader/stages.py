"""The stages of a course: sentences of the documents, then answers and summaries, then drafts of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from odqa.data.datasets.types import AnswerLength
from odqa.learn.reader.drafts import Drafts
from odqa.learn.reader.examples import Example
from odqa.learn.reader.plan import Course, schedule_of
from odqa.learn.reader.questions import Teaching, from_dataset
from odqa.learn.reader.run import Stage
from odqa.learn.reader.sentences import from_documents
from odqa.schema import Document, Evidence, ParsedDocument, Support

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.protocols import Summarizer
    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.inputs import FusionTokenizer
    from odqa.settings import Settings

_THRESHOLD = 0.5


def stages_of(
    course: Course,
    datasets: Sequence[Dataset],
    settings: Settings,
    model: FusionModel,
    tokenizer: FusionTokenizer,
) -> Iterator[Stage]:
    """Yield the stages of a course, each when the one before it is over: drafts are written by what it taught.

    Args:
        course: what is learned.
        datasets: that it is learned from.
        settings: of the verifier.
        model: that learns.
        tokenizer: of the model.
    """
    marks = len(tokenizer.marks)
    learns = any(value.requires_grad for value in model.encoder.parameters())
    files = {dataset.name: [dataset.split, *(str(file) for file in dataset.files)] for dataset in datasets}
    if course.sentences:

        def sentences() -> Iterator[Example]:
            streams = [
                from_documents(spread(dataset, course.sentences), seed=course.seed, marks=marks) for dataset in datasets
            ]
            return islice(alternately(streams), course.sentences)

        key = {"sentences": course.sentences, "files": files, "marks": marks}
        yield Stage(
            "sentences",
            key,
            sentences,
            schedule_of(course, course.rate, 1, encoder_learns=learns),
            course.batch_tokens,
            course.judgements,
        )
    if not course.epochs:
        return
    teaching = Teaching(
        support=support_of(settings), threshold=_THRESHOLD, doubtful=course.doubtful, sources=course.sources,
        marks=marks, seed=course.seed, gist=gist_of(settings) if course.summaries else None,
    )  # fmt: skip

    def answers() -> Iterator[Example]:
        # A name or a figure by itself teaches nobody to write.
        long = [dataset for dataset in datasets if dataset.answers is not AnswerLength.SHORT]
        given = alternately([from_dataset(dataset, teaching) for dataset in long or datasets])
        return islice(given, course.answers or None)

    taught = [course.answers, course.sources, course.summaries, course.doubtful, settings.verifier]
    key = {"answers": taught, "files": files, "marks": marks}
    rate = course.rate / 2 if course.sentences else course.rate
    schedule = schedule_of(course, rate, course.epochs, encoder_learns=learns)
    yield Stage("answers", key, answers, schedule, course.batch_tokens, course.judgements)
    schedule = schedule_of(course, rate / 2, 1, encoder_learns=learns)
    for number in range(1, course.self_train + 1):
        drafts = Drafts(model, tokenizer, teaching, course.seed + number)

        def verified(drafts: Drafts = drafts) -> Iterator[Example]:
            return drafts.examples(answers())

        times = max(1, course.judgements // 4)
        yield Stage(f"drafts-{number}", {**key, "drafts": number}, verified, schedule, course.batch_tokens, times)


def spread(dataset: Dataset, sentences: int) -> Iterator[Document]:
    """Yield documents from all over a data set, no more than are needed; of a split, those that it asks about.

    Args:
        dataset: whose documents.
        sentences: examples wanted; each document gives one at least.
    """
    asked = {gold.document_id for question in dataset.questions() for gold in question.gold} if dataset.split else None
    every = 1 if asked is not None else max(1, _count(dataset) // sentences)
    for number, document in enumerate(dataset.documents()):
        if number % every == 0 and (asked is None or document.id in asked):
            yield document


@cache
def _count(dataset: Dataset) -> int:
    """Return the number of documents, which takes as long as to read them all."""
    return sum(1 for _ in dataset.documents())


def alternately(streams: Sequence[Iterator[Example]]) -> Iterator[Example]:
    """Yield examples from several streams in turns, until all are at their ends."""
    left = list(streams)
    while left:
        for stream in tuple(left):
            example = next(stream, None)
            if example is None:
                left.remove(stream)
            else:
                yield example


def support_of(settings: Settings) -> Callable[[str, Sequence[Evidence]], Support]:
    """Return the verifier of the settings as what `Teaching` takes."""
    from odqa.evaluate.vectors import CachedEncoder
    from odqa.index.encoder import make_encoder
    from odqa.parts import make_verifier

    return make_verifier(settings, CachedEncoder(make_encoder(settings))).support


def gist_of(settings: Settings) -> Callable[[ParsedDocument], str]:
    """Return what tells what a document is about: the summarizer of the settings, as in an index."""
    from odqa.index.hashing import HashingEncoder
    from odqa.registry import resolve

    summarizer: Summarizer = resolve("summarizers", settings.summarizer)(settings, HashingEncoder())
    return lambda parsed: next(iter(summarizer.summarize(parsed))).gist
