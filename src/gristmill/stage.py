"""The contract every stage keeps: settings, columns read and written, tasks. What the pipeline and the stages share.

A stage kind is one class. Its fields are its settings; YAML, errors, `gristmill stages` and the JSON Schema come from
them.

    class ShortText(Filter):
        \"""Drop documents under a number of bytes.\"""

        kind = "short_text"
        rules = ("too_short",)
        needs = ("text",)
        values = pa.schema([("bytes", pa.int64())])
        minimum: int = setting(200, "least bytes a document must have", unit="bytes")

        def signals(self, batch):
            return {"bytes": batch.texts.lengths}

        def decide(self, batch):
            return self.first_rule(self.value(batch, "bytes") < self.minimum)

*Signals* are numbers about a text, computed once and kept in a value layer. A *decision* is a threshold over them, kept in a drop
layer of its own, so that another threshold re-reads numbers and no text. Both see every row of a shard, also those that other
stages drop: what a stage writes depends on the text and on the columns it names, never on another stage's threshold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import PrivateAttr

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.documents import Record
from gristmill.errors import UserError
from gristmill.settings import (
    CommandLineText,
    Location,
    LocationText,
    ModelLocation,
    ModelName,
    ModelRef,
    Settings,
    SourceName,
    SourceRef,
    nested_settings,
    setting,
)


class Stage(Settings):
    """Base of everything that can stand in a recipe."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1  # raised when the same settings come to another result
    uses_models: ClassVar[str] = ""  # what models must be that its settings name, see TrainedModel.makes
    guards: ClassVar[tuple[str, ...]] = ()  # settings that decide whether a stage goes on, not what it writes

    _name: str = PrivateAttr("")
    _model_folders: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """What the recipe calls this stage: its kind unless `name:` says otherwise. Prefix of its columns and reasons."""
        return self._name or self.kind

    def named(self, name: str) -> Stage:
        self._name = name
        return self

    def with_models(self, folders: Mapping[str, str]) -> Self:
        """A copy that knows in which folders models of the recipe lie, by name."""
        copy = self.model_copy()
        copy._model_folders = {**self._model_folders, **folders}
        return copy

    def model_location(self, reference: str) -> str:
        """Where the model lies that a setting of type ModelRef names: its folder if the recipe trains it, else as given."""
        return self._model_folders[reference] if isinstance(reference, ModelName) else str(reference)

    def model_files(self, location: str) -> tuple[str, ...]:
        """The files of a model given by path or URL; override where a setting names a prefix."""
        return (location,)

    def bundled_files(self) -> tuple[str, ...]:
        """Files of installed packages that these settings read; their content becomes part of the fingerprint."""
        return ()

    def check(self) -> None:
        """Raise UserError when a model, list or package this stage needs is missing or unreadable. Runs before any work."""

    @property
    def kernel_set(self) -> str:
        """A name for what `warm` compiles; another where settings need other kernels."""
        return self.kind

    def warm(self) -> None:
        """Compile the kernels this stage uses, so that workers find them in the cache. Runs in the parent before any work."""


# -- sources ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InputFile:
    """One raw input file: where it lies, the name documents carry, and what tells this version from another."""

    location: str
    name: str
    size: int
    version: str
    start: int = 0  # only a part of the file, as Source.parts numbers them: mostly bytes [start, end)
    end: int | None = None
    together: tuple[InputFile, ...] = ()  # other files of the same dump that are read with this one


class Source(Stage):
    """A raw format → records → documents. Subclasses stream: memory must not grow with the file."""

    suffixes: ClassVar[tuple[str, ...]] = ()  # what a folder given as input is searched for
    reads_files: ClassVar[bool] = True

    @property
    def reads_source(self) -> str | None:
        """The other source of the recipe whose dataset this one reads, if it does."""
        return None

    def expand(self, location: str) -> list[str]:
        """The files one input location stands for (a list file may stand for many)."""
        return [location]

    def parts(self, file: InputFile) -> list[InputFile]:
        """Parts of a large file that different workers can read, in order; arithmetic only, the file is not opened.

        A part covers the records that begin in it; finding the first one is `records`' business.
        """
        return [file]

    def select(self, files: list[InputFile]) -> list[InputFile]:
        """Which of all input files are read, and which of them together; for rules that compare them.

        Raises UserError for a choice that is not there.
        """
        return files

    @abstractmethod
    def records(self, file: InputFile) -> Iterator[Record]:
        """Every record of the file in order, each open (text or payload set) or already ended.

        Damage inside the file ends a record as quarantined and, where possible, reading goes on; it never raises.
        """
        raise NotImplementedError

    def rough_text(self, record: Record) -> str | None:
        """About the text `read_text` would give, at a small part of the cost; None where there is no cheap way."""
        return None

    def rough(self) -> Source | None:
        """A source whose `warm` loads and compiles what `rough_text` needs; None where that is nothing."""
        return None

    def read_text(self, record: Record) -> None:
        """Set `record.text` (and title …) from `record.payload`, or end the record. Formats that carry text need not."""


# -- stages over one shard --------------------------------------------------------------------------------------------


class ShardStage(Stage):
    """Anything that computes columns from a shard's rows alone."""

    needs: ClassVar[tuple[str, ...]] = ("text",)  # columns `signals` reads: documents' own or stage.value
    values: ClassVar[pa.Schema] = pa.schema([])  # what `signals` writes, names without the stage's prefix
    signal_settings: ClassVar[tuple[str, ...]] = ()  # the settings that change signals; others only change decisions

    def value_schema(self) -> pa.Schema:
        """`values` for these settings; override where a setting changes the columns."""
        return self.values

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        """Values for every row of the batch, by name in `values`."""
        raise NotImplementedError

    def value(self, batch: Batch, name: str) -> np.ndarray:
        """A numeric value of this stage as NumPy (rows,)."""
        return batch.numbers(f"{self.name}.{name}")


