"""Settings come from where they were said, and a slip of the pen is an error everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import ConfigError
from odqa.settings import Settings, resolve


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "odqa").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (home / "odqa" / "odqa.toml").write_text("pooling = 2\nevidence = 2\ncandidates = 2\nrrf_k = 2\n")
    (tmp_path / "odqa.toml").write_text("evidence = 3\ncandidates = 3\nrrf_k = 3\n")
    monkeypatch.setenv("ODQA_CANDIDATES", "4")
    monkeypatch.setenv("ODQA_RRF_K", "4")
    resolved = resolve({"rrf_k": 5, "threads": None}, folder=tmp_path)
    found = resolved.settings
    assert (found.pooling, found.evidence, found.candidates, found.rrf_k, found.threads) == (2, 3, 4, 5, 0)
    assert resolved.origins["pooling"] == str(home / "odqa" / "odqa.toml")
    assert resolved.origins["evidence"] == str(tmp_path / "odqa.toml")
    assert resolved.origins["candidates"] == "ODQA_CANDIDATES"
    assert resolved.origins["rrf_k"] == "argument"
    assert resolved.origins["threads"] == "default"


def test_an_index_decides_only_what_was_left_open(tmp_path: Path) -> None:
    resolved = resolve({"pooling": 5}, folder=tmp_path).with_index({"pooling": 9, "passage_tokens": 64}, "my.odqa")
    assert (resolved.settings.pooling, resolved.settings.passage_tokens) == (5, 64)
    assert resolved.origins["passage_tokens"] == "my.odqa"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("poling = 3", "did you mean pooling"),
        ("pooling = 'many'", "a whole number"),
        ("pooling = true", "a whole number"),
        ("pooling = 0", "at least 1"),
        ("policy = 'lenient'", "strict, flag, off"),
        ("pooling = ", "odqa.toml"),
        ("llm_temperature = 'warm'", "a number"),
        ("llm_temperature = true", "a number"),
        ("llm_temperature = nan", "a number"),
        ("llm_temperature = 2.5", "at most 2"),
        ("llm_temperature = -0.1", "at least 0"),
        ("llm_top_p = 0", "above 0"),
        ("llm_timeout = 0.0", "above 0"),
        ("llm_quantize = '2bit'", "none, 8bit, 4bit"),
        ("drafts = 0", "at least 1"),
        ("beams = 100", "at most 64"),
    ],
)
def test_wrong_files(tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "odqa.toml").write_text(toml)
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(folder=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ODQA_LLM_TOP_P", "most", "a number"),
        ("ODQA_POLING", "3", "ODQA_POLING"),
        ("ODQA_POOLING", "x", "whole number"),
        ("ODQA_STRICT", "maybe", "true or"),
    ],
)
def test_wrong_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        resolve(folder=tmp_path)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="did you mean pooling"):
        resolve({"poling": 1})
    with pytest.raises(ConfigError, match="no setting"):
        Settings().replace(nonsense=1)
    assert Settings().replace(strict=True).strict


def test_an_index_does_not_keep_which_language_model_wrote_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ODQA_LLM", "tiny")
    monkeypatch.setenv("ODQA_LLM_URL", "http://localhost:11434/v1")
    monkeypatch.setenv("ODQA_LLM_KEY", "a secret is no setting")
    monkeypatch.setenv("ODQA_MODELS", "a place is no setting")
    settings = resolve({"summarizer": "generative"}, folder=tmp_path).settings
    assert (settings.llm, settings.llm_url, settings.llm_context) == ("tiny", "http://localhost:11434/v1", 0)
    assert not [name for name in settings.index_values() if name.startswith("llm")]
    assert settings.index_values()["summarizer"] == "generative"
    with pytest.raises(ConfigError, match="at least 0"):
        settings.replace(llm_context=-1)


def test_numbers_with_fractions_come_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odqa.toml").write_text("llm_temperature = 1\nllm_top_p = 0.5\n")
    monkeypatch.setenv("ODQA_LLM_TIMEOUT", "2.5")
    found = resolve({"llm_top_p": 0.9}, folder=tmp_path).settings
    assert (found.llm_temperature, found.llm_top_p, found.llm_timeout) == (1.0, 0.9, 2.5)
    assert isinstance(found.llm_temperature, float)
    assert isinstance(found.replace(llm_top_p=1).llm_top_p, float)
