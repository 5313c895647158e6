"""From what was found to an answer: a reader writes, every sentence is checked as it comes, and the rest is told.

    EVIDENCE, then for each sentence SENTENCE and VERDICT, then DONE

A reader that streams is checked sentence by sentence while it goes on writing; closing the events stops it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from odqa.errors import UsageError
from odqa.protocols import Reader, StreamingReader, SummaryReader, Verifier, WholeReader
from odqa.reader.calculated import led_by_calculation
from odqa.reader.checker import Checker
from odqa.reader.cite import finish
from odqa.reader.untrusted import without_instructions
from odqa.retriever.find import recompute
from odqa.retriever.gists import with_gists
from odqa.retriever.timing import timed
from odqa.retriever.whole import with_whole
from odqa.schema import (
    Answer,
    AnswerStyle,
    Claim,
    Draft,
    DraftSentence,
    Event,
    EventKind,
    Evidence,
    Found,
    Rejection,
)

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot

LONGEST_QUESTION = 10_000
AT_ONCE = 4
"""Questions of a batch that wait for a server together."""


def checked(question: str) -> str:
    """Return a question on one line.

    Raises:
        UsageError: it is empty or too long.
    """
    question = " ".join(question.split())
    if not question:
        raise UsageError("the question is empty", "ask in words")
    if len(question) > LONGEST_QUESTION:
        raise UsageError(f"the question has {len(question):,} characters", f"at most {LONGEST_QUESTION:,}")
    return question


def widened(found: Found, reader: Reader, snapshot: Snapshot, style: AnswerStyle) -> Found:
    """Return what was found with what the reader wants beside it: whole documents, or what they are about.

    Args:
        found: what search has to say.
        reader: that will answer.
        snapshot: where the documents are.
        style: as asked.
    """
    if isinstance(reader, WholeReader):
        wanted = reader.whole(found.trace.question, found.evidence, style)
        found = replace(found, evidence=with_whole(snapshot, found.trace.question, found.evidence, wanted))
    if found.evidence and isinstance(reader, SummaryReader) and reader.reads_summaries:
        found = replace(found, evidence=with_gists(snapshot, found.evidence))
    return found


@dataclass(slots=True)
class Answering:
    """One question being answered from what was found.

    Attributes:
        question: as asked.
        found: what search has to say.
        reader: that writes.
        verifier: that checks.
        style: layout and length wanted.
        policy: what becomes of sentences that do not pass.
        start: `time.perf_counter()` when the question came.
        seconds: what each stage took.
    """

    question: str
    found: Found
    reader: Reader
    verifier: Verifier
    style: AnswerStyle
    policy: str
    start: float
    seconds: dict[str, float] = field(default_factory=dict)

    def events(self) -> Generator[Event]:
        """Yield the events of an answer, the whole answer last.

        Raises:
            ConfigError: the policy does not exist.
            ModelError: the reader's model fails.
        """
        with timed(self.seconds, "guard"):
            # Sentences of documents that give orders to whoever answers are nobody's evidence.
            evidence = tuple(without_instructions(self.found.evidence))
        yield Event(EventKind.EVIDENCE, evidence=evidence)
        checker = Checker(self.question, evidence, self.verifier, policy=self.policy, recompute=recompute)
        claims: list[Claim] = []
        rejected: list[Rejection] = []
        draft = Draft(())
        with self._written(evidence) as written:
            for part in written:
                if isinstance(part, Draft):
                    draft = part
                    continue
                for sentence in checker.sentences(part):
                    yield Event(EventKind.SENTENCE, sentence=sentence)
                    with timed(self.seconds, "verify"):
                        claim, rejection = checker.rule(sentence)
                    claims += [claim] if claim is not None else []
                    rejected += [rejection] if rejection is not None else []
                    yield Event(EventKind.VERDICT, sentence=sentence, claim=claim, rejection=rejection)
        with timed(self.seconds, "verify"):
            answer = finish(self.question, draft, claims, rejected, evidence, self.style)
        stages = {stage.name: stage.seconds for stage in self.found.trace.stages}
        parts = {name: self.seconds.get(name, 0.0) for name in ("guard", "draft", "verify")}
        timings = {**stages, **parts, "total": time.perf_counter() - self.start}
        answer = replace(answer, timings=timings, trace=self.found.trace, answerability=self.found.answerability)
        yield Event(EventKind.DONE, answer=answer)

    @contextmanager
    def _written(self, evidence: Sequence[Evidence]) -> Iterator[Iterator[DraftSentence | Draft]]:
        """Yield what is written, timed, and stop the writing when nobody reads on."""
        source = self._drafted(evidence)
        try:
            yield self._timed(led_by_calculation(source, evidence))
        finally:
            source.close()

    def _timed(self, written: Iterator[DraftSentence | Draft]) -> Iterator[DraftSentence | Draft]:
        while True:
            with timed(self.seconds, "draft"):
                part = next(written, None)
            if part is None:
                return
            yield part

    def _drafted(self, evidence: Sequence[Evidence]) -> Generator[DraftSentence | Draft]:
        """Yield the sentences of the draft as they are written, then the whole of it."""
        judged = self.found.answerability
        if judged is not None and not judged.answerable:
            yield Draft((), judged.reason, judged.probability)
            return
        with closing(self._read(evidence)) as parts:
            for part in parts:
                if isinstance(part, Draft) and judged is not None:
                    # Search knows the collection, the reader its sentences: either may see that the answer is missing.
                    part = replace(part, confidence=min(part.confidence, judged.probability))
                yield part

    def _read(self, evidence: Sequence[Evidence]) -> Generator[DraftSentence | Draft]:
        """Yield what the reader writes."""
        if isinstance(self.reader, StreamingReader):
            yield from _streamed(self.reader.stream(self.question, evidence, self.style))
        else:
            draft = self.reader.draft(self.question, evidence, self.style)
            yield from draft.sentences
            yield draft


def _streamed(stream: Iterator[DraftSentence | Draft]) -> Iterator[DraftSentence | Draft]:
    """Yield what a reader streams; where it keeps its sentences for the end, they are yielded then."""
    written: list[DraftSentence] = []
    try:
        for part in stream:
            if isinstance(part, DraftSentence):
                written.append(part)
            elif not written:
                yield from part.sentences
            yield part
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


async def in_threads(events: Generator[Event]) -> AsyncIterator[Event]:
    """Yield events that are made in other threads, one at a time; when this ends, so has the making of them.

    Args:
        events: of one answer.
    """
    import asyncio  # Takes longer to import than a question to answer, and few need it.

    busy = threading.Lock()

    def step() -> Event | None:
        with busy:
            return next(events, None)

    def close() -> None:
        # A generator cannot be closed while it runs: a cancelled step is waited for.
        with busy:
            events.close()

    try:
        while (event := await asyncio.to_thread(step)) is not None:
            yield event
    finally:
        await asyncio.shield(asyncio.to_thread(close))


def in_order(ask: Callable[[str], Answer], questions: Iterable[str], at_once: int) -> Iterator[Answer]:
    """Yield the answer to each question, in order.

    Args:
        ask: answers one.
        questions: read no further ahead than is worked on.
        at_once: how many are worked on at a time.

    Raises:
        UsageError: that is below one.
    """
    if at_once < 1:
        raise UsageError(f"parallel must be at least 1, not {at_once}")
    return map(ask, questions) if at_once == 1 else _side_by_side(ask, questions, at_once)


def _side_by_side(ask: Callable[[str], Answer], questions: Iterable[str], at_once: int) -> Iterator[Answer]:
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(at_once, thread_name_prefix="odqa-ask") as pool:
        under_way: deque[Future[Answer]] = deque()
        try:
            for question in questions:
                under_way.append(pool.submit(ask, question))
                if len(under_way) == at_once:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
