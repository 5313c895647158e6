"""Names in passages and questions: what stands in for a language model's noun phrases and triples.

HippoRAG asks a language model for the named entities of a passage, then for triples of subject, relation and object
between noun phrases. Without one, the noun phrases are the names that `odqa.index.summary.entities` finds by how they
are written, and a sentence that holds two of them says that they are related. A document's title is the subject of its
sentences, as a model that resolves "he" and "the company" would have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.entities import find_entities
from odqa.schema import Block, BlockKind, Document, ParsedDocument, Passage, Section, Span

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot

_OTHER = re.compile(r"[\W_]+")
_BEHIND = re.compile(r"\s*\([^()]*\)\s*$")  # `Mercury (planet)`
_LONGEST = 100  # Characters of a phrase; longer ones are headings, not names.


@dataclass(frozen=True, slots=True)
class NamedSentence:
    """A sentence with the names in it.

    Attributes:
        passage: global number of its passage.
        text: the document's title and the sentence, which is what is encoded.
        phrases: keys of the names in it, the title's first, each once.
    """

    passage: int
    text: str
    phrases: tuple[str, ...]


def phrase_key(name: str) -> str:
    """Return a name as a node of the graph: lower case, letters and digits alone, as HippoRAG processes phrases."""
    return _OTHER.sub(" ", name.casefold()).strip()[:_LONGEST]


def named_sentences(snapshot: Snapshot) -> Iterator[NamedSentence]:
    """Yield every sentence of a collection with the names in it, in order of passages."""
    for number in snapshot.live_documents():
        parsed, first = snapshot.parsed(number), int(snapshot.first_passage[number])
        subject = phrase_key(_BEHIND.sub("", parsed.document.title))
        analysis = Analysis(parsed)
        named: dict[int, dict[str, None]] = {}
        for entity in find_entities(analysis):
            if key := phrase_key(entity.name):
                for mention in entity.mentions:
                    named.setdefault(mention.sentence, {})[key] = None
        for place, span in enumerate(analysis.sentences):
            keys = dict.fromkeys([subject] if subject else []) | named.get(place, {})
            text = titled(parsed.document.title, span.of(parsed.document.text))
            yield NamedSentence(first + int(analysis.passage_of[place]), text, tuple(keys))


def titled(title: str, sentence: str) -> str:
    """Return a sentence under its document's title, so that it can be understood alone."""
    return f"{title}: {sentence}" if title else sentence


def question_names(question: str, known: frozenset[str]) -> list[str]:
    """Return the names in a question as keys: those written as names, and those that are phrases of the graph.

    Args:
        question: in words.
        known: phrases of the graph; what stands in the question word by word is a name in lower case too, unless it
            is a single word.
    """
    names = {key: None for entity in find_entities(_analysis(question)) if (key := phrase_key(entity.name))}
    words = phrase_key(question).split()
    capitals = {phrase_key(word) for word in question.split() if word[0].isupper()}
    covered: set[int] = set()
    for length in range(min(8, len(words)), 0, -1):
        for first in range(len(words) - length + 1):
            place, key = range(first, first + length), " ".join(words[first : first + length])
            if key in known and (length > 1 or key in capitals) and covered.isdisjoint(place):
                covered.update(place)
                names[key] = None
    # "Nolan" within "Christopher Nolan" is the same name.
    return [key for key in names if not any(key != other and f" {key} " in f" {other} " for other in names)]


def _analysis(question: str) -> Analysis:
    whole = Span(0, len(question))
    document = Document("", "", question, (Block(BlockKind.PARAGRAPH, whole),))
    return Analysis(ParsedDocument(document, (Section(0, "", (), whole),), (Passage("", 0, 0, whole, (whole,)),)))
