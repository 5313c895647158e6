"""What the figures of an evaluation are called, which come first, and what each means in a line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

HEADLINES: Mapping[str, tuple[str, ...]] = {
    "retrieval": ("R@10", "nDCG@10", "all_gold@10", "RR", "R@1", "R@100"),
    "pooling": ("kept@8x", "kept@16x", "kept@32x", "R@10", "nDCG@10", "all_gold@10"),
    "summaries": (
        *("rouge1", "rouge2", "rougeL", "rougeLsum", "bm25_R@10", "dense_R@10", "ms_per_1000"),
        "encoder_ms_per_1000",
    ),
    "answers": (
        *("contains", "f1", "em", "rougeL", "rouge1", "rouge2", "citation_recall", "citation_precision"),
        *("refusal_auc", "answered", "words", "p50_s"),
    ),
    "diagnose": (
        *("f1", "rougeL", "retrieved_minus_random_f1", "retrieved_minus_random_rougeL", "gold_minus_retrieved_f1"),
        *("gold_minus_retrieved_rougeL", "overlap_near_duplicates", "clean_f1", "clean_rougeL"),
        *("repeats_near_duplicates", "rouge1", "rouge2"),
    ),
    "grounding": (
        "right",
        "balanced_accuracy",
        "f1",
        "roc_auc",
        "span_hit",
        "corruption_caught",
        "precision",
        "recall",
    ),
}
"""For each task the figures to show first, as far as they are there."""

COUNTS = frozenset({"n", "count", "questions", "claims", "passed", "k", "compression"})
"""Figures that count something."""

BOUNDS = ("_low", "_high", "_p")
"""What follows a metric's name where its interval and its p are metrics themselves."""

_LEVELS = r"(?:passage_|.*[ ./:])?"  # What may stand in front of a known name, such as `passage_R@10`.
_AT_ANY_DEPTH = frozenset({"R", "bm25_R", "dense_R"})
_DETAILS = ("_low", "_high", "_p", "_words", "_rouge1", "_rouge2", "_rougeLsum", "_s")
_MEANINGS = (
    (r"(rouge\w+?)_over_(\w+)", "What the engine has over {1} on the same documents, in {0}"),
    (r"(bm25|dense)_R@(\d+)", "Share of questions with their document in the first {1} by {0} over these texts alone"),
    (r"words_searched", "Words of the text that stands for a document in the search"),
    (r"compression", "Words of the full text for each word that is searched"),
    (r"ms_per_1000", "Milliseconds to summarize 1,000 words"),
    (r"encoder_ms_per_1000", "Milliseconds to encode 1,000 words of the same documents"),
    (r"([a-z]+)_minus_([a-z]+)_(.+)", "What {0} evidence is worth over {1} evidence, in {2}"),
    (r"(gold|random|none)_(rouge\w+|f1|em)", "{1} with {0} evidence"),
    (r"(?:clean|unrepeated)_(.+)", "{0} on the questions without a near duplicate"),
    (r"overlap_near_duplicates", "Share of questions that nearly repeat a training question"),
    (r"repeats_near_duplicates", "Share of questions that nearly repeat another"),
    (r"right", "Share of claims judged rightly"),
    (r"span_hit", "Share of supported claims whose quote is what people marked"),
    (r"corruption_caught", "Share of falsified claims that are not let through"),
    (r"answered", "Share of answerable questions that were answered"),
    (r"kept", "Recall at 10 as a share of what searching everything finds"),
    (r"kept_at_setting", "The same at the engine's own setting"),
    (r"compression", "Memory saved, times"),
    (r"passages_scored", "Passages scored for a question"),
    (r"ms|mean_ms|p\d+_ms", "Milliseconds of a question's search"),
    (r"retrieved_(.+)", "{0} with what search found"),
    (r"(gold|random|none|retrieved)_refusal_rate", "Share refused with {0} evidence"),
    (r"overlap_(\d)gram_(\w+)", "Share of the answers' {0}-grams that stand in the {1} evidence"),
    (r"gold_pieces_cited", "Share of the pieces of gold evidence that are cited"),
    (r"extractive_share", "Share of sentences that are verbatim in a source"),
    (r"evidence_tokens", "Tokens that the reader has to read for a question"),
    (r"citation_exact", "Share of quotes that are exactly the characters cited"),
    (r"corruption_caught_of_passed", "Share of falsified claims caught, of those whose true form passes"),
    (r"span_hit_chance", "What quoting at random would hit"),
    (r"calibration_error", "Mean distance of stated confidence from the share that is right"),
    (r"gold_document_cited", "Share of answers that cite a gold document"),
    (r"gold_span_cited", "Share of answers that cite gold characters"),
    (r"p50_s", "Half of the questions take less"),
    (r"p95_s", "One question in twenty takes longer"),
    (r"mean_s", "Mean time for a question"),
    (r"R@(\d+)", "Share of the gold evidence among the first {0} results"),
    (r"nDCG@(\d+)", "Like recall at {0}, with more weight on the first ranks"),
    (r"Success@(\d+)", "Share of questions with some gold evidence in the first {0}"),
    (r"RR(@\d+)?", "One divided by the rank of the first gold result, on average"),
    (r"AP(@\d+)?", "Precision averaged over the ranks of the gold evidence"),
    (r"P@(\d+)", "Share of the first {0} results that are gold evidence"),
    (r"all_gold@(\d+)", "Share of questions with every piece of evidence in the first {0}"),
    (r"pieces@(\d+)", "Share of the pieces of evidence found in the first {0}"),
    (r"kept@(\d+)x", "Recall at 10 with one vector for {0} passages, as a share of searching all"),
    (r"rouge1", "Words shared with the nearest reference (F1)"),
    (r"rouge2", "Pairs of words shared with the nearest reference (F1)"),
    (r"rougeL", "Longest common run of words with the nearest reference (F1)"),
    (r"rougeLsum", "The same, sentence by sentence (F1)"),
    (r"f1", "Balance of precision and recall"),
    (r"em", "Share of answers that equal a reference"),
    (r"contains", "Share of answers in which a reference stands"),
    (r"citation_precision", "Share of citations that bear out their sentence"),
    (r"citation_recall", "Share of sentences fully borne out by what they cite"),
    (r"refusal_auc", "Chance that an answerable question looks surer than one that is not"),
    (r"refusal_precision", "Share of refusals that were right"),
    (r"refusal_recall", "Share of unanswerable questions that were refused"),
    (r"balanced_accuracy", "Share judged rightly, both classes counting alike"),
    (r"accuracy", "Share judged rightly"),
    (r"roc_auc", "Chance that a supported claim scores above one that is not"),
    (r"average_precision", "Area under the curve of precision against recall"),
    (r"precision", "Share of what was called positive that is"),
    (r"recall", "Share of what is positive that was called so"),
    (r"bertscore", "Likeness of meaning to the nearest reference (F1)"),
    (r"mauve", "Likeness of all answers to all references"),
    (r"words|length", "Length in words"),
)


