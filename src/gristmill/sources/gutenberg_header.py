"""What the header of a Gutenberg file says about the book: title, author, language, number, date, encoding."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Sequence
from typing import Any

from gristmill.extract.charset import decode

# Field names as headers write them, in the languages in which they are found.
_FIELDS = {
    "title": "title", "titel": "title", "titre": "title", "título": "title", "titolo": "title",
    "subtitle": "subtitle",
    "author": "author", "autor": "author", "auteur": "author", "autore": "author", "authors": "author",
    "translator": "translator", "translators": "translator", "übersetzer": "translator", "traducteur": "translator",
    "editor": "editor", "editors": "editor", "illustrator": "illustrator", "contributor": "contributor",
    "language": "language", "sprache": "language", "langue": "language", "idioma": "language", "lingua": "language",
    "taal": "language",
    "release date": "release_date", "posting date": "posting_date", "date": "release_date",
    "last updated": "updated", "most recently updated": "updated",
    "character set encoding": "encoding", "credits": "credits", "original publication": "original_publication",
}  # fmt: skip
_FIELD = re.compile(r"\**\s{0,3}([^\W\d_][\w ]{2,24}?)\s?:\s*(.*)")
_NUMBER = re.compile(r"\[\s*(?:e-?\s?book|e-?\s?text)s?\s*#\s*(\d{1,6})\s*\]?|\[\w{3,12}\.xxx\]\s*(\d{1,6})\b", re.I)
_FILE_NUMBER = re.compile(r"(?:^|/)(?:pg)?(\d{1,6})(?:-(?:0|8|h|images|noimages|images-3))?(?:\.[\w.-]+)?$")
_FIRST_LINE = re.compile(
    r"\W*(?:The\s+)?Project Gutenberg(?:'s|’s)?\s*(?:\(\w+\)\s*)?(?:E-?\s?texts?|E-?\s?books?|Edition)?\s*"
    r"(?:of|,|:)?\s+(?P<title>.+?)(?:,?\s+by\s+(?P<author>.+?))?\W*$",
    re.I | re.S,
)
_DATE = re.compile(
    r"(?:(?P<month>[A-Z][a-z]{2,8})\.?\s+)(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?)?,?\s*(?P<year>(?:19|20)\d\d)"
)
_ISO_DATE = re.compile(r"((?:19|20)\d\d)-(\d\d)-(\d\d)")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_ENCODINGS = {
    "ascii": "ascii", "us-ascii": "ascii", "iso-646-us": "ascii", "iso-646-us (us-ascii)": "ascii",
    "iso latin-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "iso-8859-1": "cp1252", "iso8859-1": "cp1252",
    "iso 8859-1": "cp1252", "iso8859_1": "cp1252", "windows-1252": "cp1252", "cp-1252": "cp1252", "ansi": "cp1252",
    "codepage 1252": "cp1252", "windows code page 1252": "cp1252", "codepage 437": "cp437", "cp437": "cp437",
    "ibm850": "cp850", "codepage 850": "cp850", "macintosh": "mac_roman", "macroman": "mac_roman",
    "unicode utf-8": "utf-8", "utf8": "utf-8",
}  # fmt: skip
_DOS_AND_MAC = ("cp437", "cp850", "mac_roman")  # encodings the web never had
_ENCODING_LINE = re.compile(rb"character set encoding:\s*([^\r\n\[]{2,40})", re.I)
_LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es", "español": "es",
    "italian": "it", "italiano": "it", "portuguese": "pt", "dutch": "nl", "nederlands": "nl", "flemish": "nl",
    "finnish": "fi", "swedish": "sv", "danish": "da", "norwegian": "no", "icelandic": "is", "latin": "la",
    "greek": "el", "ancient greek": "grc", "russian": "ru", "polish": "pl", "czech": "cs", "hungarian": "hu",
    "romanian": "ro", "bulgarian": "bg", "serbian": "sr", "catalan": "ca", "galician": "gl", "esperanto": "eo",
    "welsh": "cy", "irish": "ga", "chinese": "zh", "japanese": "ja", "korean": "ko", "hebrew": "he", "arabic": "ar",
    "tagalog": "tl", "afrikaans": "af", "frisian": "fy", "friulian": "fur", "yiddish": "yi", "sanskrit": "sa",
    "occitan": "oc", "breton": "br", "middle english": "enm", "old english": "ang", "ukrainian": "uk", "turkish": "tr",
    "telugu": "te", "persian": "fa", "farsi": "fa", "interlingua": "ia", "estonian": "et", "lithuanian": "lt",
}  # fmt: skip


def decode_etext(data: bytes) -> str:
    """The text of a file whose header may name its encoding in the project's own words, or wrongly."""
    found = _ENCODING_LINE.search(data[: 64 << 10])
    name = found[1].decode("latin-1").strip().strip(".*").lower() if found else ""
    name = _ENCODINGS.get(name, name)
    if name in _DOS_AND_MAC:
        try:
            return data.decode("utf-8-sig")  # re-encoded since, and the header left as it was
        except UnicodeDecodeError:
            return data.decode(name)
    return decode(data, f"text/plain; charset={name.replace(' ', '-')}" if name else None)[0]


