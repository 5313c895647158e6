"""What the ablations show, in sentences that are checked against the figures before they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from odqa.errors import UsageError
from odqa.retriever.search import OPEN_SHARE, SUMMARY_WEIGHT
from pooling_ablations import dense, hybrid
from pooling_ablations.collection import DEPTH, Measured

MAIN = f"R@{DEPTH}"
DIMENSION = 384
"""Of the bundled encoder."""


def memory(measured: Sequence[Measured]) -> Iterator[str]:
    """Say what rows in memory alone keep."""

    def of(one: Measured, variant: str, times: int) -> float:
        return one.of("memory", MAIN, variant, times)

    plain = (dense.MEANS, dense.CENTRED, dense.MEDOIDS, dense.K_MEANS)
    whole = {one.name: of(one, dense.ALL, 1) for one in measured}
    best = [max(of(one, variant, 8) for variant in plain) / whole[one.name] for one in measured]
    codes = [of(one, dense.WARD[1], 16) / whole[one.name] for one in measured]
    yield _says(
        f"One bit for nearly every passage keeps {_range(codes)} of the recall of exact dense search at 16×; full "
        f"vectors for fewer rows, whether means, medoids or centroids, {_range(best)} at 8×, with twice the bytes.",
        all(code > other for code, other in zip(codes, best, strict=True)),
    )
    texts = [
        (of(one, row.variant, 8) / whole[one.name], of(one, dense.WARD[2], 8) / whole[one.name])
        for one in measured
        for row in one.rows["memory"]
        if row.variant in (dense.KEYWORDS, dense.SENTENCES)
    ]
    yield _says(
        f"Encoding what a run says, as keywords or as its best sentences, keeps {_range([text for text, _ in texts])} "
        "at 8×: it costs the encoding of as many texts and stays behind two bits for each passage.",
        all(text < bits for text, bits in texts),
    )
    like = [of(one, dense.WARD[1], 32) - of(one, dense.EVEN, 32) for one in measured]
    more = [of(one, dense.WARD[1], 32) - of(one, dense.WARD[4], 32) for one in measured]
    yield _says(
        f"At 32×, where rows have to be merged, merging like neighbours instead of any changes {MAIN} by {_each(like)} "
        f"(in the order of the sets), and one bit for more rows instead of four bits for fewer by {_each(more)}.",
        sum(like) > 0 and sum(more) > 0,
    )
    means = [of(one, dense.MEANS, 32) / whole[one.name] for one in measured]
    yield (
        "How much there is to lose depends on the documents: means of neighbours at 32× keep "
        f"{', '.join(f'{value:.3f}' for value in means)}."
    )
    gaps = [of(one, dense.PQ, times) - of(one, dense.WARD[1], times) for one in measured for times in (16, 32)]
    book = 256 * DIMENSION * 4
    yield _says(
        f"Product quantisation at 16× and 32× is about as good, {_signed(min(gaps))} to {_signed(max(gaps))} from one "
        f"bit, if its codebooks of {book / 1000:,.0f} kB are not counted; but they have to be trained, and documents "
        "added later are coded by what was learnt from earlier ones.",
        max(map(abs, gaps)) < 0.03,
    )


def rereading(measured: Sequence[Measured]) -> Iterator[str]:
    """Say what the exact passages of the nearest rows give back."""
    most = max(dense.READ)

    def kept(one: Measured, times: int, count: int) -> float:
        return one.of("rereading", MAIN, f"{dense.ENGINE}, {times}×", count) / one.of("rereading", MAIN, dense.ALL)

    before, after = ([kept(one, 16, count) for one in measured] for count in (0, most))
    read = [one.of("rereading", "passages", f"{dense.ENGINE}, 16×", most) for one in measured]
    yield _says(
        f"The codes' own order keeps {_range(before)} of exact dense search at 16×; the exact passages of the nearest "
        f"{most} entries, {_span(read)} passages, bring that to {_range(after)}.",
        all(late > early for early, late in zip(before, after, strict=True)),
    )
    coarse = [kept(one, 32, most) for one in measured]
    yield f"At 32× the same keeps {_range(coarse)}."
    plain = f"{dense.MEANS}, 16×"
    more = [one.of("rereading", "passages", plain, most) / count for one, count in zip(measured, read, strict=True)]
    yield _says(
        "Means of neighbours can be read again as well, but each of them stands for sixteen passages, so that the "
        f"nearest {most} take {_span(more)} times as much reading.",
        min(more) > 5,
    )


def summary_vector(measured: Sequence[Measured]) -> Iterator[str]:
    """Say what the vector of a document's summary adds."""

    def of(one: Measured, weight: float, figure: str = MAIN) -> float:
        return one.of("summary-vector", figure, dense.NEAREST, weight)

    alone = [one.of("summary-vector", MAIN, dense.SUMMARY_ALONE) / of(one, 0) for one in measured]
    yield _says(
        f"One vector of its summary stands for a document as well as {_range(alone)} of the best of its passages.",
        max(alone) < 1,
    )
    gains, first = ([of(one, SUMMARY_WEIGHT, name) - of(one, 0, name) for one in measured] for name in (MAIN, "R@1"))
    yield _says(
        f"Added to the best passage with weight {SUMMARY_WEIGHT}, it changes {MAIN} by {_each(gains)} and R@1 by "
        f"{_each(first)} (in the order of the sets): for the better on average, but by little.",
        sum(gains) > 0 and sum(first) > 0 and max(map(abs, [*gains, *first])) < 0.02,
    )
    heavy = [of(one, 1.0) - of(one, SUMMARY_WEIGHT) for one in measured]
    yield _says(f"More is not better: weight 1 changes {MAIN} by another {_each(heavy)}.", sum(heavy) < 0)


