"""Streams of chat servers that behave well and badly: real HTTP, scripted bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from odqa.errors import ConfigError, ModelError
from odqa.llm import Completion, Message, Sampling, make_language_model
from odqa.llm.client import Connection
from odqa.llm.protocol import LanguageModel
from odqa.llm.server import ServerModel
from odqa.settings import Settings
from tests.llm.peer import DONE, Reply, chat, event, serve, streamed

HELLO = (Message("system", "Be brief."), Message("user", "Say hello."))


def collect(model: LanguageModel, **options: Any) -> tuple[list[str], Completion]:
    *pieces, last = model.stream(HELLO, max_tokens=options.pop("max_tokens", 20), **options)
    assert isinstance(last, Completion)
    return [str(piece) for piece in pieces], last


def read(reply: Reply, **options: Any) -> Completion:
    with serve(lambda body: reply) as peer:
        pieces, last = collect(ServerModel(peer.url, "tiny", wait=lambda _: None, **options))
    assert "".join(pieces).strip() == last.text
    return last


def test_pieces_come_as_they_are_written_and_the_whole_at_the_end() -> None:
    with serve(lambda body: streamed("Hel", "lo ", "there.", usage=(12, 4))) as peer:
        model = ServerModel(peer.url, "tiny")
        pieces, last = collect(model, sampling=Sampling(0.7, 0.9, 3, ("\n\n",)))
    assert isinstance(model, LanguageModel)
    assert "".join(pieces) == last.text == "Hello there."
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.finish, last.note) == (12, 4, "stop", "")
    (body,) = peer.chats
    assert body.pop("messages")[1] == {"role": "user", "content": "Say hello."}
    assert body == {
        "model": "tiny",
        "max_tokens": 20,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["\n\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


WHOLE = event("Hé") + event("llo.") + event(finish="stop") + event(usage=(7, 2))
ODDITIES: dict[str, Sequence[bytes]] = {
    "nothing odd": [WHOLE, DONE],
    "no done": [WHOLE],
    "lines end with CR LF": [(WHOLE + DONE).replace(b"\n", b"\r\n")],
    "no empty lines": [(WHOLE + DONE).replace(b"\n\n", b"\n")],
    "no space after the colon": [(WHOLE + DONE).replace(b"data: ", b"data:")],
    "keep-alive comments": [b": ping\n\n", event("Hé"), b":\n\n", b"\n\n", event("llo."), event(finish="stop"),
                            event(usage=(7, 2)), DONE],
    "other fields": [b"event: message\nid: 4\nretry: 10\n" + WHOLE, DONE],
    "byte by byte": [bytes([byte]) for byte in WHOLE + DONE],
    "empty choices and deltas": [event(usage=(7, 2)), event(""), event(role="assistant"), WHOLE, DONE],
    "reasoning before it": [event(None, reasoning_content="Hm."), event(None, reasoning="Hm."), WHOLE, DONE],
    "thoughts in the text": [event("<thi"), event("nk>Hm, "), event("hello?</think>\n\n"), WHOLE, DONE],
    "an object over two lines": [b'data: {"choices":\ndata: [{"delta": {"content": "H\\u00e9"}}]}\n\n', 
                                 event("llo."), event(finish="stop"), event(usage=(7, 2)), DONE],
    "content in parts": [event([{"type": "text", "text": "Hé"}]), event("llo."), event(finish="stop", text=""),  # type: ignore[arg-type]
                         event(usage=(7, 2)), DONE],
    "no blank line after the last event": [event("Hé"), event("llo."), event(usage=(7, 2)),
                                           event(finish="stop").rstrip()],
    "broken events between": [b"data: {nonsense\n\n", b"data: 5\n\n", WHOLE, DONE],
}  # fmt: skip


@pytest.mark.parametrize("name", ODDITIES)
def test_servers_write_streams_in_many_hands(name: str) -> None:
    last = read(Reply(chunks=ODDITIES[name]))
    assert (last.text, last.finish, last.note) == ("Héllo.", "stop", "")
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (7, 2)


def test_what_was_written_before_a_connection_broke_is_kept_and_said() -> None:
    last = read(Reply(chunks=[event("The pier "), event("fell.")], cut=True))
    assert (last.text, last.finish) == ("The pier fell.", "cut")
    assert "breaks off where the connection to 127.0.0.1" in last.note


def test_a_stream_that_just_ends_is_taken_for_cut() -> None:
    last = read(Reply(chunks=[event("The pier "), event("fell.")]))
    assert (last.text, last.finish) == ("The pier fell.", "cut")
    assert "ended without its end" in last.note


def test_an_error_in_the_middle_is_said_in_the_servers_words() -> None:
    error = f"data: {json.dumps({'error': {'message': 'out of memory'}})}\n\n".encode()
    last = read(Reply(chunks=[event("The pier."), error]))
    assert (last.text, last.finish) == ("The pier.", "cut")
    assert "out of memory" in last.note


def test_before_the_first_word_it_begins_again() -> None:
    error = b'data: {"error": "loading"}\n\n'
    with serve(lambda body: streamed("At last.")) as peer:
        peer.first.extend(
            [Reply(chunks=[b": hello\n\n"], cut=True), Reply(chunks=[error]), Reply(503, {"error": "no"})]
        )
        waits: list[float] = []
        pieces, last = collect(ServerModel(peer.url, "tiny", wait=waits.append))
    assert (pieces, last.text, last.note) == (["At last."], "At last.", "")
    assert len(peer.chats) == 4
    assert waits == [0.5, 1.0, 0.5]


def test_after_the_first_word_it_does_not() -> None:
    with serve(lambda body: streamed("Twice.")) as peer:
        peer.first.append(Reply(chunks=[event("Once ")], cut=True))
        _, last = collect(ServerModel(peer.url, "tiny", wait=lambda _: None))
    assert last.text == "Once"
    assert len(peer.chats) == 1


def test_patience_with_a_stream_ends() -> None:
    with serve(lambda body: Reply(chunks=[b'data: {"error": "still loading"}\n\n'])) as peer:
        model = ServerModel(peer.url, "tiny", retries=2, wait=lambda _: None)
        with pytest.raises(ModelError, match="broke off: still loading"):
            collect(model)
    assert len(peer.chats) == 3


def test_a_refusal_is_one_line_and_patience_is_asked_for_as_before() -> None:
    waits: list[float] = []
    with serve(lambda body: streamed("ok")) as peer:
        peer.first.append(Reply(429, {"error": "busy"}, {"Retry-After": "7"}))
        model = ServerModel(peer.url, "tiny", wait=waits.append)
        assert collect(model)[1].text == "ok"
        peer.first.append(Reply(400, {"error": {"message": "maximum context length is 12 tokens"}}))
        with pytest.raises(ModelError, match="status 400: maximum context length"):
            collect(model)
        peer.first.append(Reply(401, {"error": "no"}))
        with pytest.raises(ModelError, match="refuses the key"):
            collect(model)
    assert waits == [7.0]


@pytest.mark.parametrize("words", ["Unrecognized request argument: stream_options", "extra fields not permitted"])
def test_counts_at_the_end_are_asked_for_until_they_are_refused(words: str) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply(422, {"detail": words}) if "stream_options" in body else streamed("ok", usage=None)

    with serve(answer) as peer:
        model = ServerModel(peer.url, "tiny")
        assert [collect(model)[1].text for _ in range(2)] == ["ok", "ok"]
    assert ["stream_options" in body for body in peer.chats] == [True, False, False]


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    reply = chat("<think>Hm.</think>In one piece.", read=3, written=4)
    reply.headers["Content-Type"] = "application/json; charset=utf-8"
    last = read(reply)
    assert (last.text, last.usage.prompt_tokens, last.finish) == ("In one piece.", 3, "stop")


def test_slow_words_are_waited_for_and_silence_is_not() -> None:
    slow = streamed(*"abcdefgh", pause_s=0.15)
    assert read(slow, timeout_s=1.0).text == "abcdefgh"  # All of them take longer than one may.
    stuck = Reply(chunks=[event("The pier fell."), event("never")], pause_s=0.6)
    with serve(lambda body: stuck) as peer, pytest.raises(ModelError, match=r"no answer within|broke off"):
        collect(ServerModel(peer.url, "tiny", timeout_s=0.3, retries=0))


def test_silence_in_the_middle_keeps_what_was_written() -> None:
    class Late(list[bytes]):
        def __iter__(self) -> Any:
            yield event("The pier fell.")
            time.sleep(2.0)
            yield event("Never read.")

    last = read(Reply(chunks=Late([b"x"])), timeout_s=1.0)
    assert (last.text, last.finish) == ("The pier fell.", "cut")
    assert "no answer within 1 s" in last.note


def test_closing_the_stream_hangs_up() -> None:
    with serve(lambda body: Reply(chunks=[event("word " * 2000)] * 400, pause_s=0.002)) as peer:
        pieces = ServerModel(peer.url, "tiny").stream(HELLO, max_tokens=20)
        assert str(next(pieces)).startswith("word")
        pieces.close()  # type: ignore[attr-defined]
        assert peer.hung_up.wait(10)


def test_what_stops_a_completion_is_no_part_of_it() -> None:
    with serve(lambda body: streamed("One. E", "ND", " Two.")) as peer:
        _, last = collect(ServerModel(peer.url, "tiny"), sampling=Sampling(stop=("END",)))
    assert (last.text, last.finish, last.note) == ("One.", "stop", "")


def test_only_thoughts_until_the_tokens_ran_out_are_no_answer() -> None:
    last = read(Reply(chunks=[event(None, reasoning="Hm."), event("<think>and on"), event(finish="length"), DONE]))
    assert (last.text, last.finish) == ("", "length")


def test_a_prompt_that_was_cut_without_a_word_is_said() -> None:
    def answer(body: dict[str, Any]) -> Reply:
        count = sum(len(message["content"].split()) for message in body["messages"])
        count = count if count <= 1000 else 502
        return streamed("ok", usage=(count, 1)) if body["stream"] else chat("x", read=count)

    prompt = (Message("user", " ".join(f"word{number % 1000:03}" for number in range(3000))),)
    with serve(answer, models=[{"id": "tiny"}]) as peer:
        *_, last = ServerModel(peer.url, "tiny", context_tokens=8000).stream(prompt, max_tokens=5)
    assert isinstance(last, Completion)
    assert last.text == "ok"
    assert "read only 502 tokens of a prompt that has at least 1004" in last.note
    assert "OLLAMA_CONTEXT_LENGTH=8000" in last.note


def test_the_key_is_not_said_by_a_broken_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODQA_LLM_KEY", "sk-very-secret")
    error = b'data: {"error": {"message": "bad key sk-very-secret"}}\n\n'
    assert "secret" not in read(Reply(chunks=[event("The pier."), error])).note


@pytest.mark.parametrize(
    ("name", "place"),
    [("ollama", "localhost:11434"), ("LM-Studio", "localhost:1234"), ("sglang", "localhost:30000")],
)
def test_well_known_servers_have_names(name: str, place: str) -> None:
    assert Connection(name, retries=0, timeout_s=1, wait=lambda _: None).place == place
    with pytest.raises(ConfigError, match="ollama, llama-server, lm-studio, vllm, transformers, sglang"):
        Connection("olama", retries=0, timeout_s=1, wait=lambda _: None)


def test_the_settings_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda body: Reply(chunks=[event("a")], pause_s=0.5)) as peer:
        model = make_language_model(Settings(llm_url=peer.url, llm="tiny", llm_timeout=0.1))
        with pytest.raises(ModelError, match=r"no answer within 0\.1 s"):
            list(model.stream(HELLO, max_tokens=5))
        with pytest.raises(ConfigError, match="llm_quantize"):
            make_language_model(Settings(llm_url=peer.url, llm="tiny", llm_quantize="4bit"))
