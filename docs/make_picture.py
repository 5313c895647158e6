"""Draw README's picture of the terminal: run the real program and export what it prints as SVG.

python docs/make_picture.py [OUTPUT.svg]
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
COMMANDS = (
    ("index", "build", "examples/library", "-o", "library.odqa"),
    ("ask", "Why was the second pier delayed?"),
    ("ask", "Which company insured the Kittiwake, and how much did it pay out for her loss?"),
)


def main() -> None:
    """Run the commands in an empty folder that sees the examples, and record them."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "terminal.svg"
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "examples").symlink_to(ROOT / "examples")
        for command in COMMANDS:
            console.print(Text(f"$ odqa {_shown(command)}", style="bold green"))
            console.print(Text.from_ansi(_run(command, Path(folder))), end="\n\n")
    target.write_text(console.export_svg(title="odqa"), "utf-8")


def _shown(command: tuple[str, ...]) -> str:
    return " ".join(f'"{part}"' if " " in part else part for part in command)


def _run(command: tuple[str, ...], folder: Path) -> str:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-m", "odqa", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Progress bars draw over themselves, which a picture cannot.
        text=True,
        check=False,
    )
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    main()
