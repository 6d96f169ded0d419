"""URLs in running text, removed on request as RefinedWeb did.

Two readings. *Links* begin with a scheme or with `www.`. *Bare hosts* (`site.example/page`) are told by
their last label being a top-level domain, as DCLM's reproduction does it. That reading removes file names
and versions whose suffix happens to be a country's (`README.md`, `main.rs`), so ours keeps names that end
in a usual file suffix and dotted numbers, unless a path follows.
"""

from __future__ import annotations

import re
from functools import cache

_LINK = re.compile(
    r"[ \t]{0,10}(?<![a-z0-9_])(?:(?:https?|ftp)://|www\d?\.(?=[\w-]+\.))[^\s<>\"'“”„»«]+", re.IGNORECASE
)
_HOST = re.compile(
    r"(?:[ \t]{1,10}|(?<![\w@.\-/]))(?P<host>(?:[^\W_](?:[\w-]{0,62}))(?:\.[^\W_][\w-]{0,62}){1,10}?)"
    r"(?P<rest>(?::\d{2,5})?(?:[/?#][^\s<>\"'“”„»«]*)?)(?![\w@-])(?!\.\w)"
)
_CLOSING = ".,;:!?)]}…、。，；：！？）】」』"
_LONGEST_CLOSING = 50  # characters; bounds the work on hostile text
_PAIRS = {")": "(", "]": "[", "}": "{", "）": "（", "】": "【", "」": "「", "』": "『"}

# country and other top-level domains that more often end the name of a file
_FILE_SUFFIXES = frozenset(
    {
        "bar",
        "bz",
        "cab",
        "cat",
        "cc",
        "java",
        "md",
        "ml",
        "mm",
        "mov",
        "pl",
        "ps",
        "py",
        "rs",
        "sc",
        "sh",
        "so",
        "st",
        "zip",
    }
)


def strip_urls(text: str, *, bare_hosts: bool) -> str:
    """`text` without URLs and the spaces before them; punctuation that belongs to the sentence stays."""
    text = _LINK.sub(_keep_closing, text) if "://" in text or "www" in text or "WWW" in text else text
    if bare_hosts and "." in text:
        text = _HOST.sub(_drop_host, text)
    return text


def _keep_closing(found: re.Match[str]) -> str:
    return _closing(found.group())


def _closing(url: str) -> str:
    """The end of `url` that belongs to the sentence around it."""
    end, first = len(url), max(0, len(url) - _LONGEST_CLOSING)
    while end > first and url[end - 1] in _CLOSING:
        opener = _PAIRS.get(url[end - 1])
        if opener and url.count(opener, 0, end) >= url.count(url[end - 1], 0, end):
            break  # closes a bracket that the URL itself opened, as in Mercury_(planet)
        end -= 1
    return url[end:]


def _drop_host(found: re.Match[str]) -> str:
    host, rest = found.group("host"), found.group("rest")
    labels = host.split(".")
    if all(label.isdigit() for label in labels):
        is_host = bool(rest) and len(labels) == 4 and all(int(label) < 256 for label in labels)
    else:
        last = labels[-1]
        # `end.So it` is a missing space, `example.so` a host: a top-level domain is written small, or all of
        # it is large
        cased = last.islower() or host.isupper() or not last.isascii()
        is_host = cased and last.lower() in top_level_domains() and (last.lower() not in _FILE_SUFFIXES or bool(rest))
    return _closing(rest) if is_host else found.group()


@cache
def top_level_domains() -> frozenset[str]:
    """Last labels of the public suffix list that tldextract ships; nothing is downloaded."""
    from tldextract import TLDExtract

    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None).tlds
    return frozenset(suffix.rpartition(".")[2] for suffix in suffixes)
