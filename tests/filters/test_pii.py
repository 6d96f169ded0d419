"""Personal data: what is found, beside datatrove and a plain reading of Dolma's patterns, and what stands in its place."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii import EMAIL_EXAMPLES, IP_EXAMPLES, Pii
from gristmill.kernels.text import apply_cuts
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

DOLMA_EMAIL = re.compile(r"[.\s@,?!;:)(]*([^\s@]+@[^\s@,?!;:)(]+?)[.\s@,?!;:)(]?[\s\n\r]")
DOLMA_PHONE = re.compile(r"\s+\(?(\d{3})\)?[-\. ]*(\d{3})[-. ]?(\d{4})")
DOLMA_IP = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)")
# texts that are thick with what the patterns look at
THICK = (
    "@ . a b.c é - _ ( ) 12 1.2.3.4 255 256. 8.8.8.8 555 123-4567 x@y.zz @b.com ! , [1.2.3.4] # isbn 漢 ٣ [ ] : 0 .."
)
PIECES = st.sampled_from([*THICK.split(), " ", "\n", "  ", "\u00a0"])
DENSE = st.lists(PIECES, max_size=14).map("".join)


def masked(stage: Pii, texts: list[str]) -> list[str]:
    batch = run_filter(stage, texts)
    return [apply_cuts(batch.texts, batch.column("pii.cuts"))[row] for row in range(batch.rows)]


def datatrove_masked(texts: list[str]) -> list[str]:
    """What datatrove leaves with one replacement a kind, so that its turn-taking does not matter."""
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter(email_replacement="<mail>", ip_replacement="<ip>")
    return [formatter.format(text) for text in texts]


FIXED = {"email_replacements": ["<mail>"], "ip_replacements": ["<ip>"]}


def dolma_spans(text: str) -> list[tuple[str, int, int]]:
    """Dolma's patterns run as they are: kind, and span of the address in characters; where cores overlap the first kind stays."""
    found = []
    for match in DOLMA_EMAIL.finditer(text):
        addressee, domain = match[1].split("@", 1)
        if addressee.strip() != "(" and "." in domain:
            found.append(("mail", *match.span(1)))
    for match in DOLMA_PHONE.finditer(text):
        near = text[max(0, match.start() - 100) : match.end() + 100]
        core = match.start(1) - (text[match.start(1) - 1] == "(")
        if not any(word in near for word in ("isbn", "doi", "#")):
            found.append(("phone", core, match.end()))
    for match in DOLMA_IP.finditer(text):
        near = text[max(0, match.start() - 100) : match.end() + 100]
        if not any(word in near for word in ("isbn", "doi", "#")):
            found.append(("ip", *match.span()))
    kept: list[tuple[str, int, int]] = []
    for kind, start, end in found:
        if not any(start < e and s < end for _, s, e in kept):
            kept.append((kind, start, end))
    return sorted(kept, key=lambda hit: hit[1])


def our_dolma_spans(texts: list[str]) -> list[list[tuple[str, int, int]]]:
    stage = Pii(
        dialect="dolma",
        around="keep",
        email_replacements=["mail"],
        ip_replacements=["ip"],
        phone_replacements=["phone"],
    )
    batch = run_filter(stage, texts)
    found = []
    for text, cuts in zip(texts, batch.column("pii.cuts").to_pylist(), strict=True):
        data = text.encode()
        found.append(
            [
                (cut["replacement"], len(data[: cut["start"]].decode()), len(data[: cut["end"]].decode()))
                for cut in cuts or ()
            ]
        )
    return found


@pytest.fixture(scope="module")
def pages(real_data) -> list[str]:
    return list(page_texts(real_data))[1::2]  # the whole text of each page


def test_addresses_are_replaced_by_examples():
    text = "Ask anna.b@uni-koeln.de or 8.8.4.4, not 192.168.0.1.\nbüro@x.org"
    batch = run_filter(Pii(), [text, "nothing here"])
    left = apply_cuts(batch.texts, batch.column("pii.cuts"))
    found = re.fullmatch(r"Ask (\S+) or (\S+), not 192\.168\.0\.1\.\nbüro@x\.org", left[0])
    assert found
    assert found[1] in EMAIL_EXAMPLES
    assert found[2] in IP_EXAMPLES
    assert left[1] == "nothing here"
    counts = [batch.column(f"pii.{name}").to_pylist() for name in ("emails", "ips", "phones")]
    assert counts == [[1, 0], [1, 0], [0, 0]]
    assert batch.column("drop").to_pylist() == [None, None]
    assert datatrove_masked(["büro@x.org"]) == ["büro@x.org"]  # a letter beyond ASCII leaves no beginning


