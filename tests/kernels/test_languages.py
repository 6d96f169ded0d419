"""Words and sentences of many languages: real text, Unicode's own test data and ICU as the oracle."""

from __future__ import annotations

import io
import os
import re
import tarfile
import unicodedata
from pathlib import Path

import pytest

from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.filters.datatrove_filters import sentences

UNICODE_DATA = Path(
    os.environ.get("GRISTMILL_UNICODE_DATA", "/usr/share/unicode")
)  # as Debian's package unicode-data has it
ONE_SENTENCE = {"tha"}  # Thai writes no mark behind sentences
TWO_SENTENCES = (
    "khm cmn_hans jpn hin ben amh arb hye ell_monotonic kor heb tam nep kat deu_1996 eng fra rus pol tur vie pes_1 mal tel guj "
    "pan uig_arab ukr bul"
).split()
THREE_SENTENCES = "urd sin kan san mar".split()
SOUTH_EAST_ASIAN = "tha lao khm mya".split()


@pytest.fixture(scope="module")
def articles(real_data) -> dict[str, str]:
    """Article 1 of the Universal Declaration of Human Rights by language: two sentences in the original."""
    found = {}
    wanted = {*ONE_SENTENCE, *TWO_SENTENCES, *THREE_SENTENCES, *SOUTH_EAST_ASIAN}
    with tarfile.open(real_data / "langid" / "udhr.tar.xz") as archive:
        for member in archive:
            if (name := Path(member.name).stem) in wanted and member.name.endswith(".html"):
                page = io.TextIOWrapper(archive.extractfile(member), "utf-8").read()
                article = re.search(r'<article data-number="1">(.*?)</article>', page, re.DOTALL)
                paragraphs = re.findall(r"<p>(.*?)</p>", article[1], re.DOTALL)
                found[name] = " ".join(re.sub("<[^>]+>", "", paragraph) for paragraph in paragraphs)
    return found


def words_of(text: str, reading: str = "unicode") -> list[str]:
    return TextIndex.build(Texts.from_strings([text])).words(reading).of(0)


def test_sentences_are_told_apart_in_every_script(articles):
    for count, names in ((1, ONE_SENTENCE), (2, TWO_SENTENCES), (3, THREE_SENTENCES)):
        for name in names:
            assert len(sentences(articles[name])) == count, name


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ثم قال: نعم؟ لا! انتهى.", 3),
        ("یہ ایک جملہ ہے۔ یہ دوسرا ہے۔", 2),
        ("ይህ ዓረፍተ ነገር ነው። ይህም ሌላ ነው።", 2),
        ("នេះជាប្រយោគ។ នេះជាប្រយោគផ្សេង៕", 2),
        ("ဒါက စာကြောင်းပါ။ ဒါလည်း စာကြောင်းပါ။", 2),
        ("Սա նախադասություն է։ Սա ևս։", 2),
        ("བཀྲ་ཤིས་བདེ་ལེགས། ཁམས་བཟང་།", 2),
        ("彼は「はい。」と言った。3.5％です。", 3),
        ("这是一句话。这是3.14吗？是！", 3),
        ("ეს წინადადებაა. ესეც ასეა.", 2),
        (unicodedata.normalize("NFD", "Tất cả đều có quyền. Mọi người đều vậy."), 2),
        ("Er kam um 12.30 Uhr mit Dr. Müller, d. h. zu spät. Dann ging er.", 2),
        ("M. Dupont est né le 1er janv. 1950 à Paris. Il y vit.", 2),
    ],
)
def test_sentences_end_at_the_marks_of_their_script(text, count):
    assert len(sentences(text)) == count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("เป็นภาษาไทยและไม่ใช่", ["เป็", "น", "ภา", "ษา", "ไท", "ย", "และ", "ไม่", "ใช่"]),
        ("ແລະພາສາລາວ", ["ແລະ", "ພາ", "ສາ", "ລາ", "ວ"]),
        ("ខ្ញុំស្រលាញ់", ["ខ្ញុំ", "ស្រ", "លា", "ញ់"]),
        ("မြန်မာဘာသာစကား", ["မြန်", "မာ", "ဘာ", "သာ", "စ", "ကား"]),
        ("ตลาดๆ กทม.", ["ต", "ลา", "ดๆ", "ก", "ท", "ม", "."]),
        ("他说ABC和カタカナです", ["他", "说", "ABC", "和", "カタカナ", "で", "す"]),
        ("เ", ["เ"]),
        ("ๆะ", ["ๆ", "ะ"]),
        ("\u17d2ក", ["\u17d2", "ក"]),
    ],
)
def test_scripts_without_spaces_are_read_by_syllables_or_characters(text, words):
    assert words_of(text) == words


