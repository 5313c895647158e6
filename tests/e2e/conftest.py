"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.program import Program, write_library


@pytest.fixture(scope="session")
def odqa(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("home"))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(tmp_path / "library")


@pytest.fixture(scope="session")
def place(odqa: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents in `library` and the index `library.odqa`, for tests that change neither."""
    folder = tmp_path_factory.mktemp("place")
    write_library(folder / "library")
    odqa("index", "build", "library", "--encoder", "hashing", "-q", cwd=folder)
    return folder
