"""Compare an answer with references: ROUGE, token F1, exact match, and two model-based scores as an extra."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from odqa.data.sentences import split_sentences
from odqa.errors import ModelError, UsageError
from odqa.evaluate.extras import need
from odqa.evaluate.lcs import rouge_l, rouge_lsum
from odqa.schema import Span

if TYPE_CHECKING:
    from types import ModuleType

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_KEPT_STEMS = 100_000
_KEPT_TEXTS = 2_000


class _Tokens(NamedTuple):
    """The stems of a text, as rouge-score makes them, and again by sentence."""

    whole: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]


def rouge(prediction: str, references: Sequence[str], measures: Sequence[str] = ROUGE) -> dict[str, float]:
    """Return ROUGE-1, -2, -L and -Lsum (Lin, 2004) as F1 from 0 to 1, of each the maximum over the references.

    They equal what rouge-score gives with its stemmer, Lsum over the sentences that this package sees. Tokens and
    stems are rouge-score's own and remembered, and subsequences are found a row at a time: diagnostics hold thousands
    of predictions against the same four references. Only the letters a to z and digits count, which rouge-score
    inherits from ROUGE-1.5.5: in other scripts all is 0.

    Args:
        prediction: the answer, without citation marks.
        references: answers written by people; without any, all is 0.
        measures: those wanted, of `ROUGE`.

    Raises:
        UsageError: rouge-score is not installed.
    """
    given = _tokens(prediction)
    wanted = [_tokens(reference) for reference in references]
    return {name: max((_MEASURES[name](reference, given) for reference in wanted), default=0.0) for name in measures}


def token_f1(prediction: str, references: Sequence[str]) -> float:
    """Return the F1 of the words shared with the nearest reference, as SQuAD counts it (Rajpurkar et al., 2016).

    Where either side has no word left, the score is 1 if both are empty and 0 otherwise, as in SQuAD 2.0.
    """
    return max(
        (_f1(normalize(prediction).split(), normalize(reference).split()) for reference in references), default=0
    )


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1 where the prediction equals a reference after SQuAD's normalisation, else 0."""
    given = normalize(prediction)
    return float(any(given == normalize(reference) for reference in references))


def contains_answer(text: str, references: Sequence[str]) -> float:
    """Return 1 where a reference stands in the text after SQuAD's normalisation, else 0.

    Whole words are compared, so that `art` does not stand in `party`; ALCE's `exact_presence` compares characters.
    """
    padded = f" {normalize(text)} "
    wanted = (normalize(reference) for reference in references)
    return float(any(answer and f" {answer} " in padded for answer in wanted))


def normalize(text: str) -> str:
    """Lower the case, drop ASCII punctuation and the articles, and join blanks: SQuAD's normalisation, unchanged."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def word_count(text: str) -> int:
    """Return the number of words: runs of characters between blanks that hold a letter or a digit."""
    return sum(any(character.isalnum() for character in word) for word in text.split())


def bertscore(predictions: Sequence[str], references: Sequence[Sequence[str]], model: str = "") -> list[float]:
    """Return BERTScore F1 (Zhang et al., 2020) of each prediction against its nearest reference.

    Args:
        predictions: the answers.
        references: of each answer, those to compare it with.
        model: a model that bert-score knows; "" takes its own for English.

    Raises:
        UsageError: bert-score is not installed.
        ModelError: the model cannot be loaded.
    """
    score = need_model("bert_score").score
    given: dict[str, Any] = {"model_type": model} if model else {"lang": "en"}
    with _loading(model or "bert-score's own"):
        _, _, f1 = score(list(predictions), [list(some) for some in references], **given)
    return [float(value) for value in f1]


def mauve(predictions: Sequence[str], references: Sequence[str], model: str = "gpt2-large") -> float:
    """Return MAUVE (Pillutla et al., 2021): how alike the two bodies of text are, from 0 to 1.

    It compares distributions, and says little below some thousand texts.

    Args:
        predictions: the answers.
        references: one for each answer.
        model: the language model that places texts.

    Raises:
        UsageError: mauve-text is not installed.
        ModelError: the model cannot be loaded.
    """
    compute = need_model("mauve").compute_mauve
    with _loading(model):
        found = compute(
            p_text=list(references),
            q_text=list(predictions),
            featurize_model_name=model,
            max_text_length=512,
            verbose=False,
        )
    return float(found.mauve)


@contextmanager
def _loading(model: str) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError) as error:  # What transformers and bert-score raise for a model they cannot find.
        reason = " ".join(str(error).split())
        raise ModelError(
            f"the model {model!r} cannot be loaded: {reason}", "name a folder or a cached model"
        ) from error


def need_model(module: str) -> ModuleType:
    """Import a module of the extra `odqa[eval-models]`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return need(module)
    except UsageError as error:
        raise UsageError(error.message, "pip install 'odqa[eval-models]'") from error


@lru_cache(_KEPT_TEXTS)
def _tokens(text: str) -> _Tokens:
    tokenize, stemmer = need("rouge_score.tokenize").tokenize, _stemmer()
    spans = split_sentences(text, Span(0, len(text)))
    sentences = tuple(tuple(tokenize(span.of(text), stemmer)) for span in spans)
    return _Tokens(tuple(chain.from_iterable(sentences)), sentences)


def stems(text: str) -> tuple[str, ...]:
    """Return the stemmed tokens of a text, as rouge-score counts them."""
    return tuple(need("rouge_score.tokenize").tokenize(text, _stemmer()))


class _Stemmer:
    """rouge-score's stemmer, which remembers: half of its time goes into words that it has seen."""

    def __init__(self) -> None:
        self.stem = lru_cache(_KEPT_STEMS)(need("nltk.stem.porter").PorterStemmer().stem)


@cache
def _stemmer() -> _Stemmer:
    return _Stemmer()


def _ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))


def _rouge_n(n: int, reference: _Tokens, prediction: _Tokens) -> float:
    wanted, given = _ngrams(reference.whole, n), _ngrams(prediction.whole, n)
    return _f1(given, wanted) if wanted and given else 0.0


_MEASURES: Mapping[str, Callable[[_Tokens, _Tokens], float]] = {
    "rouge1": partial(_rouge_n, 1),
    "rouge2": partial(_rouge_n, 2),
    "rougeL": lambda reference, prediction: rouge_l(reference.whole, prediction.whole),
    "rougeLsum": lambda reference, prediction: rouge_lsum(reference.sentences, prediction.sentences),
}


def _f1(given: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    """Return the F1 of what two bags share; of two empty ones it is 1."""
    if not given or not wanted:
        return float(given == wanted)
    shared = (Counter(given) & Counter(wanted)).total()
    return 2 * shared / (len(given) + len(wanted))
