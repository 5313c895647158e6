"""Where and with what a run was made: the command without its secrets, versions, the commit, the machine in words."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import odqa

_PACKAGES = ("torch", "transformers", "accelerate", "peft")
_HIDDEN = "***"
# Not `tokens`: those are counted.
_SECRET = re.compile(r"(^|[-_.])((api)?keys?|token|secrets?|passw(or)?ds?|credentials?|auth)$", re.IGNORECASE)
_TOKEN = re.compile(r"\b(hf_|sk-|gh[pousr]_|glpat-|xox[abprs]-)[A-Za-z0-9_-]{8,}")
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def command_line(arguments: Sequence[str] | None = None) -> str:
    """Return a command as it was typed, with what looks like a secret left out.

    Args:
        arguments: the program's name and what follows; those of the process if None.
    """
    import shlex

    given = list(sys.argv if arguments is None else arguments)
    if given:
        given[0] = Path(given[0]).name
        given = ["odqa", *given[1:]] if given[0] == "__main__.py" else given
    shown: list[str] = []
    hide = False
    for argument in given:
        is_option = argument.startswith("-")
        # `--set=llm_key=abc=`: a name ends at any of the signs.
        names = (argument[: sign.start()] for sign in re.finditer("=", argument))
        if hide and not is_option:
            shown.append(_HIDDEN)
        elif name := next(filter(_SECRET.search, names), ""):
            shown.append(f"{name}={_HIDDEN}")
        else:
            shown.append(_cleaned(argument))
        hide = is_option and "=" not in argument and bool(_SECRET.search(argument))
    return shlex.join(shown)


def without_secrets(values: Any) -> Any:
    """Return settings with the values of those that name a secret left out, however deep they lie."""
    match values:
        case Mapping():
            return {
                str(name): _HIDDEN if _SECRET.search(str(name)) and isinstance(value, str) else without_secrets(value)
                for name, value in values.items()
            }
        case str():
            return _cleaned(values)
        case Path():
            return str(values)
        case list() | tuple() | set() | frozenset():
            return [without_secrets(value) for value in (sorted(values) if isinstance(values, set) else values)]
        case None | bool() | int() | float():
            return values
    return str(values)


def versions() -> dict[str, str]:
    """Return the versions of odqa, Python and what trains, of those that are installed; nothing is imported."""
    found = {"odqa": odqa.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """Return the commit that odqa itself runs from, else that of the current folder; "" where neither is a checkout.

    `+` after it says that files differ from the commit.
    """
    for folder in (Path(odqa.__file__).parent, Path.cwd()):
        if found := _git(folder, "rev-parse", "--short=12", "HEAD"):
            changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
            return f"{found}+" if changed else found
    return ""


def machine() -> dict[str, Any]:
    """Return what a person asks about a machine: processor, cores, memory, GPUs as far as torch has found them."""
    found: dict[str, Any] = {"system": f"{platform.system()} {platform.machine()}", "processor": _processor()}
    found["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys():
        found["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    torch = sys.modules.get("torch")  # A run that trains has imported it; for one that does not it is not worth it.
    if torch is not None:
        found["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            found["gpus"] = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return {name: value for name, value in found.items() if value}


def machine_words(found: Mapping[str, Any]) -> str:
    """Return a machine in words, for a table."""
    words = [str(found[name]) for name in ("processor",) if name in found] or [str(found.get("system", ""))]
    if "cores" in found:
        words.append(f"{found['cores']} cores")
    if "memory_gb" in found:
        words.append(f"{found['memory_gb']} GB")
    gpus = found.get("gpus")
    words += [f"{gpus.count(name)} × {name}" for name in dict.fromkeys(gpus)] if isinstance(gpus, list) else []
    return ", ".join(word for word in words if word)


def _cleaned(text: str) -> str:
    return _USER.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, text))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(names, "") or platform.processor()
    except OSError:
        return platform.processor()


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
