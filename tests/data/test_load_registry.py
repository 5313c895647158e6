"""Parts by name: built-in, installed, unknown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from odqa import registry
from odqa.errors import ConfigError
from odqa.protocols import Loader


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    information = tmp_path / "third_party-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[odqa.loaders]\nodt = third_party:OdtLoader\ntext = third_party:Usurper\nbroken = third_party:Missing\n"
        "number = third_party:NUMBER\n"
    )
    (tmp_path / "third_party.py").write_text("class OdtLoader: suffixes = ('.odt',)\nclass Usurper: pass\nNUMBER = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._installed.cache_clear()
    yield tmp_path
    registry._installed.cache_clear()
    sys.modules.pop("third_party", None)


@pytest.mark.parametrize("name", registry.names("loaders", installed=False))
def test_every_built_in_loader_resolves_to_a_loader(name: str) -> None:
    assert isinstance(registry.resolve("loaders", name)(), Loader)


def test_every_kind_has_names() -> None:
    for kind in get_args(registry.Kind):
        assert isinstance(registry.names(kind), tuple)
    assert "minilm" in registry.names("encoders")


def test_an_installed_part_is_found_but_cannot_replace_a_built_in_one(installed: Path) -> None:
    assert registry.resolve("loaders", "odt").__name__ == "OdtLoader"
    assert registry.resolve("loaders", "text").__name__ == "TextLoader"
    assert registry.names("loaders").count("text") == 1


def test_listing_imports_nothing(installed: Path) -> None:
    assert "odt" in registry.names("loaders")
    assert "third_party" not in sys.modules


@pytest.mark.parametrize("name", ["nonsense", "", "os:system", "odqa.data.loaders.text:TextLoader"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no loader called") as caught:
        registry.resolve("loaders", name)
    assert "markdown" in caught.value.remedy


def test_a_part_that_cannot_be_imported_says_why(installed: Path) -> None:
    with pytest.raises(ConfigError, match="third_party:Missing cannot be imported"):
        registry.resolve("loaders", "broken")
    with pytest.raises(ConfigError, match="no class or factory"):
        registry.resolve("loaders", "number")


def test_an_unknown_kind_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="known kinds: loaders"):
        registry.names("gadgets")  # type: ignore[arg-type]


def test_the_registry_itself_imports_no_part() -> None:
    script = "import sys, odqa.registry; print([m for m in sys.modules if m.startswith('odqa.') and m.count('.') > 1])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
