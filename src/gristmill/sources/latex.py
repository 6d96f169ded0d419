"""Reading LaTeX source: its encoding, its comments, and where a group or an argument ends."""

from __future__ import annotations

import re

_UTF8_NAMES = ("utf8", "utf8x", "utf-8")
_ENCODINGS = {
    "latin1": "cp1252",
    "latin2": "iso8859-2",
    "latin3": "iso8859-3",
    "latin4": "iso8859-4",
    "latin5": "iso8859-9",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "ansinew": "cp1252",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1252": "cp1252",
    "cp1257": "cp1257",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "applemac": "mac_roman",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macce": "mac_latin2",
    "maccyr": "mac_cyrillic",
}
_INPUTENC = re.compile(
    rb"\\(?:usepackage|RequirePackage)\s*\[([^\]]{1,40})\]\s*\{inputenc\}|\\inputencoding\s*\{([^}]{1,20})\}"
)
_CJK = re.compile(rb"\\begin\{CJK\*?\}(?:\[[^\]]*\])?\{(GBK?|Bg5|SJIS|JIS|KS|UTF8)\}")
_CJK_ENCODINGS = {
    "GB": "gb18030",
    "GBK": "gb18030",
    "Bg5": "big5",
    "SJIS": "shift_jis",
    "JIS": "euc_jp",
    "KS": "euc_kr",
}

_VERBATIM = r"verbatim\*?|Verbatim\*?|BVerbatim|lstlisting|minted|filecontents\*?|alltt"
_COMMENTS = re.compile(
    r"\\begin\{comment\}.*?\\end\{comment\}"
    rf"|(?P<kept>\\begin\{{(?P<name>{_VERBATIM})\}}.*?\\end\{{(?P=name)\}}"
    r"|\\(?:verb|lstinline)\*?(?P<sign>[^\sa-zA-Z*{])[^\n]*?(?P=sign)"
    r"|\\(?:url|path|nolinkurl|href)\s*\{[^{}\n]*\}"
    r"|\\.)"
    r"|(?P<comment>%[^\n]*(?:\n[ \t]*|\Z))",
    re.S,
)
_WHOLE_LINES = re.compile(r"^[ \t]*%[^\n]*(?:\n|\Z)", re.M)
_FALSE = re.compile(r"\\iffalse\b(?:(?!\\(?:if[a-zA-Z]|fi\b)).)*\\fi\b[ \t]*", re.S)


def decode(data: bytes) -> tuple[str, str]:
    """(text, encoding): UTF-8 where it is that, else what inputenc or CJK names, else Windows-1252. Lines end in \\n."""
    try:
        text, encoding = data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        encoding = _stated(data)
        text = data.decode(encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""), encoding


def _stated(data: bytes) -> str:
    if found := _INPUTENC.search(data):
        options = (found[1] or found[2]).decode("ascii", "replace").lower().split(",")
        name = options[-1].strip()
        if name in _UTF8_NAMES:
            return "utf-8"
        if name in _ENCODINGS:
            return _ENCODINGS[name]
    if found := _CJK.search(data):
        return _CJK_ENCODINGS.get(found[1].decode(), "utf-8")
    return "cp1252"


def without_comments(text: str) -> str:
    """The text as TeX sees it: without comments (an escaped percent is none), the comment environment and \\iffalse parts.
    Verbatim parts and addresses keep their percents."""
    if "%" in text or "\\begin{comment}" in text:
        text = _COMMENTS.sub(_spared(text), text)
    while "\\iffalse" in text:
        shorter = _FALSE.sub("", text)
        if shorter == text:
            break
        text = shorter
    return text


def _spared(text: str):  # type: ignore[no-untyped-def]
    def keep(found: re.Match[str]) -> str:
        if found["kept"] is not None:
            return found["kept"]
        if found["comment"] is None:
            return ""
        start, end = found.span()
        line_start = text.rfind("\n", 0, start) + 1
        if not text[line_start:start].strip():  # the line holds nothing else and goes as a whole
            return ""
        return "\n" if text[end : end + 1] == "\n" else ""  # what follows is a blank line: a paragraph ends

    return keep


def group_end(text: str, at: int) -> int:
    """Where the group that opens at `at` ends, one past its brace; -1 when it never does."""
    depth = 0
    for found in _BRACES.finditer(text, at):
        sign = found[0]
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                return found.end()
    return -1


_BRACES = re.compile(r"\\.|[{}]", re.S)
_BRACKETS = re.compile(r"\\.|[{}\]]", re.S)
_SPACE = re.compile(r"[ \t]*\n?[ \t]*")


def optional_end(text: str, at: int) -> int:
    """Where the optional argument that opens with [ at `at` ends, one past its bracket; -1 when it never does."""
    depth = 0
    for found in _BRACKETS.finditer(text, at + 1):
        sign = found[0]
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth < 0:
                return -1
        elif sign == "]" and depth == 0:
            return found.end()
    return -1


def skip_space(text: str, at: int) -> int:
    """Past spaces and one line end at most: a blank line ends an argument."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def argument(text: str, at: int) -> tuple[str, int] | None:
    """(argument, where it ends) of an undelimited argument: a group without its braces, or one token. None at the end."""
    at = skip_space(text, at)
    if at >= len(text) or text[at] in "}\n":
        return None
    if text[at] == "{":
        end = group_end(text, at)
        return None if end < 0 else (text[at + 1 : end - 1], end)
    if text[at] == "\\":
        found = _COMMAND.match(text, at)
        return (found[0], found.end()) if found else None
    return text[at], at + 1


_COMMAND = re.compile(r"\\(?:[a-zA-Z@]+|.)", re.S)


_LONGEST_ARGUMENT = 4000  # characters to a delimiter: where that was forgotten the search must end


def delimited_arguments(text: str, at: int, delimiters: tuple[str, ...]) -> tuple[list[str], int] | None:
    """(arguments, where the call ends) of a macro with delimiters, as TeX finds them; None when they are not there."""
    if delimiters[0]:
        at = skip_space(text, at)
        if not text.startswith(delimiters[0], at):
            return None
        at += len(delimiters[0])
    values: list[str] = []
    for delimiter in delimiters[1:]:
        if delimiter:
            at = at if values or delimiters[0] else skip_space(text, at)
            end = _outside_groups(text, at, delimiter)
            if end < 0:
                return None
            value = text[at:end].strip() if delimiter == " " else text[at:end]
            whole_group = value[:1] == "{" and group_end(value, 0) == len(value)
            values.append(value[1:-1] if whole_group else value)
            at = end + len(delimiter)
        else:
            found = argument(text, at)
            if found is None:
                return None
            values.append(found[0])
            at = found[1]
    return values, at


def _outside_groups(text: str, at: int, delimiter: str) -> int:
    """Where the delimiter stands next outside of braces and before the paragraph ends; -1 for nowhere."""
    last = min(len(text), at + _LONGEST_ARGUMENT)
    word = delimiter[0] == "\\" and delimiter[-1].isalpha()
    if delimiter != " " and text.find(delimiter, at, last) < 0:
        return -1
    while at < last:
        stands = text.startswith(delimiter, at) or (delimiter == " " and text[at] == "\n")
        if stands and not (word and text[at + len(delimiter) : at + len(delimiter) + 1].isalpha()):
            return at
        sign = text[at]
        if sign == "}" or text.startswith("\n\n", at):
            return -1
        if sign == "{":
            at = group_end(text, at)
            if at < 0:
                return -1
        else:
            at += 2 if sign == "\\" else 1
    return -1
