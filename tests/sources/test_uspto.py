"""Patents of every age in weekly files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from gristmill.sources.patents import Paragraph, background
from gristmill.sources.uspto import Uspto
from gristmill.stage import InputFile
from tests.sources.archives import ends, read

GRANT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE us-patent-grant SYSTEM "us-patent-grant-v45.dtd" [ ]>
<us-patent-grant><us-bibliographic-data-grant><publication-reference><document-id><country>US</country>
<doc-number>0{number}</doc-number><kind>B2</kind><date>20150106</date></document-id></publication-reference>
<classification-national><main-classification>99 1</main-classification></classification-national>
<invention-title id="d">Oven</invention-title><us-parties><inventors><inventor><addressbook><last-name>Baker</last-name>
<first-name>Ann</first-name></addressbook></inventor></inventors></us-parties></us-bibliographic-data-grant>
<abstract><p>An oven.</p></abstract><description>
<?BRFSUM description="Brief Summary" end="lead"?><heading level="1">FIELD</heading><p>Ovens.</p>
<heading level="1">BACKGROUND</heading><p>Ovens with CO<sub>2</sub>.</p><heading level="1">Related Art</heading><p>Fire.</p>
<heading level="1">SUMMARY</heading><p>A door.</p><?BRFSUM description="Brief Summary" end="tail"?>
<?DETDESC description="Detailed Description" end="lead"?><heading level="1">DETAIL</heading><p>See <figref>FIG. 1</figref>:
<ul><li>hot</li><li>cold</li></ul></p></description>
<claims><claim><claim-text>1. An oven, comprising: <claim-text>a door; and</claim-text> <claim-text>fire.</claim-text>
</claim-text></claim></claims></us-patent-grant>
"""
SGML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE PATDOC SYSTEM "ST32-US-Grant-025xml.dtd" []>
<PATDOC><SDOBI><B100><B110><DNUM><PDAT>06336130</PDAT></DNUM></B110><B130><PDAT>B1</PDAT></B130>
<B140><DATE><PDAT>20020101</PDAT></DATE></B140></B100><B500><B540><STEXT><PDAT>Mill</PDAT></STEXT></B540></B500>
<B700><B720><B721><PARTY-US><NAM><FNM><PDAT>Bo</PDAT></FNM><SNM><STEXT><PDAT>Miller</PDAT></STEXT></SNM></NAM></PARTY-US></B721></B720></B700></SDOBI>
<SDOAB><BTEXT><PARA><PTEXT><PDAT>A mill.</PDAT></PTEXT></PARA></BTEXT></SDOAB>
<SDODE><BRFSUM><BTEXT><PARA><PTEXT><PDAT>Mills grind m</PDAT><SP><PDAT>2</PDAT></SP><PDAT>.</PDAT></PTEXT></PARA>
<H LVL="1"><STEXT><PDAT>SUMMARY</PDAT></STEXT></H><PARA><PTEXT><PDAT>New.</PDAT></PTEXT></PARA></BTEXT></BRFSUM></SDODE>
<SDOCL><CL><CLM><PARA><PTEXT><PDAT>1. A mill.</PDAT></PTEXT></PARA></CLM></CL></SDOCL></PATDOC>
"""
APS = """HHHHHT   APS1
PATN
WKU  040000001
TTL  Bread
     slicer
ISD  19761228
INVT
NAM  Baker; Ann
ASSG
NAM  Loaf Inc.
CLAS
OCL  83 15
ABST
PAL  It slices.
BSUM
PAC  BACKGROUND OF THE INVENTION
PAR  Knives of .alpha.-iron with H.sub.2 O
     are known.
PAC  SUMMARY
PAR  A wire.
DETD
PAR  In FIG. 1 a wire.
TBL  a     b
     1     2
