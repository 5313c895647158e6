"""A plain summary of a given length: the document's own sentences, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope, passage_centrality
from odqa.index.summary.selection import choose_sentences
from odqa.index.summary.statements import sentence_statement
from odqa.schema import ParsedDocument, Span, Statement

if TYPE_CHECKING:
    from odqa.protocols import Vectors


def summarize_to(
    parsed: ParsedDocument, words: int, vectors: Vectors | None = None, *, without: Sequence[Span] = ()
) -> tuple[Statement, ...]:
    """Return the sentences of a document that together say most in a number of words, in reading order.

    What counts as telling follows from the kind of document: an abstract and what a paper announces as its own,
    what a meeting opens with and plans, what a story comes back to. Whole sentences only, so that the summary may
    end a little short of its budget; where even the shortest is too long, the best one stands alone.

    Args:
        parsed: the document with sections and passages.
        words: most words, counted as white space divides them.
        vectors: unit vectors of the passages, shape (n_passages, dimension); sentences of passages near the
            document's mean then count for more.
        without: characters whose sentences are not to be chosen, such as an abstract.
    """
    analysis = Analysis(parsed)
    scope = Scope(analysis, None, passage_centrality(vectors, len(parsed.passages)))
    chosen = choose_sentences(scope, Found(analysis), words, words, without=without)
    return tuple(sentence_statement(analysis, sentence, weight) for sentence, weight in chosen)
