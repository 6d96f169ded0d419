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


@pytest.mark.parametrize(("label", "codec", "text"), [
    ("gb2312", "gb18030", CHINESE), ("gb18030", "gb18030", "㐀㐁" + CHINESE), ("big5", "big5", TAIWANESE),
    ("shift_jis", "cp932", JAPANESE), ("euc-jp", "euc_jp", JAPANESE[:-1]), ("euc-kr", "cp949", KOREAN),
    ("utf-8", "utf-8", CHINESE),
])  # fmt: skip
@pytest.mark.parametrize("times", [1, 8])
def test_a_declared_charset_is_believed_wherever_the_page_is_cut(label, codec, text, times):
    """Most pages cut inside a character once were read as windows-1252, which can read nearly anything."""
    whole = f"<meta charset={label}><p>{text * times}"
    payload = whole.encode(codec)
    for end in range(len(payload) + 1):
        found = decode(payload[:end])[0]
        assert whole.startswith(found)
        assert len(found) >= len(payload[:end].decode(codec, "ignore"))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_cut_inside_a_character_loses_only_that_character(codec, mark):
    payload = (mark + page(RUSSIAN)).encode(codec)
    assert decode(payload[:-1]) == (page(RUSSIAN)[:-1], codec)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_that_begins_with_text_is_seen_where_the_header_says_so(codec):
    payload = (RUSSIAN + page(CHINESE)).encode(codec)
    for label in ("utf-16", "UTF-16LE", "unicode"):
        assert decode(payload, f"text/html; charset={label}") == (RUSSIAN + page(CHINESE), codec)
    for lying in (page(RUSSIAN), "a\0" + page(RUSSIAN)):
        assert decode(lying.encode(), "text/html; charset=utf-16") == (lying.replace("\0", ""), "utf-8")


def test_a_short_text_with_a_stray_byte_is_still_in_its_charset():
    payload = b"<meta charset=gb2312><p>" + CHINESE.encode("gb18030") + b"<b>\xff</b>"
    assert decode(payload) == (f"<meta charset=gb2312><p>{CHINESE}<b>\ufffd</b>", "gb18030")


@pytest.mark.parametrize(
    "head",
    [
        "<meta charset=no-such><meta charset=windows-1251>",
        "<meta data-charset=koi8-r charset='windows-1251'>",
        "<META CONTENT='text/html; charset=windows-1251' HTTP-EQUIV=Content-Type>",
        "<meta/charset = windows-1251 />",
        "<meta name=description content='about charset=koi8-r'><meta charset=windows-1251>",
        "<metadata charset=koi8-r><meta charset=windows-1251>",
        "<meta charset=windows-1251><meta charset=koi8-r>",
        "<?xml version='1.0' encoding='koi8-r'?><meta charset=windows-1251>",
        "<script>var a = 1</script>" * 100 + "<meta charset=windows-1251>",
    ],
)
def test_the_first_known_label_of_a_meta_element_counts(head):
    assert decode((head + RUSSIAN).encode("cp1251"))[1] == "cp1251"


@pytest.mark.parametrize(("header", "inside", "codec"), [
    ("koi8-r", "windows-1251", "koi8-r"),
    ("no-such", "windows-1251", "cp1251"),
    ("utf-8", "windows-1251", "cp1251"),
    ("iso-8859-1", "windows-1251", "cp1251"),
    ("utf-16", "windows-1251", "cp1251"),
    ("utf-7", "utf-7", "cp1251"),
    ("windows-1251", "x-user-defined", "cp1251"),
])  # fmt: skip
def test_cyrillic_bytes_where_header_and_page_say_two_other_things(header, inside, codec):
    assert decode(page(RUSSIAN, inside).encode("cp1251"), f"text/html; charset={header}")[1] == codec


def test_utf7_is_no_charset_and_its_tags_stay_text():
    payload = b"<meta charset=utf-7>+ADw-script+AD4-alert(1)+ADw-/script+AD4-"
    assert decode(payload, "text/html; charset=utf-7") == (payload.decode(), "ascii")


def test_user_defined_bytes_are_read_as_windows_1252():
    assert decode(page(GERMAN, "x-user-defined").encode("cp1252"))[1] == "cp1252"


LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso88595 iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 visual csiso88598i iso-8859-8-i logical",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1252": "ansi_x3.4-1968 ascii cp819 csisolatin1 ibm819 iso-ir-100 iso88591 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252",
    "cp1254": "csisolatin5 iso-8859-9 iso-ir-148 iso88599 iso_8859-9:1989 l5 latin5 x-cp1254",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jisx0213": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp_ext": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949",
}


@pytest.mark.parametrize("codec", LABELS)
def test_labels_mean_what_the_encoding_standard_says(codec):
    """Those of the standard that are easily missed."""
    assert {label: codec_of(f" {label.upper()}\n") for label in LABELS[codec].split()} == dict.fromkeys(
        LABELS[codec].split(), codec
    )


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
