"""The models on this machine: a folder of folders, each with its card.

`$ODQA_MODELS` names the folder, else it is the platform's own place for a program's data. A model is found by its name
there, or by the path of its folder anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from odqa import fs
from odqa.errors import ModelError, OdqaError, UsageError
from odqa.models.about import FILE, NAME, About, check_name, read_about
from odqa.models.verifier_card import CARD as VERIFIER_CARD
from odqa.models.verifier_card import read_verifier

VARIABLE = "ODQA_MODELS"
_REMOVED = ".removed-"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine.

    Attributes:
        name: that finds it in the store; of a folder elsewhere, the folder's own name.
        kind: `reader`, `verifier`, `encoder` …; "" where the card cannot be read.
        folder: where it is.
        about: what its card says.
        bundled: it came with odqa or a package that odqa needs, and is not ours to remove.
        fault: why the card cannot be read; "" where it can.
    """

    name: str
    kind: str
    folder: Path
    about: About
    bundled: bool = False
    fault: str = ""

    @property
    def size(self) -> int:
        """Bytes that the folder takes on disk."""
        return sum(path.stat().st_size for path in files_below(self.folder))


def models_folder() -> Path:
    """Return the folder of the store: `$ODQA_MODELS`, else the platform's place for odqa's data; it may not exist."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("odqa", appauthor=False)) / "models"


def new_folder(name_or_folder: str | Path) -> Path:
    """Return where a new model goes: a plain name into the store, anything that looks like a path where it says.

    Raises:
        UsageError: it is neither.
    """
    text = str(name_or_folder)
    return Path(text).expanduser() if _is_path(text) else models_folder() / check_name(text)


def find(name_or_folder: str | Path, kind: str | None = None) -> LocalModel:
    """Return the model of a name in the store, or in a folder.

    A plain name means a model of the store first, and then a folder of that name here; `./name` is always the folder.

    Args:
        name_or_folder: its name, or the path of its folder.
        kind: what it has to be, such as `reader`; None takes any.

    Raises:
        ModelError: there is none, it is of another kind, or its card is damaged.
    """
    text = str(name_or_folder)
    places = [Path(text).expanduser()]
    if NAME.fullmatch(text):
        places.insert(0, models_folder() / text)
    folder = next((place for place in places if is_model(place)), None)
    if folder is None:
        there = places[-1]
        raise ModelError(
            f"{text}: the folder holds no model of odqa" if there.is_dir() else f"there is no model called {text!r}",
            _known(kind),
        )
    model = open_model(folder)
    if model.fault:
        raise ModelError(model.fault, "make the model again, or `odqa models remove` it")
    if kind is not None and model.kind != kind:
        raise ModelError(f"{text} is a {model.kind}, not a {kind}", _known(kind))
    return model


def list_models(kind: str | None = None) -> tuple[LocalModel, ...]:
    """Return the models of the store in the order of their names; those with a damaged card say so in `fault`.

    Args:
        kind: only of this kind; None takes all.
    """
    try:
        folders = sorted(path for path in models_folder().iterdir() if NAME.fullmatch(path.name) and is_model(path))
    except OSError:  # There is no store yet.
        return ()
    found = (open_model(folder) for folder in folders)
    return tuple(model for model in found if kind is None or model.kind == kind)


def remove(name: str) -> LocalModel:
    """Remove a model from the store, and return what it was.

    The folder is renamed before its files go, so that no half of a model is ever found under its name.

    Raises:
        UsageError: this is no name of a model.
        ModelError: the store holds no such model, or it cannot be removed.
    """
    import secrets  # Imported slowly, and needed here only.

    folder = models_folder() / check_name(name)
    if folder.is_symlink():
        raise ModelError(f"{folder} is a link; odqa removes only what lies in the store", "remove the link yourself")
    if not is_model(folder):
        remedy = _known(None) if not folder.exists() else f"{folder} was not written by odqa; remove it yourself"
        raise ModelError(f"the store holds no model called {name!r}", remedy)
    model = open_model(folder)
    try:
        fs.replace(folder, folder.with_name(f"{_REMOVED}{name}-{secrets.token_hex(4)}"))
    except OSError as error:
        raise ModelError(f"{folder}: {error.strerror or error}", "make the folder of models writable") from error
    for rest in models_folder().glob(f"{_REMOVED}*"):  # Those of a removal that was interrupted too.
        fs.remove_tree(rest)
    return model


def is_model(folder: Path) -> bool:
    """Tell whether a folder has the card of a model."""
    return (folder / FILE).is_file() or (folder / VERIFIER_CARD).is_file()


def open_model(folder: Path) -> LocalModel:
    """Return the model of a folder that `is_model` says is one."""
    name = folder.resolve().name if not NAME.fullmatch(folder.name) else folder.name
    try:
        about = read_about(folder) if (folder / FILE).is_file() else read_verifier(folder)
    except OdqaError as error:
        return LocalModel(name, "", folder, About("unknown"), fault=error.message)
    return LocalModel(name, about.kind, folder, about)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the regular files of a folder and those below it in order; links are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def check_new(folder: Path) -> Path:
    """Return a folder that something may be written to as a whole: one that is not there yet, or is empty.

    Raises:
        UsageError: there is something.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return folder
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already", "name a folder that is not")
    return folder


def check_place(folder: Path, kind: str, *, is_begun: bool) -> None:
    """Make sure that a training may write a model to a folder: nothing else is overwritten, nor mixed with it.

    Args:
        folder: may hold a model of the kind, which gives way.
        kind: of the model.
        is_begun: it holds a training of such a model, which may be taken up.

    Raises:
        UsageError: it holds something else.
    """
    if is_model(folder):
        model = open_model(folder)
        if model.kind != kind:
            what = f"a {model.kind}" if model.kind else f"a model with a damaged card: {model.fault}"
            raise UsageError(f"{folder} holds {what}", "choose another name or folder, or remove it first")
    elif not is_begun:
        check_new(folder)


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.startswith(("~", "."))


def _known(kind: str | None) -> str:
    names = [model.name for model in list_models(kind) if not model.fault]
    what = f"{kind}s" if kind else "models"
    if not names:
        return f"there are no {what} in {models_folder()}; give a folder, or train one"
    return f"{what} in {models_folder()}: {', '.join(names)}; or give a folder"
