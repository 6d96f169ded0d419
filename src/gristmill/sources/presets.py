"""Which fields the published corpora have, so that a recipe need only name the corpus.

sources:
  c4: {read: {jsonl: {preset: c4}}, input: c4/en/*.json.gz}
  fineweb: {read: {parquet: {preset: fineweb}}, input: data/CC-MAIN-2024-10/*.parquet}
"""

from __future__ import annotations

from typing import Literal

from gristmill.sources.fields import Fields

Preset = Literal[
    "c4", "oscar", "ccnet", "redpajama", "redpajama_v2", "pile", "refinedweb", "fineweb", "dolma", "slimpajama", "stack"
]

_CCNET = Fields(
    text="raw_content",
    date="date_download",
    metadata=("digest", "source_domain", "language_score", "perplexity", "bucket"),
)

PRESETS: dict[str, Fields] = {
    "c4": Fields(date="timestamp"),
    "oscar": Fields(  # 22.01 and later
        text="content",
        url="warc_headers.warc-target-uri",
        date="warc_headers.warc-date",
        language="metadata.identification.label",
        metadata=(
            "metadata.identification.prob",
            "metadata.annotation",
            "metadata.quality_warnings",
            "metadata.categories",
            "metadata.harmful_pp",
            "metadata.tlsh",
        ),
    ),
    "ccnet": _CCNET,
    "redpajama": Fields(  # its Common Crawl has no meta
        url="meta.url",
        title="meta.title",
        date="meta.timestamp",
        language="meta.language",
        metadata=("meta", "red_pajama_subset", "source", "pred_label", "pred_label_prob", "wiki_prob"),
    ),
    "redpajama_v2": _CCNET,
    "pile": Fields(metadata=("meta.pile_set_name",)),
    "refinedweb": Fields(text="content", date="timestamp", metadata=("dump", "segment")),
    "fineweb": Fields(  # FineWeb 2 and FineWeb-Edu too
        id="id",
        metadata=(
            *("dump", "file_path", "language_score", "token_count", "language_script", "minhash_cluster_size"),
            *("score", "int_score"),
        ),
    ),
    "dolma": Fields(id="id", url="metadata.url", date="created", metadata=("source", "metadata")),
    "slimpajama": Fields(metadata=("meta.redpajama_set_name",)),
    "stack": Fields(
        text="content",
        title="max_stars_repo_path",
        language="lang",
        metadata=("hexsha", "max_stars_repo_name", "max_stars_repo_licenses", "max_stars_count", "ext"),
    ),
}


def resolve(preset: Preset | None, fields: Fields) -> Fields:
    """The preset's fields with those that the recipe sets itself in their place."""
    if preset is None:
        return fields
    return PRESETS[preset].model_copy(update={name: getattr(fields, name) for name in fields.model_fields_set})
