"""Training sets on disk: examples tokenised once into shards, then read in batches, shuffled, for as long as it takes.

`write_stream` writes one, `Stream.batches` gives the batches of every epoch; any batch can be asked for by its place,
so that an interrupted training goes on with exactly the one that would have come next. `Mixed` draws several sets
together, `Share` splits batches among processes, `ahead` reads them before they are needed, and `as_dataset` is for
those who use torch's own loader.
"""

from __future__ import annotations

from odqa.data.stream.ahead import ahead
from odqa.data.stream.batches import Batches, StreamBatches
from odqa.data.stream.dataset import BatchDataset, as_dataset
from odqa.data.stream.fields import Arrays, Example, Field
from odqa.data.stream.mixing import Mixed, Share
from odqa.data.stream.stream import Stream
from odqa.data.stream.write import write_stream

__all__ = [
    "Arrays",
    "BatchDataset",
    "Batches",
    "Example",
    "Field",
    "Mixed",
    "Share",
    "Stream",
    "StreamBatches",
    "ahead",
    "as_dataset",
    "write_stream",
]
