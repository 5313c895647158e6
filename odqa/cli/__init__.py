"""The command line. It holds no logic of its own: it reads options, calls the engine, and prints what comes back.

Exit codes: 0 done or answered, 1 failed, 2 wrong input or usage, 3 refused for lack of evidence, 4 index corrupt or
made by another version or encoder, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from odqa import __version__
from odqa.cli.session import Session, complain
from odqa.errors import OdqaError

_EVERYWHERE = ("--debug", "--no-color", "--quiet", "-q")
# The base of what typer raises for wrong options: in newer releases a class of its own, in older ones click's.
_WrongUsage: Any = typer.BadParameter.__mro__[1]


class _OutputClosed(Exception):
    """Nobody reads standard output any more."""


class _Root(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # typer would end the process with code 1.
            raise _OutputClosed from None


# The modules of the commands, by the commands' names, in the order of the help.
_COMMANDS = {
    name: f"odqa.cli.{'evaluate' if name == 'eval' else name}"
    for name in "index ask chat check search summarize demo eval calibrate train models config".split()
}


def make_app(only: str | None = None) -> typer.Typer:
    """Return the application.

    Args:
        only: the one command that it needs; None imports all, which takes as long as a third of an answer.
    """
    made = typer.Typer(
        name="odqa",
        cls=_Root,
        help="Ask your own long documents; every sentence of an answer is cited, or odqa says that they do not tell.",
        epilog="Exit codes: 0 answered, 1 failed, 2 wrong input or usage, 3 the documents do not say, "
        "4 index corrupt or mismatched, 130 interrupted.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
    )
    made.callback()(root)
    for name in [only] if only else _COMMANDS:
        module = importlib.import_module(_COMMANDS[name])
        if group := getattr(module, "app", None):
            made.add_typer(group, name=name)
        else:
            made.command(name)(getattr(module, name))
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"odqa {__version__}")
        raise typer.Exit


def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour; also with $NO_COLOR.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Make the session that the commands print with; alone, print the help."""
    context.obj = Session(quiet=quiet, color=not no_color and not os.environ.get("NO_COLOR"))
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: without the program's name; those of the process if None.
    """
    given = _global_options_first(list(sys.argv[1:] if arguments is None else arguments))
    if _command_of(given) == "ask":
        _start_lightly()
    _open_streams()
    try:
        code = _run(given)
        sys.stdout.flush()
    except (BrokenPipeError, _OutputClosed):
        # Whoever read the output has seen enough, as `| head` does.
        _silence_output()
        code = 0
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        complain(f"odqa: error: standard output: {error.strerror or error}")
        _silence_output()
        code = 1
    gc.freeze()  # Nothing is worth looking for in what the process leaves behind, and the looking takes a while.
    sys.exit(code)


def _start_lightly() -> None:
    """Set up the process for one question: nearly all its work is to import what answers it."""
    # What is imported stays; looking for garbage in it after every few hundred objects finds none.
    gc.set_threshold(100_000, 20, 20)
    # Products over the passages of one question are small: other threads would only wait for each other, and burn a
    # core while they do.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _open_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # The process was started with this stream closed.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        # Names of files need not be text, and a character that cannot be shown must not lose the answer around it.
        with contextlib.suppress(AttributeError, ValueError):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> int:
    try:
        app = make_app(_command_of(arguments))
        code = typer.main.get_command(app).main(arguments, prog_name="odqa", standalone_mode=False)
    except _WrongUsage as error:
        path = error.ctx.command_path if error.ctx is not None else "odqa"
        what = error.format_message().replace("Value error, ", "").rstrip(".")
        complain(f"odqa: error: {what} (try '{path} --help')")
        return 2
    except typer.Abort:
        return 130
    except _OutputClosed:
        raise
    except OdqaError as error:
        _trace(arguments)
        complain(f"odqa: error: {error}")
        return error.exit_code
    except Exception as error:
        _trace(arguments)
        what = ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))
        complain(f"odqa: error: {what} (run with --debug for the traceback)")
        return 1
    return code if isinstance(code, int) else 0


def _global_options_first(arguments: list[str]) -> list[str]:
    """Let the options that every command has stand anywhere: `odqa ask "…" --debug`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    early = [argument for argument in arguments[:end] if argument in _EVERYWHERE]
    return [*early, *(a for a in arguments[:end] if a not in _EVERYWHERE), *arguments[end:]]


def _command_of(arguments: Sequence[str]) -> str | None:
    """Return the command that is asked for; None if it is none, or if the help of all is."""
    first = next((argument for argument in arguments if argument not in _EVERYWHERE), "")
    return first if first in _COMMANDS else None


def _trace(arguments: list[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exc()


def _silence_output() -> None:
    """Point standard output nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
