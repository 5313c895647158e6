"""An exported reader in the place of the model: it writes, weighs and refuses what the model does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from odqa.errors import LimitError, UsageError
from odqa.models.export import write_graphs
from odqa.models.onnx_reader import OnnxGenerator
from odqa.reader.neural.encoder_decoder import FusionModel
from odqa.reader.neural.graphs import GraphModel
from tests.graphs import CASES, END, POSITIONS, WRITTEN, made, read


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{'pointer' if case[1] else 'plain'}")
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, GraphModel]:
    decoder, pointer = request.param
    model, folder = made(decoder, pointer=pointer), tmp_path_factory.mktemp("graphs")
    write_graphs(model, folder)
    return model, GraphModel(OnnxGenerator(folder, threads=1))


def written(model: FusionModel | GraphModel, **options: Any) -> list[list[int]]:
    torch.manual_seed(4)
    memory: Any = model.encode(**read())
    chosen = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": END, **options}
    rows: list[list[int]] = model.generate(encoder_outputs=memory, **chosen).tolist()
    return rows


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_new_tokens": POSITIONS},
        {"use_cache": False},
        {"num_beams": 3},
        {"num_beams": 4, "num_return_sequences": 2},
        {"do_sample": True, "top_p": 0.8, "top_k": 0, "num_return_sequences": 3},
        {"min_new_tokens": 9, "suppress_tokens": [7, 9]},
        {"decoder_input_ids": torch.tensor([[1, 8, 5], [1, 6, 4], [1, 9, 9]])},
    ],
    ids=lambda options: ",".join(options) or "greedy",
)
def test_texts_are_those_of_the_model(both: tuple[Any, GraphModel], options: dict[str, Any]) -> None:
    model, graphs = both
    assert written(graphs, **options) == written(model, **options)


def test_losses_are_those_of_the_model(both: tuple[Any, GraphModel]) -> None:
    model, graphs = both
    labels = torch.randint(0, WRITTEN, (3, 10), generator=torch.Generator().manual_seed(2))
    labels[1, 6:] = -100
    with torch.no_grad():
        wanted = model(encoder_outputs=model.encode(**read()), labels=labels).token_losses
    found = graphs(encoder_outputs=graphs.encode(**read()), labels=labels).token_losses
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-4)


def test_limits_are_those_of_the_model(both: tuple[Any, GraphModel]) -> None:
    _, graphs = both
    with pytest.raises(LimitError, match=f"{POSITIONS} positions"):
        written(graphs, max_new_tokens=POSITIONS + 1)
    with pytest.raises(UsageError, match="cache"):
        written(graphs, cache_implementation="static")
    with pytest.raises(LimitError, match="number 65"):
        graphs.encode(**(read() | {"sources": torch.full((3, 2), 65)}))
