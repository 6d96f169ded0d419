"""Counts sentences by rules that need no model: what ends one, and what only looks like it.

A sentence ends behind a run of terminal marks, with the quotation marks and brackets that close it, when
  - the text ends there; or
  - the run holds a terminal mark that is not ASCII (`。` `？` `؟` `।` `።` `។` `။` …, Tibetan's shad; a full-width full stop
    between digits aside); or
  - white space follows and what comes next does not begin in lower case.
One full stop does not end it behind a single letter that has case (an initial), behind letters with stops between them
(`e.g.`, `U.S.`), or behind one of ABBREVIATIONS. A text without any mark, unless blank, is one sentence; so is a line of Thai
or Lao, which write none. Behind a number a stop ends the sentence, also one that stands for German or Czech ordinals.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.code_points import (
    CLASS_MASK,
    DIGIT,
    FORMAT,
    JOINER,
    LETTER,
    LOWER,
    SPACE,
    TERMINAL,
    UPPER,
    decode,
    trait,
)
from gristmill.kernels.leaf import leaf
from gristmill.kernels.phrases import NOWHERE, Phrases, before, follow, lowered, phrase_table

FULL_STOP, ELLIPSIS, WIDE_STOP, APOSTROPHE, CURLY_APOSTROPHE = 0x2E, 0x2026, 0xFF0E, 0x27, 0x2019

ABBREVIATIONS = (
    "mr mrs ms dr prof rev hon gen col lt capt sgt maj gov sen rep pres supt st mt ft jr sr esq messrs mme mlle "
    "vs etc cf al ca approx no nos vol vols fig figs eq eqs ed eds trans ch chap sec pp art op cit viz resp "
    "inc ltd co corp dept univ assn bros ave blvd rd hwy apt tel ext est min max misc "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun "
    "bzw usw ggf evtl inkl zzgl vgl bspw str hr fr nr abb bd hrsg "
    "janv févr avr juil déc av env p.ex sra sres srta ud uds pág núm dott sig sigg ecc pag ul zob tzn itd itp np tj ok godz r.b"
).split()
"""Words before a full stop that mostly end no sentence: English ones, then German, French, Spanish, Italian and Polish ones."""

_GEORGIAN = (0x10D0, 0x10FF)  # lower case to Unicode, but the only case of running text
CLOSING = np.array([ord(sign) for sign in "\"')]}’”»›」』）】》"], np.int64)
_LONGEST_ABBREVIATION = 16  # bytes


@cache
def abbreviations() -> Phrases:
    return phrase_table([ABBREVIATIONS])


@leaf
def _abbreviated(data, stop, start, phrases, case, blocks, traits):
    """Whether the full stop at byte `stop` belongs to an abbreviation or initial that begins at `start` or later."""
    first = stop
    letters, inner_stops, cased = 0, 0, False
    while first > start and stop - first <= _LONGEST_ABBREVIATION:
        last = first - 1
        while last > start and data[last] & 0xC0 == 0x80:
            last -= 1
        code = decode(data, last, first)[0]
        if code == FULL_STOP:
            inner_stops += 1
        elif trait(blocks, traits, code) & LETTER:
            letters += 1
            cased = trait(blocks, traits, code) & (UPPER | LOWER) != 0
        elif FORMAT <= trait(blocks, traits, code) & CLASS_MASK <= JOINER:
            pass  # part of the letter before it
        elif trait(blocks, traits, code) & DIGIT or code in (APOSTROPHE, CURLY_APOSTROPHE):
            return False
        else:
            break
        first = last
    if letters == 0 or stop - first > _LONGEST_ABBREVIATION:
        return False
    if (letters == 1 and cased) or (inner_stops > 0 and letters <= 2 * inner_stops + 2):
        return True
    node = np.int64(0)
    at = first
    while at < stop:
        code, at = decode(data, at, stop)
        node = follow(node, lowered(code, case), phrases)
        if node == NOWHERE:
            return False
    return phrases.groups[node] != 0


@leaf
def _closes(code):
    for sign in CLOSING:  # noqa: SIM110 - numba compiles no generator
        if sign == code:
            return True
    return False


@leaf
def _is_mark(code, entry):
    """Whether a code point ends sentences, Tibetan's shads with those of Unicode's Sentence_Terminal."""
    return (entry & TERMINAL) != 0 or 0xF0D <= code <= 0xF12


@leaf
def _past_marks(data, at, end, blocks, traits):
    """Behind a run of terminal marks and what closes: the byte, and whether a mark in it was not ASCII."""
    foreign = False
    while at < end:
        code, after = decode(data, at, end)
        if _is_mark(code, trait(blocks, traits, code)):
            foreign |= code >= 0x80
        elif code != ELLIPSIS and not _closes(code):
            break
        at = after
    return at, foreign


@leaf
def _begins_in_lower_case(data, at, end, blocks, traits):
    """Whether the first visible sign from `at` on is a lower-case letter of a script that begins sentences with capitals."""
    while at < end:
        code, at = decode(data, at, end)
        entry = trait(blocks, traits, code)
        if entry & SPACE == 0:
            return (entry & LOWER) != 0 and not _GEORGIAN[0] <= code <= _GEORGIAN[1]
    return False


@leaf
def sentence_end(data, at, start, end, phrases, case, blocks, traits):
    """Behind the sentence that goes on at byte `at` of data[start:end], and whether it has a visible character.

    phrases: `abbreviations()`, case: `phrases.lower_case()`.
    """
    visible = False
    while at < end:
        byte = data[at]
        if byte < 0x80:
            code, after = np.int64(byte), at + 1
            entry = np.int64(traits[byte])
        else:
            code, after = decode(data, at, end)
            entry = trait(blocks, traits, code)
        if entry & SPACE == 0:
            visible = True
            if _is_mark(code, entry) or code == ELLIPSIS:
                beyond, foreign = _past_marks(data, at, end, blocks, traits)
                if code == WIDE_STOP and beyond == after and at > start and beyond < end:
                    digits = trait(blocks, traits, before(data, at, start))
                    digits &= trait(blocks, traits, decode(data, beyond, end)[0])
                    foreign = digits & DIGIT == 0
                ends = beyond == end or foreign
                if not ends and trait(blocks, traits, decode(data, beyond, end)[0]) & SPACE:
                    ends = not _begins_in_lower_case(data, beyond, end, blocks, traits)
                    if ends and code == FULL_STOP and beyond == after:
                        ends = not _abbreviated(data, at, start, phrases, case, blocks, traits)
                if ends:
                    return beyond, visible
                at = beyond
                continue
        at = after
    return end, visible


@leaf
def sentences_in(data, start, end, phrases, case, blocks, traits):
    """Sentences of data[start:end]; 0 when it is blank. phrases: `abbreviations()`, case: `phrases.lower_case()`."""
    count = 0
    at = start
    while at < end:
        at, visible = sentence_end(data, at, start, end, phrases, case, blocks, traits)
        count += visible
    return count


@njit(cache=True, nogil=True)
def count_sentences(data, starts, ends, phrases, case, blocks, traits):
    """Sentences of every span, int64 (spans,)."""
    found = np.empty(len(starts), np.int64)
    for span in range(len(starts)):
        found[span] = sentences_in(data, starts[span], ends[span], phrases, case, blocks, traits)
    return found