CLMS
STM  I claim:
NUM  1.
PAR  1. A slicer with
PA1  a wire.
"""


def texts(records) -> list[str | None]:
    return [record.text for record in records if record.open]


def test_background_of_a_grant_since_2005(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GRANT.format(number=8930553).encode(), "ipg.xml", Uspto())
    assert found.text == "# Oven\n\n## BACKGROUND\n\nOvens with CO2.\n\n## Related Art\n\nFire."
    assert (found.url, found.date) == ("https://patents.google.com/patent/US8930553B2", 1_420_502_400)
    assert found.metadata == {"number": "8930553", "kind": "B2", "inventors": ["Ann Baker"], "classes": ["99 1"]}


def test_sections_in_the_order_asked(tmp_path: Path) -> None:
    source = Uspto(sections=("claims", "abstract", "description"), heading=False)
    (found,) = read(tmp_path, GRANT.format(number=1).encode(), "ipg.xml", source)
    assert found.text == "\n\n".join(
        (
            "## Claims",
            "1. An oven, comprising:",
            "a door; and",
            "fire.",
            "## Abstract",
            "An oven.",
            "## FIELD",
            "Ovens.",
            "## BACKGROUND",
            "Ovens with CO2.",
            "## Related Art",
            "Fire.",
            "## SUMMARY",
            "A door.",
            "## DETAIL",
            "See FIG. 1:",
            "* hot\n* cold",
        )
    )


def test_brief_summary_of_2002_without_a_heading(tmp_path: Path) -> None:
    (found,) = read(tmp_path, SGML.encode(), "pg.xml", Uspto())
    assert found.text == "# Mill\n\nMills grind m^2."
    assert (found.url, found.metadata["inventors"]) == ("https://patents.google.com/patent/US6336130B1", ["Bo Miller"])


def test_aps_text_of_1976(tmp_path: Path) -> None:
    records = read(tmp_path, (APS + APS[APS.index("PATN") :].replace("0400", "0401")).encode(), "pftaps.txt", Uspto())
    assert texts(records)[0] == (
        "# Bread slicer\n\n## BACKGROUND OF THE INVENTION\n\nKnives of α-iron with H2O are known."
    )
    assert [record.url for record in records] == [
        "https://patents.google.com/patent/US4000000A",
        "https://patents.google.com/patent/US4010000A",
    ]
    assert records[0].metadata["assignees"] == ["Loaf Inc."]
    (whole, _) = read(
        tmp_path,
        (APS + APS[APS.index("PATN") :]).encode(),
        "pftaps.txt",
        Uspto(sections=("abstract", "description", "claims"), heading=False),
    )
    assert "a     b\n1     2" in str(whole.text)
    assert str(whole.text).endswith("## Claims\n\n1. A slicer with\n\na wire.")


def aps_text(tmp_path: Path, field: str) -> str:
    data = APS.replace("PAR  A wire.\n", field)
    (found,) = read(tmp_path, data.encode(), "pftaps.txt", Uspto(sections=("description",), heading=False))
    return str(found.text).partition("## SUMMARY\n\n")[2].partition("\n\nIn FIG. 1")[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PAR  At 20.degree. C. .+-.2, 3.times.10.sup.-3 M and x.gtoreq.5.\n", "At 20° C. ±2, 3×10^-3 M and x≥5."),
        ("PAR  .DELTA.T of C.sub.6 H.sub.5 OH and Na.sub.2 CO.sub.3\n", "ΔT of C6H5OH and Na2CO3"),
        ("PAR  D.sub.n-1, T.sub.1.\n", "D_(n-1), T_1."),
        ("PAR  See ##STR1## where CO.sub.2 is in I.sub.2.\n", "See where CO2 is in I_2."),
        ("PAR  www.mill.com is no sign.\n", "www.mill.com is no sign."),
        (
            "TBL                 TABLE 1\n\n     ____________\n\n     Rye       1\n\n       oats    2\n\n     ------------\n",
            "TABLE 1\nRye       1\n  oats    2",
        ),
    ],
)  # fmt: skip
def test_signs_and_tables_of_aps(tmp_path: Path, before: str, after: str) -> None:
    assert aps_text(tmp_path, before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<PARA><PTEXT><PDAT>a &tgr; of &Dgr;t &le; 2 &mgr;m</PDAT></PTEXT></PARA>", "a τ of Δt ≤ 2 μm"),
        (
            "<CWU><TABLE-US><table><tgroup><colspec colname='1'/><colspec colname='2'/><tbody><row>"
            "<entry namest='1' nameend='2'><PDAT>TABLE 1</PDAT></entry></row><row><entry morerows='1'><PDAT>Rye</PDAT></entry>"
            "<entry><PDAT>1</PDAT></entry></row><row><entry><PDAT>2</PDAT></entry></row></tbody></tgroup></table></TABLE-US></CWU>",
            "TABLE 1\nRye | 1\n| 2",
        ),
        (
            "<CWU><MATH-US><EMI/><MATHEMATICA/><MATHML><math><mfrac><mi>&tau;</mi><mi>t</mi></mfrac></math></MATHML></MATH-US></CWU>",
            r"$\frac{τ}{t}$",
        ),
    ],
)
def test_entities_tables_and_formulas_of_2002(tmp_path: Path, before: str, after: str) -> None:
    data = SGML.replace("<H LVL", f"{before}<H LVL")
    (found,) = read(tmp_path, data.encode(), "pg.xml", Uspto())
    assert found.text == f"# Mill\n\nMills grind m^2.\n\n{after}"


def test_weekly_files_hold_many_documents_zipped_or_not(tmp_path: Path) -> None:
    week = "".join(GRANT.format(number=n) for n in range(100, 140)).encode()
    week += b'<?xml version="1.0"?>\n<sequence-cwu><p>ACGT</p></sequence-cwu>\n<?xml version="1.0"?>\n<us-patent-grant>'
    records = read(tmp_path, week, "ipg150106.xml", Uspto())
    assert [record.url for record in records if record.open] == [
        f"https://patents.google.com/patent/US{n}B2" for n in range(100, 140)
    ]
    assert ends(records)[40:] == ["xml_sequence-cwu", "uspto.no_background"]
    assert all(week[one.offset : one.offset + 5] == b"<?xml" for one in records)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ipg150106.xml", week)
    assert texts(read(tmp_path, stream.getvalue(), "ipg150106.zip", Uspto())) == texts(records)
    broken = read(tmp_path, stream.getvalue()[:-40], "ipg150106.zip", Uspto())
    assert ends(broken) == ["corrupt_zip"]


def test_kinds_can_be_dropped(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GRANT.format(number=5).encode(), "a.xml", Uspto(drop_kinds=("B",)))
    assert found.reason == "uspto.kind"


def test_background_ends_where_another_part_begins() -> None:
    def heading(text: str) -> Paragraph:
        return Paragraph(text, heading=True)

    said = [Paragraph(f"p{n}") for n in range(4)]
    assert background([heading("FIELD"), said[0], heading("BACKGROUND"), said[1], heading("Prior art"), said[2]])[
        1:
    ] == [
        said[1],
        heading("Prior art"),
        said[2],
    ]
    assert background([heading("BACKGROUND"), said[0], heading("BRIEF DESCRIPTION OF THE DRAWINGS"), said[1]])[1:] == [
        said[0]
    ]
    assert background([heading("Examples"), said[0]]) == []
    assert background([heading("BACKGROUND"), heading("SUMMARY"), said[0]]) == []


def test_real_patents_of_every_format(real_data: Path, tmp_path: Path) -> None:
    with tarfile.open(real_data / "patents" / "PatentPublicData.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    found = {}
    for path in sorted(tmp_path.rglob("US*")):
        for record in Uspto().records(InputFile(str(path), path.name, path.stat().st_size, "v")):
            found[path.name.split(".")[0]] = record.reason or len(str(record.text)) > 600
    assert found.pop("USD435854S1") == "uspto.no_background"
    assert len(found) >= 14
    assert all(found.values())
