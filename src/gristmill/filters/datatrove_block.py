"""Any filter or formatter of datatrove as a stage: `datatrove: {block: datatrove.pipeline.filters.C4QualityFilter, args: {…}}`.

Each document becomes a datatrove Document with its text, id and metadata (url, date, title, language, and what the source
knows). What the block does to it becomes columns: the reason for which it would go, the text it leaves as cuts, the metadata
it wrote as JSON.

The block is made anew for every batch of rows. State it keeps from document to document (replacements dealt in turn, a random
generator) then begins anew too, and results do not depend on which worker read what before.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from gristmill.dataset import Batch
from gristmill.errors import UserError, nearest
from gristmill.kernels.text import CUTS
from gristmill.stage import Filter, setting

MOST_LINES = (
    3000  # of texts whose changes are told line by line; longer ones are replaced from the first change to the last
)
_SAMPLE = "One sentence to try the block with. It has words, and a second sentence."
_COLUMNS = ("id", "url", "date", "title", "language", "metadata")


class DatatroveBlock(Filter):
    """Run a filter or formatter of datatrove, or one of yours that derives from its base classes, over every document.

    A document on which the block raises is dropped as `failed`, with the error in the value `reason`.
    """

    kind = "datatrove"
    makes_cuts = True
    needs = ("text", *_COLUMNS)
    values = pa.schema(
        [
            ("kept", pa.bool_()),
            (
                "reason",
                pa.string(),
            ),  # as the block gives it, null where it keeps or says none; an error where it failed
            ("failed", pa.bool_()),
            ("metadata", pa.string()),  # a JSON object of what the block added or changed, null for nothing
            ("cuts", CUTS),
        ]
    )
    signal_settings = ("block", "args")

    block: str = setting(
        ...,
        "class to import, as datatrove.pipeline.filters.C4QualityFilter; it must be a filter or formatter of datatrove",
    )
    args: dict[str, Any] = setting(factory=dict, doc="arguments of the class, plain values")
    reasons: list[str] = setting(
        factory=list,
        doc="reasons of the block that become rules of their own; all others are counted as `filtered`",
    )

    @field_validator("args")
    @classmethod
    def _no_writer(cls, args: dict[str, Any]) -> dict[str, Any]:
        if "exclusion_writer" in args:
            raise ValueError("exclusion_writer cannot be set: what the block drops is in this stage's layer")
        return args

    @field_validator("reasons")
    @classmethod
    def _rule_names(cls, reasons: list[str]) -> list[str]:
        for reason in ("filtered", "failed"):
            if reason in reasons:
                raise ValueError(f"{reason!r} is a rule of this stage already")
        return reasons

    def rule_names(self) -> tuple[str, ...]:
        return (*self.reasons, "filtered", "failed")

    # -- the block ----------------------------------------------------------------------------------------------------

    def block_class(self) -> type[Any]:
        """The class named. Raises UserError when it cannot be imported or is no filter or formatter."""
        module_name, _, name = self.block.rpartition(".")
        try:
            from datatrove.pipeline.filters.base_filter import BaseFilter
            from datatrove.pipeline.formatters.base import BaseFormatter

            module = import_module(module_name) if module_name else None
        except ImportError as error:
            hint = f"pip install {error.name.partition('.')[0]}" if error.name else "check the path"
            raise UserError(f"{self.block} cannot be imported: {error}", hint=hint) from error
        found = getattr(module, name, None)
        if found is None:
            known = [other for other, value in vars(module).items() if isinstance(value, type)] if module else []
            raise UserError(f"no class {name!r} in {module_name or 'nothing'}.{nearest(name, known)}")
        if not (isinstance(found, type) and issubclass(found, BaseFilter | BaseFormatter)):
            raise UserError(
                f"{self.block} is neither a filter nor a formatter of datatrove",
                hint="it must derive from BaseFilter or BaseFormatter",
            )
        return found

    def make(self) -> Any:
        """A new block. Raises UserError for arguments it does not take and packages it lacks."""
        cls = self.block_class()
        taken = inspect.signature(cls).parameters
        if "seed" in taken and self.args.get("seed") is None:
            raise UserError(f"{self.block} draws at random and has no seed", hint="give args: {seed: 1}, or any number")
        try:
            return cls(**self.args)
        except ImportError as error:
            raise self._lacks(error) from error
        except TypeError as error:
            names = ", ".join(name for name in taken if name != "exclusion_writer")
            raise UserError(f"{self.block}: {error}", hint=f"it takes {names}") from error

    def _lacks(self, error: ImportError) -> UserError:
        text = " ".join(str(error).split())
        name = error.name.partition(".")[0] if error.name else ""
        hint = f"pip install {name}" if name else "pip install what it names, or datatrove[processing]"
        return UserError(f"{self.block} lacks a package: {text}", hint=hint)

    def bundled_files(self) -> tuple[str, ...]:
        """The file that holds the class: another version of it comes to another result."""
        return (inspect.getfile(self.block_class()),)

    def check(self) -> None:
        """Also lets the block see a sentence: some packages are only missed then."""
        from datatrove.data import Document

        try:
            _judge(self.make(), [Document(text=_SAMPLE, id="sample", metadata={"url": "http://example.com/"})])
        except ImportError as error:
            raise self._lacks(error) from error

    # -- documents ----------------------------------------------------------------------------------------------------

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        documents, before = _documents(batch)
        texts = [document.text for document in documents]
        outcomes = _judge(self.make(), documents)
        cuts = []
        for row, (document, text) in enumerate(zip(documents, texts, strict=True)):
            if not isinstance(document.text, str) or not _encodes(document.text):
                outcomes[row] = (False, "the text it left cannot be encoded", True)
            cuts.append(None if outcomes[row][2] or document.text == text else changes(text, document.text))
        written = [
            _json({k: v for k, v in document.metadata.items() if k not in old or old[k] != v})
            for document, old in zip(documents, before, strict=True)
        ]
        return {
            "kept": pa.array([kept for kept, _, _ in outcomes], pa.bool_()),
            "reason": pa.array([reason for _, reason, _ in outcomes], pa.string()),
            "failed": pa.array([failed for _, _, failed in outcomes], pa.bool_()),
            "metadata": pa.array(written, pa.string()),
            "cuts": pa.array(cuts, CUTS),
        }

    def decide(self, batch: Batch) -> np.ndarray:
        names = self.rule_names()
        kept, failed = (batch.column(f"{self.name}.{name}").to_pylist() for name in ("kept", "failed"))
        reasons = batch.column(f"{self.name}.reason").to_pylist()
        numbers = np.full(batch.rows, -1, np.int16)
        for row, reason in enumerate(reasons):
            if failed[row]:
                numbers[row] = names.index("failed")
            elif not kept[row]:
                numbers[row] = names.index(reason if reason in self.reasons else "filtered")
        return numbers

    def cuts(self, batch: Batch) -> pa.Array:
        return batch.column(f"{self.name}.cuts")


def _documents(batch: Batch) -> tuple[list[Any], list[dict[str, Any]]]:
    """A datatrove Document per row, and a copy of the metadata of each."""
    from datatrove.data import Document

    columns = {name: batch.column(name).to_pylist() for name in _COLUMNS}
    documents, before = [], []
    for row, text in enumerate(batch.texts.to_arrow().to_pylist()):
        metadata = json.loads(columns["metadata"][row] or "{}")
        for name in ("url", "title", "language"):
            if columns[name][row] is not None:
                metadata[name] = columns[name][row]
        if columns["date"][row] is not None:
            metadata["date"] = columns["date"][row].isoformat()
        documents.append(Document(text=text, id=columns["id"][row], metadata=metadata))
        before.append(dict(metadata))
    return documents, before


def _judge(block: Any, documents: list[Any]) -> list[tuple[bool, str | None, bool]]:
    """What the block says of each document: whether it stays, why not, whether the block failed. Formatters change the text.

    Raises ImportError; every other error is the document's.
    """
    from datatrove.pipeline.filters.base_filter import BaseFilter, get_filter_result

    found: list[tuple[bool, str | None, bool]] = []
    size = block.batch_size if isinstance(block, BaseFilter) else 1
    for start in range(0, len(documents), size):
        part = documents[start : start + size]
        try:
            if isinstance(block, BaseFilter):
                results = [get_filter_result(result) for result in block.filter_batch(part)]
                found += [
                    (bool(kept), None if kept or reason is None else str(reason), False) for kept, reason in results
                ]
            else:
                for document in part:
                    document.text = block.format(document.text)
                    found.append((True, None, False))
        except ImportError:
            raise
        except Exception as error:  # whatever a third party's code raises costs the documents it had in hand
            reason = f"{type(error).__name__}: {error}"[:500]
            found += [(False, reason.encode("utf-8", "replace").decode(), True)] * len(part)
    return found


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(values: dict[str, Any]) -> str | None:
    if not values:
        return None
    plain = json.dumps(values, sort_keys=True, ensure_ascii=False, default=_plain)
    return plain.encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


# -- what changed -----------------------------------------------------------------------------------------------------


def changes(before: str, after: str) -> list[dict[str, Any]]:
    """Cuts (entries of kernels.text.CUTS) that make `after` of `before`: lines that are the same stay, and what lines that
    differ have in common at both ends."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if len(old) + len(new) > MOST_LINES:
        hunks: Iterator[tuple[Sequence[str], Sequence[str]]] = iter([(old, new)])
        return list(_cuts(hunks))
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return list(_cuts((old[a:b], new[c:d]) for _, a, b, c, d in codes))


def _cuts(hunks: Iterator[tuple[Sequence[str], Sequence[str]]]) -> Iterator[dict[str, Any]]:
    at = 0
    for old_lines, new_lines in hunks:
        old, new = "".join(old_lines), "".join(new_lines)
        if old != new:
            head = _common(old, new)
            tail = _common(old[head:][::-1], new[head:][::-1])
            start = at + len(old[:head].encode())
            end = at + len(old[: len(old) - tail].encode())
            yield {"start": start, "end": end, "replacement": new[head : len(new) - tail] or None}
        at += len(old.encode())


def _common(one: str, other: str) -> int:
    """Characters with which both begin."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    low, high = 0, length  # the first `low` are the same, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
