"""Public data sets, and the user's own questions, as documents, questions, gold evidence and labelled claims."""

from __future__ import annotations

from odqa.data.datasets.files import data_folder
from odqa.data.datasets.registry import (
    DatasetInfo,
    dataset_names,
    describe_datasets,
    evaluation_split,
    load_dataset,
)
from odqa.data.datasets.types import AnswerLength, ClaimLabel, Dataset, Gold, GoldSummary, LabelledClaim, Question

__all__ = [
    "AnswerLength",
    "ClaimLabel",
    "Dataset",
    "DatasetInfo",
    "Gold",
    "GoldSummary",
    "LabelledClaim",
    "Question",
    "data_folder",
    "dataset_names",
    "describe_datasets",
    "evaluation_split",
    "load_dataset",
]
