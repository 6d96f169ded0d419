"""Masks personal data, e-mail addresses, IPv4 addresses and telephone numbers, as FineWeb or Dolma do.

`fineweb` finds what datatrove's PIIFormatter finds. That one deals its replacements in turn, so what stands in a document depends
on the documents a worker saw before. Here the replaced text itself chooses: equal addresses get equal replacements, whatever
else is in the corpus.

`dolma` takes the patterns and checks of Dolma's taggers over the whole text, and from `pii_regex_v2` the words that must not
stand near. That tagger's test for URLs cannot match (its pattern begins with a backspace sign) and is left out. Its patterns take
the punctuation and white space around an address along, newlines too; `around: keep` leaves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill.dataset import Batch
from gristmill.filters.dialects import WithDialects
from gristmill.kernels.text import CUTS, Texts
from gristmill.stage import setting

EMAIL_EXAMPLES = ("email@example.com", "firstname.lastname@example.org")
IP_EXAMPLES = (
    "22.214.171.124",
    "126.96.36.199",
    "188.8.131.52",
    "184.108.40.206",
    "220.127.116.11",
    "18.104.22.168",
)

DIALECTS: dict[str, dict[str, Any]] = {
    "fineweb": {},
    "dolma": {
        "ips": "all",
        "phones": True,
        "email_replacements": [" |||EMAIL_ADDRESS||| "],
        "ip_replacements": [" |||IP_ADDRESS||| "],
        "phone_replacements": [" |||PHONE_NUMBER||| "],
        "not_near": ["isbn", "doi", "#"],
        "max_hits": 5,
    },
}
"""What each dialect sets otherwise than the defaults, which are those of `fineweb`."""

IP_READINGS = {"no": 0, "public": 1, "all": 2}  # kernels.pii.OFF, PUBLIC, ALL
_WARM_TEXT = "Write to a.b@example.com or call (555) 123-4567; 8.8.8.8 answers."


class Pii(WithDialects):
    """Put replacements in the place of e-mail addresses, IP addresses and telephone numbers; drop documents with too many.

    A hit inside another counts once: e-mail addresses win over telephone numbers, and these over IP addresses.

                            fineweb (default)                   dolma
        e-mail addresses    a pattern after RFC 5322            what has an @ inside and white space around
        IPv4 addresses      those that are globally routable    any that stand apart from isbn, doi and #
        telephone numbers   no                                  US numbers, as well apart from isbn, doi and #
        put instead         an example address, one of two;     |||EMAIL_ADDRESS|||, |||IP_ADDRESS|||,
                            one of six addresses nobody         |||PHONE_NUMBER|||
                            answers
        documents dropped   none                                those with more than 5 hits
    """

    kind = "pii"
    dialects = DIALECTS
    makes_cuts = True
    rules = ("too_many",)
    values = pa.schema([("emails", pa.int32()), ("ips", pa.int32()), ("phones", pa.int32()), ("cuts", CUTS)])
    signal_settings = (
        "dialect",
        "emails",
        "ips",
        "phones",
        "email_replacements",
        "ip_replacements",
        "phone_replacements",
        "not_near",
        "window",
        "around",
    )

    dialect: Literal["fineweb", "dolma"] = setting(
        "fineweb",
        "whose patterns, and what is not set here",
        source="FineWeb, datatrove's PIIFormatter; Dolma, taggers/pii.py and the 1.5 mixer's settings",
    )
    emails: bool = setting(True, "look for e-mail addresses", source="FineWeb; Dolma")
    ips: Literal["public", "all", "no"] = setting(
        "public",
        "which IPv4 addresses: outside the networks that IANA calls not global, all, none; dolma: all",
        source="FineWeb",
    )
    phones: bool = setting(
        False, "look for telephone numbers of ten digits, Dolma's pattern; dolma: true", source="FineWeb does not"
    )
    email_replacements: list[str] = setting(
        factory=lambda: list(EMAIL_EXAMPLES), doc="what stands for an e-mail address, one of these", source="FineWeb"
    )
    ip_replacements: list[str] = setting(
        factory=lambda: list(IP_EXAMPLES), doc="what stands for an IP address, one of these", source="FineWeb"
    )
    phone_replacements: list[str] = setting(
        factory=lambda: [" |||PHONE_NUMBER||| "], doc="what stands for a telephone number, one of these", source="Dolma"
    )
    not_near: list[str] = setting(
        factory=list,
        doc="IP addresses and telephone numbers near one of these stay; dolma: isbn, doi, #",
        source="Dolma, pii_regex_v2; FineWeb has no such list",
    )
    window: int = setting(100, "how near: this much on both sides", source="Dolma", unit="characters", ge=0)
    around: Literal["take", "keep"] = setting(
        "take",
        "whether the punctuation and white space that Dolma's patterns take along goes with the hit",
        source="Dolma; FineWeb's patterns take none along",
    )
    max_hits: int | None = setting(
        None, "documents with more hits go; null: none; dolma: 5", source="FineWeb drops none", unit="hits", ge=0
    )

    @model_validator(mode="after")
    def _something_to_put(self) -> Pii:
        for name in ("email_replacements", "ip_replacements", "phone_replacements"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty; [''] puts nothing")
        return self

    def warm(self) -> None:
        self.signals(Batch(0, 1, Texts.from_strings([_WARM_TEXT])))

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        spans, first = self._find(batch.texts)
        counts = np.zeros((batch.rows, 3), np.int32)
        rows = np.repeat(np.arange(batch.rows), np.diff(first))
        np.add.at(counts, (rows, spans[:, 0]), 1)
        return {
            "emails": counts[:, 0],
            "ips": counts[:, 1],
            "phones": counts[:, 2],
            "cuts": self._cuts(batch.texts, spans, first, rows),
        }

    def _find(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        from gristmill.kernels import emails
        from gristmill.kernels import pii as kernel
        from gristmill.kernels.code_points import code_point_tables

        words = Texts.from_strings([word for word in self.not_near if word])
        reading = kernel.DOLMA if self.dialect == "dolma" else kernel.FINEWEB
        return kernel.find_personal_data(
            texts.data,
            texts.offsets,
            reading if self.emails else kernel.OFF,
            kernel.UNCHECKED if self.dialect == "dolma" and self.ips == "all" else IP_READINGS[self.ips],
            self.phones,
            self.window if len(words) else -1,
            words.data,
            words.offsets[1:],
            emails.ATOM,
            emails.LABEL,
            emails.AROUND,
            emails.ENDS_DOMAIN,
            *code_point_tables(),
        )

    def _cuts(self, texts: Texts, spans: np.ndarray, first: np.ndarray, rows: np.ndarray) -> pa.Array:
        """Cuts of every row; the bytes of a hit choose among the replacements of its kind."""
        import xxhash

        choices = (self.email_replacements, self.ip_replacements, self.phone_replacements)
        replacements = []
        for kind, _, _, start, end in spans.tolist():
            options = choices[kind]
            pick = xxhash.xxh64_intdigest(texts.data[start:end].data) % len(options) if len(options) > 1 else 0
            replacements.append(options[pick])
        columns = (1, 2) if self.around == "take" else (3, 4)
        starts, ends = (spans[:, column] - texts.offsets[rows] for column in columns)
        cuts = pa.StructArray.from_arrays(
            [pa.array(starts), pa.array(ends), pa.array(replacements, pa.string())], fields=list(CUTS.value_type)
        )
        mask = pa.array(np.diff(first) == 0)
        return pa.ListArray.from_arrays(pa.array(first, pa.int32()), cuts, type=CUTS, mask=mask)

    def decide(self, batch: Batch) -> np.ndarray:
        hits = np.sum([self.value(batch, name) for name in ("emails", "ips", "phones")], axis=0)
        return self.first_rule(np.zeros(batch.rows, bool) if self.max_hits is None else hits > self.max_hits)

    def cuts(self, batch: Batch) -> pa.Array:
        """Also of documents that are dropped, so that another limit changes no text."""
        return batch.column(f"{self.name}.cuts")
