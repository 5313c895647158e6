"""Find a part by kind and name: the built-in ones, and those that installed packages register as entry points.

A third party adds a part with one line in its own `pyproject.toml`, for example
`[project.entry-points."odqa.readers"]` / `mine = "my_package:MyReader"`. Only the part that was asked for is
imported; a built-in name cannot be taken over by an installed package.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from odqa.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["loaders", "encoders", "summarizers", "rerankers", "readers", "verifiers", "executors"]

_BUILT_IN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "loaders": {
            "text": "odqa.data.loaders.text:TextLoader",
            "markdown": "odqa.data.loaders.markdown:MarkdownLoader",
            "html": "odqa.data.loaders.html:HtmlLoader",
            "pdf": "odqa.data.loaders.pdf:PdfLoader",
            "table": "odqa.data.loaders.table:TableLoader",
            "transcript": "odqa.data.loaders.transcript:TranscriptLoader",
            "jsonl": "odqa.data.loaders.jsonl:JsonlLoader",
        },
        "encoders": {
            "minilm": "odqa.index.encoder:MiniLMEncoder",
            "hashing": "odqa.index.hashing:HashingEncoder",
        },
        "summarizers": {
            "extractive": "odqa.index.summary.extractive:make_extractive",
            "generative": "odqa.index.summary.generative.summarizer:make_generative",
        },
        "rerankers": {"maxsim": "odqa.retriever.maxsim:MaxSimReranker"},
        "readers": {
            "extractive": "odqa.reader.extractive:make_extractive",
            "chat": "odqa.reader.chat.reader:make_chat",
            "fusion": "odqa.reader.neural.reader:make_fusion",
        },
        "verifiers": {
            "lexical-semantic": "odqa.reader.verify:make_alignment",
            "model": "odqa.reader.grounding.model:make_model",
        },
        "executors": {"local": "odqa.index.executor:LocalExecutor"},
    }
)


def names(kind: Kind, *, installed: bool = True) -> tuple[str, ...]:
    """Return the names known for `kind`, built-in ones first, without importing what they name.

    Args:
        kind: `loaders`, `encoders`, `summarizers`, `rerankers`, `readers`, `verifiers` or `executors`.
        installed: name those of other installed packages too.

    Raises:
        ConfigError: there is no such kind.
    """
    built_in = _built_in(kind)
    others = {point.name for point in _installed(kind)} if installed else set()
    return (*built_in, *sorted(others - built_in.keys()))


def is_known(kind: Kind, name: str) -> bool:
    """Tell whether `names` has a name, without a look at the installed packages where it is a built-in one's.

    Args:
        kind: as for `names`.
        name: of a part.

    Raises:
        ConfigError: there is no such kind.
    """
    return name in _built_in(kind) or any(point.name == name for point in _installed(kind))


def resolve(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the part called `name` and return its class or factory.

    Args:
        kind: `loaders`, `encoders`, `summarizers`, `rerankers`, `readers`, `verifiers` or `executors`.
        name: its name, as in `names(kind)`.

    Raises:
        ConfigError: nothing of that name is known, or it cannot be imported.
    """
    target = _built_in(kind).get(name)
    if target is None:
        target = next((point.value for point in _installed(kind) if point.name == name), None)
    if target is None:
        known = ", ".join(names(kind)) or "none"
        raise ConfigError(f"there is no {kind.removesuffix('s')} called {name!r}", f"known {kind}: {known}")
    module, _, attribute = target.partition(":")
    try:
        part: Any = importlib.import_module(module)
        for step in filter(None, attribute.split(".")):
            part = getattr(part, step)
    except (ImportError, AttributeError) as error:
        remedy = f"{target} cannot be imported: {error}; install what it needs, or name another"
        raise ConfigError(f"the {kind.removesuffix('s')} {name!r} cannot be used", remedy) from error
    if not callable(part):
        raise ConfigError(f"the {kind.removesuffix('s')} {name!r} is no class or factory", f"{target} is {part!r}")
    resolved: Callable[..., Any] = part
    return resolved


def _built_in(kind: str) -> Mapping[str, str]:
    if kind not in _BUILT_IN:
        raise ConfigError(f"there is no kind of part called {kind!r}", f"known kinds: {', '.join(get_args(Kind))}")
    return _BUILT_IN[kind]


@cache  # Looking through all installed packages takes tens of milliseconds.
def _installed(kind: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # It is slow to import, and built-in names do without it.

    return tuple(entry_points(group=f"odqa.{kind}"))
