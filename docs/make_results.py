"""Write docs/results.md: every figure of the engine as it stands on the public data sets, beside published ones.

    python docs/make_results.py [--data DIR] [--results DIR] [--only TEXT]... [--limit N] [--fresh] [--no-runs]

Every measurement of the plan below is made through the command line, `odqa eval …`, and kept in a folder of results;
one that is there already, made with the same settings by the same version, is read and not made again. Measuring all
takes hours on two cores, most of it spent on encoding the tables of OTT-QA; what is interrupted is taken up again.
A measurement that fails is named on the page with its reason. Published figures come from docs/anchors.toml.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from odqa import __version__
from odqa.errors import LoadError
from odqa.evaluate.result import Result
from odqa.evaluate.storage import RESULT_FILE, load
from odqa.index.files import cache_folder
from odqa.settings import Settings, resolve

DOCS = Path(__file__).resolve().parent

PLAN = """
retrieval squality --split all --types specific
retrieval qmsum --split all --types specific
retrieval scisummnet --limit 1500
retrieval hotpot300 --systems exhaustive,dense,bm25,bm25-documents,rrf,rrf-titles,hipporag,hipporag2,raptor
retrieval musique100 --systems exhaustive,dense,bm25,bm25-documents,rrf,rrf-titles,hipporag,hipporag2,raptor
retrieval rageval_finance
retrieval fetaqa
retrieval tatqa
retrieval ottqa-tables
retrieval ottqa
retrieval expertqa-pages
pooling squality --split all --types specific --sizes 4,8,16,24,32,64
pooling qmsum --split all --types specific --limit 600 --sizes 4,8,16,24,32,64
pooling scisummnet --limit 600 --sizes 4,8,16,24,32,64
pooling rageval_finance --limit 600 --sizes 4,8,16,24,32,64
pooling ottqa-tables --limit 100 --sizes 16,32
summaries squality --split all --types specific
summaries qmsum --split all --types specific
summaries scisummnet
answers squality --split dev --words 230 --given-document
answers squality --split dev --words 230
answers qmsum --split val --types specific --words 70 --given-document
answers qmsum --split val --types specific --words 70 --limit 60
answers hotpot300 --limit 60
answers musique100 --limit 60
answers rageval_finance --limit 100
answers fetaqa --limit 60
answers tatqa --limit 60
answers ottqa-tables --limit 60
answers expertqa-pages --words 130 --given-document --limit 40
diagnose squality --split dev --words 230 --limit 60
diagnose qmsum --split val --types specific --words 70 --limit 60
diagnose hotpot300 --limit 40
diagnose rageval_finance --limit 40
diagnose fetaqa --limit 40
diagnose tatqa --limit 40
diagnose expertqa
grounding wice --evidence oracle
grounding wice --limit 150
grounding expertqa --limit 150
"""

TITLES = {
    "retrieval": "Retrieval: is the evidence found?",
    "pooling": "Pooling: what is kept, and in how little memory?",
    "summaries": "Summaries: what do they say, and is that enough to search by?",
    "answers": "Answers: what do they say, and what do they rest on?",
    "diagnose": "Diagnostics: do the figures mean anything?",
    "grounding": "Grounding: does the verifier judge as people do?",
}
EXPLAINED = {
    "retrieval": (
        "`engine` is search as it stands: pooled entries and words choose what is read. `exhaustive` "
        "is the same hybrid over every passage, `dense` passage vectors alone, `bm25` and `bm25-documents` its BM25 "
        "over passages and over documents, `bm25-reference` an independent BM25 (k1 .9, b .4, stemmed) over whole "
        "documents. `R`, `nDCG` and `RR` are those of ir-measures; `all_gold@10` is the share of questions with every "
        "piece of evidence in the first ten; figures of passages count characters that people marked. `rrf` fuses "
        "`dense` and `bm25`; `rrf-titles`, `hipporag`, `hipporag2` and `raptor` are described in docs/retrieval.md. "
        "Where tables and texts are both to be found, `tables_pieces@k` and `texts_pieces@k` rank each by itself."
    ),
    "pooling": (
        "The share of the R@10 of exhaustive search that is kept where the searched vectors take so many times less "
        "memory than those of all passages in half precision. `ivf` is exhaustive search whose dense part probes FAISS "
        "inverted lists, with centroids of the same memory and as many passages scored; `mean` opens plain means of "
        "passages by vectors alone, `mean-hybrid` with lexical rankings as well; `pooled dense` and `ivf dense` let no "
        "word choose. `entries` and `mean entries` rank documents by what is in memory and nothing else, against the "
        "ranking by nearest passage. `exhaustive-text` is exhaustive search without summaries."
    ),
    "summaries": (
        "First, document summaries against those of people: ROUGE is F1 with 95 % intervals; `engine` is extractive, "
        "`oracle` chose its sentences with the human summary in view, `-body` leaves the abstract out of the document. "
        "Then search by these texts alone: the share of questions whose document is the first, or among the first ten, "
        "by BM25 (k1 .9, b .4, stemmed) and by one MiniLM vector, at so many words a document; `structured` is every "
        "field of the structured document summary, `+titles` adds the titles of sections."
    ),
    "answers": (
        "ROUGE is F1, the best over references; `contains`: a reference stands in the answer. *Given document*: the "
        "gold document is given, as in the published figures; else the whole collection is searched. `random "
        "sentences` and `oracle sentences` are of the gold document, the latter chosen with a reference in view; "
        "`human` is each reference against the others. `citation` figures are judged by the verifier that let the "
        "sentences pass, which is circular; `audit` figures by rules that share nothing with it: every quote stands in "
        "its document, every word, name and number of a sentence in what it cites. `refused foreign`: share of "
        "questions of other domains that were refused; `aurc`: area under the curve of risk and coverage, less is "
        "better."
    ),
    "diagnose": (
        "The reader is given what was retrieved, the gold evidence, random evidence, or none; a refusal scores 0. What "
        "search thinks of the question is left out: whether to answer is the reader's own to say. "
        "Trivial answers are scored the same way (Krishna, Roy and Iyyer 2021)."
    ),
    "grounding": (
        "Claims labelled by people, supported against the rest. Thresholds are chosen on one half of the claims and "
        "measured on the other, both ways round; `default` is the verifier's own threshold."
    ),
}
_RETRIEVAL: tuple[str, ...] = (
    *("R@1", "R@2", "R@5", "R@10", "R@100", "nDCG@10", "RR", "all_gold@2", "all_gold@10"),
    *("passage_R@10", "passage_all_gold@10", "tables_pieces@1", "tables_pieces@10", "texts_pieces@20", "p50_ms"),
)
_JUDGED = ("refusal_auc_foreign", "refusal_auc_own", "refused_answerable", "refused_unanswerable", "refused_foreign")
_LATER = ("hops", "decompose", "fusion", "reranker", "rerank_passages", "rerank_ms", "refuse_below")
"""Settings that came later and that pooling, summaries, diagnostics and grounding do not depend on."""
_LIKENESS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_COST = ("words", "ms_per_1000")
_SEARCH = ("bm25_R@1", "bm25_R@10", "dense_R@1", "dense_R@10", "words_searched", "compression")
_ANSWERS = ("rouge1", "rouge2", "rougeL", "rougeLsum", "f1", "contains", "words")
_ANSWERS_OWN = (
    "answered", "gold_document_cited", "gold_span_cited", "citation_recall", "citation_precision", "citation_exact",
    "audit_recall", "audit_precision", "audit_exact", "refused_unanswerable", "refused_foreign", "refusal_auc",
    "refusal_auc_own", "calibration_error", "aurc", "evidence_tokens", "p50_s", "p95_s",
)  # fmt: skip
_GROUNDING = ("balanced_accuracy", "f1", "roc_auc", "average_precision")
_GROUNDING_OWN = (
    "balanced_accuracy_default", "precision_default", "recall_default", "balanced_accuracy_partial_as_supported",
    "span_hit", "corruption_caught", "corruption_caught_of_passed",
)  # fmt: skip
_CONDITIONS = ("retrieved", "gold", "random", "none")


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the plan."""

    line: str

    @property
    def task(self) -> str:
        """What is measured."""
        return self.line.split()[0]

    @property
    def dataset(self) -> str:
        """On what."""
        return self.line.split()[1]

    @property
    def folder(self) -> str:
        """Name of the folder that its result is kept in."""
        return re.sub(r"[^a-z0-9]+", "-", self.line)


