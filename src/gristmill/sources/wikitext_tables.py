"""Tables in wikitext, `{| … |}` and `<table>`: dropped, or kept as a line per row."""

from __future__ import annotations

import re

MAX_DEPTH = 40

_EDGE = re.compile(
    r"^[ \t:*#;\x03]*+(?:(\{\|)|(\|\}))|<(table)(?=[\s>])[^<>]*+>|</(table)\s{0,4}>", re.IGNORECASE | re.MULTILINE
)
_ROW_TAG = re.compile(r"</?tr(?=[\s>])[^<>]*+>|<caption[^<>]*+>", re.IGNORECASE)
_CELL_TAG = re.compile(r"</t[dh]\s{0,4}>\s*", re.IGNORECASE)
_ATTRIBUTES = re.compile(  # a cell whose text came from a template that brings the bar along, as {{yes}} does
    r"(?:\s{0,20}(?:colspan|rowspan|style|class|align|valign|bgcolor|width|height|scope|nowrap|id|abbr|data-sort-value|title|dir|lang)"
    r"\s?=\s?(?:\"[^\"]*\"|'[^']*'|[^\s\"'|]++))+[\s\x03]*",
    re.IGNORECASE,
)


def strip_tables(text: str, *, keep: bool = False) -> str:
    """The text without tables, or with their rows as lines of cells between bars.

    A table that is never closed loses its markup lines only.
    """
    if "{|" not in text and "<table" not in text and "<TABLE" not in text:
        return text
    frames: list[tuple[str, list[str]]] = []  # kind of the open table, and what came before it
    out: list[str] = []
    at = 0
    for found in _EDGE.finditer(text):
        kind = "{|" if found[1] or found[2] else "<table"
        opens = bool(found[1] or found[3])
        if opens:
            if len(frames) < MAX_DEPTH:
                out.append(text[at : found.start()])
                frames.append((kind, out))
                out, at = [], found.end()
        elif frames and any(open_kind == kind for open_kind, _ in frames):
            out.append(text[at : found.start()])
            at = found.end()
            while True:
                open_kind, before = frames.pop()
                inside = "".join(out)
                before.append(_rows(inside, open_kind) if keep else "\n\n")  # a table ends a paragraph
                out = before
                if open_kind == kind:
                    break
    out.append(text[at:])
    while frames:
        kind, before = frames.pop()
        before.append(_without_markup("".join(out)) if kind == "{|" else "".join(out))
        out = before
    return "".join(out)


def _without_markup(inside: str) -> str:
    """An unclosed table's lines that are not its own markup."""
    lines = inside.split("\n")[1:]
    return "\n".join(["", *(line for line in lines if not line.lstrip().startswith(("|", "!")))])


def _rows(inside: str, kind: str) -> str:
    """A table's content as one line per row."""
    if kind != "{|":
        return "\n" + _CELL_TAG.sub(" | ", _ROW_TAG.sub("\n", inside.replace("\n", " "))) + "\n"
    rows: list[list[str]] = [[]]
    for line in inside.split("\n")[1:]:
        line = line.strip(" \t\x03")
        if line.startswith("|-"):
            rows.append([])
        elif line.startswith("|+"):
            rows += [[_content(line[2:])], []]
        elif line.startswith("|"):
            rows[-1] += [_content(cell) for cell in line[1:].split("||")]
        elif line.startswith("!"):
            rows[-1] += [_content(cell) for cell in line[1:].replace("!!", "||").split("||")]
        elif line:
            if rows[-1]:
                rows[-1][-1] = f"{rows[-1][-1]} {line}".strip()
            else:
                rows[-1].append(line)
    lines = [" | ".join(row) for row in rows if any(cell.strip(" \x03") for cell in row)]
    return "\n".join(["", *lines, ""])


def _content(cell: str) -> str:
    """A cell without its attributes: `style="…" | text` → `text`; a bar inside a link is none."""
    bar = cell.find("|")
    link = cell.find("[[")
    if bar >= 0 and not 0 <= link < bar:
        cell = cell[bar + 1 :]
    return "" if "=" in cell and _ATTRIBUTES.fullmatch(cell) else cell.strip()
