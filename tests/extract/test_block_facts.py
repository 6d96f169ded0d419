"""What is read off a block's text means the same in all scripts."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.extract.blocks import PageFeatures
from gristmill.kernels.html_facts import (
    COLON,
    COMMAS,
    DIGITS,
    ENDS,
    FIRST_SIGN,
    LAST,
    LETTER,
    SENTENCE,
    SMALL,
    UPPERS,
    WORDS,
)


def facts_of(text: str) -> np.ndarray:
    page = PageFeatures(f"<p>{text}</p>".encode())
    return page.facts[0]


@pytest.mark.parametrize(
    "text",
    [
        "هل هذا صحيح؟", "یہ درست ہے۔", "यह सही है।", "এটা ঠিক।", "这是对的。", "「これでいい。」", "Սա ճիշտ է։", "ይህ ትክክል ነው።",
        "នេះត្រឹមត្រូវ។", "ဒါမှန်တယ်။", "བོད་ཡིག།", "《这是对的。》",
    ],
)  # fmt: skip
def test_sentences_end_as_their_script_ends_them(text: str) -> None:
    facts = facts_of(text)
    assert facts[ENDS] == 1
    assert facts[LAST] == SENTENCE


@pytest.mark.parametrize("text", ["هذا، وذاك", "这个，那个", "ይህ፣ ያ", "ဒါ၊ ဟို", "これ、それ"])
def test_commas_of_all_scripts_count(text: str) -> None:
    assert facts_of(text)[COMMAS] == 1


def test_a_wide_colon_is_a_colon() -> None:
    assert facts_of("答案如下：")[LAST] == COLON


@pytest.mark.parametrize("digits", ["٠١٢٣", "۰۱۲۳", "०१२३", "০১২৩", "௦௧௨௩", "๐๑๒๓", "០១២៣", "０１２３"])
def test_digits_of_all_scripts_count(digits: str) -> None:
    assert facts_of(digits)[DIGITS] == 4


@pytest.mark.parametrize("word", ["Ελλάδα", "Россия", "Հայաստան", "Đức", "Österreich"])
def test_capitals_are_counted_where_there_are_any(word: str) -> None:
    facts = facts_of(f"{word} {word.lower()}")
    assert facts[UPPERS] == 1
    assert facts[FIRST_SIGN] == LETTER
    assert facts_of(word.lower())[FIRST_SIGN] == SMALL


@pytest.mark.parametrize("word", ["שלום", "سلام", "საქართველო", "नमस्ते", "สวัสดี", "中文网站", "안녕하세요"])
def test_letters_without_case_are_neither_small_nor_all_capitals(word: str) -> None:
    facts = facts_of(" ".join([word] * 20))
    assert facts[FIRST_SIGN] == LETTER
    assert 0.02 < facts[UPPERS] / (20 * len(word)) < 0.2


def test_a_long_thai_text_ends_as_a_sentence_and_its_spaces_part_phrases() -> None:
    phrase = "ภาษาไทยเป็นภาษาที่ไม่มีจุดจบประโยค"
    facts = facts_of(" ".join([phrase] * 4))
    assert facts[LAST] == SENTENCE
    assert facts[ENDS] + facts[COMMAS] == 3
    assert facts[WORDS] >= 20
    assert facts_of("ภาษาไทย")[LAST] == LETTER
