"""A language model on an OpenAI-compatible server: Ollama, llama-server, LM Studio, vLLM, SGLang, or a hosted one.

Only what these share is used: `GET /models`, and `POST /chat/completions` with model, messages, temperature,
max_tokens and seed. JSON-schema output is tried and given up where the server refuses it. Some servers cut a prompt
that is too long without a word; `_check_whole` finds that out from the tokens they count.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odqa.errors import ConfigError, ModelError
from odqa.llm.protocol import Completion, Message, Prompt, Schema, Usage

if TYPE_CHECKING:
    import httpx2

_DEFAULT_CONTEXT = 4096  # What Ollama reads unless told otherwise, and it does not say.
_BYTES_PER_TOKEN = 3  # English has 4 to 5, other scripts 3 and fewer characters: rather too many tokens than too few.
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 120.0
_CONNECT_S = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_FORMATS = ("json_schema", "json_object", "none")
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
_TOO_LONG = re.compile(r"context.{0,40}(?:length|window|size)|too many tokens|prompt is too long|exceed_context")
_THOUGHTS = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)\s*", re.DOTALL)
_UNVERIFIED_CHARACTERS = 4000
_KEY_REMEDY = "put the key into the environment variable ODQA_LLM_KEY"


@dataclass(slots=True)
class _Dialect:
    """What a server was found to take, learnt from its refusals."""

    form: int = 0
    length_name: str = "max_tokens"
    refused: set[str] = field(default_factory=set)


class ServerModel:
    """A model behind `{url}/chat/completions`.

    The key comes from `ODQA_LLM_KEY`, else from `OPENAI_API_KEY`; it is kept nowhere but in the connection, and the
    second is never sent in the clear to another machine.

    Args:
        url: address up to and including the version, e.g. `http://localhost:11434/v1`.
        model: the model's name on the server.
        context_tokens: what it reads and writes at once; 0 asks the server, and takes 4,096 where that does not say.
        parallel: requests under way at once.
        retries: how often a request is repeated after a refusal that may pass (429, 5xx, a broken connection).
        timeout_s: seconds that an answer may take.
        wait: how to pass the seconds between two tries.

    Raises:
        ConfigError: the URL is none, or the key cannot be one.
        ModelError: the server does not answer, wants a key, or has no such model.
    """

    follows_instructions = True

    def __init__(
        self,
        url: str,
        model: str,
        *,
        context_tokens: int = 0,
        parallel: int = 4,
        retries: int = 4,
        timeout_s: float = 600.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx2

        try:
            address = httpx2.URL(url.rstrip("/") + "/")
        except httpx2.InvalidURL:
            address = httpx2.URL("")
        if address.scheme not in {"http", "https"} or not address.host:
            raise ConfigError("llm_url is no address of a server", "for example http://localhost:11434/v1")
        self.name = model
        # Without any user name or password of the address.
        self.place = address.host + (f":{address.port}" if address.port else "")
        is_here = address.host in _LOOPBACK
        self._key = _key(may_borrow=is_here or address.scheme == "https")
        self._parallel, self._retries, self._timeout_s, self._wait = parallel, retries, timeout_s, wait
        self._client = httpx2.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx2.Timeout(timeout_s, connect=_CONNECT_S),
            verify=address.scheme == "https",  # Reading all certificates takes a while, and plain HTTP asks for none.
            trust_env=not is_here,  # A proxy has no business between this machine and itself.
        )
        # Whoever holds a model need not know that it holds connections.
        weakref.finalize(self, self._client.close)
        self._dialect, self._lock = _Dialect(), threading.Lock()
        self._has_answered = False
        about = self._about()
        self._announced = bool(context := _context(about))
        self.context_tokens = context_tokens or context or _DEFAULT_CONTEXT
        self._verified = _UNVERIFIED_CHARACTERS
        meta = _mapping(about.get("meta"))
        identity = [model, about.get("root"), [meta.get(name) for name in ("n_params", "size", "n_vocab")]]
        self.fingerprint = f"server/{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]}"

    def count_tokens(self, text: str) -> int:
        """Return an estimate, rather too high, of the tokens of a text: the server's tokenizer is not at hand.

        It depends on the text alone, so that the same document is always cut in the same places.
        """
        return math.ceil(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN)

    def generate(
        self, prompts: Sequence[Prompt], *, max_tokens: int, schema: Schema | None = None, seed: int = 0
    ) -> list[Completion]:
        """Complete each prompt, several at a time; see `LanguageModel.generate`."""

        def complete(prompt: Prompt) -> Completion:
            return self._complete(prompt, max_tokens, schema, seed)

        # The first goes alone: from it is learnt what the server takes.
        done = [complete(prompt) for prompt in prompts[:1]]
        if len(prompts) > 1:
            pool = ThreadPoolExecutor(min(self._parallel, len(prompts) - 1))
            try:
                done += pool.map(complete, prompts[1:])
            finally:
                pool.shutdown(cancel_futures=True)
        return done

    def _about(self) -> Mapping[str, Any]:
        """Return what the server's list of models says of ours.

        Raises:
            ModelError: it is not in the list.
        """
        response = self._send("GET", "models")
        if response.status_code in {404, 405, 501}:
            return {}  # A gateway without a list may well serve the model.
        self._raise_for_status(response)
        listed = (_mapping(entry) for entry in _list(self._json(response).get("data")))
        models = {str(entry["id"]): entry for entry in listed if "id" in entry}
        for name in (self.name, f"{self.name}:latest"):
            if name in models:
                return models[name]
        if models:
            some = ", ".join(sorted(models)[:8]) + (", …" if len(models) > 8 else "")
            raise ModelError(f"{self.place} has no model {self.name!r}", f"set llm to one of its own: {some}")
        return {}

    def _complete(self, prompt: Prompt, max_tokens: int, schema: Schema | None, seed: int) -> Completion:
        while True:
            body, form = self._body(prompt, max_tokens, schema, seed)
            response = self._send("POST", "chat/completions", body)
            if response.status_code not in {400, 422} or not self._give_way(body, form, self._said(response)):
                break
        self._raise_for_status(response)
        completion = self._completion(self._json(response))
        self._check_whole(prompt, completion.usage)
        return completion

    def _body(self, prompt: Prompt, max_tokens: int, schema: Schema | None, seed: int) -> tuple[dict[str, Any], int]:
        dialect = self._dialect
        form = dialect.form
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in prompt],
            dialect.length_name: max_tokens,
            "temperature": 0,
            "seed": seed,
            "stream": False,
        }
        if schema is not None and _FORMATS[form] != "none":
            body["response_format"] = {"type": _FORMATS[form]}
            if _FORMATS[form] == "json_schema":
                body["response_format"]["json_schema"] = {"name": "answer", "strict": True, "schema": schema}
        return {name: value for name, value in body.items() if name not in dialect.refused}, form

    def _give_way(self, body: Mapping[str, Any], form: int, refusal: str) -> bool:
        """Leave out, from now on, what the server refused; returns whether asking again makes sense."""
        said = refusal.lower()
        if _TOO_LONG.search(said):
            return False
        with self._lock:
            dialect = self._dialect
            if "max_completion_tokens" in said and "max_tokens" in body:
                dialect.length_name = "max_completion_tokens"
                return True
            for name in ("temperature", "seed"):
                if name in said and name in body:
                    dialect.refused.add(name)
                    return True
            if "response_format" in body:
                # Another thread may have learnt the same already.
                dialect.form = max(dialect.form, form + 1)
                return True
        return False

    def _completion(self, answer: Mapping[str, Any]) -> Completion:
        choice = _mapping(next(iter(_list(answer.get("choices"))), None))
        message = _mapping(choice.get("message"))
        if not message:
            raise ModelError(f"{self.place} answered without a message", "is llm_url the address of a chat server?")
        text, counts = message.get("content"), _mapping(answer.get("usage"))
        usage = Usage(_count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens")))
        finish = "length" if choice.get("finish_reason") == "length" else "stop"
        return Completion(_THOUGHTS.sub("", text).strip() if isinstance(text, str) else "", usage, finish)

    def _check_whole(self, prompt: Prompt, usage: Usage) -> None:
        """Make sure that the server read the whole prompt, by counting its halves where it is the longest so far.

        Ollama reads only part of a prompt beyond its context and says nothing; but its count tells: two halves then
        have more tokens than the whole. A server that announced its context refuses instead, and is not asked.

        Raises:
            ModelError: it did not.
        """
        size = sum(len(message.content) for message in prompt)
        if self._announced or not usage.prompt_tokens or size <= self._verified:
            return
        longest = max(range(len(prompt)), key=lambda i: len(prompt[i].content))
        content = prompt[longest].content
        middle = len(content) // 2
        first = [*prompt[:longest], Message("user", content[:middle])]
        second = [Message("user", content[middle:]), *prompt[longest + 1 :]]
        tokens = 0
        for half in (first, second):
            body, _ = self._body(half, 1, None, 0)
            response = self._send("POST", "chat/completions", body)
            self._raise_for_status(response)
            tokens += self._completion(self._json(response)).usage.prompt_tokens
        if tokens - usage.prompt_tokens > max(96, 0.1 * usage.prompt_tokens):
            raise ModelError(
                f"{self.place} read only {usage.prompt_tokens} tokens of a prompt that has at least {tokens}",
                f"raise its context (Ollama: OLLAMA_CONTEXT_LENGTH={self.context_tokens}), or lower llm_context",
            )
        self._verified = math.ceil(1.5 * size)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx2.Response:
        """Send a request, again where it may help, and return the answer whatever its status.

        Raises:
            ModelError: the server cannot be reached, or goes on asking for patience.
        """
        import httpx2

        for tried in range(self._retries + 1):
            pause = 0.5 * 2.0**tried
            try:
                response = self._client.request(method, path, json=body)
            except httpx2.ReadTimeout as error:
                raise ModelError(f"{self.place}: no answer within {self._timeout_s:g} s") from error
            except httpx2.RequestError as error:
                problem = f"{self.place} cannot be reached: {self._clean(str(error)) or type(error).__name__}"
                if tried == self._retries or (isinstance(error, httpx2.ConnectError) and not self._has_answered):
                    raise ModelError(problem, "start the server, or correct llm_url") from error
            else:
                self._has_answered = True
                said = self._said(response) if response.status_code in _RETRIED else ""
                if response.status_code not in _RETRIED or tried == self._retries or "insufficient_quota" in said:
                    return response
                pause = max(pause, _retry_after(response))
                if pause > _LONGEST_WAIT_S:
                    raise ModelError(f"{self.place} asks for {pause:.0f} s of patience", "try again later")
            self._wait(pause)
        raise RuntimeError("the last try returns or raises")

    def _raise_for_status(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status < 300:
            return
        said = self._said(response)
        if status in {401, 403}:
            raise ModelError(f"{self.place} refuses the key ({status}): {said}", _KEY_REMEDY)
        if status == 404:
            raise ModelError(f"{self.place} has nothing there (404): {said}", "llm_url usually ends in /v1")
        remedy = "set llm_context to what the model reads" if _TOO_LONG.search(said.lower()) else ""
        raise ModelError(f"{self.place} answered with status {status}: {said}", remedy)

    def _said(self, response: httpx2.Response) -> str:
        """Return the server's own words about an error, short, and without the key should it repeat it."""
        try:
            body = response.json()
        except ValueError:
            body = None
        error = body.get("error", body.get("detail", body)) if isinstance(body, dict) else response.text
        if isinstance(error, dict):
            error = " ".join(str(error[name]) for name in ("message", "code", "param") if error.get(name))
        return self._clean(" ".join(str(error).split())[:300])

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text

    def _json(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError as error:
            raise ModelError(f"{self.place} did not answer in JSON", "llm_url usually ends in /v1") from error
        if not isinstance(body, dict):
            raise ModelError(f"{self.place} answered with JSON of another form", "llm_url usually ends in /v1")
        return body


def _key(*, may_borrow: bool) -> str:
    """Return the key, or "": one meant for another service goes nowhere that others could read it on the way."""
    own = os.environ.get("ODQA_LLM_KEY", "").strip()
    key = own or (os.environ.get("OPENAI_API_KEY", "").strip() if may_borrow else "")
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("the key of the language model holds characters that no key has", _KEY_REMEDY)
    return key


def _context(about: Mapping[str, Any]) -> int:
    """Return the context length that a list of models announces, as vLLM, llama-server and others do; 0 if none."""
    candidates = [*(about.get(name) for name in _CONTEXT_NAMES), _mapping(about.get("meta")).get("n_ctx")]
    return next((count for value in candidates if (count := _count(value))), 0)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _retry_after(response: httpx2.Response) -> float:
    """Return the seconds that `Retry-After` asks for, given as seconds or as a date (RFC 9110); 0 if it does not."""
    from email.utils import parsedate_to_datetime

    value = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value)) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except ValueError:
        return 0.0
