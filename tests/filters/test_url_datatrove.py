"""The URL filter against datatrove's URLFilter with the lists in its package, every difference explained."""

from __future__ import annotations

import csv
import io
import random
import re
import tarfile
import warnings
from collections import Counter

import pyarrow as pa
import pytest

from gristmill.filters.blocklist import compiled, datatrove_lists, read_words
from gristmill.filters.url import UrlFilter
from gristmill.filters.url_matcher import registered_domain
from tests.stages import run_filter

pytest.importorskip("datatrove")
pytestmark = pytest.mark.slow

Verdict = tuple[str | None, str | None]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        stage = UrlFilter(lists="datatrove")
        stage.check()
        stage.warm()
        yield stage


@pytest.fixture(scope="module")
def block(tmp_path_factory):
    from datatrove.pipeline.filters import URLFilter, url_filter
    from tldextract import TLDExtract

    folder = tmp_path_factory.mktemp("datatrove")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(url_filter, "cached_assets_path", lambda **_: folder)
        try:
            block = URLFilter()
        except ImportError as error:
            pytest.skip(str(error))
        block.tldextractor = TLDExtract(cache_dir=None, suffix_list_urls=())
        block.download_data()
        yield block


@pytest.fixture(scope="module")
def listed() -> list[str]:
    """Every 3,000th domain of datatrove's list."""
    with tarfile.open(datatrove_lists()["domains"]) as archive:
        return archive.extractfile("domains").read().decode().split("\n")[:-1:3000]


def ours(stage: UrlFilter, urls: list[str]) -> list[Verdict]:
    batch = run_filter(stage, ["x"] * len(urls), {"url": pa.array(urls, pa.string())})
    return list(zip(batch.column("drop").to_pylist(), batch.column("url.evidence").to_pylist(), strict=True))


def theirs(block, urls: list[str]) -> list[str | None]:
    from datatrove.data import Document

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdicts = [block.filter(Document(text="", id="", metadata={"url": url})) for url in urls]
    return [None if verdict is True else verdict[1] for verdict in verdicts]


def explanation(stage: UrlFilter, url: str, verdict: Verdict, other: str | None) -> str | None:
    """Why the two disagree whether to drop `url`, or None when that is not understood."""
    reason, evidence = verdict
    if other is None:
        if reason == "url.url":
            return "datatrove compares URLs with their scheme to a list without schemes"
        if reason == "url.domain" and evidence != registered_domain(evidence):
            return "datatrove looks up the registered domain and the host, nothing between them"
        if reason in ("url.domain", "url.host") and not re.fullmatch(r"[^/]*//[a-z0-9.-]*[a-z](/.*)?", url):
            return "datatrove finds no domain in this host"
        if reason in ("url.hard_word", "url.soft_words") and url != url.lower():
            return "datatrove compares whole words by case"
        if "%" in url:
            return "datatrove does not undo percent-encoding"
        return None
    if other == "blacklisted_subword":
        text = re.sub("[^a-z0-9]", "", url.lower())
        after = re.sub("[^a-z0-9]", "", url.lower().partition("://")[2])
        words = [word.decode() for word in stage.matcher().strict]
        if any(word in text for word in words) and not any(word in after for word in words):
            return "datatrove's substrings may begin in the scheme"
        if not url.isascii() or "%" in url:
            return "datatrove leaves letters outside ASCII out, and reads percent-encoding as letters"
    return None


