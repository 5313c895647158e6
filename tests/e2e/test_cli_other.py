"""The rest of the command line: help, usage errors, settings, summaries, the demonstration."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import odqa as package
from tests.e2e.program import ROOT, Program, run_here

COMMANDS = ["", "ask", "search", "summarize", "demo", "index", "config", "config show", "config path"]
COMMANDS += [
    "eval",
    *(f"eval {name}" for name in ("retrieval", "pooling", "summaries", "answers", "diagnose", "grounding")),
]
COMMANDS += ["eval compare", "eval datasets"]
COMMANDS += [
    f"index {name}" for name in ("build", "add", "sync", "remove", "info", "verify", "compact", "export", "tree")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(odqa: Program, tmp_path: Path, command: str) -> None:
    out = run_here(odqa, *command.split(), "--help", cwd=tmp_path).out
    assert out.startswith(f"Usage: odqa {command}".rstrip())
    assert "╭" not in out


def test_alone_it_shows_its_help(odqa: Program, tmp_path: Path) -> None:
    assert "summarize" in odqa(cwd=tmp_path).out


def test_version(odqa: Program, tmp_path: Path) -> None:
    assert odqa("--version", cwd=tmp_path).out == f"odqa {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("ask why --foo", "No such option: --foo"),
        ("ask why --style wide", "'wide' is not one of 'long', 'short', 'bullets', 'report'"),
        ("ask why --words many", "Invalid value for '--words'"),
        ("ask", "Missing argument 'QUESTION|-'"),
        ("aks why", "Did you mean 'ask'?"),
        ("index bild", "Did you mean 'build'?"),
    ],
)
def test_wrong_usage_is_one_line(odqa: Program, tmp_path: Path, arguments: str, says: str) -> None:
    run = run_here(odqa, *arguments.split(), cwd=tmp_path, code=2)
    assert says in run.err
    assert "--help')" in run.err
    assert len(run.err.splitlines()) == 1
    assert run.out == ""


def test_debug_shows_the_traceback_wherever_it_stands(odqa: Program, tmp_path: Path) -> None:
    for arguments in (["--debug", "ask", "why"], ["ask", "why", "--debug"]):
        run = run_here(odqa, *arguments, cwd=tmp_path, code=2)
        assert run.err.startswith("Traceback")
        assert run.err.splitlines()[-1].startswith("odqa: error: ")


def test_an_unforeseen_error_is_one_line_too(odqa: Program, place: Path) -> None:
    """No room for output is no OdqaError."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            odqa.command("search", "pier"), cwd=place, env=odqa.environment, stdout=full, stderr=-1, text=True
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("odqa: error: ")
    assert "--debug" in done.stderr


def test_settings_show_where_they_come_from(odqa: Program, tmp_path: Path) -> None:
    (tmp_path / "odqa.toml").write_text("pooling = 7\n")
    run = odqa("config", "show", "--json", "--set", "rrf_k=30", cwd=tmp_path, ODQA_EVIDENCE="5")
    found = {row["name"]: (row["value"], row["origin"]) for row in run.json["settings"]}
    assert found["pooling"] == (7, str(tmp_path / "odqa.toml"))
    assert found["evidence"] == (5, "ODQA_EVIDENCE")
    assert found["rrf_k"] == (30, "argument")
    assert found["encoder"] == ("minilm", "default")
    out = run_here(odqa, "config", "show", cwd=tmp_path).out
    assert "how many times less memory" in out
    assert "odqa.toml" in out


def test_a_wrong_setting_is_one_line(odqa: Program, tmp_path: Path) -> None:
    (tmp_path / "odqa.toml").write_text("poling = 7\n")
    assert "did you mean pooling?" in run_here(odqa, "config", "show", cwd=tmp_path, code=2).err
    assert "ODQA_TYPO" in run_here(odqa, "config", "show", cwd=tmp_path.parent, ODQA_TYPO="1", code=2).err


def test_config_path_is_a_path_alone(odqa: Program, tmp_path: Path) -> None:
    out = run_here(odqa, "config", "path", cwd=tmp_path).out
    assert Path(out.removesuffix("\n")).name == "odqa.toml"


def test_summarize_shows_fields_and_places(odqa: Program, place: Path) -> None:
    out = odqa("summarize", "library/bridge-report.md", "--sections", cwd=place).out
    assert out.startswith("Report on the Linden Bridge\nlibrary/bridge-report.md · template ")
    assert "\nGist\n" in out
    assert "(What went wrong)" in out
    assert "\nSection 2" in out
    assert "00:00:" in run_here(odqa, "summarize", "library/council.vtt", cwd=place).out


def test_summarize_as_json_lines_and_markdown(odqa: Program, place: Path) -> None:
    run = odqa("summarize", "library", "--json", "--sections", "--template", "report", cwd=place)
    assert len(run.lines) == 3
    for summary in run.lines:
        assert summary["schema"] == "report"
        assert isinstance(summary["sections"], list)
        statements = [statement for field in summary["fields"] for statement in field["statements"]]
        assert all(statement["spans"] and statement["quote"] for statement in statements)
    single = json.loads(run_here(odqa, "summarize", "library/costs.csv", "--json", cwd=place).out)
    assert "sections" not in single
    run = run_here(odqa, "summarize", "library/bridge-report.md", "--format", "markdown", cwd=place)
    assert run.out.startswith("# Report on the Linden Bridge")


def test_summarize_goes_on_after_a_bad_file(odqa: Program, library: Path, tmp_path: Path) -> None:
    (library / "bad.txt").write_bytes(bytes(range(256)) * 40)
    run = run_here(odqa, "summarize", library, "--json", cwd=tmp_path, code=2)
    assert len(run.lines) == 3
    assert "bad.txt" in run.err
    assert run_here(odqa, "summarize", library / "costs.csv", "--template", "none-such", cwd=tmp_path, code=2).err


@pytest.mark.skipif(not (ROOT / "examples" / "library").is_dir(), reason="the example library is not here")
def test_demo_asks_three_questions_and_refuses_the_last(odqa: Program, tmp_path: Path) -> None:
    run = odqa("demo", cwd=tmp_path, ODQA_CACHE=str(tmp_path / "cache"), ODQA_ENCODER="hashing")
    first, second, third = run.out.split('$ odqa ask "')[1:]
    assert "Sources" in first
    assert "Sources" in second
    assert "The documents do not say." in third
    assert "Ask it yourself: odqa ask" in run.err
