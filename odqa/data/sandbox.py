"""Run parsers of untrusted files in a child process, under limits on memory and time.

One child serves file after file, so that a file costs no process start; it is replaced when it dies, runs out of
memory or takes too long. Parent and child exchange length-prefixed JSON: nothing is unpickled, and what the
child sends is checked like any other input. `python -m odqa.data.sandbox` is the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from odqa.data.codec import from_json, to_json
from odqa.data.loaders.files import identify
from odqa.errors import LimitError, LoadError, OdqaError
from odqa.registry import resolve
from odqa.schema import Document

_LENGTH = struct.Struct(">Q")
_DOCUMENT, _ERROR, _DONE = b"D", b"E", b"."
_ERRORS: Mapping[str, type[OdqaError]] = {"LoadError": LoadError, "LimitError": LimitError}
_GRACE_S = 2.0


class _Died(Exception):
    """The child is gone: why, in words that follow the file's name."""

    def __init__(self, reason: str, remedy: str, *, at_fault: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.at_fault = reason, remedy, at_fault


class Sandbox:
    """Loads files in a child process. Use it as a context manager, from one thread at a time.

    Limits on memory and on processor time need POSIX resource limits; elsewhere only the limit on elapsed time
    holds.

    Args:
        memory_bytes: address space that the child may use.
        timeout_s: seconds that one file may take.
    """

    def __init__(self, *, memory_bytes: int = 1 << 30, timeout_s: float = 60.0) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def load(self, loader: str, path: Path, *, timeout_s: float | None = None) -> Iterator[Document]:
        """Yield the documents of a file, as `loader` (a name in the registry) reads them.

        Args:
            loader: the loader's name.
            path: the file.
            timeout_s: seconds that this file may take, where that differs from the sandbox's own limit.

        Raises:
            LoadError: the loader refuses the file, or crashes, hangs or runs out of memory over it.
            LimitError: the loader finds the file too large.
        """
        timeout_s = timeout_s or self._timeout_s
        delivered = 0
        was_used = self._served > 0
        try:
            for document in self._attempt(loader, path, timeout_s):
                delivered += 1
                yield document
            return
        except _Died as death:
            # What an earlier file left behind may be to blame: only a fresh child convicts a file.
            if delivered or death.at_fault or not was_used:
                raise LoadError(f"{path}: {death.reason}", death.remedy) from None
        try:
            yield from self._attempt(loader, path, timeout_s)
        except _Died as death:
            raise LoadError(f"{path}: {death.reason}", death.remedy) from None

    def close(self) -> None:
        """End the child process, if there is one."""
        process, self._process, self._served = self._process, None, 0
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _attempt(self, loader: str, path: Path, timeout_s: float) -> Iterator[Document]:
        process = self._started()
        self._served += 1
        complete = False
        left_s = timeout_s
        try:
            request = {"loader": loader, "path": os.fspath(path), "memory": self._memory_bytes, "seconds": timeout_s}
            self._send(process, json.dumps(request).encode())
            while not complete:
                began = time.monotonic()
                kind, payload = self._receive(process, left_s)
                left_s -= time.monotonic() - began
                if kind == _DOCUMENT:
                    yield _checked(from_json(payload), path)
                elif kind == _ERROR:
                    error = _read_error(payload)
                    complete = not isinstance(error, _Died)
                    raise error
                else:
                    complete = True
        finally:
            if not complete:  # The conversation broke off: interrupted, abandoned, or the child misbehaved.
                process.kill()
                self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        # The child finds the same packages, but nothing in a working folder that may hold anybody's files.
        places = [place for place in sys.path if place and os.path.isabs(place)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "odqa.data.sandbox"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
            )
        except OSError as error:
            raise LoadError(f"no process can be started to parse files in: {error}", "check the limits") from error
        return self._process

    def _send(self, process: subprocess.Popen[bytes], request: bytes) -> None:
        try:
            if process.stdin is not None:
                process.stdin.write(_LENGTH.pack(len(request)) + request)
                process.stdin.flush()
        except OSError as error:
            raise self._autopsy(process) from error

    def _receive(self, process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes]:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(max(seconds, 0.001), expire)
        timer.daemon = True
        timer.start()
        try:
            frame = _read_frame(process.stdout, self._memory_bytes) if process.stdout is not None else b""
        finally:
            timer.cancel()
        if frame:
            return frame[:1], frame[1:]
        if expired.is_set():
            remedy = "convert it to text, or raise the time limit"
            raise _Died("parsing takes longer than its time limit", remedy, at_fault=True)
        raise self._autopsy(process)

    def _autopsy(self, process: subprocess.Popen[bytes]) -> _Died:
        try:
            status = process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return _Died("the parser stopped answering", "convert the file to text")
        if hasattr(signal, "SIGXCPU") and status == -signal.SIGXCPU:
            remedy = "convert it to text, or raise the time limit"
            return _Died("parsing takes more processor time than its limit", remedy, at_fault=True)
        return _Died(f"the parser crashed (exit status {status})", "the file is damaged or hostile, get a fresh copy")


def _checked(document: Document, path: Path) -> Document:
    expected = identify(path)
    if document.id != expected and not document.id.startswith(f"{expected}#"):
        raise LoadError(f"{path}: the parser's answer is about another document")
    return document


def _read_error(payload: bytes) -> Exception:
    try:
        name, message, remedy = map(str, json.loads(payload))
    except ValueError:
        return LoadError("the parser's answer cannot be read")
    if name == "MemoryError":
        return _Died("parsing needs more memory than its limit", "convert it to text, or raise the memory limit")
    return _ERRORS.get(name, LoadError)(message, remedy)


def _read_frame(stream: IO[bytes], most: int) -> bytes:
    """Return the next message; b"" where the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return b""
    (length,) = _LENGTH.unpack(head)
    if not 0 < length <= most:
        raise LoadError("the parser's answer is larger than its memory limit")
    data = stream.read(length)
    return data if len(data) == length else b""


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Be the child: answer requests until the parent is gone."""
    while request := _read_frame(requests, 1 << 20):
        wanted = json.loads(request)
        _limit(int(wanted["memory"]), float(wanted["seconds"]))
        try:
            loader = resolve("loaders", wanted["loader"])()
            for document in loader.load(Path(wanted["path"])):
                _answer(answers, _DOCUMENT, to_json(document))
        except MemoryError:
            _answer(answers, _ERROR, b'["MemoryError", "", ""]')
            return
        except OdqaError as error:
            _answer(answers, _ERROR, _error(type(error).__name__, error.message, error.remedy))
        except Exception as error:  # Whatever a parser raises over a hostile file is that file's failure alone.
            message = f"{wanted['path']}: the file cannot be parsed ({type(error).__name__}: {str(error)[:200]})"
            _answer(answers, _ERROR, _error("LoadError", message, "the file is damaged, get a fresh copy"))
        else:
            _answer(answers, _DONE, b"")


def _answer(answers: IO[bytes], kind: bytes, payload: bytes) -> None:
    answers.write(_LENGTH.pack(1 + len(payload)) + kind)
    answers.write(payload)
    answers.flush()


def _error(name: str, message: str, remedy: str) -> bytes:
    return json.dumps([name, message, remedy]).encode()


def _limit(memory_bytes: int, seconds: float) -> None:
    """Bound what the next file may use: memory, processor time from now on, and no files written."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 2
    wanted: list[tuple[int, tuple[Any, Any]]] = [
        (resource.RLIMIT_AS, (memory_bytes, memory_bytes)),
        (resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1])),
        (resource.RLIMIT_FSIZE, (0, 0)),
        (resource.RLIMIT_CORE, (0, 0)),
    ]
    for name, limits in wanted:
        # macOS knows RLIMIT_AS but refuses it, and a limit that stands already may be lower.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(name, limits)


def main() -> None:
    """Serve the parent on standard input and output, which parsers then cannot reach."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    with contextlib.suppress(BrokenPipeError):
        serve(requests, answers)


if __name__ == "__main__":
    main()
