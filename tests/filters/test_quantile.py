"""A share of the documents by an exact quantile, over shards and groups, beside plain sorting."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.quantile import Quantile, ranks, unranked
from tests.stages import read_layer, run_phases, write_shard, write_signals

FLOATS = st.floats(width=32, allow_nan=False)


def kept(folder, stage: Quantile, values: list[list[float | None]], languages: list[list[str]] | None = None):
    """Which documents of some shards stay, in order, and the limits found. The values stand in `language_score`."""
    shards = []
    for number, scores in enumerate(values):
        columns = {"language_score": pa.array(scores, pa.float32())}
        if languages:
            columns["language"] = languages[number]
        shard = write_shard(folder, "web", f"s{number}", ["x"] * len(scores), batch_rows=3, **columns)
        shards.append(write_signals(stage, shard, folder))
    scope = run_phases(stage, shards, folder / "out")
    drops = [reason for shard in shards for reason in read_layer(stage, scope, shard).column("drop").to_pylist()]
    return drops, pq.read_table(folder / "out" / "limits" / "limits.parquet").to_pylist()


@given(st.lists(FLOATS, min_size=1), st.booleans())
def test_ranks_have_the_order_of_the_values(values, lowest):
    array = np.array(values, np.float32)
    found = ranks(array, lowest=lowest)
    order = np.argsort(found, kind="stable")
    ordered = array[order][::-1] if lowest else array[order]
    assert (ordered[1:] >= ordered[:-1]).all()
    assert [unranked(int(rank), lowest=lowest) for rank in found] == array.tolist()


@pytest.mark.parametrize(
    ("best", "share"), [("highest", 0.1), ("lowest", 0.1), ("highest", 0.5), ("highest", 1.0), ("lowest", 0.003)]
)
def test_the_best_share_stays(tmp_path, best, share):
    generator = np.random.default_rng(5)
    values = np.concatenate([generator.normal(0, 1, 150), generator.random(50) * 1e-3]).astype(np.float32)
    values[::7] = values[3]  # ties
    drops, limits = kept(tmp_path, Quantile(of="language_score", share=share, best=best), np.split(values, 4))
    wanted = math.ceil(share * len(values))
    ordered = np.sort(values) if best == "lowest" else np.sort(values)[::-1]
    limit = ordered[wanted - 1]
    inside = values <= limit if best == "lowest" else values >= limit
    assert [reason is None for reason in drops] == inside.tolist()
    assert limits == [{"group": "web", "documents": 200, "limit": limit, "kept": inside.sum()}]


def test_every_language_has_a_limit_of_its_own(tmp_path):
    scores = [[0.1, 0.9, 0.2, 0.8], [0.3, 0.01, None, 0.02]]
    languages = [["de", "en", "de", "en"], ["de", "fr", "de", "fr"]]
    drops, limits = kept(tmp_path, Quantile(of="language_score", share=0.5, by="language"), scores, languages)
    outside, missing = "quantile.outside", "quantile.no_value"
    assert drops == [outside, None, None, outside, None, outside, missing, None]
    assert [(row["group"], row["documents"], row["kept"]) for row in limits] == [
        ("web/de", 3, 2),
        ("web/en", 2, 1),
        ("web/fr", 2, 1),
    ]


def test_shards_do_not_matter(tmp_path):
    values = np.random.default_rng(1).random(60).astype(np.float32).tolist()
    stage = Quantile(of="language_score", share=0.25)
    whole, _ = kept(tmp_path / "a", stage, [values])
    parts, _ = kept(tmp_path / "b", stage, [values[:7], [], values[7:]])
    assert whole == parts
    assert whole.count(None) == 15
