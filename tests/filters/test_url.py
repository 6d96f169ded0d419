"""What the URL filter drops, by which rule, and what it names as the reason."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from gristmill.filters.url import UrlFilter
from gristmill.filters.url_matcher import registered_domain
from tests.stages import make_batch, run_filter


@pytest.fixture(autouse=True, scope="module")
def cache_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def list_file(folder: Path, name: str, *entries: str) -> str:
    path = folder / name
    path.write_text("".join(entry + "\n" for entry in entries))
    return str(path)


def judge(stage: UrlFilter, *urls: str | None) -> list[tuple[str | None, str | None]]:
    """Reason without the stage's name, and evidence, of every URL."""
    batch = run_filter(stage, ["x"] * len(urls), {"url": pa.array(urls, pa.string())})
    reasons = [reason and reason.removeprefix("url.") for reason in batch.column("drop").to_pylist()]
    return list(zip(reasons, batch.column("url.evidence").to_pylist(), strict=True))


def reasons(stage: UrlFilter, *urls: str | None) -> list[str | None]:
    return [reason for reason, _ in judge(stage, *urls)]


# -- domains and hosts --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def domains(tmp_path_factory) -> UrlFilter:
    folder = tmp_path_factory.mktemp("lists")
    entries = (
        "Bad.Example",
        "*.worse.co.uk",
        "blog.host.org",
        "10.1.2.3",
        "[2001:db8::1]",
        "пример.рф",
        "xxx",
        "co.uk",
    )
    return UrlFilter(domains=[list_file(folder, "domains", *entries)])


def test_a_listed_domain_covers_itself_and_everything_below(domains):
    urls = ("http://bad.example", "https://www.bad.example/x", "http://a.b.c.worse.co.uk/?q")
    assert judge(domains, *urls) == [("domain", "bad.example")] * 2 + [("domain", "worse.co.uk")]


def test_a_name_that_only_ends_alike_is_kept(domains):
    urls = (
        "http://notbad.example/",
        "http://bad.example.com/",
        "http://good.com/bad.example",
        "http://x.com?u=bad.example",
    )
    assert reasons(domains, *urls) == [None] * 4


def test_a_listed_sub_domain_drops_itself_as_host_and_below_as_domain_but_not_its_parent(domains):
    urls = ("http://blog.host.org/", "http://en.blog.host.org/", "http://host.org/", "http://other.host.org/")
    assert judge(domains, *urls) == [
        ("host", "blog.host.org"),
        ("domain", "blog.host.org"),
        (None, None),
        (None, None),
    ]


def test_addresses_are_compared_whole(domains):
    urls = (
        "http://10.1.2.3:8080/",
        "http://9.10.1.2.3/",
        "http://1.2.3/",
        "http://[2001:DB8::1]:80/x",
        "http://[::1]/",
    )
    assert reasons(domains, *urls) == ["host", None, None, "host", None]


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://BAD.EXAMPLE/",
        "bad.example",
        "//bad.example/x",
        "bad.example:8080/x",
        "http://bad.example./",
        "http://bad.example.:443",
        "http://user:p%40ss@bad.example/",
        "http://good.com@bad.example/",
        "ftp://bad.example\\good.com/",
        "  http://bad.example/\n",
        "http://bad.example?q=1",
        "http://bad.example#top",
        "http://%62ad.example/",
        "http://ｂａｄ.example/",
        "http://bad。example/",
    ],
)
def test_a_domain_is_found_however_the_url_is_written(domains, url):
    assert judge(domains, url) == [("domain", "bad.example")]


def test_the_host_ends_where_a_browser_ends_it(domains):
    assert reasons(domains, "http://good.com\\@bad.example/", "http://good.com/@bad.example/") == [None, None]


@pytest.mark.parametrize("url", ["http://пример.рф/", "http://WWW.ПРИМЕР.РФ", "http://xn--e1afmkfd.xn--p1ai/"])
def test_an_international_domain_is_the_same_in_both_spellings(domains, url):
    assert judge(domains, url) == [("domain", "xn--e1afmkfd.xn--p1ai")]


def test_a_listed_public_suffix_counts_only_for_itself_unless_asked(domains):
    urls = ("http://co.uk/", "http://good.co.uk/", "http://some.xxx/")
    assert reasons(domains, *urls) == ["host", None, None]
    whole = UrlFilter(domains=domains.domains, whole_suffixes=True)
    assert judge(whole, *urls) == [("host", "co.uk"), ("domain", "co.uk"), ("domain", "xxx")]


def test_registered_domains_follow_the_public_suffix_list():
    found = {
        host: registered_domain(host)
        for host in (
            "a.b.co.uk",
            "co.uk",
            "x.kawasaki.jp",
            "a.b.c.kawasaki.jp",
            "city.kawasaki.jp",
            "me.blogspot.com",
        )
    }
    assert found == {
        "a.b.co.uk": "b.co.uk",
        "co.uk": None,
        "x.kawasaki.jp": None,  # *.kawasaki.jp
        "a.b.c.kawasaki.jp": "b.c.kawasaki.jp",
        "city.kawasaki.jp": "city.kawasaki.jp",  # !city.kawasaki.jp
        "me.blogspot.com": "blogspot.com",  # a private suffix
    }
    assert registered_domain("x.intranet") == "x.intranet"
    assert registered_domain("localhost") is None
    assert registered_domain("10.0.0.1") is None


