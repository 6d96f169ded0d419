"""Pages in another script: every letter of the text is replaced, the markup stays.

Words keep their length where the script spells with letters; syllables and ideographs stand for two and three of them, as
`WEIGHTS` of kernels/html_text.py count them. Sentences end as they do in the script; where it has no spaces between words,
there are none. So whatever an extractor does otherwise on the rewritten page, it does because of the script.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

LATIN = "abcdefghijklmnopqrstuvwxyz"
_HAN = {".": "。", ",": "，", "?": "？", "!": "！", ":": "：", ";": "；", "(": "（", ")": "）"}
_PARTS = re.compile(
    r"<!--.*?-->|<(script|style|textarea)\b.*?</\1\s*>|<[a-zA-Z/!?][^>]*>|&#?\w+;?|[^<&]+|[<&]",
    re.DOTALL | re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_BETWEEN_WORDS = re.compile(r"(?<=[^\s\x00-\x7f])[ \t\r\n]+(?=[^\s\x00-\x7f])")
_PAUSE = re.compile("\x1e[ \\t\\r\\n]?")
_END = re.compile(r"(?<=\w)([.,?!:;])(?=\s|$|[\"'”’»)])")


@dataclass(frozen=True)
class Script:
    """How a script writes. `signs`: what stands for a to z, one or two capitals' worth of 26; or a function of a word."""

    name: str
    signs: str | Callable[[str], str]
    marks: dict[str, str] = field(
        default_factory=dict
    )  # punctuation at the end of a word; \x1e: a pause, written as a space
    spaces: bool = True  # between words
    to_left: bool = False

    def of(self, text: str) -> str:
        """Text in this script; what is not a letter stays as it is."""
        written = _LETTERS.sub(self._word, _END.sub(lambda mark: self.marks.get(mark[1], mark[1]), text))
        return written if self.spaces else _PAUSE.sub(" ", _BETWEEN_WORDS.sub("", written))

    def _word(self, match: re.Match[str]) -> str:
        if not isinstance(self.signs, str):
            return self.signs(_plain(match[0]))
        signs = []
        for letter, plain in zip(match[0], _plain(match[0]), strict=True):
            at = LATIN.find(plain)
            sign = self.signs[at] if at >= 0 else letter
            signs.append(upper if letter.isupper() and len(upper := sign.upper()) == 1 and self._cased else sign)
        return "".join(signs)

    @property
    def _cased(self) -> bool:
        return self.name in CASED


def _plain(word: str) -> str:
    """Small letters without their marks, one for one."""
    return "".join((unicodedata.normalize("NFD", letter)[0].lower() or letter)[0] for letter in word)


def _alphabet(first: int, count: int) -> str:
    """26 letters from a block of `count`."""
    return "".join(chr(first + k * (count - 1) // 25) for k in range(26))


def _syllables(vowels: str, first: int, count: int) -> str:
    """Consonants from a block of `count`, vowel signs for the vowels."""
    signs, signs_of = list(_alphabet(first, count)), dict(zip("aeiou", vowels, strict=True))
    return "".join(signs_of.get(letter, sign) for letter, sign in zip(LATIN, signs, strict=True))


def _groups(word: str, size: int) -> list[int]:
    """A number for every `size` letters."""
    return [sum(ord(sign) * 31**k for k, sign in enumerate(word[at : at + size])) for at in range(0, len(word), size)]


def _hangul(word: str) -> str:
    return "".join(chr(0xAC00 + value % 11172) for value in _groups(word, 2))


def _han(word: str) -> str:
    return "".join(chr(0x4E00 + value % 4000) for value in _groups(word, 3))


def _japanese(word: str) -> str:
    """Longer words begin with an ideograph and go on in hiragana."""
    start = 3 if len(word) > 3 else 0
    return _han(word[:start]) + "".join(chr(0x3042 + value % 80) for value in _groups(word[start:], 2))


CASED = {"Greek", "Cyrillic", "Armenian", "Vietnamese"}
SCRIPTS = {
    script.name: script
    for script in (
        Script("Greek", "αβγδεφηθικλμνοπχρστυωςξψζϊ"),
        Script("Cyrillic", "абцдефгхийклмнопщрстувшжыз"),
        Script("Armenian", _alphabet(0x561, 38), {".": "։"}),
        Script("Vietnamese", "ạbcđếfghịjklmnộpqrstữvwxỹz"),
        Script("Georgian", _alphabet(0x10D0, 33)),
        Script("Hebrew", _alphabet(0x5D0, 27), to_left=True),
        Script("Arabic", _alphabet(0x627, 36), {",": "،", ";": "؛", "?": "؟"}, to_left=True),
        Script("Urdu", _alphabet(0x627, 36), {".": "۔", ",": "،", ";": "؛", "?": "؟"}, to_left=True),
        Script("Devanagari", _syllables("\u093e\u0947\u093f\u094b\u0941", 0x915, 34), {".": "।"}),
        Script("Bengali", _syllables("\u09be\u09c7\u09bf\u09cb\u09c1", 0x995, 19), {".": "।"}),
        Script("Tamil", _syllables("\u0bbe\u0bc7\u0bbf\u0bca\u0bc1", 0xBAE, 12)),
        Script("Amharic", _alphabet(0x1200, 200), {".": "።", ",": "፣"}),
        Script("Hangul", _hangul),
        Script("Thai", _alphabet(0xE01, 46), {".": "\x1e", ",": "\x1e"}, spaces=False),
        Script("Khmer", _alphabet(0x1780, 34), {".": "។"}, spaces=False),
        Script("Burmese", _alphabet(0x1000, 33), {".": "။", ",": "၊"}, spaces=False),
        Script("Japanese", _japanese, _HAN | {",": "、"}, spaces=False),
        Script("Han", _han, _HAN, spaces=False),
    )
}


def rewrite(page: str, script: Script) -> str:
    """The page with all its text in this script; same tags, same attributes, same number of texts between tags."""
    written = []
    for part in _PARTS.finditer(page):
        text = part[0]
        if text[0] == "&" and len(text) > 1:
            sign = html.unescape(text)
            written.append(script.of(sign) if sign.isalpha() else text)
        elif text[0] in "<&":
            written.append(text)
        else:
            written.append(script.of(text))
    whole = "".join(written)
    return re.sub("<html", '<html dir="rtl"', whole, count=1, flags=re.IGNORECASE) if script.to_left else whole