def test_replacements_depend_on_the_address_alone():
    texts = [f"mail{n}@example{n % 7}.net from 9.9.{n}.9" for n in range(60)]
    together = masked(Pii(), texts)
    assert together[::-1] == masked(Pii(), texts[::-1])
    assert together == [masked(Pii(), [text])[0] for text in texts]
    used = {word for text in together for word in text.split()} - {"from"}
    assert used == {*EMAIL_EXAMPLES, *IP_EXAMPLES}


def test_real_pages_lose_what_datatrove_finds(pages):
    ours, theirs = masked(Pii(**FIXED), pages), datatrove_masked(pages)
    assert ours == theirs
    assert sum(text.count("<mail>") for text in ours) > 20


@settings(max_examples=300)
@given(st.lists(DENSE, min_size=1, max_size=4))
def test_dense_texts_lose_what_datatrove_finds(texts):
    assert masked(Pii(**FIXED), texts) == datatrove_masked(texts)


@settings(max_examples=300)
@given(st.lists(DENSE, min_size=1, max_size=4))
def test_dense_texts_lose_what_dolmas_patterns_find(texts):
    assert our_dolma_spans(texts) == [dolma_spans(text) for text in texts]


def test_real_pages_lose_what_dolmas_patterns_find(pages):
    expected = [dolma_spans(text) for text in pages]
    assert our_dolma_spans(pages) == expected
    assert {kind for hits in expected for kind, _, _ in hits} == {"mail", "phone", "ip"}


@given(st.integers(0, (1 << 32) - 1))
def test_public_addresses_are_those_of_the_registry(number):
    address = ipaddress.IPv4Address(number)
    if number >> 8 == 0xC00000:  # 192.0.0.0/24: newer Pythons except single addresses in it
        return
    assert (masked(Pii(**FIXED), [str(address)]) == ["<ip>"]) == address.is_global


@pytest.mark.parametrize(
    "edge", ["100.63.255.255", "100.64.0.0", "172.15.0.1", "172.32.0.1", "198.20.0.0", "239.255.255.255"]
)
def test_edges_of_private_networks(edge):
    assert (masked(Pii(**FIXED), [edge]) == ["<ip>"]) == ipaddress.IPv4Address(edge).is_global


def test_dolma_takes_along_what_stands_around_and_drops_pages_full_of_it():
    stage = Pii(dialect="dolma")
    text = "Mail (a@b.com)\nor call\n(555) 123-4567, host 10.0.0.1"
    assert masked(stage, [text]) == ["Mail |||EMAIL_ADDRESS||| or call |||PHONE_NUMBER||| , host  |||IP_ADDRESS||| "]
    assert masked(
        Pii(dialect="dolma", around="keep", email_replacements=["|||EMAIL_ADDRESS|||"]), ["To a@b.com.\nBye"]
    ) == ["To |||EMAIL_ADDRESS|||.\nBye"]
    five = " ".join(f"a{n}@b.com" for n in range(5)) + " "
    assert run_filter(stage, [five, five + "x@y.org "]).column("drop").to_pylist() == [None, "pii.too_many"]


def test_a_number_near_isbn_is_no_telephone_number():
    stage = Pii(dialect="dolma")
    near, far = "isbn" + " " * 90 + "555 123 4567", "isbn" + "x" * 120 + " 555 123 4567"
    batch = run_filter(stage, [near, far])
    assert batch.column("pii.phones").to_pylist() == [0, 1]


def test_a_limit_can_be_set_in_either_dialect_and_reads_no_text():
    assert "max_hits" not in Pii.signal_settings
    drops = run_filter(Pii(max_hits=0), ["a@b.org", "none"]).column("drop").to_pylist()
    assert drops == ["pii.too_many", None]


def test_no_replacement_is_refused():
    with pytest.raises(ValueError, match="ip_replacements is empty"):
        Pii(ip_replacements=[])


@pytest.mark.parametrize("dialect", ["fineweb", "dolma"])
def test_long_runs_of_signs_come_through_unchanged(dialect):
    """A pass that goes back for every sign would take hours here."""
    texts = ["@" * 200_000, "(@" * 100_000, "a." * 100_000 + "@", ".@ " * 60_000]
    assert masked(Pii(dialect=dialect), texts) == texts
    found = run_filter(Pii(dialect=dialect), ["1." * 100_000, "(a@.) " * 40_000])
    assert found.column("pii.emails").to_pylist()[0] == 0
    assert found.column("pii.ips").to_pylist() == [25_000, 0]
