"""Settings: one flat set of names, the same in `odqa.toml`, in the environment and as keyword arguments.

A value comes from the first place that has it: keyword argument or flag, `ODQA_<NAME>`, `./odqa.toml`, the user's
own `odqa.toml`, an index's manifest (for what the index was made with), the default. Names that do not exist
are errors everywhere, so that a typing mistake cannot pass for a setting.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from odqa.errors import ConfigError, IndexMismatch
from odqa.registry import names as part_names

RESERVED = frozenset({"ODQA_INDEX", "ODQA_DATA", "ODQA_CACHE", "ODQA_MODELS", "ODQA_PYTHON", "ODQA_LLM_KEY"})
"""Environment variables of odqa that are not settings: places, and a secret that no file should hold."""

DEFAULT = "default"

# The names of odqa.index.summary.templates, which this module may not import; a test compares them.
_TEMPLATES = ("default", "report", "paper", "meeting", "interview", "story", "manual", "table")
_OWN_PARTS: dict[str, Callable[[], tuple[str, ...]]] = {
    "encoder": lambda: part_names("encoders", installed=False),
    "summarizer": lambda: part_names("summarizers", installed=False),
    "template": lambda: ("auto", *_TEMPLATES),
}


def _setting(
    default: Any,
    about: str,
    *,
    index: bool = False,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    bounds = {"least": least, "most": most, "above": above}
    return field(default=default, metadata={"about": about, "index": index, **bounds, "choices": choices})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; `index=True` marks those that an index is made with and keeps."""

    encoder: str = _setting(
        "minilm", "encoder: minilm (bundled), hashing (no model), or any sentence-transformers model", index=True
    )
    passage_tokens: int = _setting(128, "longest passage, in tokens of the encoder", index=True, least=16)
    summarizer: str = _setting(
        "extractive", "who writes the structured summaries: extractive (no model) or generative (see llm)", index=True
    )
    template: str = _setting("auto", "summary template: auto, a built-in name, or a TOML file", index=True)
    pooling: int = _setting(
        16, "how many times less memory than the passages' vectors the searched ones take", index=True, least=1
    )
    bm25: str = _setting("tantivy", "lexical engine", choices=("tantivy", "rank-bm25"))
    language: str = _setting("en", "language of stemming and stop words (ISO 639-1)", index=True)

    device: str = _setting("auto", "auto, cpu, cuda, cuda:<i>, or all")
    threads: int = _setting(0, "processor threads for encoding and search; 0 takes all", least=0)
    batch_tokens: int = _setting(4096, "tokens that are encoded together", least=256)
    segment_passages: int = _setting(1024, "passages committed together while building", least=1)
    executor: str = _setting("local", "where documents are parsed")
    workers: int = _setting(1, "processes that parse documents", least=1)
    sentences: bool = _setting(True, "keep a vector of every sentence, so that answers need none made")
    strict: bool = _setting(False, "make a file that cannot be read an error")

    documents: int = _setting(30, "most documents that are opened for a question (M)", least=1)
    evidence: int = _setting(16, "passages handed to the reader", least=1)
    candidates: int = _setting(200, "candidates that each ranking puts into the fusion", least=1)
    rrf_k: int = _setting(60, "constant of reciprocal-rank fusion", least=1)
    hops: int = _setting(4, "most steps from a question to its evidence; 1 follows no links", least=1)
    decompose: str = _setting(
        "rules", "who takes a question apart: rules, llm (see llm), or off", choices=("rules", "llm", "off")
    )
    fusion: str = _setting(
        "builtin", "weights of what speaks for a passage on a path: builtin, or a file that `odqa train fusion` wrote"
    )
    reranker: str = _setting("none", "who puts evidence into a better order: none, maxsim, or any cross-encoder model")
    rerank_passages: int = _setting(50, "passages that are reranked", least=1)
    rerank_ms: int = _setting(2000, "most milliseconds that reranking may take; 0 sets no limit", least=0)
    refuse_below: int = _setting(
        30, "refuse where the evidence answers with a smaller probability, in percent; 0 never", least=0
    )

    reader: str = _setting(
        "extractive",
        "who writes the answer: extractive (no model), chat (see llm), or a trained reader's name or folder",
    )
    drafts: int = _setting(
        4, "answers that a trained reader drafts, of which what the verifier supports best is kept", least=1, most=64
    )
    beams: int = _setting(
        1,
        "beginnings that a trained reader pursues at once for its first draft; 1 takes the likeliest word each time",
        least=1,
        most=64,
    )
    verifier: str = _setting(
        "lexical-semantic", "who checks every sentence of it: lexical-semantic (no model), or any grounding model"
    )
    policy: str = _setting("strict", "what happens to unsupported sentences", choices=("strict", "flag", "off"))

    llm: str = _setting(
        "", "language model for generative parts: a transformers model, or one of the server; empty takes its only one"
    )
    llm_url: str = _setting(
        "",
        "OpenAI-compatible server: its address, e.g. http://localhost:11434/v1, or ollama, llama-server, lm-studio, "
        "vllm, transformers, sglang; empty runs the model here (key: ODQA_LLM_KEY)",
    )
    llm_context: int = _setting(0, "tokens that the language model reads and writes at once; 0 asks it", least=0)
    llm_tokens: int = _setting(0, "most tokens that it writes for an answer; 0 goes by the words wanted", least=0)
    llm_temperature: float = _setting(
        0.0, "how much chance there is in the words of an answer; 0 takes the likeliest", least=0, most=2
    )
    llm_top_p: float = _setting(1.0, "share of the likeliest words that chance may draw from", above=0, most=1)
    llm_quantize: str = _setting(
        "none", "bits of the weights of a model that runs here", choices=("none", "8bit", "4bit")
    )
    llm_timeout: float = _setting(600.0, "seconds that a server of language models may stay silent", above=0)
    llm_price: str = _setting("", "price of a million tokens read and written, e.g. 0.15/0.60; empty costs nothing")

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for spec in dataclasses.fields(self):
            value, wanted = getattr(self, spec.name), hints[spec.name]
            if wanted is float and type(value) is int:
                # `0` for `0.0` is no mistake; the value is kept as what it is declared.
                value = float(value)
                object.__setattr__(self, spec.name, value)
            if type(value) is not wanted or (wanted is float and not math.isfinite(value)):
                raise ConfigError(f"{spec.name} must be {_name(wanted)}, not {value!r}", spec.metadata["about"])
            if broken := _out_of_bounds(value, spec.metadata):
                raise ConfigError(f"{spec.name} must be {broken}, not {value}", spec.metadata["about"])
            if (choices := spec.metadata["choices"]) and value not in choices:
                raise ConfigError(f"{spec.name} must be one of {', '.join(choices)}, not {value!r}")

    def replace(self, **changes: Any) -> Settings:
        """Return a copy with some values changed.

        Raises:
            ConfigError: a name that does not exist, or a value that it cannot hold.
        """
        for name in changes:
            _check_name(name, "keyword argument")
        return dataclasses.replace(self, **changes)

    def index_values(self) -> dict[str, Any]:
        """The settings that an index is made with, as its manifest keeps them."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.metadata["index"]}


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """Settings with the place that each value came from."""

    settings: Settings
    origins: Mapping[str, str]

    def with_index(self, made_with: Mapping[str, Any], index: str) -> ResolvedSettings:
        """Take from an index what it was made with, wherever the user has not said otherwise.

        An index is data: of the parts it names only odqa's own are taken at its word. Any other must be named by
        the user too, since naming it downloads or runs it.

        Raises:
            ConfigError: the manifest holds a name or value this version does not know.
            IndexMismatch: it was made with a part that is not odqa's own, and the user has not named that part.
        """
        for setting, known in _OWN_PARTS.items():
            named = made_with.get(setting)
            if named not in (None, *known(), getattr(self.settings, setting)):
                raise IndexMismatch(
                    f"{index}: made with {setting} = {named!r}, which is not a part of odqa itself",
                    f"if you trust it, name it too: {setting} = {named!r} in odqa.toml, or ODQA_{setting.upper()}",
                )
        own = {name: value for name, value in made_with.items() if self.origins.get(name, DEFAULT) == DEFAULT}
        return ResolvedSettings(self.settings.replace(**own), {**self.origins, **dict.fromkeys(own, index)})


def resolve(overrides: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> ResolvedSettings:
    """Read settings from every place and say where each value came from.

    Args:
        overrides: keyword arguments or flags; None values count as not given.
        folder: where `odqa.toml` is looked for; the current folder if None.

    Raises:
        ConfigError: an unknown name, a value of the wrong type, or a file that is not TOML.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in [*_files(folder or Path.cwd()), ("environment", _environment())]:
        for name, value in layer.items():
            values[name], origins[name] = value, origin if origin != "environment" else f"ODQA_{name.upper()}"
    for name, value in (overrides or {}).items():
        _check_name(name, "keyword argument")
        if value is not None:
            values[name], origins[name] = value, "argument"
    names = [spec.name for spec in dataclasses.fields(Settings)]
    return ResolvedSettings(Settings(**values), {name: origins.get(name, DEFAULT) for name in names})


