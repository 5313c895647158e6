"""Operations that questions ask of tables, executed on typed cells, with the cells as evidence; no language model."""

from odqa.retriever.tables.attach import attach
from odqa.retriever.tables.calculate import MIN_CONFIDENCE, calculate
from odqa.retriever.tables.table import TableView
from odqa.retriever.tables.verify import recompute
from odqa.retriever.tables.view import table_views, views

__all__ = ["MIN_CONFIDENCE", "TableView", "attach", "calculate", "recompute", "table_views", "views"]