class Filter(ShardStage):
    """A stage that drops documents or cuts text, deciding over signals."""

    rules: ClassVar[tuple[str, ...]] = ()  # reasons are stage.rule, tested in this order
    decides_on: ClassVar[tuple[str, ...]] = ()  # columns `decide` reads beside this stage's own values; 'text' for cuts
    makes_cuts: ClassVar[bool] = False

    @property
    def reads(self) -> frozenset[str]:
        """Every column it reads, its own values aside."""
        return frozenset((*(self.needs if len(self.value_schema()) else ()), *self.decides_on))

    def rule_names(self) -> tuple[str, ...]:
        """`rules` for these settings; override where a setting changes them."""
        return self.rules

    @property
    def judges_rough_text(self) -> bool:
        """Whether `reject_rough` can tell anything under these settings."""
        return False

    def reject_rough(self, text: str) -> str | None:
        """The rule that will surely drop a page, judged by a rough text of it before the page is parsed at full cost."""
        return None

    @abstractmethod
    def decide(self, batch: Batch) -> np.ndarray:
        """Rule numbers int (rows,): -1 keeps, k drops by rule k."""
        raise NotImplementedError

    def cuts(self, batch: Batch) -> pa.Array:
        """Cuts of every row (type kernels.text.CUTS); called when `makes_cuts`."""
        raise NotImplementedError

    def first_rule(self, *failed: np.ndarray) -> np.ndarray:
        """Rule numbers from one bool (rows,) per rule, in the order of `rules`: the first that fails counts."""
        numbers = np.full(len(failed[0]), -1, np.int16)
        for number in reversed(range(len(failed))):
            numbers[failed[number]] = number
        return numbers


# -- stages over many shards ------------------------------------------------------------------------------------------


class Task(ABC):
    """A unit of work: a small picklable description, inputs → one output, no shared state.

    Subclasses are frozen dataclasses with a `name` that is unique in their phase and safe in a file name.
    """

    name: str
    weight: float = 1.0  # relative cost, for progress
    units: ClassVar[str] = "tasks"

    @abstractmethod
    def run(self, commit: Commit) -> None:
        """Write files through `commit.path(name)` and count what was done. Same inputs, same bytes."""


@dataclass(frozen=True)
class Phase:
    """Tasks of a global stage that may run in any order, side by side, before the next phase begins.

    `folder` is where their outputs and receipts go.
    """

    name: str
    folder: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Scope:
    """What a stage over many shards works on."""

    shards: tuple[ShardRef, ...]  # sources in recipe order, shards in manifest order, with all layers so far
    rows: tuple[int, ...]  # documents in each shard
    folder: str  # this stage's own folder
    memory: int  # bytes one task may hold
    inputs: Mapping[str, str] = field(default_factory=dict)  # folders of the other stages it depends on, by name

    @property
    def first_rows(self) -> tuple[int, ...]:
        """Global row number of each shard's first document: documents are numbered through all shards in order."""
        return tuple(int(start) for start in np.concatenate([[0], np.cumsum(self.rows)[:-1]])) if self.rows else ()

    def layer_folder(self, shard: ShardRef) -> str:
        """Where the final layer of `shard` belongs, as <shard.name>.parquet with the receipt <shard.name>."""
        return storage.join(self.folder, "layers", shard.source)

    def phase(self, name: str, tasks: list[Task]) -> Phase:
        return Phase(name, storage.join(self.folder, name), tuple(tasks))


class PhasedStage(ShardStage):
    """A stage over all shards of its scope, done in phases of plain tasks; it may have signals, computed shard by shard before.

    Which documents take part is decided by the drops of the layers in `scope.shards` (`batch.keep`).
    """

    def also_reads(self) -> tuple[str, ...]:
        """Columns that its phases read, beside drops and its own signals: documents' own or stage.value."""
        return ()

    @abstractmethod
    def phases(self, scope: Scope) -> Iterator[Phase]:
        """The phases in order. The code between two yields runs after all tasks of the earlier one have committed."""
        raise NotImplementedError


class TrainedModel(PhasedStage):
    """A model that a recipe trains on sources of its own: files in this stage's folder.

    On which sources, its settings of type SourceRef say; it sees what their own stages leave. Stages that name it in a setting
    of type ModelRef come after it and are told its folder (`model_location`).
    """

    makes: ClassVar[str]  # what comes of it; fits stages whose `uses_models` is the same


class GlobalStage(PhasedStage):
    """A phased stage whose last phase writes one layer per shard (`scope.layer_folder`): drops, and the values named here."""

    rules: ClassVar[tuple[str, ...]] = ()
    provides: ClassVar[pa.Schema] = pa.schema([])  # value columns of the final layer, names without the prefix
    makes_cuts: ClassVar[bool] = False


__all__ = [
    "CommandLineText",
    "Filter",
    "GlobalStage",
    "InputFile",
    "Location",
    "LocationText",
    "ModelLocation",
    "ModelName",
    "ModelRef",
    "Phase",
    "PhasedStage",
    "Scope",
    "Settings",
    "ShardStage",
    "Source",
    "SourceName",
    "SourceRef",
    "Stage",
    "Task",
    "TrainedModel",
    "UserError",
    "nested_settings",
    "setting",
]