def file_number(name: str) -> int | None:
    """The ebook number in a file name such as 84-0.txt, pg84.txt, 84-h/84-h.htm; None for old names."""
    found = _FILE_NUMBER.search(name)
    return int(found[1]) if found and int(found[1]) > 0 else None


def read_header(lines: Sequence[str]) -> dict[str, Any]:
    """Fields of the header's lines: title, author …, languages (codes), number; only what is there."""
    found: dict[str, Any] = {}
    current = None
    for line in lines:
        match = _FIELD.match(line)
        name = _FIELDS.get(match[1].lower()) if match else None
        if match and name and name not in found:
            found[name], current = match[2].strip(), name
        elif current and line[:1] in (" ", "\t") and line.strip():
            found[current] = f"{found[current]} {line.strip()}".strip()
        else:
            current = None
    head = "\n".join(lines)
    if number := _NUMBER.search(head):
        found["number"] = int(number[1] or number[2])
    if "title" not in found:
        _from_first_line(lines, found)
    found = {name: value for name, value in found.items() if value not in ("", "N/A", "Unknown", "Not specified")}
    if "language" in found:
        found["languages"] = language_codes(found.pop("language"))
    found.pop("encoding", None)
    return found


def _from_first_line(lines: Sequence[str], found: dict[str, Any]) -> None:
    """`The Project Gutenberg Etext of Moby Dick, by Herman Melville`, which may be broken over lines."""
    for at, line in enumerate(lines[:60]):
        if "gutenberg" in line.lower() and _FIRST_LINE.match(line.strip("* ")):
            end = at
            while (
                end < len(lines) and lines[end].strip() and end - at < 3 and not (end > at and lines[end][:1] in "*#")
            ):
                end += 1
            match = _FIRST_LINE.match(" ".join(part.strip(" *") for part in lines[at:end]))
            if match and len(match["title"]) <= 300 and "is a trademark" not in match["title"].lower():
                found["title"] = " ".join(match["title"].split())
                if match["author"] and "author" not in found:
                    found["author"] = " ".join(match["author"].split())
                return


def language_codes(value: str) -> list[str]:
    """Codes of the languages a header or catalogue names; a name nobody knows stays as it is."""
    names = re.split(r"\s*(?:,|;|/|\band\b|\bwith\b)\s*", value.strip().lower())
    return [_LANGUAGES.get(name, name) for name in names if name]


def release_seconds(value: str | None) -> int | None:
    """Seconds since 1970 of `June 17, 2008 [EBook #84]`, `June, 2001` (its first day) or 2008-06-17."""
    if not value:
        return None
    if iso := _ISO_DATE.search(value):
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
    elif (found := _DATE.search(value)) and found["month"][:3].lower() in _MONTHS:
        year, day = int(found["year"]), int(found["day"] or 1)
        month = _MONTHS.index(found["month"][:3].lower()) + 1
    else:
        return None
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return timegm((year, month, day, 0, 0, 0))
