"""A tiny reader, trained here in seconds: it says why an invented building was late, and cites its source."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import regex
from filelock import FileLock

from odqa.data.builder import DocumentBuilder
from odqa.reader import neural
from odqa.reader.neural.inputs import FusionTokenizer, Limits, Source, collate_targets
from odqa.reader.neural.sources import asked
from odqa.schema import Document, Evidence
from tests.reader.conftest import to_evidence

NAMES = (
    "Abbot Brindle Carrow Dunmere Elsworth Farholt Gatesby Hollin Ivelton Jarrow Kestle Lorne Marwick Norby Orrin "
    "Pellow"
).split()
FATES = (
    "flooded in spring",
    "sank into sand",
    "lost its mason",
    "burned to ashes",
    "ran short of stone",
    "rotted from below",
    "stood empty for years",
    "fell during winter",
)
_MARKS = 8
_LEARNING = ("inputs", "sources", "encoder_decoder", "gpt_neo", "pointer")
"""Modules that what is learned depends on."""
_STEPS, _BATCH, _SIZE, _RATE = 260, 24, 32, 6e-3


def told(name: str, fate: str) -> str:
    """Return what a document says of a building."""
    return f"{name} {fate}."


def question(name: str) -> str:
    """Return what is asked of it."""
    return f"What happened to {name}?"


def document(name: str, fate: str) -> Document:
    """Return a document about a building."""
    builder = DocumentBuilder(f"{name.lower()}.txt", title="Works", source=f"/{name.lower()}.txt")
    builder.paragraph(told(name, fate))
    return builder.build()


def evidence(**fates: str) -> list[Evidence]:
    """Return a passage for each building, with what happened to it."""
    return [item for name, fate in fates.items() for item in to_evidence(document(name, fate))]


def example(rng: random.Random) -> tuple[str, list[Source], str]:
    """Return a question as the model reads it, sources, and the answer."""
    names = rng.sample(NAMES, rng.randint(2, 4))
    numbers = rng.sample(range(1, _MARKS + 1), len(names))
    said = [told(name, rng.choice(FATES)) for name in names]
    sources = [Source(number, "Works", text) for number, text in zip(numbers, said, strict=True)]
    answer = f"{said[0]} [{numbers[0]}]"
    rng.shuffle(sources)
    return asked(question(names[0]), rng.choice((10, 20, 40, 50))), sources, answer


def make_tokenizer(folder: Path, texts: Sequence[str]) -> FusionTokenizer:
    """Return a tokenizer of whole words, lower case, with signs apart: as MiniLM's, but small."""
    from transformers import BertTokenizerFast

    words = sorted({word for text in texts for word in regex.findall(r"\w+|[^\w\s]", text.lower())})
    marks = [f"[unused{number}]" for number in range(1, _MARKS + 1)]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *marks, *words]))
    tokenizer = BertTokenizerFast(str(vocabulary))
    return FusionTokenizer(tokenizer, tokenizer, marks, Limits(question=24, passage=64, target=60))


def make_model(tokenizer: FusionTokenizer):
    """Return a model with weights at random."""
    import torch
    from transformers import BertConfig

    from odqa.reader.neural.encoder_decoder import FusionConfig, FusionModel
    from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig

    words = len(tokenizer.decoder)
    encoder = BertConfig(
        vocab_size=words, hidden_size=_SIZE, num_hidden_layers=2, num_attention_heads=4, intermediate_size=2 * _SIZE,
        max_position_embeddings=64, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
    )  # fmt: skip
    decoder = CrossGPTNeoConfig(
        vocab_size=words, hidden_size=_SIZE, num_layers=2, attention_types=[[["global", "local"], 1]], num_heads=4,
        window_size=16, max_position_embeddings=64, intermediate_size=2 * _SIZE, add_cross_attention=True,
        cross_attention_hidden_size=_SIZE, resid_dropout=0, embed_dropout=0, attention_dropout=0,
        bos_token_id=tokenizer.start, eos_token_id=tokenizer.end,
    )  # fmt: skip
    special = {"bos_token_id": tokenizer.start, "eos_token_id": tokenizer.end, "pad_token_id": 0}
    config = FusionConfig(
        encoder=encoder, decoder=decoder, sources=_MARKS, pointer=True, copy_gate=0.0,
        decoder_start_token_id=tokenizer.start, **special,
    )  # fmt: skip
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        model = FusionModel(config)
        # What was just written points at what follows it in the sources, from the first step on.
        embeddings = model.encoder.get_input_embeddings().weight.normal_(std=0.3)
        model.decoder.transformer.wte.weight.copy_(embeddings)
        model.pointer.queries.weight.copy_(torch.eye(_SIZE))
        model.pointer.before.weight.copy_(torch.eye(_SIZE))
    return model


def train(model, tokenizer: FusionTokenizer) -> None:
    """Teach the model to find the building that is asked about, to copy what is said of it, and to cite that."""
    import numpy as np
    import torch

    rng = random.Random(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS, pct_start=0.1)
    model.train()
    for _ in range(_STEPS):
        questions, sources, answers = zip(*(example(rng) for _ in range(_BATCH)), strict=True)
        labels = collate_targets([np.array(tokenizer.target(answer), np.int32) for answer in answers])
        loss = model(**tokenizer.inputs(questions, sources), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def trained(environment: None) -> Path:
    """The folder of a reader that has learned its task; kept in the cache for as long as nothing of it changes."""
    import torch
    import transformers

    from odqa.reader.neural.folder import write_reader_model

    code = [Path(__file__), *(Path(neural.__path__[0]) / f"{name}.py" for name in _LEARNING)]
    digest = hashlib.sha256(f"{torch.__version__} {transformers.__version__}".encode())
    for path in code:
        digest.update(path.read_bytes())
    kept = Path(os.environ["ODQA_CACHE"]) / "tiny-reader" / digest.hexdigest()[:16]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):  # Tests run in several processes.
        if not kept.is_dir():
            folder = Path(tempfile.mkdtemp(dir=kept.parent))
            rng = random.Random(2)
            examples = [example(rng) for _ in range(500)]
            texts = [text for said, given, answer in examples for text in (said, answer, *(s.text for s in given))]
            tokenizer = make_tokenizer(folder, ["Works:", *texts])
            model = make_model(tokenizer)
            train(model, tokenizer)
            write_reader_model(folder, model, tokenizer)
            folder.rename(kept)
    return kept