def _files(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    import platformdirs

    layers = []
    for path in (Path(platformdirs.user_config_dir("odqa", appauthor=False)) / "odqa.toml", folder / "odqa.toml"):
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: {error}", "settings files are TOML: name = value") from error
        for name in table:
            _check_name(name, str(path))
        layers.append((str(path), table))
    return layers


def _environment() -> dict[str, Any]:
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for variable, raw in os.environ.items():
        if variable.startswith("ODQA_") and variable not in RESERVED:
            name = variable.removeprefix("ODQA_").lower()
            _check_name(name, f"environment variable {variable}")
            values[name] = _parse(raw, hints[name], variable)
    return values


def _parse(raw: str, wanted: type, variable: str) -> Any:
    if wanted is bool:
        if raw.lower() in {"1", "true", "yes", "on"}:
            return True
        if raw.lower() in {"0", "false", "no", "off", ""}:
            return False
    elif wanted in {int, float}:
        try:
            return wanted(raw)
        except ValueError:
            pass
    else:
        return raw
    raise ConfigError(f"{variable} must be {_name(wanted)}, not {raw!r}")


def _check_name(name: str, where: str) -> None:
    known = [spec.name for spec in dataclasses.fields(Settings)]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "`odqa config show` lists them"
        raise ConfigError(f"{where}: there is no setting {name!r}", remedy)


def _out_of_bounds(value: Any, bounds: Mapping[str, Any]) -> str:
    """Return the bound that a value breaks, in words; "" if it breaks none."""
    if bounds["least"] is not None and value < bounds["least"]:
        return f"at least {bounds['least']}"
    if bounds["above"] is not None and value <= bounds["above"]:
        return f"above {bounds['above']}"
    if bounds["most"] is not None and value > bounds["most"]:
        return f"at most {bounds['most']}"
    return ""


def _name(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
