"""What evaluation needs beyond a plain install, imported when it is needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from odqa.errors import UsageError


def need(module: str) -> ModuleType:
    """Import a module of the extra `odqa[eval]`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"this measurement needs {module}: {error}", "pip install 'odqa[eval]'") from error
