"""Laws of the URL kernels against plain Python, urllib and tldextract."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.url_matcher import listed_domain, registered_domain
from gristmill.kernels.text import Texts
from gristmill.kernels.url_hashes import contains, hash_bytes, hash_hosts, hash_urls, match_domains
from gristmill.kernels.url_parts import END, HOST, HOST_END, START, TAIL, Urls
from gristmill.kernels.url_words import Automaton, match_substrings, match_words, word_hashes

KEYS = st.lists(st.integers(0, 2**64 - 1), max_size=200)
LABEL = st.text("abcx-_0", min_size=1, max_size=4)
HOSTS = st.lists(LABEL, min_size=1, max_size=6).map(".".join)
SHORT = st.text("abc", min_size=1, max_size=4)
NO_SEPARATORS = np.zeros(256, bool)


def parse(*urls: str | bytes) -> Urls:
    rows = [url if isinstance(url, bytes) else url.encode() for url in urls]
    offsets = np.cumsum([0, *map(len, rows)])
    return Urls.parse(Texts(np.frombuffer(b"".join(rows), np.uint8), offsets.astype(np.int64)))


@given(KEYS, KEYS)
def test_look_up_is_membership(table, keys):
    array = np.unique(np.array(table, np.uint64))
    keys = [*keys, *table, 0, 2**64 - 1]
    assert contains(array, np.array(keys, np.uint64)).tolist() == [key in set(table) for key in keys]


def test_look_up_does_not_need_evenly_spread_hashes():
    table = np.arange(5000, dtype=np.uint64)
    assert contains(table, np.array([0, 4999, 5000, 2**63], np.uint64)).tolist() == [True, True, False, False]


def test_hashes_are_what_compiled_lists_hold():
    """Whoever changes these numbers must raise blocklist.FORMAT."""

    def reference(text: bytes) -> int:
        state = 14695981039346656037
        for byte in text:
            state = (state ^ byte) * 1099511628211 % 2**64
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            state = (state ^ state >> 33) * factor % 2**64
        return state ^ state >> 33

    data = np.frombuffer(b"word", np.uint8)
    assert int(hash_bytes(data, 0, 4)) == reference(b"word")
    urls = parse("http://www.Example.com:8080/A?b#c")
    assert int(hash_hosts(urls.texts.data, urls.spans)[0]) == reference(b"www.example.com"[::-1])
    assert int(hash_urls(urls.texts.data, urls.spans)[0]) == reference(b"example.com:8080/A?b")
    assert urls.key(0) == "example.com:8080/A?b"


@given(st.lists(HOSTS, min_size=1, max_size=8), st.lists(HOSTS, max_size=8))
def test_listed_domains_are_the_ends_of_a_host_at_labels(hosts, listed):
    listed = [*listed, *hosts[:2]]
    entries, urls = parse(*listed), parse(*("http://" + host for host in hosts))
    table = np.unique(hash_hosts(entries.texts.data, entries.spans))
    blocked, _ = match_domains(urls.texts.data, urls.spans, table, np.empty(0, np.uint64))
    for host, bits in zip(hosts, blocked.tolist(), strict=True):
        labels = host.split(".")
        if labels[-1].isdigit():  # an address
            assert bits == (host in listed)
        else:
            depths = [depth for depth in range(len(labels)) if ".".join(labels[-depth - 1 :]) in listed]
            assert bits == sum(1 << depth for depth in depths)


@given(HOSTS.map(lambda host: host + ".com"), st.integers(1, 5))
def test_every_listed_domain_at_or_below_the_registered_one_drops(host, depth):
    labels = host.split(".")
    rule, evidence = listed_domain(host, 1 << depth)
    if depth >= len(labels):
        return
    assert evidence == ".".join(labels[-depth - 1 :])
    assert rule == (1 if evidence == host != registered_domain(host) else 0)


@given(st.lists(SHORT, max_size=8, unique=True), st.lists(st.text("abcd-", max_size=20), max_size=6))
def test_substrings_are_found_as_python_finds_them(words, texts):
    automaton = Automaton.build([word.encode() for word in words])
    rows = Texts.from_strings(texts)
    arguments = (automaton.classes, automaton.moves, automaton.found)
    for separators in ("", "-"):
        mask = NO_SEPARATORS.copy()
        mask[[ord(sign) for sign in separators]] = True
        found = match_substrings(rows.data, rows.offsets, mask, *arguments)
        for text, index in zip(texts, found.tolist(), strict=True):
            bare = "".join(sign for sign in text if sign not in separators)
            if index < 0:
                assert not any(word in bare for word in words)
            else:
                ends = {word: bare.index(word) + len(word) for word in words if word in bare}
                assert ends[words[index]] == min(ends.values())


@given(
    st.lists(SHORT, max_size=6, unique=True),
    st.lists(SHORT, max_size=6, unique=True),
    st.text("abc-/Z", max_size=40),
)
def test_whole_words_are_those_a_pattern_splits(hard, soft, text):
    rows = Texts.from_strings([text])
    spans, counts = match_words(
        rows.data,
        rows.offsets,
        word_hashes([w.encode() for w in hard]),
        word_hashes([w.encode() for w in soft]),
    )
    words = re.findall("[a-zA-Z0-9]+", text)
    assert text[spans[0, 0] : spans[0, 1]] == next((word for word in words if word in hard), "")
    assert counts[0] == len(set(words) & set(soft))


@settings(max_examples=300)
@given(st.lists(st.text("aZ0.:/\\@?#%[] -é\n", max_size=25) | st.binary(max_size=20), max_size=5))
def test_any_bytes_are_parsed_within_their_row(rows):
    urls = parse(*rows)
    start, end = urls.texts.offsets[:-1], urls.texts.offsets[1:]
    spans = urls.spans
    assert (start <= spans[:, START]).all()
    assert (spans[:, START] <= spans[:, HOST]).all()
    assert (spans[:, HOST] <= spans[:, HOST_END]).all()
    assert (spans[:, HOST_END] <= spans[:, TAIL]).all()
    assert (spans[:, TAIL] <= spans[:, END]).all()
    assert (spans[:, END] <= end).all()
    assert len(urls.words()) == len(rows)
    for row in range(len(rows)):
        assert urls.bad[row] == (urls.host(row) == "")
        assert urls.key(row) is not None


def test_real_urls_have_the_hosts_and_registered_domains_that_libraries_find(real_urls):
    from tldextract import TLDExtract

    extract = TLDExtract(cache_dir=None, suffix_list_urls=())
    urls = parse(*real_urls)
    odd = []
    for row, url in enumerate(real_urls):
        expected = urlsplit(url).hostname or ""
        if urls.host(row) != expected.rstrip("."):
            odd.append((url, urls.host(row)))
        known = extract(url).top_domain_under_public_suffix
        if known and not urls.bad[row]:
            assert registered_domain(urls.host(row)) == known.lower()
    assert len(odd) < 0.001 * len(real_urls), odd


@pytest.fixture(scope="module")
def real_urls(real_data) -> list[str]:
    import csv
    import io
    import tarfile

    with tarfile.open(real_data / "conversations" / "hackernews_posts.tar.xz") as archive:
        member = next(entry for entry in archive if entry.name.endswith(".csv"))
        rows = csv.DictReader(io.TextIOWrapper(archive.extractfile(member), "utf-8", "replace"))
        return [row["url"] for row in rows if row["url"]]
