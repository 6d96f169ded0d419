"""Stage kinds by name, imported only when a recipe uses them. Third parties add theirs by entry point.

[project.entry-points."gristmill.stages"]
my_filter = "my_package.filters:MyFilter"
"""

from __future__ import annotations

import contextlib
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from gristmill.errors import UserError, nearest
from gristmill.stage import Stage

BUILT_IN = {
    # sources
    "warc": "gristmill.sources.warc:Warc",
    "jsonl": "gristmill.sources.jsonl:JsonLines",
    "parquet": "gristmill.sources.parquet:Parquet",
    "text": "gristmill.sources.text:PlainText",
    "wikipedia": "gristmill.sources.wikipedia:Wikipedia",
    "dataset": "gristmill.sources.dataset:DatasetSource",
    "stackexchange": "gristmill.sources.stackexchange:StackExchange",
    "gutenberg": "gristmill.sources.gutenberg:Gutenberg",
    "arxiv": "gristmill.sources.arxiv:Arxiv",
    "code": "gristmill.sources.code:Code",
    "jats": "gristmill.sources.jats:Jats",
    "hackernews": "gristmill.sources.hackernews:HackerNews",
    "uspto": "gristmill.sources.uspto:Uspto",
    "reddit": "gristmill.sources.reddit:Reddit",
    # filters
    "url": "gristmill.filters.url:UrlFilter",
    "language": "gristmill.filters.language:Language",
    "gopher_repetition": "gristmill.filters.gopher:GopherRepetition",
    "gopher_quality": "gristmill.filters.gopher:GopherQuality",
    "c4": "gristmill.filters.c4:C4",
    "fineweb": "gristmill.filters.fineweb:FineWeb",
    "redpajama_signals": "gristmill.filters.redpajama:RedPajamaSignals",
    "code_rules": "gristmill.filters.code:CodeRules",
    "refinedweb_lines": "gristmill.filters.refinedweb_lines:RefinedWebLines",
    "pii": "gristmill.filters.pii:Pii",
    "pii_domains": "gristmill.filters.pii_domains:PiiDomains",
    "classifier": "gristmill.filters.classifier:Classifier",
    "train_classifier": "gristmill.filters.train_classifier:TrainClassifier",
    "quantile": "gristmill.filters.quantile:Quantile",
    "datatrove": "gristmill.filters.datatrove_block:DatatroveBlock",
    "perplexity": "gristmill.perplexity.score:Perplexity",
    "train_perplexity": "gristmill.perplexity.train:TrainPerplexity",
    "perplexity_buckets": "gristmill.perplexity.buckets:PerplexityBuckets",
    # dedup
    "exact": "gristmill.dedup.exact:Exact",
    "minhash": "gristmill.dedup.minhash:MinHash",
    "containment": "gristmill.dedup.containment:Containment",
    "substring": "gristmill.dedup.substring:ExactSubstring",
    "url_dedup": "gristmill.dedup.url:UrlDedup",
    "paragraphs": "gristmill.dedup.paragraphs:ParagraphDedup",
    "sentences": "gristmill.dedup.sentences:SentenceDedup",
    # evaluation sets
    "decontaminate": "gristmill.decontamination.stage:Decontaminate",
    "contamination_report": "gristmill.decontamination.report:ContaminationReport",
}

ENTRY_POINTS = "gristmill.stages"


@cache
def locations() -> dict[str, str]:
    """Every known kind and where its class lies, built-in ones first."""
    found = dict(BUILT_IN)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        found.setdefault(point.name, point.value)
    return found


@cache
def stage_class(kind: str) -> type[Stage]:
    """The class of a kind. Raises UserError with the nearest known name."""
    location = locations().get(kind)
    if location is None:
        raise UserError(
            f"unknown stage kind {kind!r}.{nearest(kind, locations())}",
            hint="`gristmill stages` lists all kinds",
        )
    module, _, name = location.partition(":")
    try:
        cls = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        hint = "reinstall or remove the package that names it"
        raise UserError(f"the stage kind {kind!r} cannot be loaded from {location}: {error}", hint=hint) from error
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise UserError(
            f"{location}, which the stage kind {kind!r} names, is no stage", hint="it must derive from Stage"
        )
    return cls


def loadable() -> dict[str, type[Stage]]:
    """Every kind that can be loaded; a broken package of a third party must not hide the others."""
    found = {}
    for kind in locations():
        with contextlib.suppress(UserError):
            found[kind] = stage_class(kind)
    return found