def test_a_boundary_of_icus_dictionaries_is_mostly_one_of_ours_too(articles):
    """Syllables are finer than words: few of them reach over the end of a word."""
    pytest.importorskip("icu4py")
    for name in SOUTH_EAST_ASIAN:
        index = TextIndex.build(Texts.from_strings([articles[name]]))
        ours, theirs = index.words(), index.words("icu")
        assert len(ours) > len(theirs), name
        shared = set(ours.end.tolist()) & set(theirs.end.tolist())
        assert len(shared) > 0.9 * len(theirs), name


def test_icu_knows_words_where_nothing_parts_them():
    pytest.importorskip("icu4py")
    assert words_of("日本語の文章😀を書きます。", "icu") == ["日本語", "の", "文章", "😀", "を", "書き", "ます", "。"]
    assert words_of("ภาษาไทยง่าย", "icu") == ["ภาษา", "ไทย", "ง่าย"]
    assert words_of("", "icu") == words_of(" \n\x00", "icu") == []


def test_spacys_words_are_those_that_datatrove_counts(real_data):
    text_module = pytest.importorskip("datatrove.utils.text")
    pytest.importorskip("spacy")
    from tests.filters.english_pages import page_texts

    pages = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 8_000][::25]
    index = TextIndex.build(
        Texts.from_strings([*pages, "", " \n", "a\ufeff\u200b b\u00a0", "e\u0301😀 don't IS_ALPHA"])
    )
    words = index.words("spacy")
    for row in range(len(index.texts) - 1):
        assert words.of(row) == text_module.split_into_words(index.texts[row])


def test_words_of_real_text_are_those_of_an_independent_implementation(articles):
    """uniseg follows the standard to the letter; the colon and the scripts without spaces are where we do not."""
    uniseg = pytest.importorskip("uniseg.wordbreak")
    for name in sorted({*TWO_SENTENCES, *THREE_SENTENCES} - {*SOUTH_EAST_ASIAN}):
        text = articles[name].replace(":", " ")
        assert words_of(text) == [word for word in uniseg.words(text) if word.strip()], name


def _is_word(part: str) -> bool:
    return any(not sign.isspace() and unicodedata.category(sign) not in ("Cc", "Cf", "Zl", "Zp") for sign in part)


def test_words_follow_unicodes_test_data_save_where_declared():
    """Declared differences: the colon, runs of full stops, and what begins with a space, a control or an invisible sign."""
    path = UNICODE_DATA / "auxiliary" / "WordBreakTest.txt"
    if not path.is_file():
        pytest.skip(f"no {path} (Debian: unicode-data; GRISTMILL_UNICODE_DATA names another folder)")
    checked = declared = 0
    for line in path.read_text("utf-8").splitlines():
        cases = line.partition("#")[0].replace("×", "").split("÷")[1:-1]
        parts = ["".join(chr(int(code, 16)) for code in case.split()) for case in cases]
        if not parts:
            continue
        expected = [part for part in parts if _is_word(part)]
        odd = ":" in "".join(parts) or ".." in "".join(parts) or "\u200d" in "".join(parts)
        if odd or any(len(part) > 1 and not _is_word(part[0]) for part in parts):
            declared += 1
            continue
        assert words_of("".join(parts)) == expected, line
        checked += 1
    assert checked > 1000 > declared
