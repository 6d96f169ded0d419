"""Drops documents by their URL: listed domains, pages and words, and sources that are wanted from elsewhere.

RefinedWeb, appendix G.1 (Penedo et al. 2023). Its lists are not published; datatrove carries lists made after
its description, which `lists: datatrove` uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import PrivateAttr, field_validator

from gristmill.dataset import Batch
from gristmill.filters.blocklist import compiled, datatrove_lists, read_words
from gristmill.filters.url_matcher import BAD_URL, RULES, SOFT, UrlMatcher
from gristmill.kernels.text import Texts
from gristmill.stage import Filter, Location, setting

REFINEDWEB_CURATED = (
    "arxiv.org",
    "askubuntu.com",
    "courtlistener.com",
    "en.wikipedia.org",
    "exporter.nih.gov",
    "github.com",
    "irclogs.ubuntu.com",
    "mathoverflow.net",
    "ncbi.nlm.nih.gov",
    "news.ycombinator.com",
    "reddit.com",
    "stackapps.com",
    "stackexchange.com",
    "stackoverflow.com",
    "statmt.org",
    "uspto.gov",
)
"""RefinedWeb, appendix G.1.3, as reproduced in DCLM's refinedweb.yaml."""


class UrlFilter(Filter):
    """Drop documents whose URL is listed, holds listed words, or belongs to a source that is wanted from
    elsewhere.

    Tested in this order, the first that applies gives the reason:

    - `domain`: the host's registered domain (by the Public Suffix List, without its private part), or a
      domain between it and the host, is listed;
    - `host`: the host itself is listed;
    - `url`: host, port, path and query are listed; scheme, user name, `www.`, ports 80 and 443, fragment and
      one trailing slash do not count, and case counts only after the host;
    - `strict_word`: a strict word stands anywhere once separators are left out;
    - `hard_word`: a hard word stands as a whole word, a longest run of letters and digits;
    - `curated_source`: the host is one of `curated` or below one;
    - `soft_words`: at least `soft_limit` different soft words stand as whole words;
    - `bad_url`: there is no URL or it has no usable host, and `require_url` is set.

    Words are sought in everything after the scheme, with percent-encoding and punycode undone.
    """

    kind = "url"
    rules = RULES
    needs = ("url",)
    values = pa.schema([("hit", pa.int8()), ("soft", pa.int16()), ("evidence", pa.string())])
    signal_settings: ClassVar[tuple[str, ...]] = (
        "lists",
        "domains",
        "urls",
        "strict_words",
        "hard_words",
        "soft_words",
        "curated",
        "ignore_case",
        "separators",
        "whole_suffixes",
    )

    lists: Literal["datatrove"] | None = setting(
        None,
        "ready-made lists beside those named here: `datatrove`, the domains, URLs and words in its package",
        source="datatrove 0.10, made after RefinedWeb G.1 from UT1; RefinedWeb's own are unpublished",
    )
    domains: list[Location] = setting(
        factory=list,
        doc="files of domains, or UT1 folders and archives with `domains`; an entry covers its sub-domains",
    )
    urls: list[Location] = setting(factory=list, doc="files of URLs, or UT1 folders and archives holding `urls`")
    strict_words: list[Location] = setting(factory=list, doc="files of words that may stand nowhere")
    hard_words: list[Location] = setting(factory=list, doc="files of words that may not stand as whole words")
    soft_words: list[Location] = setting(factory=list, doc="files of words of which few may stand as whole words")
    soft_limit: int = setting(
        2, "different soft words that drop a document", source="RefinedWeb G.1; datatrove", unit="words", ge=1
    )
    curated: Literal["refinedweb"] | list[str] = setting(
        factory=list,
        doc="domains left out with all below them, as they come from elsewhere; `refinedweb`: its 16",
        source="RefinedWeb G.1.3 as in DCLM, which matches exact hosts; here whole sources are meant",
    )
    ignore_case: bool = setting(
        True,
        "look for words without regard to case",
        source="contested: datatrove compares whole words by case; DCLM does not, but says RefinedWeb does",
    )
    separators: str | None = setting(
        None,
        "ASCII characters left out, as blanks are, to find strict words; null: all but letters and digits",
        source="datatrove: all; DCLM: `-.`",
    )
    whole_suffixes: bool = setting(
        False,
        "a listed public suffix (`xxx`, `co.uk`) covers all domains under it",
        source="no published rule does",
    )
    require_url: bool = setting(False, "drop documents without a usable URL")

    _matcher: UrlMatcher | None = PrivateAttr(None)

    @field_validator("separators")
    @classmethod
    def _ascii(cls, value: str | None) -> str | None:
        if value is not None and not value.isascii():
            raise ValueError("separators must be ASCII characters")
        return value

    @field_validator("curated")
    @classmethod
    def _are_domains(cls, value: str | list[str]) -> str | list[str]:
        for entry in value if isinstance(value, list) else ():
            if not re.fullmatch(r"[^\s/:@?#]+", entry):
                raise ValueError(f"{entry!r} is not a domain; write it like example.com")
        return value

    def files(self, kind: str) -> tuple[str, ...]:
        """Locations of the lists of one kind (`domains`, `urls`, `strict_words` …), ready-made ones first."""
        ready = (datatrove_lists()[kind],) if self.lists == "datatrove" else ()
        return (*ready, *getattr(self, kind))

    def bundled_files(self) -> tuple[str, ...]:
        return tuple(datatrove_lists().values()) if self.lists == "datatrove" else ()

    def check(self) -> None:
        # as much of `matcher` as needs no compiled code: `check` runs even when there is nothing to do
        for kind in ("domains", "urls"):
            compiled(self.files(kind), kind)
        for kind in ("strict_words", "hard_words", "soft_words"):
            for location in self.files(kind):
                read_words(location)

    def warm(self) -> None:
        from gristmill.kernels.url_parts import Urls

        self.matcher().match(Urls.parse(Texts.from_strings(["http://www.example.com:81/a%20b"])))

    def matcher(self) -> UrlMatcher:
        """The lists, ready to be looked up in. Raises UserError for a list that is missing, damaged or no
        list.
        """
        if self._matcher is None:
            curated = REFINEDWEB_CURATED if self.curated == "refinedweb" else tuple(self.curated)
            self._matcher = UrlMatcher.load(
                {kind: self.files(kind) for kind in ("domains", "urls", "strict_words", "hard_words", "soft_words")},
                curated,
                ignore_case=self.ignore_case,
                separators=self.separators,
                whole_suffixes=self.whole_suffixes,
            )
        return self._matcher

    def __getstate__(self) -> dict[Any, Any]:
        # mapped lists stay out of pickles: every process maps them itself
        state = super().__getstate__()
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_matcher": None}
        return state

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        """hit: number of the first rule that applies, soft words aside, -1 for none; soft: different soft
        words; evidence: the part of the URL that is listed, or the soft words."""
        from gristmill.kernels.url_parts import Urls

        hit, soft, evidence = self.matcher().match(Urls.parse(Texts.from_arrow(batch.column("url"))))
        return {"hit": hit, "soft": soft, "evidence": pa.array(evidence, pa.string())}

    def decide(self, batch: Batch) -> np.ndarray:
        hit, soft = self.value(batch, "hit"), self.value(batch, "soft")
        failed = [hit == rule for rule in range(len(RULES))]
        failed[SOFT] = soft >= self.soft_limit
        failed[BAD_URL] &= self.require_url
        return self.first_rule(*failed)
