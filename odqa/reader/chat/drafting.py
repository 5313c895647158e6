"""A draft in the making: its sentences, and the notes on how they came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from odqa.llm import Completion, Usage
from odqa.reader.chat.packing import Excerpt
from odqa.reader.chat.parse import AnswerParser, Cited
from odqa.reader.chat.sentences import Sources
from odqa.schema import Draft, DraftSentence, Style


@dataclass(slots=True)
class Drafting:
    """What was written so far, and what is to be said of it.

    Attributes:
        name: of the model.
        sources: what it read.
        max_tokens: most tokens that it may write.
        shown: the excerpts that it may cite, by number.
        sentences: written so far.
        notes: what a person should know of how they came about.
        usage: tokens read and written so far.
        finish_reason: why the model stopped.
    """

    name: str
    sources: Sources
    max_tokens: int
    shown: dict[int, Excerpt] = field(default_factory=dict)
    sentences: list[DraftSentence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"

    def take(self, cited: Iterator[Cited]) -> Iterator[DraftSentence]:
        """Yield sentences as those of a draft, with the evidence that their numbers stand for."""
        for said in cited:
            places = dict.fromkeys(place for number in said.numbers for place in self.shown[number].evidence)
            if (sentence := self.sources.sentence(said, tuple(places))) is not None:
                self.sentences.append(sentence)
                yield sentence

    def note_untrusted(self, passages: int) -> None:
        """Say how many passages were left out because they are orders."""
        if passages:
            self.notes.append(
                counted(
                    passages,
                    "passage that only gives orders to its reader was left out",
                    "passages that only give orders to their reader were left out",
                )
            )

    def note(self, completion: Completion) -> None:
        """Keep what is to be said of a completion."""
        self.finish_reason = completion.finish
        if completion.note:
            self.notes.append(completion.note)
        if completion.finish == "length":
            self.notes.append(
                f"{self.name} was stopped at {self.max_tokens} tokens; llm_tokens sets how many it may write"
            )

    def finish(self, parser: AnswerParser, layout: Style) -> Draft:
        """Return the whole draft.

        Args:
            parser: through which the answer came.
            layout: only reports have headings.
        """
        sentences = self.sentences
        if parser.unknown:
            self.notes.append(
                counted(
                    parser.unknown,
                    "citation that names nothing retrieved was left out",
                    "citations that name nothing retrieved were left out",
                )
            )
        if self.sources.made_up:
            self.notes.append(
                counted(
                    self.sources.made_up,
                    "sentence with a code that stands nowhere was left out",
                    "sentences with codes that stand nowhere were left out",
                )
            )
        if self.sources.invented:
            self.notes.append(
                counted(
                    self.sources.invented,
                    "quotation that stands in no passage lost its marks",
                    "quotations that stand in no passage lost their marks",
                )
            )
        tokens = {"read": self.usage.prompt_tokens, "written": self.usage.completion_tokens}
        refusal = ""
        if not sentences:
            refusal = f"{self.name} found no answer in the passages that it read."
            if self.finish_reason == "length":
                refusal = (
                    f"{self.name} used up its {self.max_tokens} tokens before it answered: raise llm_tokens, or name a "
                    "model that does not think aloud."
                )
        cited = sum(bool(sentence.evidence) for sentence in sentences)
        kept = self.sources.headings(parser.headings, sentences) if layout is Style.REPORT else {}
        note = "; ".join(self.notes)
        return Draft(tuple(sentences), refusal, cited / len(sentences) if sentences else 0.0, kept, note, tokens)


def counted(count: int, one: str, many: str) -> str:
    """Return a note about one thing, or about several."""
    return f"1 {one}" if count == 1 else f"{count} {many}"


def draft_of(stream: Iterator[DraftSentence | Draft]) -> Draft:
    """Return the draft that a stream of sentences ends with.

    Args:
        stream: sentences, then the draft; is used up.
    """
    *_, last = stream
    if not isinstance(last, Draft):
        raise RuntimeError("a stream of sentences ends with the draft")
    return last
