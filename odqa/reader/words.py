"""Words of a text with their offsets, folded and stemmed: what relevance and verification compare.

Scripts that write no blanks between words (Han, Kana, Thai, …) give overlapping character pairs, which is how
lexical search treats them (Nie et al. 2000).
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import regex

from odqa.reader.stem import stem

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"(?P<run>[{_UNSPACED}]+)"
    rf"|(?P<word>\p{{N}}+(?:[.,]\p{{N}}+)*[\p{{L}}--[{_UNSPACED}]]*"
    r"|(?:\p{Lu}\.){2,}"
    rf"|(?:[\p{{L}}\p{{M}}--[{_UNSPACED}]])[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]*(?:['’][\p{{L}}\p{{M}}]+)*)",
    flags=regex.VERSION1,
)
_POSSESSIVE = regex.compile(r"['’]s?$")
_MARK = r"\[\^?\d{1,3}(?:\s?[,;–-]\s?\d{1,3})*\]"
_MARKS = regex.compile(rf"\s*(?<![\p{{L}}\p{{N}}]){_MARK}|(?<=[\p{{L}}\p{{N}}]){_MARK}(?=[\s\p{{P}}]|$)")
_PARTICLE = regex.compile(r"\p{Hiragana}")
_INDEXED = regex.compile(r"\[(\^?\d{1,3}(?:\s?[,;–-]\s?\d{1,3})*)\]")

STOP_WORDS = frozenset(
    # English
    "a about above after again against ago all almost along already also although always am among an and another any "
    "anyone anything are aren't around as at away back be because been before being below between both but by can "
    "can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else enough etc "
    "even ever every few for from further get gets got had hadn't has hasn't have haven't having he he'd he'll he's "
    "hence her here hers herself him himself his how however i i'd i'll i'm i've if in into is isn't it it'd it'll "
    "it's its itself just less let let's like many may me might mine more most much must my myself neither no nor "
    "not now of off often oh ok okay on once one only onto or other others ought our ours ourselves out over own per "
    "perhaps quite rather really same shall she she'd she'll she's should shouldn't since so some somehow someone "
    "something still such than that that's the their theirs them themselves then there there's therefore these they "
    "they'd they'll they're they've this those though through thus to together too toward towards under until up "
    "upon us very was wasn't we we'd we'll we're we've well were weren't what what's whatever when where whether "
    "which while who who's whom whose why will with within without won't would wouldn't yeah yes yet you you'd "
    "you'll you're you've your yours yourself uh um hmm mm "
    # Articles, prepositions and question words of other languages, less those that mean something in English.
    "der das ein eine einer eines dem des und oder ist sind war waren wer wie wann wo warum wieso welche welcher "
    "welches von zu zum zur im am auf für nicht er sie es haben wurde wurden dass bei aus nach über "
    "le la les un une et ou est sont était étaient qui que quoi quand où pourquoi comment combien quel quelle quels "
    "quelles avec sans dans par sur des du au aux ce cette ces il elle ils elles ne pas a ont été "
    "el los las una unos unas y o es eran fueron quién quien qué cuándo cuando dónde donde cómo como cuánto "
    "cuántos cuál por para en de del al lo se su sus no han "
    "il lo gli uno e sono chi che cosa quando perché quanto quale di da su per non "
    "het een en wie wat wanneer waar waarom voor niet op te zijn werd "
    "os as um uma quem quando onde porque quanto qual do da em não foi".split()
)


class Word(NamedTuple):
    """A word of a text: its characters, its matching key, and where it stands."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def is_content(self) -> bool:
        """Whether the word carries meaning of its own."""
        return not is_stop(self.text)


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """Return text without case and accents, typographic apostrophes made plain."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_FOLDED_STOP_WORDS = frozenset(map(fold, STOP_WORDS))


@lru_cache(maxsize=1 << 16)
def is_stop(word: str) -> bool:
    """Tell whether a word is a function word; `US` is not, though `us` is.

    Hiragana writes the particles and endings of Japanese, so a pair of characters with one is not a content word.
    """
    if _PARTICLE.search(word):
        return True
    return fold(word) in _FOLDED_STOP_WORDS and not (len(word) > 1 and word.isupper())


@lru_cache(maxsize=1 << 16)
def key(word: str) -> str:
    """Return what two forms of one word have in common: folded, possessive off, stemmed."""
    if word in {"US", "U.S.", "USA", "U.S.A."}:
        return "usa"
    return stem(_POSSESSIVE.sub("", fold(word)).replace(".", "") if not word[0].isdigit() else fold(word))


@lru_cache(maxsize=1 << 13)
def words(text: str) -> tuple[Word, ...]:
    """Return the words of a text in order, with offsets into it."""
    found: list[Word] = []
    for match in _WORD.finditer(text):
        if match.lastgroup == "word":
            found.append(Word(match.group(), key(match.group()), match.start(), match.end()))
            continue
        run, start = match.group(), match.start()
        pairs = [run[i : i + 2] for i in range(max(len(run) - 1, 1))]
        found += [Word(pair, pair, start + i, start + i + len(pair)) for i, pair in enumerate(pairs)]
    return tuple(found)


@lru_cache(maxsize=1 << 13)
def content_stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's content words, in order, repetitions kept."""
    return tuple(word.stem for word in words(text) if word.is_content)


def count_words(text: str) -> int:
    """Count words as a person would for a length limit."""
    return len(text.split())


def squeeze(text: str) -> str:
    """Make every run of white space one blank."""
    return " ".join(text.split())


def unmarked(text: str) -> str:
    """Take out citation marks such as `[3]`, which would pass for the answer's own.

    An index as in `row[3]x` becomes `row(3)x`, since removing it would change what is said.
    """
    return str(_INDEXED.sub(r"(\1)", _MARKS.sub("", text)))


def inverse_frequencies(texts: Sequence[Iterable[str]]) -> dict[str, float]:
    """Return the idf of each stem over `texts`, in the never negative form of Lucene's BM25.

    Args:
        texts: the stems of each text.
    """
    counts = Counter(stem for text in texts for stem in set(text))
    total = len(texts)
    return {stem: math.log(1 + (total - n + 0.5) / (n + 0.5)) for stem, n in counts.items()}


def weight_of(stem: str, frequencies: Mapping[str, float], total: int) -> float:
    """Return a stem's idf; one that no text holds is as rare as can be."""
    return frequencies.get(stem, math.log(1 + (total + 0.5) / 0.5))
