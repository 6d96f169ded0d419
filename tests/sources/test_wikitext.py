"""Every rule of cleaning wikitext as a pair: what an author wrote, what a reader should see."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.wiki_languages import LLAMA_LANGUAGES, names_of, wiki_codes
from gristmill.sources.wikitext import Rules, clean
from gristmill.sources.wikitext_lines import strip_quotes
from gristmill.sources.wikitext_links import LinkNames
from gristmill.sources.wikitext_templates import MAX_DEPTH, compile_pattern, patterns
from gristmill.sources.wikitext_text_templates import text_templates


def rules(language: str = "en", **changes) -> Rules:
    names = names_of(language)
    links = LinkNames(names.files, names.categories, wiki_codes())
    return Rules(names=links, templates=patterns(text_templates(language)), **changes)


ENGLISH = rules()
MATH = r"<math>\frac{{a}}{b}</math>"

PAIRS = {
    # templates
    "template goes": ("Tea{{citation needed|date=May 2020}} cools.", "Tea cools."),
    "nested template goes": ("{{Infobox\n| a = {{small|{{b|c}}}}\n| d = e\n}}\nTea cools.", "Tea cools."),
    "line of templates leaves no blank line": ("One\n{{clear}}\ntwo", "One\ntwo"),
    "lang keeps its words": ("the ''{{lang|de|Ebbe}}'' falls", "the Ebbe falls"),
    "named argument": ("{{blockquote|text=Wind is free.|author=A}}", "Wind is free."),
    "conversion keeps the first unit": ("It is {{convert|5|to|10|km|mi|abbr=on}} long.", "It is 5 to 10 km long."),
    "bar template divides nothing": ("{{nowrap|a{{!}}b}}", "a|b"),
    "link in an argument keeps its bar": ("{{nowrap|[[tide|tides]] rise}}", "tides rise"),
    "lang family": ("({{lang-fr|marée}})", "(marée)"),
    "parameter shows its default": ("Hello {{{name|reader}}}.", "Hello reader."),
    "parameter without default": ("Hello {{{name}}}.", "Hello."),
    "parser function goes": ("a {{#if: x | y | z }} b", "a b"),
    "number format": ("{{formatnum:12345}} people", "12345 people"),
    "unclosed template loses its braces": ("a {{b c", "a b c"),
    "stray end": ("a }} b", "a b"),
    "single brace stays": ("f{x} {y}", "f{x} {y}"),
    "sounds": ("{{IPAslink|a}}, {{angbr|{{IPA|a}}}} but {{IPA|de|ba}}", "/a/, ⟨a⟩ but ba"),
    "value with unit": ("of {{val|0.5|u=A}} and {{val|6.67|0.02|e=-11}}", "of 0.5 A and (6.67±0.02)×10^-11"),
    "value that is none": ("Bern ({{val|de|Bern}}) is", "Bern is"),
    "ship and country": ("with {{HMS|Ajax|22|6}} to {{flag|Chile}}", "with HMS Ajax to Chile"),
    "columns by number or by width": ("{{columns-list|2|\n* a}}\n{{columns-list|colwidth=9em|\n* b}}", "- a\n- b"),
    "list of unmarked lines": ("{{ubl|a|b}}", "a\nb"),
    # what removal leaves
    "empty brackets go": ("'''Bern''' ({{audio|x}}) is a city.", "Bern is a city."),
    "leading sign in brackets goes": ("Bern ({{audio|x}}; 5 May 1900) is", "Bern (5 May 1900) is"),
    "trailing sign in brackets goes": ("Bern (1900; {{audio|x}}) is", "Bern (1900) is"),
    "blank before full stop goes": ("Bern is old {{r|1}}.", "Bern is old."),
    "brackets in brackets go": ("Bern (({{audio|x}})) is", "Bern is"),
    "double commas": ("Bern, {{x}}, Basel", "Bern, Basel"),
    "untouched brackets stay": ("f( ; ) and ( ) stay", "f( ; ) and ( ) stay"),
    # references and comments
    "reference": ("Tea<ref>Smith, {{cite|a}} [[b]]</ref> cools.<ref name=x />", "Tea cools."),
    "nested references": ("Tea<ref>a<ref>b</ref>c</ref> cools.", "Tea cools."),
    "unclosed reference costs its tag only": (
        "Tea<ref name=x> cools.\n\nMilk<ref>b</ref> too.",
        "Tea cools.\n\nMilk too.",
    ),
    "references list": ("Tea.\n<references>\n<ref name=a>b</ref>\n</references>", "Tea."),
    "comment": ("Tea <!-- [[no]] {{ -->cools.", "Tea cools."),
    "comment on a line of its own": ("Tea\n<!-- x -->\ncools", "Tea\ncools"),
    "unclosed comment runs to the end": ("Tea.<!-- cools", "Tea."),
    # links
    "link": ("the [[tide]]s and [[Moon|the moon]]", "the tides and the moon"),
    "link to a section": ("[[#Causes]] and [[Tide#Causes|causes]]", "Causes and causes"),
    "empty label": ("[[Tide (sea)|]]", "Tide"),
    "visible category": ("see [[:Category:Tides]] and [[:Category:Tides|these]]", "see Category:Tides and these"),
    "category": ("Tea.\n[[Category:Drinks]]\n[[Category:Hot things| ]]", "Tea."),
    "file with a link and a link in it": ("[[File:a.jpg|thumb|A [[cup|big ''cup'']] of [http://x.example tea]]]\nTea.", "Tea."),
    "image by its old name": ("[[image:a.jpg|left]]Tea.", "Tea."),
    "file in a language nobody told us": ("[[Ffeil:a b.JPG|bawd|Te]]Te.", "Te."),
    "language link": ("Tea.\n[[de:Tee]]\n[[zh-min-nan:Tê]]", "Tea."),
    "sister project": ("[[wikt:tea|the word]]", "the word"),
    "external link": ("[https://a.example/x a site], [//b.example b], [https://c.example]", "a site, b"),
    "address in the text": ("at https://a.example/ now", "at https://a.example/ now"),
    "unclosed link": ("the [[tide rises\n\nand falls", "the tide rises\n\nand falls"),
    "unclosed file costs its line": ("[[File:a.jpg|thumb|A cup\nTea.", "Tea."),
    "brackets that are no link": ("a[1] = b[c]", "a[1] = b[c]"),
    # tables
    "table": ('Tea.\n{| class="wikitable"\n|-\n! a\n| b || {{c}}\n|}\nMilk.', "Tea.\n\nMilk."),
    "nested table": ("{|\n|\n{|\n| a\n|}\n| b\n|}\nMilk.", "Milk."),
    "unclosed table keeps the prose behind it": ("{|\n| a\n|-\n! b\nMilk is white.", "Milk is white."),
    "html table": ("<table><tr><td>a</td></tr></table>Milk.", "Milk."),
    # tags
    "tags are unwrapped": ("<small>Tea</small> <span style='x'>cools</span><br />fast", "Tea cools\nfast"),
    "comparison is no tag": ("if x <y and z> d", "if x <y and z> d"),
    "superscript number": ("10<sup>6</sup> m<sup>-2</sup>, 1<sup>st</sup>, H<sub>2</sub>O", "10⁶ m⁻², 1st, H2O"),
    "charge and power": ("SO<sub>4</sub><sup>2−</sup> + H<sup>+</sup>, 2<sup>n</sup>", "SO4²⁻ + H⁺, 2ⁿ"),
    "list in html": ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
    "nowiki": ("<nowiki>[[a]] ''b'' {{c}}</nowiki>", "[[a]] ''b'' {{c}}"),
    "empty nowiki": ("a<nowiki/>b", "ab"),
    "code stays as it is": (
        "<syntaxhighlight lang=c>\nif (a[[0]] == '''b''')\n  x = {{1}};\n</syntaxhighlight>",
        "if (a[[0]] == '''b''')\n  x = {{1}};",
    ),
    "formula": (f"so {MATH}.", r"so $\frac{{a}}{b}$."),
    "gallery": ("<gallery>\nFile:a.jpg|b\n</gallery>\nTea.", "Tea."),
    "closing tag in other case": ("<Gallery>x</GALLERY>Tea.", "Tea."),
    # lines
    "heading": ("Tea.\n== Uses ==\nHot.", "Tea.\n\nUses\n\nHot."),
    "heading with markup": ("== ''The'' [[cup]]<!-- x --> ==\nHot.", "The cup\n\nHot."),
    "section without content": (
        "Tea.\n== Gallery ==\n<gallery>a</gallery>\n=== More ===\n== Uses ==\nHot.",
        "Tea.\n\nUses\n\nHot.",
    ),
    "section with content below": ("== A ==\n=== B ===\nHot.", "A\n\nB\n\nHot."),
    "equation is no heading": ("a = b == c", "a = b == c"),
    "bullets": ("* a\n** b\n* c", "- a\n  - b\n- c"),
    "numbers": ("# a\n# b\n## c\n# d", "1. a\n2. b\n  1. c\n3. d"),
    "new list counts anew": ("# a\n# b\nx\n# c", "1. a\n2. b\nx\n1. c"),
    "definitions": ("; Tea : a drink\n; Cup\n: a vessel", "Tea: a drink\nCup\na vessel"),
    "indented line": (":: so it is", "so it is"),
    "empty item": ("* {{flagicon|x}}\n* b", "- b"),
    "rule": ("a\n----\nb", "a\nb"),
    "bold and italic": ("'''''a''' b'' '''c''' ''d''", "a b c d"),
    "possessive after italic": ("''Time''{{'s}} cover", "Time's cover"),
    "apostrophe before italic": ("l'''Iliade'' d'Omero", "l'Iliade d'Omero"),
    "switches": ("__NOTOC__\nTea. __init__ stays", "Tea. __init__ stays"),
    "variants": ("-{sr-ec:Чај; sr-el:Čaj}- и -{HTTP}-", "Чај и HTTP"),
    "entities": ("a&nbsp;b &lt;c&gt; &amp;amp; &#x41; AT&T &para", "a b <c> &amp; A AT&T &para"),
    "removal beside a hard blank": ("rund&nbsp;{{EWZ|DE}} Menschen,\xa0 alle", "rund Menschen, alle"),
    "blank lines": ("a\n\n\n\n\nb", "a\n\nb"),
    "windows line ends": ("a\r\n\r\nb", "a\n\nb"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_reader_sees(name):
    wikitext, expected = PAIRS[name]
    assert clean(wikitext, ENGLISH) == expected


@pytest.mark.parametrize("language", LLAMA_LANGUAGES)
def test_files_and_categories_go_in_every_language(language):
    names = names_of(language)
    for prefix in sorted(names.files | names.categories):
        for spelling in (prefix, prefix.capitalize(), prefix.upper()):
            assert clean(f"a [[{spelling}:x y|z]]b", rules(language)) == "a b"


@pytest.mark.parametrize(
    ("language", "wikitext", "expected"),
    [
        ("fr", "au {{s|XIX|e}}, né le {{date|1|mai|1900}}", "au XIXe siècle, né le 1 mai 1900"),
        ("fr", "la {{2e|éd.}} {{ISBN|2-00-000000-0}}", "la 2e éd. ISBN 2-00-000000-0"),
        ("it", "tra cui l{{'}}''Anhalter'' e l'''Ostbahnhof'', e", "tra cui l'Anhalter e l'Ostbahnhof, e"),
        ("ja", "{{仮リンク|ボン法|en|Bonn Act}}により", "ボン法により"),
        ("zh", "出任{{link-de|边境总督|Markgraf}}", "出任边境总督"),
        ("de", "das {{lang|en|word}} {{\"|Wort}}", "das word „Wort“"),
        ("ru", "город {{нп5|Бат|Бат|en|Bath}} и {{nobr|5 км}}", "город Бат и 5 км"),
        ("it", "vasta {{M|892|ul=km}}", "vasta 892 km"),
        ("pl", "z {{w języku|de|Stadt}}", "z Stadt"),
        ("es", "el {{siglo|XX||s}} con {{unidad|5|km}}", "el siglo XX con 5 km"),
        ("sr", "{{јез-нем|Stadt}}", "Stadt"),
        ("sv", "{{citat|Te är gott.}}", "Te är gott."),
    ],
)  # fmt: skip
def test_templates_with_words_in_other_languages(language, wikitext, expected):
    assert clean(wikitext, rules(language)) == expected


def test_dropped_section_takes_its_subsections():
    wikitext = "Tea.\n== References ==\na\n=== Notes ===\nb\n== Uses ==\nHot."
    assert clean(wikitext, rules(dropped_sections=frozenset({"references"}))) == "Tea.\n\nUses\n\nHot."


def test_headings_can_be_left_out():
    assert clean("Tea.\n== Uses ==\nHot.", rules(headings=False)) == "Tea.\n\nHot."


def test_formulae_and_code_can_be_dropped():
    assert clean(f"so {MATH} and <pre>x</pre>.", rules(math="drop", code=False)) == "so and."


def test_kept_table_is_a_line_per_row():
    wikitext = '{| class="x"\n|+ Cups\n! Size !! Price\n|-\n| style="a" | big || [[a|5]]\n|}'
    assert clean(wikitext, rules(tables=True)) == "Cups\nSize | Price\nbig | 5"


def test_kept_cell_loses_attributes_whose_bar_a_template_brings():
    wikitext = '{|\n| Ann || colspan="2" {{yes}} || width = 5 || E = mc\n|}'
    assert clean(wikitext, rules(tables=True)) == "Ann | | | E = mc"


def test_patterns_take_the_first_argument_that_is_there():
    table = patterns({"q": "{1|text}", "both": "{1} ({2})"})
    kept = Rules(templates=table)
    assert clean("{{q|a}} {{Q|text=b}} {{q}}c", kept) == "a b c"
    assert clean("{{both|a|b}} {{both|a}}", kept) == "a (b) a"


def test_pattern_that_repeats_an_argument_cannot_explode():
    bomb = Rules(templates=patterns({"x": "{1}{1}"}))
    assert len(clean("{{x|" * 60 + "a" * 1000 + "}}" * 60, bomb)) < 100_000


def test_patterns_without_fields_are_literal():
    from gristmill.sources.wikitext_templates import Arguments

    assert compile_pattern(" – ")(Arguments()) == " – "


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("''a''", "a"),
        ("'''a'''", "a"),
        ("'''''a'''''", "a"),
        ("''''a''''", "'a'"),
        ("''''''a'''''", "'a"),
        ("it's", "it's"),
        ("mot d'''ordre''", "mot d'ordre"),
        ("x''' y''", "x' y"),
    ],
)
def test_quotes_follow_mediawiki(line, expected):
    assert strip_quotes(line) == expected


SIGNS = (
    "{{ }} {{{ }}} [[ ]] [ ] {| |} |- | ! <ref> </ref> <ref/> <!-- --> <nowiki> </nowiki> <math> </math> <table>"
    " </table> <br> <li> <gallery> </gallery> '' ''' ''''' = == === * # : ; http://a.example File: Category: de: lang"
    " convert to a b , . ( ) &amp; &#0; &#xD800; __TOC__ -{ }- \x01 \x03 \x05 \x00 é 水 \U0001f375"
)
MARKUP = st.lists(
    st.sampled_from([*SIGNS.split(" "), "\n", "\n\n", " ", "\t", "\r\n"]),
    max_size=60,
).map("".join)


@given(MARKUP | st.text())
def test_any_input_gives_valid_text(wikitext):
    for settings in (ENGLISH, rules(tables=True, math="drop")):
        text = clean(wikitext.encode("utf-8", "replace").decode(), settings)
        text.encode("utf-8")
        assert text == text.strip()
        assert not set(text) & set(map(chr, (*range(9), 11, 12, *range(14, 32), 127)))
        assert "\n\n\n" not in text


@given(st.lists(st.text("abcdefg hij,.", min_size=1).map(str.strip).filter(lambda s: s[:1].isalpha()), min_size=1))
def test_prose_passes_unchanged(paragraphs):
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    assert clean(text, ENGLISH) == text


HOSTILE = (
    "{{", "}}", "[[", "]]", "{{a|", "[[a|", "[[File:a|", "<ref>", "<ref>a<ref>", "<!--", "<nowiki>", "{|\n", "{|\n|\n", "'''''",
    "= ", "=\n", "( ", "({{a}}", "{{a}}, ", "* ", "__A", "&a", "-{", "[http://a ", "<a ", "<sup>1", "{{lang|x|[[a|", " ", "\n ",
    "{{{a|", "<table>", "{{convert|1|to|", "[[a  ", "<!-", "{{!}}",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_input(unit):
    def seconds(length: int) -> float:
        wikitext = unit * (length // len(unit))
        start = time.process_time()
        clean(wikitext, ENGLISH)
        return time.process_time() - start

    seconds(1000)
    assert seconds(240_000) < 0.5 + 12 * min(seconds(40_000) for _ in range(2))  # quadratic would be 36 times


def test_deep_nesting_is_bounded():
    deep = 50 * MAX_DEPTH
    assert clean("{{a|" * deep + "x" + "}}" * deep + " y", ENGLISH).endswith("y")
    assert clean("[[a|" * deep + "x" + "]]" * deep + " y", ENGLISH).endswith("y")
