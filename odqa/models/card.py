"""The cards of a model: `odqa.json` for programs, and `README.md` for people and for the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.errors import ModelError
from odqa.models.about import FILE, NAME, About, flat
from odqa.models.store import models_folder
from odqa.models.verifier_card import held_out_note
from odqa.models.verify import README, checksums

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_TASKS = {
    "reader": "question-answering",
    "reader-onnx": "question-answering",
    "verifier": "text-classification",
    "encoder": "sentence-similarity",
    "reranker": "text-ranking",
    "summarizer": "summarization",
}
"""The hub's word for what a kind of model does (huggingface.co/tasks)."""

_WHAT = {
    "reader": "A reader for odqa: it writes answers from passages and cites them.",
    "reader-onnx": "A reader for odqa as graphs for ONNX Runtime.",
    "verifier": "A verifier for odqa: it says whether evidence carries a sentence.",
    "encoder": "An encoder for odqa: it turns text into vectors, so that what is meant alike is found.",
}

_USES: Mapping[str, tuple[str, str]] = {
    "reader": (
        'odqa ask "Why was the bridge closed?" -i reports.odqa --set reader={place}',
        'engine = odqa.open("reports.odqa", reader="{place}")\nprint(engine.ask("Why was the bridge closed?"))',
    ),
    "verifier": (
        'odqa ask "Why was the bridge closed?" -i reports.odqa --set verifier={place}',
        'engine = odqa.open("reports.odqa", verifier="{place}")\nprint(engine.ask("Why was the bridge closed?"))',
    ),
    "encoder": (
        "odqa index build reports/ reports.odqa --set encoder={folder}",
        'engine = odqa.build("reports/", "reports.odqa", encoder="{folder}")\n'
        'print(engine.ask("Why was the bridge closed?"))',
    ),
}
"""What a person types, and writes, to use a model of a kind."""