def test_a_host_of_a_hundred_labels_is_looked_up(domains):
    assert judge(domains, "http://" + "a." * 100 + "bad.example/") == [("domain", "bad.example")]


# -- exact URLs ---------------------------------------------------------------------------------------------


def test_an_exact_url_is_found_whatever_does_not_change_the_page(tmp_path):
    stage = UrlFilter(urls=[list_file(tmp_path, "urls", "site.org/Page/", "http://www.site.org:8080/a?b=1")])
    same = (
        "http://site.org/Page",
        "https://www.SITE.org:443/Page/#top",
        "site.org/Page",
        "http://u@site.org./Page",
    )
    assert judge(stage, *same) == [("url", "site.org/Page")] * 4
    other = ("http://site.org/page", "http://site.org/Page/x", "http://site.org/Page?", "http://site.org/")
    assert reasons(stage, *other) == [None] * 4
    assert reasons(stage, "https://site.org:8080/a?b=1", "https://site.org/a?b=1") == ["url", None]


# -- words --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def word_lists(tmp_path_factory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("words")
    return {
        "strict_words": [list_file(folder, "strict", "# strict ones", "Red Herring", "grün")],
        "hard_words": [list_file(folder, "hard", "plum", "слива")],
        "soft_words": [list_file(folder, "soft", "fig", "nut", "oat")],
    }


def test_strict_words_are_found_across_separators_and_inside_words(word_lists):
    urls = (
        "http://a.com/red-herring",
        "http://theredherrings.com/",
        "http://a.com/red_%68erring",
        "http://a.com/r/edherring",
    )
    assert judge(UrlFilter(**word_lists), *urls) == [("strict_word", "redherring")] * 4


def test_fewer_separators_find_fewer_strict_words(word_lists):
    stage = UrlFilter(**word_lists, separators="-.")
    assert reasons(stage, "http://a.com/red-herring", "http://red.herring.com", "http://a.com/red_herring") == [
        "strict_word",
        "strict_word",
        None,
    ]
    assert reasons(stage, "http://a.com/red%20herring") == ["strict_word"]


def test_hard_words_are_found_only_whole(word_lists):
    urls = (
        "http://a.com/a-plum.html",
        "http://plum.com",
        "http://a.com/%20plum%20",
        "http://a.com/plums",
        "http://a.com/xplum",
    )
    assert reasons(UrlFilter(**word_lists), *urls) == ["hard_word"] * 3 + [None] * 2


def test_words_in_other_scripts_are_found_however_they_are_encoded(word_lists):
    urls = (
        "http://a.com/слива",
        "http://a.com/%D1%81%D0%BB%D0%B8%D0%B2%D0%B0",
        "http://СЛИВА.рф/",
        "http://xn--80adrl3a.xn--p1ai/",
        "http://a.com/Das-GRÜNE",
    )
    assert reasons(UrlFilter(**word_lists), *urls) == ["hard_word"] * 4 + ["strict_word"]


def test_soft_words_drop_only_in_number_and_each_counts_once(word_lists):
    urls = (
        "http://a.com/fig-nut",
        "http://a.com/fig/fig.fig",
        "http://fig.com/x?oat=1",
        "http://a.com/fignut",
    )
    assert judge(UrlFilter(**word_lists), *urls) == [
        ("soft_words", "fig nut"),
        (None, "fig"),
        ("soft_words", "fig oat"),
        (None, None),
    ]


def test_case_matters_when_asked(word_lists):
    urls = ("http://a.com/PLUM", "http://a.com/redherring", "http://a.com/RedHerring", "http://a.com/Fig-nut")
    assert reasons(UrlFilter(**word_lists), *urls) == [
        "hard_word",
        "strict_word",
        "strict_word",
        "soft_words",
    ]
    assert reasons(UrlFilter(**word_lists, ignore_case=False), *urls) == [None, None, "strict_word", None]


def test_the_scheme_is_no_part_of_what_words_are_sought_in(tmp_path):
    stage = UrlFilter(
        strict_words=[list_file(tmp_path, "strict", "psa")], hard_words=[list_file(tmp_path, "hard", "https")]
    )
    assert reasons(stage, "https://about.com", "https://upsala.com") == [None, "strict_word"]


def test_bytes_that_are_no_utf_8_cost_nothing(word_lists):
    urls = (
        "http://a.com/%FF%FEplum",
        "http://a.com/%FF/plum",
        "http://a.com/%ff/fig/nut",
        "http://a.com/%zz%4",
    )
    assert reasons(UrlFilter(**word_lists), *urls) == [None, "hard_word", "soft_words", None]


# -- curated sources, missing URLs, order -------------------------------------------------------------------


