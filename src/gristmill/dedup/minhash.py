"""Near duplicates: MinHash signatures over word n-grams, cut into bands; a shared band makes a candidate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill import storage
from gristmill.dataset import Batch
from gristmill.dedup.compare import Measure
from gristmill.dedup.compared import ComparedDedup
from gristmill.dedup.likeness import SketchMeasure, WordMeasure, fixed_binary, fixed_rows
from gristmill.dedup.readings import DatatroveReading, Normalisation, Reading, TokenReading, WordReading, load_tokenizer
from gristmill.dedup.shuffle import Records
from gristmill.dedup.signatures import Scheme
from gristmill.kernels.text import Texts
from gristmill.stage import Location, Settings, setting

_SHAPES = "FineWeb, 14 x 8 [A]; RefinedWeb and Lee et al., 450 x 20 [B]; DCLM, 93 x 15 [B]"


class Verification(Settings):
    """What two documents that share a band must come to before they count as duplicates; every limit given must be met."""

    signature: float | None = setting(
        None, "least similarity as estimated from the signatures", unit="Jaccard similarity", ge=0, le=1
    )
    jaccard: float | None = setting(
        None,
        "least Jaccard similarity of their sets of n-grams, from the texts",
        source="The Stack v1: 0.85, StarCoder's code: 0.7 [A]; Lee et al.: 0.8 [B]",
        unit="Jaccard similarity",
        ge=0,
        le=1,
    )
    edit: float | None = setting(
        None,
        "least edit similarity over words: 1 - edit distance / length of the longer",
        source="Lee et al.: 0.8 with Jaccard 0.8 [B]",
        unit="edit similarity",
        ge=0,
        le=1,
    )
    candidates: int = setting(
        8,
        "earlier documents that each document is compared with, for each band they share",
        source="this project's choice: every pair of a bucket of up to 9 documents is looked at",
        unit="documents",
        ge=1,
        le=256,
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.signature is None and self.jaccard is None and self.edit is None:
            raise ValueError("verify needs a limit: signature, jaccard or edit")
        if self.signature is not None and (self.jaccard is not None or self.edit is not None):
            raise ValueError("verify by signature, or by the texts (jaccard, edit), not both")
        return self


class MinHash(ComparedDedup):
    """Keep one of all documents that are near duplicates, directly or through others.

    Two documents whose sets of n-grams have Jaccard similarity s share a band with probability 1 - (1 -
    s^rows)^bands (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4.2). Shared bands are not
    verified unless `verify` says so, as in FineWeb and RefinedWeb; how similar a document and its survivor are is written down
    either way. Documents with fewer than `n` words have no signature and always survive.
    """

    kind = "minhash"
    version: ClassVar[int] = 3
    bands: int = setting(14, "bands of a signature", source=_SHAPES, unit="bands", ge=1, le=4096)
    rows: int = setting(8, "hashes a band", source=_SHAPES, unit="hashes", ge=1, le=256)
    n: int = setting(
        5,
        "words or tokens in a shingle",
        source="FineWeb, words [A]; RefinedWeb, 5 GPT-2 tokens [B]; RedPajama v2, 13 words [A]",
        unit="words",
        ge=1,
        le=64,
    )
    normalise: Normalisation = setting(
        "words",
        "what a word is. words: small letters without accents, a number as 0, all else separates. whitespace: what white space "
        "splits. refinedweb: as that, in small letters, without accents and punctuation. dclm: as that, in small letters, "
        "without ASCII punctuation. code: runs of letters, digits and _. datatrove: letter for letter its own, in English (needs "
        "spaCy; slower)",
        source="FineWeb's steps [A]; RefinedWeb's, recalled [C]; DCLM's and BigCode's minhash code [A]",
    )
    tokenizer: Location | None = setting(
        None,
        "a tokenizer.json: n-grams are of its tokens, over the text as `normalise` leaves it (whitespace: as it is)",
        source="RefinedWeb: GPT-2's [B]",
    )
    hashes: Literal["own", "datatrove_xxhash", "datatrove_sha1"] = setting(
        "own",
        "hash family: this project's, vectorised; or datatrove's, for the same candidates (with normalise: datatrove)",
        source="datatrove's default is xxhash; FineWeb ran with SHA-1 [A]",
    )
    seed: int = setting(1, "seed of the permutations", source="FineWeb's and datatrove's [A]", ge=0, lt=1 << 32)
    sketch: int = setting(
        128,
        "hashes kept of every document, a byte each, from which similarities are estimated (standard error at most 0.5 / sqrt)",
        source="this project's choice; b-bit minwise hashing, Li and König 2010",
        unit="bytes",
        ge=16,
        le=4096,
    )
    verify: Verification | None = setting(None, "verify candidates before they are connected; default: do not")
    near_survivor: float | None = setting(
        None,
        "a member less similar than this to its survivor stays: no chain of near duplicates reaches further. Measured as "
        "`verify` does, else estimated",
        source="this project's choice; no published recipe limits chains",
        unit="Jaccard similarity",
        ge=0,
        le=1,
    )

    signal_settings = ("bands", "rows", "n", "normalise", "tokenizer", "hashes", "seed", "sketch")

    @model_validator(mode="after")
    def _compatible(self) -> Self:
        if self.hashes != "own" and (self.normalise != "datatrove" or self.tokenizer is not None):
            raise ValueError(f"`hashes: {self.hashes}` goes with `normalise: datatrove` and no tokenizer")
        if self.tokenizer is not None and self.normalise == "datatrove":
            raise ValueError("a tokenizer goes with another `normalise` than datatrove")
        if self.against and (self.verify is not None or self.near_survivor is not None):
            raise ValueError("an index holds keys, no texts: `against` goes with neither `verify` nor `near_survivor`")
        return self

    def value_schema(self) -> pa.Schema:
        return pa.schema(
            [
                ("keys", pa.binary(8 * self.bands)),  # a little-endian uint64 a band
                ("shingles", pa.int32()),
                ("sketch", pa.binary(self.sketch_bytes)),
            ]
        )

    @property
    def sketch_bytes(self) -> int:
        return min(self.sketch, self.bands * self.rows)

    @property
    def keys_per_row(self) -> int:
        return self.bands

    @property
    def leaves_clusters(self) -> bool:
        return self.verify is None and self.near_survivor is None

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (f"{self.name}.keys", f"{self.name}.shingles")

    @property
    def reading(self) -> Reading:
        if self.tokenizer is not None:
            return TokenReading(self.normalise, str(self.tokenizer))
        return DatatroveReading() if self.normalise == "datatrove" else WordReading(self.normalise)

    @property
    def scheme(self) -> Scheme:
        return Scheme(self.bands, self.rows, self.n, self.seed, self.hashes, self.sketch_bytes, self.reading)

    def key_settings(self) -> dict[str, Any]:
        settings = super().key_settings()
        del settings["sketch"]
        if self.tokenizer is not None:
            settings["tokenizer"] = hashlib.sha256(storage.read_bytes(self.tokenizer)).hexdigest()
        return settings

    def collision(self, similarity: float) -> float:
        """Probability that two documents of this Jaccard similarity share a band."""
        return 1 - (1 - similarity**self.rows) ** self.bands

    def check(self) -> None:
        super().check()
        if self.tokenizer is not None:
            load_tokenizer(str(self.tokenizer))
        if self.normalise == "datatrove":
            self.keys_of(Texts.from_strings(["warm"]))

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        keys, shingles, sketches = self.scheme.of(batch.texts)
        return {"keys": fixed_binary(keys.astype("<u8")), "shingles": shingles, "sketch": fixed_binary(sketches)}

    def keys_of(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Band keys uint64 (rows, bands), zeros without a signature; number of shingles int32 (rows,)."""
        return self.scheme.of(texts)[:2]

    def records(self, batch: Batch) -> Records:
        keys_name, shingles_name = self.key_columns
        rows = np.flatnonzero(batch.keep & (batch.numbers(shingles_name) > 0))
        keys = fixed_rows(batch.column(keys_name), "<u8")
        keys = keys if len(rows) == len(keys) else keys[rows]
        return Records(rows, keys.reshape(-1))

    def warm(self) -> None:
        super().warm()
        self.keys_of(Texts.from_strings(["warm"]))

    @property
    def measure(self) -> Measure:
        """How pairs are compared: by their texts where `verify` says so, else by their sketches."""
        if self.verify is not None and self.verify.signature is None:
            return WordMeasure(self.reading, self.n, self.verify.jaccard or 0.0, self.verify.edit)
        least = 0.0 if self.verify is None else self.verify.signature or 0.0
        return SketchMeasure(self.name, self.sketch_bytes, self.bands, least)

    @property
    def method(self) -> str:
        return "signature" if isinstance(self.measure, SketchMeasure) else "jaccard"

    @property
    def candidates(self) -> int | None:
        return None if self.verify is None else self.verify.candidates

    @property
    def least_likeness(self) -> float | None:
        return self.near_survivor


__all__ = ["MinHash", "Verification"]
