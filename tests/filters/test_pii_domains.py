"""Sites with much personal data: which are found, over several shards, in bounded memory, and what is written about them."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.dataset import ShardRef
from gristmill.filters.pii import Pii
from gristmill.filters.pii_domains import PiiDomains, domains_of
from gristmill.kernels.text import Texts
from tests.stages import read_layer, run_phases, write_shard, write_signals

CONTACTS = "Anna a@x.org, Bela b@x.org, Carl c@x.org"
PROSE = "Nothing of the kind, save one: d@x.org"


def prepared(folder, texts: list[str], urls: list[str | None], stage: PiiDomains, name: str = "s0", **more) -> ShardRef:
    shard = write_shard(folder, "web", name, texts, url=urls, **more)
    return write_signals(stage, write_signals(Pii(), shard, folder), folder)


def drops(stage, scope, shard):
    return read_layer(stage, scope, shard).column("drop").to_pylist()


def test_a_domain_with_many_hits_falls_as_a_whole(tmp_path):
    stage = PiiDomains(min_documents=3)
    urls = [
        "http://a.staff.example/1",
        "http://b.staff.example/2",
        "https://staff.example/3",
        "http://news.example/",
        None,
    ]
    shard = prepared(tmp_path, [CONTACTS, CONTACTS, PROSE, PROSE, CONTACTS], urls, stage)
    scope = run_phases(stage, [shard], tmp_path / "out")
    assert drops(stage, scope, shard) == ["pii_domains.high_volume"] * 3 + [None] * 2
    layer = read_layer(stage, scope, shard)
    assert layer.column("pii_domains.domain_documents").to_pylist() == [3, 3, 3, None, None]
    assert layer.column("pii_domains.domain_hits").to_pylist() == [7, 7, 7, None, None]
    evidence = pq.read_table(tmp_path / "out" / "found" / "00000.parquet").to_pylist()
    assert evidence == [{"domain": "staff.example", "documents": 3, "hits": 7, "hits_per_document": 7 / 3}]


def test_few_documents_prove_nothing(tmp_path):
    stage = PiiDomains(min_documents=3)
    shard = prepared(tmp_path, [CONTACTS] * 2, ["http://staff.example/1", "http://staff.example/2"], stage)
    assert drops(stage, run_phases(stage, [shard], tmp_path / "out"), shard) == [None, None]


def test_documents_dropped_before_do_not_count(tmp_path):
    stage = PiiDomains(min_documents=2)
    urls = [f"http://staff.example/{n}" for n in range(3)]
    shard = prepared(tmp_path, [CONTACTS, CONTACTS, PROSE], urls, stage, dropped=[0])
    scope = run_phases(stage, [shard], tmp_path / "out")
    assert drops(stage, scope, shard) == [None, "pii_domains.high_volume", "pii_domains.high_volume"]
    assert read_layer(stage, scope, shard).column("pii_domains.domain_hits").to_pylist() == [None, 4, 4]


def test_documents_that_were_dropped_for_their_hits_count(tmp_path):
    stage = PiiDomains(min_documents=2)
    urls = ["http://staff.example/1", "http://staff.example/2"]
    shard = prepared(tmp_path, [CONTACTS * 4, PROSE], urls, stage, dropped=[0])
    by_hits = dataclasses.replace(shard.layers[0], stage="pii")
    shard = dataclasses.replace(shard, layers=(by_hits, *shard.layers[1:]))
    scope = run_phases(stage, [shard], tmp_path / "out")
    assert drops(stage, scope, shard) == [None, "pii_domains.high_volume"]
    assert read_layer(stage, scope, shard).column("pii_domains.domain_hits").to_pylist() == [None, 13]


@pytest.mark.parametrize("memory", [1 << 30, 2048])
def test_shards_and_ranges_change_nothing(tmp_path, memory):
    """Against a plain count over all shards."""
    stage = PiiDomains(min_documents=2, min_hits_per_document=1.5)
    texts = [" ".join(f"p{k}@x.org" for k in range(n * 7 % 4)) or PROSE[:10] for n in range(90)]
    urls = [f"http://h{n % 3}.site{n % 17}.co.uk/{n}" for n in range(90)]
    shards = [prepared(tmp_path, texts[k : k + 30], urls[k : k + 30], stage, name=f"s{k}") for k in range(0, 90, 30)]
    documents, hits = Counter(), Counter()
    for url, text in zip(urls, texts, strict=True):
        domain = url.split("/")[2].split(".", 1)[1]
        documents[domain] += 1
        hits[domain] += text.count("@")
    bad = {name for name in documents if documents[name] >= 2 and hits[name] >= 1.5 * documents[name]}
    assert 0 < len(bad) < 17
    scope = run_phases(stage, shards, tmp_path / "out", memory=memory)
    found = [reason for shard in shards for reason in drops(stage, scope, shard)]
    assert [reason is not None for reason in found] == [url.split("/")[2].split(".", 1)[1] in bad for url in urls]
    assert len(list((tmp_path / "out" / "found").glob("*.parquet"))) == (1 if memory > 4096 else 12)


def test_addresses_stand_for_themselves_and_broken_urls_for_nothing():
    urls = ["http://8.8.8.8/x", "https://WWW.Uni-Koeln.de:8080/a", "http://co.uk/", "mailto:x", "", "http://münchen.de"]
    texts = Texts.from_strings(urls).to_arrow()
    assert domains_of(texts).to_pylist() == ["8.8.8.8", "uni-koeln.de", "co.uk", None, None, "xn--mnchen-3ya.de"]


@given(st.permutations(range(6)))
def test_order_of_rows_does_not_matter(order):
    urls = [f"http://a{n % 2}.example/" for n in range(6)]
    assert domains_of(Texts.from_strings([urls[n] for n in order]).to_arrow()).to_pylist() == [
        f"a{n % 2}.example" for n in order
    ]


def test_it_reads_the_stage_it_is_told_to():
    assert PiiDomains(pii="mask", count=["ips"]).needs == ("url", "mask.ips")
    with pytest.raises(ValueError, match="expected some of emails"):
        PiiDomains(count=["names"])
