"""What every test may rely on: a cache that persists between runs, no hub, and none of the user's own settings."""

from __future__ import annotations

import getpass
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

KEPT = {"ODQA_DATA", "ODQA_PYTHON"}

# Read when the hub's client is imported, which modules of tests may do before any fixture: then a name that no model
# has would be looked up, again and again.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Let Ctrl-C mean what it does on a terminal: a shell that runs the tests in its background ignores it for them."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def environment() -> Iterator[None]:
    """Point the cache at a folder of this user, so that the encoder is converted once and not in every run."""
    folder = Path(tempfile.gettempdir()) / f"odqa-tests-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        pytest.exit(f"{folder} belongs to another user: remove it, or set TMPDIR", returncode=2)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ODQA_") and name not in KEPT]:
            patch.delenv(name)
        patch.setenv("ODQA_CACHE", str(folder))
        yield
