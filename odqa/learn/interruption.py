"""Ctrl-C and SIGTERM during a training: the step is finished and saved first, then the signal does what it does."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Notes signals instead of obeying at once; a second one is obeyed at once.

    In threads other than the main one nothing is caught, as Python hands them no signals.

    Attributes:
        signal: the one that came; 0 for none.
        at_once: obey the next at once: nothing is lost where the code is now.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if before is not None and before != signal.SIG_IGN:  # Someone else's, or to be ignored.
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.signal:  # It came when the last step was done.
            self.obey()

    def obey(self) -> None:
        """Do what the signal that came would have done.

        Raises:
            KeyboardInterrupt: none came here; another process that learns with this one had it.
        """
        self._restore()
        if not self.signal:
            raise KeyboardInterrupt
        came, self.signal = self.signal, 0
        signal.raise_signal(came)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = self.signal != 0, number
        if again or self.at_once:
            self.obey()

    def _restore(self) -> None:
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, before)
