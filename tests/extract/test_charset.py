"""Which charset a page is in, when header, declaration and bytes disagree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.extract.charset import codec_of, decode, looks_binary

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
CHINESE = "我们的征途是星辰大海，今天天气很好，大家一起去公园散步吧。"
JAPANESE = "いろはにほへと ちりぬるを わかよたれそ つねならむ ①"
KOREAN = "다람쥐 헌 쳇바퀴에 타고파. 똠방각하 펲시콜라"
TAIWANESE = "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。"
GERMAN = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich – „schön“ für 5 €."


def page(text: str, charset: str | None = None) -> str:
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">' if charset else ""
    return f"<html><head>{meta}<title>t</title></head><body><p>{text * 8}</p></body></html>"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("windows-1251", "cp1251", RUSSIAN),
        ("koi8-r", "koi8-r", RUSSIAN),
        ("gb2312", "gb18030", CHINESE + "㐀"),
        ("big5", "big5hkscs", TAIWANESE),
        ("x-sjis", "cp932", JAPANESE),
        ("EUC-JP", "euc_jisx0213", JAPANESE),
        ("ks_c_5601-1987", "cp949", KOREAN),
        ("iso-8859-1", "cp1252", GERMAN),
        ("ascii", "cp1252", GERMAN),
        ("utf-8", "utf-8", KOREAN),
    ],
)
class TestDeclaredCharset:
    def test_is_read_from_the_page(self, label, codec, text):
        assert decode(page(text, label).encode(codec))[0] == page(text, label)

    def test_is_read_from_the_header(self, label, codec, text):
        assert decode(page(text).encode(codec), f"text/html; charset={label}")[0] == page(text)

    def test_is_ignored_when_the_bytes_are_utf8(self, label, codec, text):
        """Corpora are re-encoded while the page keeps its old declaration."""
        payload = page(text, label).encode("utf-8")
        assert decode(payload, f"text/html; charset={label}") == (payload.decode("utf-8"), "utf-8")


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1251", RUSSIAN),
        ("gb18030", CHINESE),
        ("cp932", JAPANESE),
        ("cp949", "오늘은 날씨가 좋아서 공원에 갔습니다. "),
    ],
)
def test_undeclared_charset_is_detected(codec, text):
    assert decode(page(text).encode(codec))[0] == page(text)


def test_header_wins_over_the_page():
    assert decode(page(RUSSIAN, "koi8-r").encode("cp1251"), "text/html; charset=windows-1251")[1] == "cp1251"


def test_page_wins_over_a_latin1_header():
    """Servers add iso-8859-1 to everything; an author who names another charset means it."""
    assert decode(page(RUSSIAN, "windows-1251").encode("cp1251"), "text/html; charset=ISO-8859-1")[1] == "cp1251"


def test_declaration_in_a_comment_does_not_count():
    payload = b'<!-- <meta charset="koi8-r"> --><meta charset=windows-1251>' + RUSSIAN.encode("cp1251")
    assert decode(payload)[1] == "cp1251"


def test_iso_charsets_with_windows_bytes_are_read_as_windows():
    assert decode(page("šťastný žák", "iso-8859-2").encode("cp1250")) == (page("šťastný žák", "iso-8859-2"), "cp1250")


def test_xml_declaration_counts():
    payload = b'<?xml version="1.0" encoding="iso-8859-2"?><html><p>' + "zażółć gęślą jaźń".encode("iso8859-2")
    assert decode(payload)[0].endswith("zażółć gęślą jaźń")


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_wins_over_all(codec):
    assert decode(page(RUSSIAN, "koi8-r").encode(codec), "text/html; charset=koi8-r")[0] == page(RUSSIAN, "koi8-r")


@pytest.mark.parametrize("text", [RUSSIAN, CHINESE, "plain"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_seen(codec, text):
    assert decode(page(text).encode(codec)) == (page(text), codec)


def test_iso_2022_jp_is_not_taken_for_ascii():
    payload = page("いろはにほへと", "iso-2022-jp").encode("iso2022_jp")
    assert payload.isascii()
    assert decode(payload) == (page("いろはにほへと", "iso-2022-jp"), "iso2022_jp_ext")


def test_pure_ascii_is_ascii_whatever_is_declared():
    assert decode(page("plain", "gb2312").encode())[1] == "ascii"


def test_page_cut_inside_a_character_loses_only_that_character():
    payload = page(CHINESE).encode("utf-8")
    cut = payload[: payload.rindex("吧".encode()) + 2]
    assert decode(cut)[0] == page(CHINESE)[: page(CHINESE).rindex("吧")]


def test_one_stray_byte_does_not_turn_utf8_into_latin1():
    payload = page(GERMAN).encode("utf-8").replace(b"Sylter", b"S\xfclter", 1)
    text, codec = decode(payload, "text/html; charset=utf-8")
    assert codec == "utf-8"
    assert text.count("\ufffd") == 1


def test_latin1_declared_as_utf8_is_read_as_latin1():
    assert decode(page(GERMAN, "utf-8").encode("cp1252"), "text/html; charset=utf-8")[0] == page(GERMAN, "utf-8")


def test_nuls_are_removed():
    assert decode(b"<p>a\0b\0</p>")[0] == "<p>ab</p>"


@pytest.mark.parametrize("label", ["utf-7", "", "no-such-charset", "hex", "rot13", "base64", "idna", "unicode_escape"])
def test_labels_browsers_do_not_know_are_ignored(label):
    assert codec_of(label) is None


@given(payload=st.binary(max_size=300), header=st.none() | st.text(max_size=40))
def test_anything_decodes_to_text_that_encodes(payload, header):
    text, codec = decode(payload, header)
    assert "\0" not in text
    text.encode("utf-8")
    b"".decode(codec)


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1))
def test_utf8_survives_whatever_is_declared(text):
    payload = ("<p>" + text + "ж").encode()
    assert decode(payload, "text/html; charset=shift_jis")[0] == "<p>" + text + "ж"


def test_images_look_binary_and_text_does_not():
    image = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
    assert looks_binary(decode(image)[0])
    for text in (RUSSIAN, CHINESE, JAPANESE, KOREAN, GERMAN, ""):
        assert not looks_binary(page(text))
