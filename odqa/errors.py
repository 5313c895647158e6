"""Every error that odqa raises on purpose.

```
OdqaError            1   something a user can act on
├── UsageError       2   a wrong option, an empty question
├── ConfigError      2   odqa.toml, ODQA_* or a keyword argument is wrong
├── LoadError        2   a document cannot be read
├── OdqaIndexError   4   an index on disk cannot be used
│   ├── IndexMissing     2   there is no index at that path
│   ├── IndexCorrupt     4   a file differs from its checksum, or points outside its bounds
│   ├── IndexMismatch    4   made by another format version or another encoder
│   └── IndexLocked      1   another process is writing
├── ModelError       1   a model cannot be found, loaded or run
└── LimitError       2   an input is larger than the limit set for it
```

Each class carries the process exit code that the command line returns, and each instance a remedy: what
the person can do next. `str(error)` is one line holding both.
"""

from __future__ import annotations

from typing import ClassVar


class OdqaError(Exception):
    """Say in one line what went wrong, and in `remedy` what to do about it.

    Args:
        message: what is wrong, naming the file, option or document.
        remedy: what the user can do; appended after a semicolon-free dash by `str()`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.message} ({self.remedy})" if self.remedy else self.message
        return " ".join(text.split())


class UsageError(OdqaError):
    """A call that cannot mean anything: an empty question, a limit of zero."""

    exit_code = 2


class ConfigError(OdqaError):
    """A setting that does not exist or holds a value it cannot hold."""

    exit_code = 2


class LoadError(OdqaError):
    """A document that cannot be read; the rest of the batch goes on."""

    exit_code = 2


class OdqaIndexError(OdqaError):
    """Base of the errors about an index on disk."""

    exit_code = 4


class IndexMissing(OdqaIndexError):
    """No index where one was expected."""

    exit_code = 2


class IndexCorrupt(OdqaIndexError):
    """An index file whose bytes are not those that were committed."""


class IndexMismatch(OdqaIndexError):
    """An index made by another format version, or with another encoder."""


class IndexLocked(OdqaIndexError):
    """Another process is writing to the index."""

    exit_code = 1


class ModelError(OdqaError):
    """A model that cannot be found, verified, loaded or run."""


class LimitError(OdqaError):
    """An input larger than a limit that protects memory or time."""

    exit_code = 2
