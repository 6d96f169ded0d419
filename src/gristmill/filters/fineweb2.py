"""FineWeb2's thresholds by language (Penedo et al. 2025; the files configs/<language>_<script>.yml of its code), as data.

Beside what the files hold, FineWeb2 turns off Gopher's paragraph rules, its rule on characters in duplicate lines and FineWeb's
short lines, and takes 0.1 as FineWeb's limit of characters in duplicate lines; C4's rules are not applied. Minima of 0 are no
rule there and are left out here. English is not in FineWeb2: its row stands for FineWeb's own values, which the settings have.

The numbers were found on words of FineWeb2's tokenizers, one a language; `words: unicode` is near them for the languages here.
"""

from __future__ import annotations

from collections.abc import Mapping

# Language: GlotLID score | duplicate lines | top 2-, 3-, 4-gram | duplicate 5- to 10-grams | mean word length, least and
# greatest | words with a letter | lines that end a sentence | newlines per word
_TABLE = """
bg .900 | .317 | .173 .157 .139 | .170 .158 .144 .131 .120 .108 |  3 10 | .756 | .154 | .142
ca .815 | .294 | .216 .189 .168 | .159 .149 .137 .126 .116 .105 |  2 11 | .832 | .154 | .118
cs .880 | .311 | .206 .183 .165 | .168 .157 .145 .133 .121 .109 |  3 11 | .781 | .060 | .182
da .300 | .305 | .367 .297 .232 | .169 .158 .147 .134 .123 .112 |  3 11 | .798 | .100 | .182
de .821 | .263 | .169 .153 .137 | .141 .134 .126 .117 .108 .098 |  0 15 | .774 | .000 | .152
es .840 | .252 | .156 .140 .125 | .145 .136 .127 .117 .108 .099 |  3 14 | .825 | .182 | .138
fr .824 | .264 | .161 .149 .134 | .150 .141 .131 .121 .111 .100 |  2 11 | .812 | .100 | .185
hr .467 | .312 | .215 .190 .165 | .173 .162 .150 .138 .126 .113 |  2 11 | .751 | .099 | .198
hu .744 | .322 | .226 .198 .172 | .169 .159 .148 .136 .124 .112 |  3 15 | .766 | .067 | .231
it .817 | .246 | .198 .156 .133 | .144 .136 .127 .118 .109 .100 |  3 21 | .807 | .025 | .200
nl .689 | .296 | .213 .182 .158 | .156 .146 .136 .126 .115 .104 |  3 17 | .828 | .102 | .154
pl .689 | .320 | .222 .198 .176 | .172 .160 .148 .136 .123 .111 |  3 12 | .726 | .087 | .158
pt .799 | .287 | .371 .191 .163 | .163 .153 .141 .130 .119 .108 |  3 13 | .814 | .077 | .186
ro .822 | .289 | .161 .146 .131 | .160 .149 .138 .127 .117 .106 |  1 14 | .779 | .081 | .207
ru .900 | .322 | .184 .164 .146 | .168 .156 .145 .133 .121 .109 |  3 11 | .713 | .231 | .139
sl .600 | .317 | .262 .225 .189 | .170 .158 .146 .135 .123 .111 |  2 12 | .781 | .045 | .273
sr .872 | .257 | .176 .158 .141 | .147 .137 .126 .116 .106 .096 |  3 10 | .800 | .156 | .239
sv .629 | .292 | .242 .195 .174 | .156 .147 .136 .125 .116 .105 |  3 12 | .841 | .200 | .135
uk .900 | .300 | .189 .172 .153 | .160 .148 .136 .124 .113 .102 |  3 11 | .694 | .167 | .175
"""

Limits = Mapping[str, Mapping[str, float | None]]


def _read_table() -> dict[str, list[list[float]]]:
    rows = {}
    for line in _TABLE.split("\n"):
        if line:
            language, *_ = line.split()
            rows[language] = [[float(value) for value in part.split()] for part in line[len(language) :].split("|")]
    return rows


_ROWS = _read_table()

LANGUAGE_SCORES: dict[str, float] = {language: row[0][0] for language, row in _ROWS.items()}
"""Least GlotLID score of a document. Scores of lid.176 are others."""

REPETITION: Limits = {
    "en": {},
    **{
        language: {
            "max_duplicate_paragraphs": None,
            "max_duplicate_paragraph_characters": None,
            "max_duplicate_lines": row[1][0],
            "max_duplicate_line_characters": None,
            **{f"max_top_{n}_gram": limit for n, limit in zip((2, 3, 4), row[2], strict=True)},
            **{f"max_duplicate_{n}_grams": limit for n, limit in zip((5, 6, 7, 8, 9, 10), row[3], strict=True)},
        }
        for language, row in _ROWS.items()
    },
}

QUALITY: Limits = {
    "en": {},
    **{
        language: {
            "min_mean_word_length": row[4][0] or None,
            "max_mean_word_length": row[4][1],
            "min_letter_words": row[5][0],
        }
        for language, row in _ROWS.items()
    },
}

FINEWEB: Limits = {
    "en": {},
    **{
        language: {
            "min_ended_lines": row[6][0] or None,
            "max_short_lines": None,
            "max_duplicate_line_characters": 0.1,
            "max_newlines_per_word": row[7][0],
        }
        for language, row in _ROWS.items()
    },
}
