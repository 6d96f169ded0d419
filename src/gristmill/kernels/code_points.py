"""What every Unicode code point is, as one compact table that kernels can look up.

    blocks, traits = code_point_tables()
    traits[(blocks[cp >> 8] << 8) | (cp & 255)] & LETTER

Each entry is 16 bits: the low five hold the class that word segmentation knows (below), the others are flags. The table comes
from the `unicodedata` of the running Python, so letters that a newer Unicode added appear with a newer Python.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np

from gristmill.kernels.leaf import leaf

# Classes of Unicode Standard Annex 29, table 3, in the order that the segmentation's comparisons rely on.
SEPARATOR = 0  # white space, controls and the zero-width space: never part of a word
FORMAT = 1  # invisible; part of a word only after its first visible code point
EXTEND = 2  # combining marks
JOINER = 3  # U+200D
LETTER_CLASS = 4
HEBREW = 5
NUMERIC = 6
KATAKANA = 7
CONNECTOR = 8  # underscore and its kin: ExtendNumLet
MID_LETTER = 9  # between letters these do not end a word
MID_NUMBER = 10
MID_BOTH = 11
SINGLE_QUOTE = 12
DOUBLE_QUOTE = 13
SINGLE = 14  # scripts written without spaces: each base letter, with its marks, stands for a word
REGIONAL = 15
PICTOGRAPH = 16
OTHER = 17
LEADING = 18  # vowels of Thai and Lao that stand before their consonant, though they sound behind it
TRAILING = 19  # vowels and signs of theirs that are letters to Unicode and belong to what stands before
CLASS_MASK = 31

LETTER = 1 << 5  # str.isalpha
DIGIT = 1 << 6  # str.isdecimal
SPACE = 1 << 7  # str.isspace
UPPER = 1 << 8  # category Lu or Lt
LOWER = 1 << 9  # category Ll
ALPHANUMERIC = 1 << 10  # str.isalnum
PUNCTUATION = 1 << 11  # category P
SYMBOL = 1 << 12  # category S
EAST_ASIAN = 1 << 13  # Han, kana and Hangul
SIGN = 1 << 14  # what datatrove (and before it cc_net) counts as punctuation, see SIGNS
TERMINAL = 1 << 15  # ends a sentence, see TERMINALS

SIGNS = (
    "0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002 3008-300D 3010-3011 "
    "FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E"
)
"""Controls, ASCII punctuation and some wide or typographic signs: the set of cc_net's text normalisation, with its full-width
digit one. Bullets, currency and most symbols are not in it. With TERMINALS it makes datatrove's PUNCTUATION_SET."""

TERMINALS = (
    "21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6 "
    "17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E "
    "2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 "
    "FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 "
    "111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 "
    "11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F 1DA88"
)
"""Unicode 15's Sentence_Terminal and three Khmer signs: what FineWeb's line rule accepts as the end of a sentence."""

_MID_LETTER = "B7 387 55F 5F4 2027"  # without the colon, as in ICU: "note:this" is two words
_MID_NUMBER = "2C 3B 37E 589 60C-60D 66C 7F8 2044 FE10 FE14 FE50 FE54 FF0C FF1B"
_MID_BOTH = "2E 2018-2019 2024 FE52 FF07 FF0E"
_KATAKANA = "3031-3035 309B-309C 30A0-30FA 30FC-30FF 31F0-31FF 32D0-32FE 3300-3357 FF66-FF9F 1AFF0-1AFFE 1B000"
_HIRAGANA = "3041-3096 309D-309F 1B001-1B11F 1F200"
_HAN = "3005-3007 3021-3029 3038-303B 3400-4DBF 4E00-9FFF F900-FAFF 17000-18D08 1B170-1B2FB 20000-33FFF"
_HANGUL = "1100-11FF 3130-318F A960-A97F AC00-D7FF FFA0-FFDC"
_SOUTH_EAST_ASIAN = "E00-EFF 1000-109F 1780-17FF 1950-19DF 1A20-1AAF A9E0-A9FF AA60-AADF 11700-1174F"  # Line_Break=SA
_LEADING = "E40-E44 EC0-EC4 AAB5-AAB6 AAB9 AABB-AABC"  # Logical_Order_Exception
_TRAILING = "E2F-E30 E32-E33 E45-E46 EAF-EB0 EB2-EB3 EBD EC6"
_HEBREW = "5D0-5EA 5EF-5F2 FB1D-FB4F"
_PICTOGRAPHS = "A9 AE 203C 2049 2122 2139 2190-2BFF 3030 303D 3297 3299 1F000-1F1E5 1F201-1F3FA 1F400-1FAFF"
_LETTERS = (range(0x3400, 0x4DC0), range(0x4E00, 0x9FFD), range(0xAC00, 0xD7A4), range(0x20000, 0x2A6DE))  # all Lo
_ASSIGNED = (
    range(0x3400),
    range(0x4DC0, 0x4E00),
    range(0x9FFD, 0xAC00),
    range(0xD7A4, 0x20000),
    range(0x2A6DE, 0x34000),
    range(0xE0000, 0xE1000),
)  # beyond: unassigned or private use


