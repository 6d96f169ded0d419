"""Evaluation text in training documents: found exactly, shown hit by hit, and dropped, cut out or only reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.layer import VALUES, Action, DecontaminationLayer
from gristmill.decontamination.needles import NeedleReading, make_needles
from gristmill.decontamination.search import CountDocuments, MakeNeedles, Search
from gristmill.dedup.loss import LossLimit
from gristmill.dedup.records import numbered
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.errors import UserError
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting


class Decontaminate(LossLimit, GlobalStage):
    """Find text of evaluation sets in the surviving documents, and drop them, cut around the matches, or only report.

    gpt3: runs of 13 words, lower-cased and without punctuation, of all fields of a row read one after another; cut with
    200 characters on both sides. datatrove: runs of 12 words in `fields`, or reaching from `context` into them; the document is
    dropped. substring: whole fields of code as they are but for case and the width of white space; the document is dropped.

    Every match is a row of `<shard>.evidence.parquet` beside the layer. What was searched for and found of each evaluation set is
    in the summary. A set that cannot be read, or in which there is nothing to search for, is an error before any work begins.
    """

    kind = "decontaminate"
    rules = ("contaminated", "too_many_pieces", "too_little_left")
    provides = VALUES
    makes_cuts: ClassVar[bool] = True

    sets: dict[str, EvaluationSet] = setting(doc="evaluation sets by name: files, and the fields to search for")
    reading: Literal["gpt3", "datatrove", "substring"] = setting(
        "gpt3",
        "what is searched for, and what counts as the same",
        source="GPT-3, appendix C [C]; datatrove, decont/n_grams.py [A]; BigCode, find_substrings.py [A]",
    )
    n: int | None = setting(
        None,
        "words of an n-gram; null: the reading's, 13 or 12",
        source="GPT-3 [C], datatrove [A]",
        unit="words",
        ge=2,
        le=1000,
    )
    min_words: int | None = setting(
        None,
        "rows of fewer words than n, but not fewer than this, are searched for whole; null: 8 for gpt3, n for datatrove",
        source="GPT-3 takes n from 8 to 13 by the length of a set's rows [C]; a row at a time is this project's choice",
        unit="words",
        ge=2,
    )
    min_distinct_words: int = setting(
        2,
        "n-grams with fewer different words are not searched for",
        source="this project's choice: with numbers as 0, `0 0 0 ...` is an n-gram of GSM8K that any list of numbers matches; "
        "1 is the published readings'",
        unit="words",
        ge=1,
    )
    min_characters: int = setting(
        40,
        "reading substring: shorter fields are not searched for",
        source="this project's choice: BigCode searches for all, `return x + y` too, and skips some by hand [A]",
        unit="characters",
        ge=8,
    )
    action: Literal["drop", "cut", "report"] | None = setting(
        None, "what happens to a document with a match; null: cut for gpt3, drop for the others", source="the readings'"
    )
    most_documents: int | None = setting(
        None,
        "n-grams that stand in more documents than this are ignored; 0: none is; null: 10 for gpt3, 0 for the others",
        source="GPT-3 [C]",
        unit="documents",
        ge=0,
    )
    margin: int = setting(
        200, "action cut: what goes on both sides of a match", source="GPT-3 [C]", unit="characters", ge=0
    )
    min_piece: int = setting(
        200, "action cut: shorter pieces between cuts go too", source="GPT-3 [C]", unit="characters", ge=0
    )
    max_pieces: int = setting(
        10,
        "action cut: a document that falls into more pieces is dropped; 0: none is",
        source="GPT-3 [C]",
        unit="pieces",
        ge=0,
    )

    @property
    def needle_reading(self) -> NeedleReading:
        if self.reading == "substring":
            return NeedleReading(folding="characters", n=None, least=self.min_characters, across_fields=False)
        n = self.n or (13 if self.reading == "gpt3" else 12)
        least = min(n, self.min_words or (8 if self.reading == "gpt3" else n))
        distinct = self.min_distinct_words
        return NeedleReading(folding=self.reading, n=n, least=least, across_fields=True, min_distinct=distinct)

    @property
    def taken_action(self) -> Action:
        kind = self.action or ("cut" if self.reading == "gpt3" else "drop")
        return Action(kind, self.margin, self.min_piece, self.max_pieces)

    @property
    def documents_limit(self) -> int:
        default = 10 if self.reading == "gpt3" else 0
        return default if self.most_documents is None else self.most_documents

    def check(self) -> None:
        if not self.sets:
            raise UserError(
                "decontaminate: no evaluation sets", hint="sets: {gsm8k: {files: test.jsonl, fields: [question]}}"
            )
        for name in self.sets:
            if "/" in name:
                raise UserError(
                    f"decontaminate: {name!r} cannot be the name of an evaluation set", hint="leave out the /"
                )
        make_needles(self.sets, self.needle_reading)

    def warm(self) -> None:
        import numpy as np

        from gristmill.dataset import Batch
        from gristmill.decontamination.search import find_hits
        from gristmill.kernels.text import Texts
        from gristmill.kernels.window_cuts import cut_around

        texts = Texts.from_strings(["warm"])
        find_hits(Batch(0, 1, texts), make_needles(self.sets, self.needle_reading))
        none = np.empty(0, np.int64)
        cut_around(texts.data, texts.offsets, none, none, none, 0, 0, np.zeros(1, np.int64), np.zeros(1, np.int64))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        needles = scope.phase("needles", [MakeNeedles("needles", self.sets, self.needle_reading)])
        yield needles
        groups = ShufflePlan.of(scope, 1).groups
        search = scope.phase(
            "search",
            [
                Search(numbered(number), scope.shards[start:stop], needles.folder)
                for number, (start, stop) in enumerate(groups)
            ],
        )
        yield search
        names = tuple(task.name for task in search.tasks)
        limit = self.documents_limit
        count = scope.phase("count", [CountDocuments("count", needles.folder, search.folder, names, limit)])
        yield count
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for group, (start, stop) in enumerate(groups):
            for number, shard in enumerate(scope.shards[start:stop]):
                task = DecontaminationLayer(
                    shard.name,
                    self.name,
                    self.rules,
                    self.taken_action,
                    limit,
                    shard,
                    numbered(group),
                    number,
                    needles.folder,
                    search.folder,
                    count.folder,
                )
                tasks.setdefault(shard.source, []).append(task)
                folders[shard.source] = scope.layer_folder(shard)
        phases = {source: Phase("layers." + source, folders[source], tuple(of)) for source, of in tasks.items()}
        yield from phases.values()  # a phase per source: its layers lie in a folder of their own
        self.stop_on_lost_layers(phases)
