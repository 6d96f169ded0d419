"""The settings of HTML extraction and where their defaults come from."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from gristmill.extract.engines import check_engine
from gristmill.stage import Settings, setting


class ExtractSettings(Settings):
    """How HTML becomes text. Engines ignore what they cannot do; the module of each says what it honours."""

    engine: str = setting(
        "gristmill",
        "engine by name (gristmill, trafilatura, resiliparse), or `module:function` of your own",
        source="our own; trafilatura: RefinedWeb 3.1, FineWeb; resiliparse: DCLM",
    )
    favour: Literal["precision", "balanced", "recall"] = setting(
        "precision",
        "what to prefer where main text and boilerplate are hard to tell apart",
        source="datatrove's Trafilatura block, as FineWeb ran it; RefinedWeb's options are not published [U]",
    )
    comments: bool = setting(False, "keep readers' comments", source="datatrove's Trafilatura block; RefinedWeb [U]")
    tables: bool = setting(True, "keep text in tables", source="trafilatura's default, unchanged by datatrove")
    links: bool = setting(False, "write link targets beside their text", source="trafilatura's default")
    markup: Literal["plain", "markdown"] = setting(
        "plain",
        "how headings, tables, quotes and code are written; lists have their marks either way (engine gristmill)",
        source="ours",
    )
    fast: bool = setting(
        False,
        "skip trafilatura's comparison with readability and justext: about 1.4 times as fast",
        source="trafilatura's default",
    )
    time_limit: float = setting(
        10.0,
        "processor time one page may take; far above what real pages need, so that no machine's load decides",
        source="ours; datatrove 1 s (0.1 s in old releases) [C]",
        unit="seconds",
        gt=0,
        le=3600,
    )
    max_bytes: int = setting(
        20_000_000,
        "largest payload taken on; Common Crawl cuts payloads at 1 MiB, and at 5 MiB since 2025",
        source="trafilatura's MAX_FILE_SIZE",
        unit="bytes",
        gt=0,
        le=1 << 30,  # places in a page are numbers of 32 bits
    )
    max_newlines: int = setting(2, "most newlines in a row", source="RefinedWeb 3.1", ge=1, le=10)
    strip_urls: Literal["none", "links", "hosts"] = setting(
        "none",
        "remove URLs from the text: `links` those that begin with a scheme or www., `hosts` also bare ones "
        "such as site.example/page, at the risk of names that merely look like hosts",
        source="FineWeb and datatrove keep them; RefinedWeb strips all, patterns not published [U]; "
        "`hosts` follows DCLM",
    )

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, name: str) -> str:
        check_engine(name)
        return name