def words(measured: Sequence[Measured]) -> Iterator[str]:
    """Say what the summary adds to BM25."""
    text, ours, summary = "title, text", "title, text, summary", "title, summary"

    def gains(figure: str, by: str = ours, over: str = text) -> list[float]:
        return [one.of("words", figure, by) - one.of("words", figure, over) for one in measured]

    every = [gains(figure) for figure in ("R@1", MAIN, "hybrid R@1", f"hybrid {MAIN}")]
    yield _says(
        f"The summary as a third field raises R@1 of BM25 over documents by {_each(every[0])} and {MAIN} by "
        f"{_each(every[1])} (in the order of the sets). Of the engine's whole search it changes R@1 by "
        f"{_each(every[2])} and {MAIN} by {_each(every[3])}: for the better on average.",
        min(map(min, every[:3])) > -0.0005 and min(every[0]) > 0 and sum(every[3]) > 0,
    )
    other = gains("R@1", hybrid.OTHER_SUMMARY, hybrid.OTHER_TEXT)
    yield _says(
        "It has to be a field: appended to the text, for BM25 with k1 .9 and b .4 (the constants of published "
        f"baselines) over each document as one text, it changes R@1 by {_each(other)}.",
        all(field > more for field, more in zip(every[0], other, strict=True)),
    )
    alone = [one.of("words", MAIN, summary) / one.of("words", MAIN, text) for one in measured]
    yield f"Title and summary without the text keep {_range(alone)} of the {MAIN} of the full text."


def reading(measured: Sequence[Measured]) -> Iterator[str]:
    """Say how much has to be read."""

    def of(one: Measured, variant: str, at: float, figure: str = MAIN) -> float:
        return one.of("reading", figure, variant, at)

    whole = [of(one, hybrid.EXHAUSTIVE, 0) for one in measured]
    least = [of(one, hybrid.FIXED, 0) / value for one, value in zip(measured, whole, strict=True)]
    scored = [of(one, hybrid.FIXED, 0, "scored") / of(one, hybrid.EXHAUSTIVE, 0, "scored") for one in measured]
    yield _says(
        f"The passages of the nearest entries alone, no document opened, keep {_range(least)} of exhaustive search "
        f"while {100 * min(scored):.1f} % to {100 * max(scored):.1f} % of the passages are scored.",
        min(least) > 0.97,
    )
    opening = [[of(one, hybrid.FIXED, count) for count in hybrid.OPENED] for one in measured]
    spread = max(max(values) - min(values) for values in opening)
    yield _says(
        f"Opening more documents beside them, up to {max(hybrid.OPENED)}, moves {MAIN} by {spread:.3f} at most.",
        spread < 0.02,
    )
    ours = [of(one, hybrid.SHARE, OPEN_SHARE) / value for one, value in zip(measured, whole, strict=True)]
    opened = [of(one, hybrid.SHARE, OPEN_SHARE, "opened") for one in measured]
    yield _says(
        f"The engine's rule, every document with {OPEN_SHARE} of the best score, opens {_span(opened)} and "
        f"keeps {_range(ours)}.",
        min(ours) > 0.98,
    )
    without = [of(one, hybrid.ALONE, 3) - of(one, hybrid.FIXED, 3) for one in measured]
    yield _says(
        "Where few documents are opened, the nearest entries have to be read: with three documents and without these "
        f"entries {MAIN} changes by {_each(without)}.",
        all(value < 0 for value in without),
    )
    marked = [one for one in measured if f"passage {MAIN}" in one.rows["reading"][0].figures]
    gains = [
        of(one, hybrid.ALONE, 3, f"passage {MAIN}") - of(one, hybrid.FIXED, 3, f"passage {MAIN}") for one in marked
    ]
    yield _says(
        f"Of the passages that people marked (`{'`, `'.join(one.name for one in marked)}`) {_each(gains)} are found "
        "then, as fewer others compete with those of the right document.",
        bool(marked) and min(gains) > 0,
    )


def _says(sentence: str, holds: bool) -> str:
    """Return a sentence of the page, if it is true.

    Raises:
        UsageError: the figures do not bear it out.
    """
    if not holds:
        raise UsageError(f"the figures do not bear out: {sentence}", "correct it in docs/pooling_ablations/findings.py")
    return sentence


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} to {high}"


def _span(values: Sequence[float]) -> str:
    """Return the whole numbers between which values lie."""
    low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
    return low if low == high else f"{low} to {high}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−").replace("+0.000", "0").replace("−0.000", "0")


def _each(values: Sequence[float]) -> str:
    return ", ".join(_signed(value) for value in values)
