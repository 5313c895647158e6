"""From passages to drafted sentences with what the verifier says of them: read once, written several times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from odqa.llm import Usage
from odqa.llm.untrusted import visible
from odqa.reader.chat.packing import Read
from odqa.reader.chat.parse import AnswerParser, Cited
from odqa.reader.chat.sentences import Sources
from odqa.reader.neural.casing import Casing
from odqa.reader.neural.choosing import Judge, Judged, choose, is_new, without_repetition
from odqa.reader.neural.sources import asked, source_of, summary_of
from odqa.reader.untrusted import is_instruction

if TYPE_CHECKING:
    from odqa.reader.neural.generation import Text, Writer
    from odqa.reader.neural.inputs import Source
    from odqa.schema import DraftSentence

TRUSTED = 0.5
"""Geometric mean of the probability of a draft's tokens from which its wording is taken as it is."""
_CLOSED = ".!?…:;\"”’'"


class Drafter:
    """Writes an answer, or a section of one, from some passages.

    Attributes:
        usage: tokens read and written so far.

    Args:
        writer: the model.
        judge: of its sentences.
        question: as asked.
        passages: best first; no more than the model tells apart.
        words: wanted.
        said: by earlier sections, which this one does not repeat.
    """

    def __init__(
        self,
        writer: Writer,
        judge: Judge,
        question: str,
        passages: Sequence[Read],
        words: int,
        said: Sequence[Judged] = (),
    ) -> None:
        self._writer, self._judge, self._question, self._words = writer, judge, question, words
        self._read, self._said = passages, tuple(said)
        sources = [_harmless(source_of(read.item, number)) for number, read in enumerate(self._read, 1)]
        self._reading = writer.read(asked(question, words), [*sources, *_summaries(self._read)])
        self.usage = Usage(self._reading.tokens, 0)
        self._places = {number: read.index for number, read in enumerate(self._read, 1)}
        self._casing = (
            None
            if writer.keeps_form
            else Casing(
                {source.number: source.text for source in sources}, [*(source.head for source in sources), question]
            )
        )

    def best(self, count: int, beams: int, seed: int, *, fill: bool) -> list[Judged]:
        """Return the sentences of the best of several drafts; none where no draft has a supported sentence.

        Args:
            count: of drafts.
            beams: pursued for the first.
            seed: of chance.
            fill: go on with sentences of other drafts where the best is too short.
        """
        texts = self._writer.texts(self._reading, count, beams, self._writer.length(self._words), seed)
        self.usage += Usage(0, sum(len(text.tokens) for text in texts))
        drafts: list[list[Judged]] = []
        for text in dict.fromkeys(texts):
            parsing = _Parsing(self._question, self._read, self._places, self._casing)
            said = parsing.feed(self._writer.text(text.tokens), is_done=True, is_whole=text.is_whole)
            drafts.append([self._judged(sentence, text) for sentence in said])
        return without_repetition(choose(drafts, self._words, fill=fill), self._said)

    def stream(self, beams: int, seed: int) -> Iterator[Judged]:
        """Yield the sentences of a single draft as they are written, but for those that repeat others.

        Args:
            beams: pursued at once.
            seed: of chance.
        """
        parsing = _Parsing(self._question, self._read, self._places, self._casing)
        given = list(self._said)
        tokens = 0
        for so_far, is_done in self._writer.stream(self._reading, beams, self._writer.length(self._words), seed):
            self.usage += Usage(0, len(so_far) - tokens)
            tokens = len(so_far)
            weighed = self._writer.weigh(self._reading, [so_far])
            for text in weighed:
                for said in parsing.feed(self._writer.text(so_far), is_done=is_done, is_whole=text.is_whole):
                    one = self._judged(said, text)
                    if is_new(one, given):
                        given.append(one)
                        yield one

    def _judged(self, sentence: DraftSentence, text: Text) -> Judged:
        return self._judge(replace(sentence, doubted=text.probability < TRUSTED), text.probability)


class _Parsing:
    """A text on its way into sentences.

    Args:
        question: as asked.
        passages: that were read.
        places: of the passages in the evidence, by the number that they are cited by.
        casing: restores what the vocabulary does not keep; None where it keeps all.
    """

    def __init__(self, question: str, passages: Sequence[Read], places: dict[int, int], casing: Casing | None) -> None:
        self._parser, self._sources = AnswerParser(places), Sources(question, passages)
        self._places, self._casing = places, casing
        self._done = 0

    def feed(self, text: str, *, is_done: bool, is_whole: bool) -> Iterator[DraftSentence]:
        """Yield the sentences that are complete and were not yielded yet.

        Args:
            text: all that was written so far.
            is_done: nothing more comes.
            is_whole: and nothing is missing.
        """
        for piece in self._pieces(text[self._done :], is_done=is_done):
            yield from self._sentences(self._parser.feed(piece))
        if is_done:
            yield from self._sentences(self._parser.close(is_cut=not is_whole))

    def _pieces(self, text: str, *, is_done: bool) -> Iterator[str]:
        """Yield what the parser is to read: sentence by sentence, a line each, where they had to be told apart."""
        if self._casing is None:
            self._done += len(text)
            yield text
            return
        found = self._casing.sentences(text)
        ready = found if is_done else found[:-1]
        for number, sentence in enumerate(ready, 1):
            # The last has no end of line, so that the parser can leave it out where it has no end of its own.
            yield sentence.text if is_done and number == len(ready) else f"{sentence.text}\n"
        self._done += ready[-1].end if ready else 0

    def _sentences(self, cited: Iterator[Cited]) -> Iterator[DraftSentence]:
        for said in cited:
            places = tuple(dict.fromkeys(self._places[number] for number in said.numbers))
            closed = said.text if said.text[-1:] in _CLOSED else f"{said.text}."
            if (sentence := self._sources.sentence(replace(said, text=closed), places)) is not None:
                yield sentence


def _summaries(passages: Sequence[Read]) -> list[Source]:
    """Return what the documents of some passages are about, where the evidence says so."""
    gists = {read.item.document.title: read.item.summary for read in passages if read.item.summary}
    return [_harmless(summary_of(title, gist)) for title, gist in gists.items() if not is_instruction(gist)]


def _harmless(source: Source) -> Source:
    """Return a source without what forges marks, or cannot be seen."""
    return replace(source, head=visible(source.head), text=visible(source.text))