def differences(stage, block, urls: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for url, verdict, other in zip(urls, ours(stage, urls), theirs(block, urls), strict=True):
        if (verdict[0] is None) != (other is None):
            why = explanation(stage, url, verdict, other)
            assert why, f"{url}: {verdict} against {other}"
            found[why] += 1
    return found


def test_every_listed_domain_is_dropped_and_nothing_like_it(stage, block, listed):
    known = [entry for entry in listed if entry.isascii() and registered_domain(entry)]
    assert len(known) > 1400
    for url in ("http://{}/", "https://{}/page?x=1"):
        assert all(reason in ("url.domain", "url.host") for reason, _ in ours(stage, [url.format(e) for e in known]))
    assert set(differences(stage, block, [f"http://{entry}/" for entry in known])) <= {
        "datatrove finds no domain in this host"
    }
    below = [f"http://www.{entry}/" for entry in known]
    assert all(reason == "url.domain" for reason, _ in ours(stage, below))
    assert set(differences(stage, block, below)) <= {
        "datatrove finds no domain in this host",
        "datatrove looks up the registered domain and the host, nothing between them",
    }
    unlisted = [f"http://{entry.replace('.', '-')}.q7w8.net/" for entry in known]
    assert not [reason for reason, _ in ours(stage, unlisted) if reason in ("url.domain", "url.host")]


def test_no_two_domains_of_the_list_share_a_hash(stage):
    assert len(compiled(stage.files("domains"), "domains")) == 4_558_940  # lines of the list, all different


def test_every_listed_url_is_found_with_a_scheme(stage, block):
    with tarfile.open(datatrove_lists()["urls"]) as archive:
        entries = archive.extractfile("urls").read().decode().split("\n")[:-1]
    urls = ["https://www." + entry for entry in entries[::20]]
    assert {reason for reason, _ in ours(stage, urls)} <= {"url.url", "url.domain", "url.host"}


def test_listed_words_drop_alike_wherever_they_stand(stage, block):
    draw = random.Random(7)
    words = {kind: read_words(datatrove_lists()[kind]) for kind in ("strict_words", "hard_words", "soft_words")}
    paths = []
    for entry in words["strict_words"]:
        paths += [
            entry.replace(" ", "-"),
            entry.replace(" ", ""),
            f"x{entry.replace(' ', '_')}x",
            entry.title().replace(" ", "."),
        ]
    for entry in [*words["hard_words"], *words["soft_words"]]:
        paths += [entry, f"x{entry}", f"a-{entry}/b", f"a_{entry}.html"]
    for _ in range(500):
        paths.append("/".join(draw.choices(words["soft_words"], k=draw.randint(1, 3))))
    urls = [f"http://example.com/{path}" for path in paths]
    assert differences(stage, block, urls) == {}
    assert sum(reason is not None for reason, _ in ours(stage, urls)) > 1000


def test_real_urls_are_judged_alike(stage, block, real_data):
    with tarfile.open(real_data / "conversations" / "hackernews_posts.tar.xz") as archive:
        member = next(entry for entry in archive if entry.name.endswith(".csv"))
        rows = csv.DictReader(io.TextIOWrapper(archive.extractfile(member), "utf-8", "replace"))
        urls = [row["url"] for row in rows if row["url"]]
    assert len(urls) > 20_000
    found = differences(stage, block, urls)
    print(found)
    assert sum(found.values()) < 0.001 * len(urls)


@pytest.mark.parametrize(
    ("url", "reason", "other"),
    [
        ("http://{domain}/", "url.domain", "domain"),
        ("http://{DOMAIN}/", "url.domain", None),  # compared by case
        ("http://a.com/{hard}", "url.hard_word", "hard_blacklisted"),
        ("http://a.com/{HARD}", "url.hard_word", None),  # compared by case
        ("http://a.com/{soft}/{other_soft}", "url.soft_words", "soft_blacklisted"),
        ("http://a.com/x%20{soft}%20{other_soft}", "url.soft_words", None),  # the words read as 20…
        ("http://{page}", "url.url", None),  # compared with its scheme
        ("http://www.{blog}/", "url.domain", None),  # between registered domain and host
    ],
)
def test_where_the_two_differ(stage, block, listed, url, reason, other):
    own = next(entry for entry in listed if entry == registered_domain(entry) and entry.isascii())
    blog = next(entry for entry in listed if registered_domain(entry) not in (None, entry))
    hard, (soft, _, other_soft) = (
        read_words(stage.files("hard_words")[0])[0],
        read_words(stage.files("soft_words")[0])[:3],
    )
    url = url.format(
        domain=own,
        DOMAIN=own.upper(),
        blog=blog,
        page="178.128.25.172/watch",
        hard=hard,
        HARD=hard.upper(),
        soft=soft,
        other_soft=other_soft,
    )
    assert ours(stage, [url])[0][0] == reason
    assert theirs(block, [url]) == [other]
