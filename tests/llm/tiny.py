"""Tiny random language models with tokenizers of their own, made where a test needs them."""

from __future__ import annotations

import json
from pathlib import Path

TEXT = """the second pier of the harbour was delayed because nobody had tested the silt . the commission paid for it in
spring and the council asked why . write one sentence : { } [ ] , 0 1 2 3 4 5 6 7 8 9 system user assistant summarize"""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system here') }}"
    "{% endif %}{{ message['role'] + ' : ' + message['content'] + ' . ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant : ' }}{% endif %}"
)


def _tokenizer(folder: Path, *, chat: bool, ends: bool) -> int:
    """Save a word-level tokenizer and return the size of its vocabulary; with `ends` a text ends with `</s>`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", *dict.fromkeys(TEXT.split())]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=128
    )
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return len(words)


def seq2seq(folder: Path, *, seed: int = 0) -> Path:
    """Save a T5 of one layer in `folder`; it reads 128 tokens."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(seed)
    size = _tokenizer(folder, chat=False, ends=True)
    config = T5Config(
        vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0,
        pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    file = folder / "config.json"
    tasks = {"task_specific_params": {"summarization": {"prefix": "summarize "}}}
    file.write_text(json.dumps(json.loads(file.read_text()) | tasks))
    return folder


def causal(folder: Path, *, chat: bool = True, seed: int = 0) -> Path:
    """Save a Llama of one layer in `folder`; it reads and writes 128 tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    size = _tokenizer(folder, chat=chat, ends=False)
    config = LlamaConfig(
        vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=128, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