def meaning(metric: str) -> str:
    """Return in a line what a metric says; "" for one that is not known."""
    for pattern, text in _MEANINGS:
        if found := re.fullmatch(rf"{_LEVELS}(?:{pattern})", metric):
            return text.format(*(group or "" for group in found.groups()))
    return ""


def is_detail(metric: str) -> bool:
    """Tell whether a reader looks for a metric later: at other depths than ten, an interval, one of many variants."""
    measure, _, depth = metric.rpartition("@")
    if measure and not depth.endswith(BOUNDS):
        return depth != "10" and not depth.endswith("x") and measure not in _AT_ANY_DEPTH
    return metric.endswith(_DETAILS) or "_answered_" in metric


def headlines(task: str, metrics: Iterable[str], most: int = 8) -> list[str]:
    """Return the metrics to show first: those known for the task, or else the first ones there are."""
    there = list(metrics)
    known = [name for name in HEADLINES.get(task, ()) if name in there]
    return (known or there)[:most]


def main_metric(task: str, metrics: Iterable[str]) -> str:
    """Return the metric that says best how well a question went; "" if there is none."""
    first = headlines(task, metrics, 1)
    return first[0] if first else ""


def number(value: object) -> str:
    """Write a figure for people: counts with thousands separators, shares with three decimals, a dash for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        written = f"{value:,.0f}"
    elif size >= 10:
        written = f"{value:.1f}"
    elif size and size < 0.0005:
        written = f"{value:.1g}" if size >= 1e-6 else "0"
    else:
        written = f"{value:.3f}"
    return written.replace("-", "−")


def figure(name: str, value: object) -> str:
    """Write a figure for people, by its name: seconds as a time, counts without decimals, any other as a number."""
    if isinstance(value, float) and math.isfinite(value):
        if name.endswith("_s"):
            return duration(value)
        if name in COUNTS and value == int(value):
            return number(int(value))
    return number(value)


def duration(seconds: float) -> str:
    """Write a time for people: milliseconds, seconds, or minutes."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min"


def words(name: str) -> str:
    """Return the name of a figure, a curve or a setting as words."""
    return name.replace("_", " ")