@cache
def code_point_tables() -> tuple[np.ndarray, np.ndarray]:
    """`blocks` uint16 (4352,): number of the block of 256 that code point >> 8 falls in; `traits` uint16 (blocks × 256,).

    Block 0 is ASCII and Latin-1, so that `traits[byte]` serves for ASCII. Takes about 0.1 s, once a process.
    """
    entries = np.full(0x110000, OTHER, np.uint16)
    by_category = {category: _flags(category) | _word_class(category) for category in _CATEGORIES}
    for assigned in _ASSIGNED:
        entries[assigned.start : assigned.stop] = [by_category[unicodedata.category(chr(cp))] for cp in assigned]
    for letters in _LETTERS:
        entries[letters.start : letters.stop] = by_category["Lo"]
    spaces = [cp for cp in range(0x3001) if chr(cp).isspace()]
    entries[spaces] |= SPACE
    _set_class(entries, [*spaces, *range(0x20), *range(0x7F, 0xA0), 0x200B, 0xFFFE, 0xFFFF], SEPARATOR)
    _set_class(entries, [0x200C, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)], EXTEND)
    _set_class(entries, [0x200D], JOINER)
    _set_class(entries, [0x66B], NUMERIC)
    _set_class(entries, [0x5F3, *range(0x24B6, 0x24EA)], LETTER_CLASS)
    _set_class(entries, expand(_PICTOGRAPHS), PICTOGRAPH, only=(OTHER,))
    _set_class(entries, expand(_HEBREW), HEBREW, only=(LETTER_CLASS,))
    for script in (_HIRAGANA, _HAN, _SOUTH_EAST_ASIAN):
        _set_class(entries, expand(script), SINGLE, only=(LETTER_CLASS, OTHER))
    _set_class(entries, expand(_LEADING), LEADING)
    _set_class(entries, expand(_TRAILING), TRAILING)
    _set_class(entries, expand(_KATAKANA), KATAKANA)
    _set_class(entries, expand(_MID_LETTER), MID_LETTER)
    _set_class(entries, expand(_MID_NUMBER), MID_NUMBER)
    _set_class(entries, expand(_MID_BOTH), MID_BOTH)
    _set_class(entries, [0x27], SINGLE_QUOTE)
    _set_class(entries, [0x22], DOUBLE_QUOTE)
    _set_class(entries, range(0x1F1E6, 0x1F200), REGIONAL)
    for script in (_HIRAGANA, _KATAKANA, _HAN, _HANGUL):
        entries[expand(script)] |= EAST_ASIAN
    entries[expand(SIGNS)] |= SIGN
    entries[expand(TERMINALS)] |= SIGN | TERMINAL
    numbers: dict[bytes, int] = {}
    blocks = [numbers.setdefault(block.tobytes(), len(numbers)) for block in entries.reshape(-1, 256)]
    tables = np.array(blocks, np.uint16), np.frombuffer(b"".join(numbers), np.uint16)
    for table in tables:
        table.flags.writeable = False
    return tables


_CATEGORIES = tuple("Cc Cf Cn Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split())


def _flags(category: str) -> int:
    flags = {"L": LETTER | ALPHANUMERIC, "N": ALPHANUMERIC, "P": PUNCTUATION, "S": SYMBOL}.get(category[0], 0)
    return flags | {"Nd": DIGIT, "Lu": UPPER, "Lt": UPPER, "Ll": LOWER}.get(category, 0)


def _word_class(category: str) -> int:
    if category[0] == "L" or category == "Nl":
        return LETTER_CLASS
    if category[0] == "M":
        return EXTEND
    return {"Nd": NUMERIC, "Pc": CONNECTOR, "Cf": FORMAT}.get(category, OTHER)


def expand(ranges: str) -> list[int]:
    """The code points of ranges as written in the tables above."""
    found: list[int] = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first, 16), int(last or first, 16) + 1))
    return found


def _set_class(entries: np.ndarray, code_points: object, word_class: int, only: tuple[int, ...] = ()) -> None:
    where = np.fromiter(code_points, np.int64)  # type: ignore[call-overload]
    if only:
        where = where[np.isin(entries[where] & CLASS_MASK, only)]
    entries[where] = entries[where] & ~np.uint16(CLASS_MASK) | word_class


@leaf
def decode(data, at, end):
    """The code point at byte `at` and the byte after it. A byte that starts no whole code point counts as U+FFFD."""
    byte = np.int64(data[at])
    if byte < 0x80:
        return byte, at + 1
    if 0xC0 <= byte < 0xE0:
        if at + 1 < end:
            return ((byte & 0x1F) << 6) | (np.int64(data[at + 1]) & 0x3F), at + 2
    elif 0xE0 <= byte < 0xF0:
        if at + 2 < end:
            second, third = np.int64(data[at + 1]), np.int64(data[at + 2])
            return ((byte & 0x0F) << 12) | ((second & 0x3F) << 6) | (third & 0x3F), at + 3
    elif 0xF0 <= byte < 0xF5 and at + 3 < end:
        second, third, fourth = np.int64(data[at + 1]), np.int64(data[at + 2]), np.int64(data[at + 3])
        code = ((byte & 0x07) << 18) | ((second & 0x3F) << 12) | ((third & 0x3F) << 6) | (fourth & 0x3F)
        if code < 0x110000:
            return code, at + 4
    return np.int64(0xFFFD), at + 1


@leaf
def trait(blocks, traits, code):
    """The table's entry of a code point."""
    return np.int64(traits[(np.int64(blocks[code >> 8]) << 8) | (code & 0xFF)])