def main() -> None:
    """Measure what has not been measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; ODQA_DATA if absent")
    parser.add_argument("--results", type=Path, help="folder of results; one in the cache folder if absent")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="measure only lines with this in")
    parser.add_argument("--limit", type=int, help="so many questions of each set at most, for a trial")
    parser.add_argument("--fresh", action="store_true", help="measure again what has been measured")
    parser.add_argument("--no-runs", action="store_true", help="write the page from the results that are there")
    parser.add_argument("--out", type=Path, default=DOCS / "results.md", help="the page")
    options = parser.parse_args()
    results = options.results or cache_folder() / "evaluate" / "page"
    requests = [Request(_limited(line, options.limit)) for line in PLAN.strip().splitlines()]
    found: dict[str, Result | str] = {}
    for request in requests:
        wanted = not options.no_runs and (not options.only or any(text in request.line for text in options.only))
        found[request.line] = measure(request, results, options.data, wanted=wanted, fresh=options.fresh)
    anchors = tomllib.loads((DOCS / "anchors.toml").read_text("utf-8"))["anchor"]
    options.out.write_text(page(requests, found, anchors), "utf-8")
    print(f"wrote {options.out}", file=sys.stderr)


def measure(request: Request, results: Path, data: Path | None, *, wanted: bool, fresh: bool) -> Result | str:
    """Return the result of a line of the plan, or the reason why there is none."""
    folder = results / request.folder
    if not fresh and (known := _known(folder)) is not None:
        return known
    if not wanted:
        return "not measured"
    print(f"odqa eval {request.line}", file=sys.stderr, flush=True)
    arguments = [sys.executable, "-m", "odqa", "-q", "eval", *shlex.split(request.line), "--json", "-o", str(folder)]
    arguments += ["--data", str(data)] if data is not None else []
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return load(folder)
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(reason, file=sys.stderr)
    return f"failed: {reason.removeprefix('odqa: error: ').partition(' (')[0]}"


def _known(folder: Path) -> Result | None:
    """Return a result that the engine as it stands would give again."""
    if not (folder / RESULT_FILE).exists():
        return None
    try:
        result = load(folder)
    except LoadError:
        return None
    settings = resolve({}).settings
    # How fast it went, and what the reader measured here does not ask for: neither changes what was found.
    names = set(Settings.__dataclass_fields__) - {"threads", "drafts", "beams"}
    if result.task in ("pooling", "summaries", "grounding", "diagnose"):
        names -= set(_LATER)
    if result.task in ("retrieval", "pooling", "summaries"):
        names -= {name for name in names if name.startswith("llm_")} | {"sentences"}
    return result if all(result.settings.get(name) == getattr(settings, name) for name in names) else None


def _limited(line: str, limit: int | None) -> str:
    if limit is None:
        return line
    return f"{re.sub(r' --limit [0-9]+', '', line)} --limit {limit}"


def page(requests: Sequence[Request], found: Mapping[str, Result | str], anchors: Sequence[Mapping[str, Any]]) -> str:
    """Return the page."""
    parts = [
        "# Results",
        f"Every figure of odqa {__version__} as it stands, with its default settings: bundled MiniLM, extractive "
        "summaries, extractive reader. Weights of walks over links and of answerability were learned from questions of "
        "some of these sets; docs/retrieval.md gives the figures of questions held out. Written by `python "
        f"docs/make_results.py` on {date.today():%d %B %Y}, on {_machine()}; no figure is typed by hand. Each table "
        "has the command that gives it; where a `--limit` stands in it, the questions are drawn at random, always the "
        "same ones.",
    ]
    for task, title in TITLES.items():
        parts += [f"## {title}", EXPLAINED[task]]
        for request in requests:
            if request.task == task:
                parts += list(_section(request, found[request.line], anchors))
    return "\n\n".join(parts) + "\n"


def _section(request: Request, result: Result | str, anchors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    given = ", document given" if "--given-document" in request.line else ""
    oracle = ", oracle evidence" if "oracle" in request.line else ""
    yield f"### {request.dataset}{given}{oracle}"
    if isinstance(result, str):
        yield f"`odqa eval {request.line}`: {result}."
    else:
        yield f"{_sizes(result)} `odqa eval {request.line}`"
        yield from _TABLES[request.task](result)
        if notes := [f"- {note}" for note in result.notes]:
            yield "\n".join(notes)
    published = [anchor for anchor in anchors if (anchor["task"], anchor["dataset"]) == (request.task, request.dataset)]
    if published and ("--given-document" in request.line or not _is_twice(request)):
        yield "\n".join(f"- {_published(anchor)}" for anchor in published)


def _is_twice(request: Request) -> bool:
    """Tell whether the plan has the same with the document given, which is what is comparable."""
    twins = [line for line in PLAN.splitlines() if line.startswith(f"{request.task} {request.dataset} ")]
    return any("--given-document" in line for line in twins)


def _published(anchor: Mapping[str, Any]) -> str:
    figures = ", ".join(f"{name} {value}" for name, value in anchor["figures"].items())
    system = f"{anchor['system']}: " if "system" in anchor else ""
    remark = f"; {anchor['remark']}" if "remark" in anchor else ""
    known = "Known before odqa" if anchor["source"].startswith("measured") else "Published"
    return f"{known}: {system}{figures} ({anchor['source']}{remark})."


def _sizes(result: Result) -> str:
    corpus = result.corpus
    what = {"grounding": "claims", "summaries": "documents summarized"}.get(result.task, "questions")
    parts = [f"{result.n:,} {what}"]
    parts += [f"{corpus[name]:,.0f} {name}" for name in ("documents", "passages") if corpus.get(name)]
    if corpus.get("entries"):
        parts.append(f"{corpus['entries']:,.0f} pooled vectors")
    if corpus.get("gold_marked"):
        share = corpus["gold_mapped"] / corpus["gold_marked"]
        parts.append(f"{share:.1%} of {corpus['gold_marked']:,.0f} marks of gold found in the text")
    return ", ".join(parts) + "."


def _retrieval(result: Result) -> Iterator[str]:
    yield _systems(result, _RETRIEVAL)
    if judged := _pairs(result.metrics, _JUDGED):
        yield f"Whether the documents answer, as search judges it: {judged}."


def _pooling(result: Result) -> Iterator[str]:
    points = result.curves.get("pooling", ())
    names = list(dict.fromkeys(name for point in points for name in point if name.endswith("kept")))
    rows = [[_figure(point["compression"]), *(_figure(point.get(name)) for name in names)] for point in points]
    heads = [name.removesuffix("_kept") if name != "kept" else "engine" for name in names]
    yield _table(["times less memory", *(head.replace("_", " ") for head in heads)], rows)
    kept = [f"{name} **{value:.3f}**" for name, value in result.metrics.items() if name.startswith("kept@")]
    at = f"At the engine's setting ({result.metrics['compression']:.1f} times less memory) R@10 is "
    at += f"{result.metrics['R@10']:.3f} against {result.baselines['exhaustive']['R@10']:.3f} exhaustive and "
    at += f"{result.baselines['exhaustive-text']['R@10']:.3f} exhaustive without summaries."
    yield f"{at} {', '.join(kept)}".strip()


def _summaries(result: Result) -> Iterator[str]:
    systems = {"engine": result.metrics} | dict(result.baselines)
    rows = [
        [name, *(_sure(figures, metric) for metric in _LIKENESS), *map(_figure, map(figures.get, _COST))]
        for name, figures in systems.items()
        if any(metric in figures for metric in (*_LIKENESS, *_COST))
    ]
    yield _table(["system", *_LIKENESS, "words", "ms for 1,000 words"], rows)
    over = ((name, value) for name, value in result.metrics.items() if re.fullmatch(r"rouge\w+?_over_[a-z]+", name))
    more = [
        f"{name.replace('_', ' ')} {value:+.3f} ({result.metrics[f'{name}_low']:+.3f} to "
        f"{result.metrics[f'{name}_high']:+.3f})"
        for name, value in over
    ]
    yield f"Encoding takes {result.metrics['encoder_ms_per_1000']:.0f} ms for 1,000 words. {', '.join(more)}."
    searched = {name: figures for name, figures in systems.items() if "words_searched" in figures}
    if searched:
        rows = [
            [name, *(_sure(figures, metric) if "@" in metric else _figure(figures.get(metric)) for metric in _SEARCH)]
            for name, figures in searched.items()
        ]
        yield _table(["text of a document", *(name.replace("_", " ") for name in _SEARCH)], rows)


def _sure(figures: Mapping[str, float], name: str) -> str:
    """Return a figure with half of the width of its interval."""
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    if low is None or high is None:
        return _figure(figures.get(name))
    return f"{_figure(figures[name])} ± {(high - low) / 2:.3f}"


def _answers(result: Result) -> Iterator[str]:
    yield _systems(result, _ANSWERS)
    yield _pairs(result.metrics, _ANSWERS_OWN)


def _diagnose(result: Result) -> Iterator[str]:
    measures = [name for name in ("rouge1", "rouge2", "rougeL", "f1", "em") if f"retrieved_{name}" in result.metrics]
    rows = [
        [condition, *(_figure(result.metrics.get(f"{condition}_{name}")) for name in (*measures, "refusal_rate"))]
        for condition in _CONDITIONS
        if f"{condition}_refusal_rate" in result.metrics
    ]
    if rows:
        yield _table(["evidence given", *measures, "refused"], rows)
    main = "rougeL" if "rougeL" in measures else "f1"
    difference = f"retrieved_minus_random_{main}"
    if difference in result.metrics:
        low, high = (result.metrics[f"{difference}_{end}"] for end in ("low", "high"))
        yield (
            f"Retrieved less random evidence: {result.metrics[difference]:+.3f} {main}, 95 % interval "
            f"{low:+.3f} to {high:+.3f}."
        )
    own = {"engine": result.metrics} if measures else {}
    names = measures or [name for name in ("rouge1", "rouge2", "rougeL", "f1", "em") if _any_has(result, name)]
    systems = own | dict(result.baselines)
    rows = [[name, *(_figure(figures.get(measure)) for measure in names)] for name, figures in systems.items()]
    yield _table(["answer", *names], rows)
    overlap = ("overlap_near_duplicates", "overlap_answers", "clean_share", f"clean_{main}", "repeats_near_duplicates")
    overlap += ("unrepeated_share", f"unrepeated_{main}", f"retrieved_leave_one_out_{main}")
    grams = [name for name in result.metrics if re.fullmatch(r"overlap_\dgram_\w+", name)]
    yield _pairs(result.metrics, [*overlap, *grams])


def _grounding(result: Result) -> Iterator[str]:
    yield _systems(result, _GROUNDING)
    yield _pairs(result.metrics, _GROUNDING_OWN)


_TABLES = {
    "retrieval": _retrieval,
    "pooling": _pooling,
    "summaries": _summaries,
    "answers": _answers,
    "diagnose": _diagnose,
    "grounding": _grounding,
}


def _systems(result: Result, wanted: Iterable[str]) -> str:
    """Return a table with a row for the engine and each baseline."""
    systems = {"engine": result.metrics} | dict(result.baselines)
    names = [name for name in wanted if any(name in figures for figures in systems.values())]
    rows = [[name, *(_figure(figures.get(metric)) for metric in names)] for name, figures in systems.items()]
    return _table(["system", *names], rows)


def _pairs(figures: Mapping[str, float], wanted: Iterable[str]) -> str:
    """Return figures that only the engine has, as one line."""
    there = [name for name in wanted if name in figures]
    return ", ".join(f"{name.replace('_', ' ')} {_figure(figures[name])}" for name in there)


def _any_has(result: Result, measure: str) -> bool:
    return any(measure in figures for figures in result.baselines.values())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _figure(value: float | None) -> str:
    if value is None or value != value:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _machine() -> str:
    """Say what the figures of time were taken on, without naming the machine."""
    model = platform.processor() or platform.machine()
    memory = ""
    if (info := Path("/proc/cpuinfo")).exists():
        match = re.search(r"model name\s*:\s*(.+)", info.read_text("utf-8", "ignore"))
        model = match[1].strip() if match else model
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    return f"{os.cpu_count()} cores ({model}){memory}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
