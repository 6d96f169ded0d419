"""One shard through a run of consecutive shard-wise stages: the text is read once, every stage's layer is written.

The job holds the chain of a source in order. Each step is either *loaded* (its layer is there already and a later
step reads it) or *computed* (its layer is written). If the documents themselves are computed, they come from the raw
files in the same pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit, Receipt, reset_peak_memory
from gristmill.dataset import (
    DROP,
    Batch,
    DocumentsReader,
    LayerReader,
    LayerRef,
    LayerWriter,
    ShardRef,
    drop_reasons,
    layer_schema,
)
from gristmill.documents import DOCUMENT_SCHEMA, LEDGER_SCHEMA, QUARANTINE_SCHEMA
from gristmill.kernels.text import cut_bytes
from gristmill.pipeline.inputs import Shard
from gristmill.pipeline.jobs import Report
from gristmill.pipeline.reading import Reading, compute_signals, read_documents, read_upstream
from gristmill.stage import Filter, ShardStage, Source

DISTINCT_REASONS = 200  # of not_text, per shard: MIME types come from the web


@dataclass(frozen=True)
class Loaded:
    """A layer on disk that later steps read from."""

    layer: LayerRef


@dataclass(frozen=True)
class Computed:
    """A layer to write."""

    stage: ShardStage
    role: str  # signals | decision
    folder: str
    identity: str


Step = Loaded | Computed


@dataclass(frozen=True)
class ShardJob:
    """Picklable: everything a worker needs to make the missing outputs of one shard."""

    limited: ClassVar[bool] = True
    source: str
    shard: Shard
    documents: str  # folder
    steps: tuple[Step, ...]
    reader: Source | None = None  # set: the documents are written too, from raw files or `upstream`
    early: tuple[Filter, ...] = ()
    upstream: ShardRef | None = None
    columns: tuple[str, ...] = field(default=())  # documents' columns that steps read
    texts: bool = False  # whether any step reads text

    @property
    def name(self) -> str:
        return f"{self.source}/{self.shard.name}"

    @property
    def group(self) -> str:
        """What the progress bar says: the source and the stages this job writes."""
        written = ["documents"] if self.reader is not None else []
        written += [step.stage.name for step in self.steps if isinstance(step, Computed)]
        names = list(dict.fromkeys(written))
        return f"{self.source}: {', '.join(names[:3])}{f' … {names[-1]}' if len(names) > 3 else ''}"

    @property
    def weight(self) -> float:
        return float(max(1, self.shard.bytes))

    @property
    def identity(self) -> str:
        return self.shard.identity

    def execute(self, report: Report) -> list[Receipt]:
        reset_peak_memory()
        with contextlib.ExitStack() as stack:
            outputs = _Outputs(self, stack)
            loaded = [
                LayerReader(self.shard.name, step.layer, self._wanted(), stack, cuts=self.texts)
                for step in self.steps
                if isinstance(step, Loaded)
            ]
            for group, batch in enumerate(self._batches(outputs, stack)):
                layers = iter(loaded)
                for step in self.steps:
                    if isinstance(step, Loaded):
                        next(layers).read_into(batch, range(group, group + 1))
                    else:
                        outputs.write(step, batch)
                report(batch.rows, int(batch.texts.lengths.sum()) if self.texts else 0)
            return outputs.commit()

    def _wanted(self) -> set[str]:
        """Value columns that computed steps read."""
        wanted: set[str] = set()
        for step in self.steps:
            if isinstance(step, Computed):
                if step.role == "signals":
                    wanted.update(step.stage.needs)
                else:
                    wanted.update(getattr(step.stage, "decides_on", ()))
                    wanted.update(f"{step.stage.name}.{f.name}" for f in step.stage.value_schema())
        return wanted

    def _batches(self, outputs: _Outputs, stack: contextlib.ExitStack) -> Iterator[Batch]:
        if self.reader is None:
            ref = ShardRef(self.source, self.shard.name, self.documents)
            documents = DocumentsReader(ref, self.columns, stack, texts=self.texts)
            for group in range(documents.groups):
                yield documents.read(range(group, group + 1))
            return
        if self.upstream is not None:
            readings = read_upstream(self.source, self.upstream)
        else:
            readings = read_documents(self.source, self.reader, self.shard.files, self.early)
        for reading in readings:
            outputs.write_documents(reading)
            if reading.documents.num_rows:
                yield reading.batch


class _Outputs:
    """The files one shard job writes, each under its own commit; all data is published before the first receipt."""

    def __init__(self, job: ShardJob, stack: contextlib.ExitStack) -> None:
        self.job = job
        self._commits: list[Commit] = []
        self._layers: dict[int, tuple[Commit, LayerWriter]] = {}
        self._open: list[pq.ParquetWriter | LayerWriter] = []
        stack.callback(self._abandon)
        if job.reader is not None:
            self._start_documents()
        for step in job.steps:
            if isinstance(step, Computed):
                self._start_layer(step)

    def _commit(self, folder: str, identity: str) -> Commit:
        commit = Commit(folder, self.job.shard.name, identity, {f.name: f.version for f in self.job.shard.files})
        self._commits.append(commit)
        return commit

    def _start_documents(self) -> None:
        name = self.job.shard.name
        self._documents = self._commit(self.job.documents, self.job.identity)
        self._files = [
            pq.ParquetWriter(
                self._documents.path(f"{name}{suffix}.parquet"),
                schema,
                compression="zstd",
                compression_level=level,
            )
            for suffix, schema, level in (
                ("", DOCUMENT_SCHEMA, 3),
                (".ledger", LEDGER_SCHEMA, 3),
                (".quarantine", QUARANTINE_SCHEMA, 3),
            )
        ]
        self._open += self._files

    def _start_layer(self, step: Computed) -> None:
        if step.role == "signals":
            fields = [pa.field(f"{step.stage.name}.{f.name}", f.type) for f in step.stage.value_schema()]
            schema = layer_schema(pa.schema(fields), drops=False, cuts=False)
        else:
            schema = layer_schema(None, drops=True, cuts=bool(getattr(step.stage, "makes_cuts", False)))
        commit = self._commit(step.folder, step.identity)
        writer = LayerWriter(commit.path(f"{self.job.shard.name}.parquet"), schema)
        self._open.append(writer)
        self._layers[id(step)] = (commit, writer)

    def write_documents(self, reading: Reading) -> None:
        for file, rows in zip(self._files, (reading.documents, reading.ledger, reading.quarantine), strict=True):
            if rows.num_rows:
                file.write_batch(rows, row_group_size=rows.num_rows)
        counts = self._documents.counts
        for key, amount in reading.counts.items():
            crowded = key.startswith("not_text.") and key not in counts and len(counts) >= DISTINCT_REASONS
            self._documents.count(**{"not_text.other" if crowded else key: amount})

    def write(self, step: Computed, batch: Batch) -> None:
        commit, writer = self._layers[id(step)]
        stage = step.stage
        commit.count(rows=batch.rows)
        if step.role == "signals":
            compute_signals(stage, batch)
            writer.write({name: batch.column(name) for name in writer.schema.names})
            return
        assert isinstance(stage, Filter)
        numbers = np.asarray(stage.decide(batch))
        rules = stage.rule_names()
        reasons = drop_reasons(stage.name, rules, numbers)
        columns = {DROP: reasons}
        for number, amount in zip(*np.unique(numbers[numbers >= 0], return_counts=True), strict=True):
            commit.count(**{f"drop.{stage.name}.{rules[number]}": int(amount)})
        if stage.makes_cuts:
            columns["cuts"] = stage.cuts(batch)
            commit.count(cut_bytes=cut_bytes(columns["cuts"]))
            if self.job.texts:
                batch.cut(columns["cuts"])
        writer.write(columns)
        batch.add_drop(stage.name, reasons)

    def commit(self) -> list[Receipt]:
        for file in self._open:
            file.close()
        self._open.clear()
        if self.job.reader is not None:
            self._documents.count(records=0, documents=0, bytes=0)
        for commit in self._commits:
            commit.publish_files()
        return [commit.publish_receipt() for commit in self._commits]

    def _abandon(self) -> None:
        for file in self._open:
            with contextlib.suppress(Exception):
                file.close()
        for commit in self._commits:
            commit.discard()
