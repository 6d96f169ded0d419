"""Another source of the same recipe as input: its surviving documents, cuts carried out, written anew.

This folds the layers of a source into fresh documents (`compact`), so that the old ones can be deleted, or starts a
second line of stages from a common prefix.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gristmill.documents import Record
from gristmill.stage import InputFile, Source, SourceRef, setting


class DatasetSource(Source):
    """The surviving documents of another source of this recipe, with its cuts carried out."""

    kind = "dataset"
    reads_files: ClassVar[bool] = False
    source: SourceRef = setting(..., "name of the source whose dataset is read")

    @property
    def reads_source(self) -> str | None:
        return self.source

    def records(self, file: InputFile) -> Iterator[Record]:
        raise NotImplementedError("a dataset is read shard by shard, as Arrow batches")
