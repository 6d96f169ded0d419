"""Wikitext → plain text: what a reader of the page would read, without templates, tables, references and markup.

    rules = Rules(names=link_names("de"), templates=patterns(TEXT_TEMPLATES))
    clean("'''Ebbe''' ist das [[Meer|Sinken]] des Wassers.<ref>…</ref>", rules)

A handful of passes over the whole text, each linear in its length and with bounded nesting; each is a module of its
own. The order matters: what is set aside first (comments, nowiki, formulae) means nothing to those that follow.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from gristmill.sources.wikitext_lines import layout, without_switches
from gristmill.sources.wikitext_links import LinkNames, unlink
from gristmill.sources.wikitext_tables import strip_tables
from gristmill.sources.wikitext_tags import END, KEEP, NOTHING, set_aside, unwrap_html
from gristmill.sources.wikitext_templates import Pattern, expand

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENTITY = re.compile(r"&(?:#[xX]?[0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_KEPT = re.compile(f"{KEEP}([0-9]+){END}")
_SPACES = (("\xa0", " "), ("\xad", ""), ("\u200b", ""), ("\ufeff", ""), ("\u2028", "\n"), ("\u2029", "\n"))
_NEWLINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Rules:
    """What `clean` needs to know of a wiki and of the user's wishes."""

    names: LinkNames = field(default_factory=LinkNames)
    templates: Mapping[str, Pattern] = field(default_factory=dict)
    dropped_sections: Set[str] = frozenset()
    math: str = "latex"
    code: bool = True
    tables: bool = False
    headings: bool = True


def clean(wikitext: str, rules: Rules, title: str = "") -> str:
    """The readable text of a page: paragraphs divided by blank lines, headings and list items as lines.

    Never raises on any input; "" when nothing readable is left.
    """
    kept: list[str] = []

    def keep(passage: str) -> str:
        kept.append(passage)
        return f"{KEEP}{len(kept) - 1}{END}"

    text = wikitext.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text).replace("&nbsp;", " ").replace("\xa0", " ")
    text = set_aside(text, keep, math=rules.math, code=rules.code)
    text = expand(text, rules.templates, title)
    text = strip_tables(text, keep=rules.tables)
    text = unlink(text, rules.names)
    text = unwrap_html(text)
    text = without_switches(text)
    text = layout(text, rules.dropped_sections, headings=rules.headings)
    if kept:
        text = _KEPT.sub(lambda found: kept[int(found[1])], text)
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    text = text.replace(NOTHING, "")
    for sign, plain in _SPACES:
        text = text.replace(sign, plain)
    return _NEWLINES.sub("\n\n", text).strip()


def _character(found: re.Match[str]) -> str:
    """The character an entity stands for; controls and half characters become nothing."""
    decoded = html.unescape(found[0])
    return _CONTROLS.sub("", decoded)