def test_curated_sources_go_with_all_below_them():
    stage = UrlFilter(curated="refinedweb")
    urls = (
        "https://old.reddit.com/r/x",
        "https://math.stackexchange.com/q/1",
        "https://en.m.wikipedia.org/",
        "http://github.com",
    )
    assert judge(stage, *urls) == [
        ("curated_source", "reddit.com"),
        ("curated_source", "stackexchange.com"),
        (None, None),  # en.m is not below en
        ("curated_source", "github.com"),
    ]
    assert reasons(UrlFilter(), *urls) == [None] * 4


def test_a_curated_entry_must_be_a_domain():
    with pytest.raises(ValidationError, match="not a domain"):
        UrlFilter(curated=["https://reddit.com/r"])


BAD_URLS = (
    None,
    "",
    "   ",
    "http://",
    "http:///path",
    "http://a b/",
    "http://a..b/",
    "http://a.com:x/",
    "http://[::1/",
    "http://%2F/",
)


@pytest.mark.parametrize(
    "url", [*BAD_URLS, "http://" + "a" * 254 + "/", "?", "http://" + "ä" * 9999, "http://%FF.com/"]
)
def test_a_url_without_a_usable_host_is_dropped_only_when_asked(url):
    assert reasons(UrlFilter(), url) == [None]
    assert reasons(UrlFilter(require_url=True), url) == ["bad_url"]


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "http://a_b.com", "a.com", "http://💩.la/", "http://a.com:/", "http://a_ä.com"],
)
def test_unusual_hosts_are_usable(url):
    assert reasons(UrlFilter(require_url=True), url) == [None]


def test_the_first_rule_in_order_gives_the_reason(tmp_path, word_lists):
    stage = UrlFilter(
        domains=[list_file(tmp_path, "domains", "bad.com", "x.half.com")],
        urls=[list_file(tmp_path, "urls", "a.com/redherring/plum/fig/nut")],
        curated=["bad.com", "half.com", "a.com", "z.com"],
        require_url=True,
        **word_lists,
    )
    path = "/redherring/plum/fig/nut"
    urls = (
        "bad.com" + path,
        "x.half.com" + path,
        "a.com" + path,
        "a.com/x" + path,
        "a.com/plum/fig/nut",
        "z.com/fig/nut",
    )
    assert reasons(stage, *urls, "y.com/fig/nut", "a b/fig/nut", "a b/fig") == [
        *stage.rules[:7],
        "soft_words",
        "bad_url",
    ]


def test_another_soft_limit_needs_no_new_signals(word_lists):
    batch = run_filter(UrlFilter(**word_lists), ["x"], {"url": ["http://a.com/fig-nut"]})
    assert "soft_limit" not in UrlFilter.signal_settings
    assert UrlFilter(soft_limit=2).decide(batch).tolist() == [6]
    assert UrlFilter(soft_limit=3).decide(batch).tolist() == [-1]


# -- as a stage ---------------------------------------------------------------------------------------------


def test_batch_borders_do_not_matter(word_lists):
    stage = UrlFilter(**word_lists, curated="refinedweb")
    urls = [
        "http://a.com/fig",
        "http://ä.de/plum",
        None,
        "http://arxiv.org",
        "",
        "http://a.com/%C3%A4",
        "x.com/nut-oat",
    ] * 3
    together = judge(stage, *urls)
    assert together == [judge(stage, url)[0] for url in urls]
    assert judge(stage) == []


def test_the_stage_pickles_without_its_lists(domains):
    domains.check()
    domains.warm()
    copy = pickle.loads(pickle.dumps(domains))
    assert len(pickle.dumps(domains)) < 2000
    assert reasons(copy, "http://bad.example") == ["domain"]
    assert copy.name == domains.name


def test_no_text_is_read():
    assert UrlFilter.needs == ("url",)
    batch = make_batch(["x"])
    batch._texts = None
    UrlFilter().signals(batch)


def test_importing_and_checking_load_no_compiler(tmp_path):
    path = list_file(tmp_path, "domains", "bad.com")
    UrlFilter(domains=[path]).check()
    code = (
        "import sys; from gristmill.filters.url import UrlFilter\n"
        f"UrlFilter(domains=[{path!r}], curated='refinedweb').check()\n"
        "assert not {'numba', 'tldextract', 'datatrove'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_warming_compiles_all_that_real_urls_need(tmp_path):
    path = list_file(tmp_path, "domains", "bad.com")
    code = (
        "from gristmill.filters.url import UrlFilter\n"
        "from gristmill.kernels import url_hashes, url_parts, url_words\n"
        "from tests.stages import run_filter\n"
        f"stage = UrlFilter(domains=[{path!r}], curated='refinedweb'); stage.warm()\n"
        "found = [*vars(url_hashes).values(), *vars(url_parts).values(), *vars(url_words).values()]\n"
        "kernels = [kernel for kernel in found if hasattr(kernel, 'signatures')]\n"
        "before = [list(kernel.signatures) for kernel in kernels]\n"
        "run_filter(stage, ['x'] * 3, {'url': ['http://ä.de/ö', 'http://a.com/%C3', None]})\n"
        "assert [list(kernel.signatures) for kernel in kernels] == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
