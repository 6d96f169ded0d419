"""The look-ups behind the URL filter: which rule a URL meets first, and which part of it is listed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gristmill.errors import UserError
from gristmill.filters.blocklist import compiled, read_words
from gristmill.kernels.text import Texts

if TYPE_CHECKING:
    from gristmill.kernels.url_parts import Urls
    from gristmill.kernels.url_words import Automaton

RULES = ("domain", "host", "url", "strict_word", "hard_word", "curated_source", "soft_words", "bad_url")
DOMAIN, HOST, URL, STRICT, HARD, CURATED, SOFT, BAD_URL = range(len(RULES))


@dataclass(frozen=True)
class UrlMatcher:
    """All lists of a filter in the shape that look-ups need; hashes are ascending uint64 arrays."""

    domains: np.ndarray
    urls: np.ndarray
    curated: np.ndarray
    strict: list[bytes]
    automaton: Automaton
    separators: np.ndarray  # bool (256,): bytes left out before strict words are sought
    hard: np.ndarray
    soft: np.ndarray
    soft_words: frozenset[bytes]
    ignore_case: bool
    whole_suffixes: bool

    @classmethod
    def load(
        cls,
        files: Mapping[str, Sequence[str]],
        curated: Sequence[str],
        *,
        ignore_case: bool,
        separators: str | None,
        whole_suffixes: bool,
    ) -> UrlMatcher:
        """Reads the lists; `files` are locations by `domains`, `urls`, `strict_words`, `hard_words` and
        `soft_words`.
        """
        from gristmill.kernels.url_words import Automaton, word_hashes

        left_out = _separator_bytes(separators)
        strict = _words(files["strict_words"], left_out, ignore_case)
        hard = _words(files["hard_words"], _separator_bytes(None), ignore_case)
        soft = _words(files["soft_words"], _separator_bytes(None), ignore_case)
        return cls(
            compiled(files["domains"], "domains"),
            compiled(files["urls"], "urls"),
            _host_hashes(curated),
            strict,
            Automaton.build(strict),
            left_out,
            word_hashes(hard),
            word_hashes(soft),
            frozenset(soft),
            ignore_case,
            whole_suffixes,
        )

    def match(self, urls: Urls) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
        """Per URL: number of the first rule met, soft words aside, int8 (-1: none); different soft words
        int16; evidence.
        """
        from gristmill.kernels.url_hashes import contains, hash_urls, match_domains
        from gristmill.kernels.url_words import match_substrings, match_words

        data, spans = urls.texts.data, urls.spans
        words = urls.words(lower=self.ignore_case)
        find = self.automaton
        strict = match_substrings(words.data, words.offsets, self.separators, find.classes, find.moves, find.found)
        hard, soft = match_words(words.data, words.offsets, self.hard, self.soft)
        listed, curated = match_domains(data, spans, self.domains, self.curated)

        hit = np.full(len(urls), -1, np.int8)
        hit[urls.bad] = BAD_URL
        hit[curated != 0] = CURATED
        hit[hard[:, 0] < hard[:, 1]] = HARD
        hit[strict >= 0] = STRICT
        if len(self.urls):
            hit[contains(self.urls, hash_urls(data, spans)) & ~urls.bad] = URL

        evidence: list[str | None] = [None] * len(urls)
        for row in np.flatnonzero(listed).tolist():
            rule, domain = listed_domain(urls.host(row), int(listed[row]), self.whole_suffixes)
            if rule >= 0:
                hit[row], evidence[row] = rule, domain
        for row in np.flatnonzero((hit >= URL) | (soft > 0)).tolist():
            rule = hit[row]
            if rule == URL:
                evidence[row] = urls.key(row)
            elif rule == STRICT:
                evidence[row] = _text(self.strict[strict[row]])
            elif rule == HARD:
                evidence[row] = _text(words.data[hard[row, 0] : hard[row, 1]].tobytes())
            elif rule == CURATED:
                evidence[row] = _parents(urls.host(row), int(curated[row]))[0]
            elif soft[row] and rule in (-1, BAD_URL):
                evidence[row] = self._soft_evidence(words.data[words.offsets[row] : words.offsets[row + 1]].tobytes())
        return hit, np.minimum(soft, np.iinfo(np.int16).max).astype(np.int16), evidence

    def _soft_evidence(self, text: bytes) -> str:
        found = [word for word in re.findall(rb"[0-9A-Za-z\x80-\xff]+", text) if word in self.soft_words]
        return " ".join(_text(word) for word in dict.fromkeys(found))


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")


# -- domains -------------------------------------------------------------------------------------------------


def listed_domain(host: str, listed: int, whole_suffixes: bool = False) -> tuple[int, str | None]:
    """The rule that a host meets and the listed domain nearest to its registered one; (-1, None) when only a
    suffix is listed.

    `listed` has bit k set when the last k + 1 labels are listed, see `match_domains`.
    """
    registered = registered_domain(host)
    for domain in _parents(host, listed):
        if domain == host and domain != registered:
            return HOST, domain
        if whole_suffixes or (registered is not None and len(domain) >= len(registered)):
            return DOMAIN, domain
    return -1, None


def _parents(host: str, listed: int) -> list[str]:
    """The ends of a host that a bit mask of `match_domains` names, shortest first."""
    labels = host.split(".")
    if listed == 1 and _is_address(host):
        return [host]
    depths = [bit + 1 for bit in range(63) if listed >> bit & 1]
    if listed >> 63:
        depths.append(len(labels))  # past 63 labels only the whole is told apart
    return [".".join(labels[-depth:]) for depth in depths]


def _is_address(host: str) -> bool:
    return host.endswith("]") or host.rpartition(".")[2].isdecimal()


def registered_domain(host: str) -> str | None:
    """The public suffix of a host and the label before it; None for addresses and for hosts that are suffixes
    themselves.

    By the snapshot of the Public Suffix List that tldextract carries, without its private part (blogspot.com
    is a registered domain, not a suffix). A top-level domain that is not in the list counts as a suffix, as
    the list's own algorithm has it.
    """
    if _is_address(host):
        return None
    labels = host.split(".")
    depth = _suffixes().extract_str(host).suffix.count(".") + 1
    return ".".join(labels[-depth - 1 :]) if len(labels) > depth else None


@cache
def _suffixes() -> Any:
    from tldextract import TLDExtract

    return TLDExtract(cache_dir=None, suffix_list_urls=())  # what is installed decides: no network, no cached copies


def _host_hashes(domains: Sequence[str]) -> np.ndarray:
    from gristmill.kernels.url_hashes import hash_hosts
    from gristmill.kernels.url_parts import Urls

    urls = Urls.parse(Texts.from_strings([domain.removeprefix("*.").lstrip(".") for domain in domains]))
    if urls.bad.any():
        raise UserError(
            f"curated: {domains[int(np.argmax(urls.bad))]!r} is not a domain",
            hint="write it like example.com",
        )
    return np.unique(hash_hosts(urls.texts.data, urls.spans))


# -- words ---------------------------------------------------------------------------------------------------


def _separator_bytes(characters: str | None) -> np.ndarray:
    """Bytes that are left out, bool (256,): blanks and `characters`, or all ASCII but letters and digits for
    None.
    """
    mask = np.zeros(256, bool)
    if characters is None:
        mask[[byte for byte in range(128) if not chr(byte).isalnum()]] = True
    else:
        mask[list(f" \t{characters}".encode("ascii"))] = True
    return mask


def _words(locations: Sequence[str], separators: np.ndarray, ignore_case: bool) -> list[bytes]:
    """The different words of some lists, in order, without separators, in lower case if asked."""
    left_out = bytes(np.flatnonzero(separators).tolist())
    entries = [entry.lower() if ignore_case else entry for location in locations for entry in read_words(location)]
    words = [entry.encode().translate(None, left_out) for entry in entries]
    return list(dict.fromkeys(word for word in words if word))