def write_card(folder: Path, about: About | Mapping[str, Any], *, place: Path | None = None, usage: str = "") -> About:
    """Write the cards of a model whose files are all there; `odqa.json` comes last, and makes the folder a model.

    Every file is read for its SHA-256, but the cards, hidden files and the folders `checkpoint` and `run`.

    Args:
        folder: of the model.
        about: what to say; `name` and `made` are filled in where they are not there, `files` always.
        place: where the folder will be, if it is not there yet.
        usage: Markdown on how to use it; else what is usual for its kind.

    Returns:
        The whole card.

    Raises:
        UsageError: a field that a card does not have, or a value that it cannot hold.
        ModelError: the folder cannot be written.
    """
    given = about if isinstance(about, About) else About.of(about)
    final = (place or folder).resolve()
    try:
        whole = given.complete(final.name if NAME.fullmatch(final.name) else "model", checksums(folder))
        text = json.dumps(whole.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
        fs.write_atomic(folder / README, model_card(whole, final, usage).encode("utf-8", "replace"))
        fs.write_atomic(folder / FILE, f"{text}\n".encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ModelError(f"{folder}: {error.strerror or error}", "choose a folder that can be written") from error
    except ValueError as error:
        raise ModelError(
            f"{folder}: the card cannot be written: {error}", "settings and figures must fit JSON"
        ) from error
    return whole


def model_card(about: About, folder: Path, usage: str = "") -> str:
    """Return the model card as the hub reads it: YAML between rules, then Markdown.

    The form is that of huggingface.co/docs/hub/model-cards.

    Args:
        about: what the card says.
        folder: where the model is, for the lines that use it.
        usage: Markdown on how to use it; else what is usual for its kind.
    """
    from huggingface_hub import ModelCardData

    results = list(_results(about))
    data = ModelCardData(
        language=list(about.languages) or None,
        license=about.licence or None,
        library_name="odqa",
        tags=["odqa", about.kind],
        pipeline_tag=_TASKS.get(about.kind),
        base_model=[base.name for base in about.bases] or None,
        datasets=list(dict.fromkeys(one.name for one in about.learned_from)) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=about.name if results else None,
        eval_results=results or None,
    )
    sections = [section for section in _sections(about, usage or _use(about, folder)) if section]
    return f"---\n{data.to_yaml()}\n---\n\n# {_plain(about.name)}\n\n" + "\n\n".join(sections) + "\n"


def _results(about: About) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    task = _TASKS.get(about.kind, "other")
    for dataset, figures in about.figures.items():
        words = dataset.split()
        name, split = words if len(words) == 2 else (dataset, None)
        for metric, value in figures.items():
            yield EvalResult(
                task_type=task,
                dataset_type=name,
                dataset_name=name,
                dataset_split=split,
                metric_type=metric,
                metric_value=round(value, 6),
            )


def _sections(about: About, usage: str) -> Iterator[str]:
    yield _plain(about.description) or _WHAT.get(about.kind, f"A model for odqa, of the kind {about.kind}.")
    yield _facts(about)
    yield f"## Use\n\n{usage}" if usage else ""
    yield _trained(about)
    yield _figures(about)
    if about.limits:
        yield "## Limits\n\n" + "\n".join(f"- {_plain(limit)}" for limit in about.limits)
    yield _files(about)


def _facts(about: About) -> str:
    facts = {"Kind": about.kind, "Made": about.made, "With": f"odqa {about.odqa}" if about.odqa else ""}
    facts |= {"Languages": ", ".join(about.languages), "Licence of the weights": about.licence}
    facts |= {_words(name).capitalize(): _value(value) for name, value in about.shape.items()}
    return "\n".join(f"- {name}: {_plain(value)}" for name, value in facts.items() if value)


def _use(about: About, folder: Path) -> str:
    if about.kind not in _USES:
        return ""
    in_store = folder.parent.resolve() == models_folder().resolve()
    places = {"place": about.name if in_store else str(folder), "folder": str(folder)}
    terminal, python = (line.format(**places) for line in _USES[about.kind])
    return f"```bash\n{terminal}\n```\n\n```python\nimport odqa\n\n{python}\n```"


def _trained(about: About) -> str:
    bases = [[b.name, b.role, b.licence] for b in about.bases]
    sets = [[s.name, s.split, f"{s.examples:,}" if s.examples else "", s.licence] for s in about.learned_from]
    parts = [
        _table(["Started from", "as", "licence"], bases),
        _table(["Learned from", "split", "examples", "licence"], sets),
        _table(["Training", ""], [[_words(name), _value(value)] for name, value in flat(about.training).items()]),
        _table(["Setting", ""], [[name, _value(value)] for name, value in flat(about.settings).items()]),
    ]
    told = "\n\n".join(part for part in parts if part)
    return f"## How it was trained\n\n{told}" if told else ""


def _figures(about: About) -> str:
    rows = [
        [dataset, metric, f"{value:,.0f}" if isinstance(value, int) else f"{value:.4g}"]
        for dataset, figures in about.figures.items()
        for metric, value in figures.items()
    ]
    found = _table(["Measured on", "figure", "value"], rows)
    note = held_out_note(about.figures) if about.kind == "verifier" else "On what was held out of the training."
    return f"## Figures\n\n{note}\n\n{found}" if found else ""


def _files(about: About) -> str:
    rows = [[path, f"{entry.size:,}"] for path, entry in about.files.items()]
    found = _table(["File", "bytes"], rows)
    return f"## Files\n\n`odqa models verify` compares them with the checksums in `{FILE}`.\n\n{found}" if found else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that are empty; "" without rows."""
    kept = [n for n in range(len(header)) if n == 0 or any(row[n] for row in rows)]
    if not rows:
        return ""
    lines = [[header[n] for n in kept], ["---"] * len(kept), *([_plain(row[n]) for n in kept] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _plain(text: str) -> str:
    """Return text on one line that is no Markdown table, heading or HTML by accident."""
    line = " ".join(str(text).split())
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _words(name: str) -> str:
    return name.replace("_", " ")
