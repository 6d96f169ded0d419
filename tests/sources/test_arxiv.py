"""Papers from LaTeX sources: which file, which part of it, and what becomes of macros and comments."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.documents import Record
from gristmill.sources.arxiv import Arxiv, arxiv_id
from gristmill.sources.latex import decode, without_comments
from gristmill.sources.latex_macros import Macros
from gristmill.sources.latex_paper import Choices, Paper, read_paper
from gristmill.stage import InputFile
from tests.sources.archives import ends, read

HEAD = r"\documentclass{article}" + "\n"


def paper(files: Mapping[str, str | bytes] | str, **choices: bool) -> Paper:
    if isinstance(files, str):
        files = {"a.tex": files}
    found = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    return read_paper(found, Choices(**choices))


def body(text: str, **choices: bool) -> str:
    return paper(f"{HEAD}\\begin{{document}}\n{text}\n\\end{{document}} after", **choices).text


def expand(text: str) -> str:
    return Macros().expand(text)


def packed(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


# -- comments ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a % b\nc", "a c"),
        (r"5\% of a", r"5\% of a"),
        ("a\\\\% b\nc", "a\\\\c"),
        ("one\n  % two\nthree", "one\n  three"),
        ("one % two\n\nthree", "one \n\nthree"),
        ("% one\n\ntwo", "\ntwo"),
        ("word% joined\nword", "wordword"),
        (r"\url{http://a.example/%7Eb} % c", r"\url{http://a.example/%7Eb} "),
        (r"\verb|a % b| % c", r"\verb|a % b| "),
        ("\\begin{verbatim}\n% kept\n\\end{verbatim}", "\\begin{verbatim}\n% kept\n\\end{verbatim}"),
        ("a\\begin{comment}\nb\n\\end{comment}c", "ac"),
        (r"a\iffalse b\iffalse c\fi d\fi e", "ae"),
    ],
)
def test_comments_go_and_escaped_percents_stay(source: str, expected: str) -> None:
    assert without_comments(source) == expected


# -- macros --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\newcommand{\R}{\mathbb{R}}$x\in\R$", r"$x\in\mathbb{R}$"),
        (r"\newcommand\R{\mathbb R}$\R^2$", r"$\mathbb R^2$"),
        (r"\newcommand*{\n}[1]{\|#1\|}$\n{x}$ $\n y$", r"$\|x\|$ $\|y\|$"),
        (r"\newcommand{\p}[2][q]{#1(#2)}\p{x} \p[r]{x}", r"q(x) r(x)"),
        (r"\newcommand{\p}[2][q]{#1(#2)}\p [r] {x}", r"r(x)"),
        (r"\def\a{b}\a c", "b c"),
        (r"\def\pair#1#2{(#1,#2)}\pair{x}y", "(x,y)"),
        (r"\def\odd#1;{<#1>}\odd x; y", "<x> y"),
        (r"\def\at(#1,#2){#1/#2}\at(a,{(b,c)}) \at[d]", r"a/(b,c) \at[d]"),
        (r"\def\word#1 {<#1>}\word one two", "<one>two"),
        (r"\def\upto#1\stop{[#1]}\upto a{\stop}\stopped b\stop c", r"[a{\stop}\stopped b] c"),
        ("\\def\\odd#1;{<#1>}\\odd x\n\ny;", "\\odd x\n\ny;"),
        (r"\long\def\a#1{b#1}\a c", "bc"),
        (r"\newcommand{\f}{Z}\newcommand{\A}{\alpha}$\nabla\f \A\f$", r"$\nabla Z \alpha Z$"),
        (
            r"\DeclarePairedDelimiter{\n}{\lVert}{\rVert}$\n{x}$, $\n*{y}$",
            r"$\lVert x\rVert$, $\left\lVert y\right\rVert$",
        ),
        (r"\DeclarePairedDelimiter\s\{\}$\s[\big]{x}$", r"$\bigl\{x\bigr\}$"),
        (r"\DeclarePairedDelimiterX\b[2]<>{#1\delimsize| #2}$\b*{x}{y}$", r"$\left<x\middle| y\right>$"),
        (r"\DeclarePairedDelimiterXPP\E[1]{\mathbb E}[]{_p}{#1}$\E{X}$", r"$\mathbb E[X]_p$"),
        (r"\DeclarePairedDelimiterX\S[1]\{\}{\renewcommand\g{\mid}#1}\newcommand\g{}$\S{x \g y}$", r"$\{x \mid y\}$"),
        (r"\newcommand{\of}[1]{[#1]}\newcommand{\E}{\mathbb{E}\of}$\E{X}$", r"$\mathbb{E}[X]$"),
        (r"\newcommand{\u}{\ifmmode{\rm km}\else km\fi}$\u$ \u", r"$\ensuremath{{\rm km}}$ \ensuremath{{\rm km}}"),
        (r"\newcommand{\q}[1]{\ifx#1\empty\else(#1)\fi}\q{a}", r"\q{a}"),
        (r"\NewDocumentCommand{\p}{O{q} m}{#1(#2)}\p{x} \p[r]{x}", "q(x) r(x)"),
        (r"\DeclareMathOperator{\tr}{tr}$\tr A$", r"$\operatorname{tr} A$"),
        (r"\DeclareMathOperator*{\am}{arg\,max}$\am_x$", r"$\operatorname*{arg\,max}_x$"),
        (r"\let\eps\varepsilon$\eps$", r"$\varepsilon$"),
        (r"\newcommand{\a}{\b}\newcommand{\b}{c}\a", "c"),
        (r"\newcommand{\w}[1]{<#1>}\w{a\w{b}}", "<a<b>>"),
        (r"\newcommand{\al}{\alpha}$\al x$ $\al{}x$", r"$\alpha x$ $\alpha x$"),
        (r"\newcommand{\f}{\mathrm{f}}$x_\f$", r"$x_{\mathrm{f}}$"),
        (r"\newcommand{\etal}{et al.\xspace}Ann \etal said", r"Ann et al. said"),
        (r"\renewcommand{\vec}[1]{\mathbf{#1}}$\vec v$", r"$\mathbf{v}$"),
        (r"\newcommand{\a}{1}\a\renewcommand{\a}{2}\a", "12"),
        (r"\providecommand{\a}{1}\providecommand{\a}{2}\a", "1"),
        (r"\renewcommand{\section}[1]{!#1}\section{A}", r"\section{A}"),
        (r"\newcommand{\x}{a}\xyz \x", r"\xyz a"),
        (r"\newcommand{\h}[1]{##1 #1}\h{a}", "#1 a"),
        (r"\newcommand{\ie}{i.e.~}That is, \ie bread", "That is, i.e.~bread"),
    ],
)
def test_macros_are_written_out(source: str, expected: str) -> None:
    assert expand(source) == expected


def test_recursive_macros_end() -> None:
    macros = Macros()
    assert macros.expand(r"\newcommand{\a}{x\a}\a") == r"x\a"
    assert macros.recursive == {"a"}
    assert r"\b" in expand(r"\def\a{\b}\def\b{\a}\a") or r"\a" in expand(r"\def\a{\b}\def\b{\a}\a")


@pytest.mark.parametrize(
    ("definition", "unit"),
    [(r"\def\e{}", r"\e"), (r"\def\a#1;{x}", r"\a x"), (r"\newcommand{\a}[1]{x}", r"\a{"), (r"\def\a{", r"\ifmmode x")],
)
def test_hostile_macros_take_linear_time(definition: str, unit: str) -> None:
    def seconds(times: int) -> float:
        started = time.process_time()
        expand(definition + unit * times)
        return time.process_time() - started

    assert seconds(30_000) < 0.5 + 12 * min(seconds(5_000) for _ in range(2))  # quadratic would be 36 times


def test_macros_that_double_each_time_are_bounded() -> None:
    lines = [r"\def\aa{ha}"] + [rf"\def\a{chr(98 + n)}{{\a{chr(97 + n)}\a{chr(97 + n)}}}" for n in range(24)]
    source = "".join(lines) + r"\ay"
    assert len(expand(source)) < 6 * len(source) + 400_000


@given(st.text(alphabet="\\{}[]#1ab% \n$newcomdf", max_size=200))
def test_any_text_is_expanded_to_some_text(text: str) -> None:
    assert isinstance(expand(without_comments(text)), str)
    assert isinstance(read_paper({"a.tex": text.encode()}, Choices(abstract=True)).text, str)


# -- which part of the paper ---------------------------------------------------------------------------------------------

WHOLE = r"""\title{On \emph{Bread}\thanks{Flour Fund} \& Salt}
\maketitle
\begin{abstract}We bake.\end{abstract}
Before.
\section{Intro}
Text~\cite{a}.
\appendix
\section{More}
Further.
\begin{thebibliography}{9}\bibitem{a} A.\end{thebibliography}
\section{Last}
After."""


def test_from_the_first_section_to_the_references() -> None:
    assert body(WHOLE) == "\\section{Intro}\nText~\\cite{a}.\n\\appendix\n\\section{More}\nFurther."
    assert paper(f"{HEAD}\\begin{{document}}{WHOLE}").title == "On Bread & Salt"


@pytest.mark.parametrize(
    ("choices", "start", "end"),
    [
        ({"abstract": True}, "\\begin{abstract}\nWe bake.\n\\end{abstract}\n\n\\section{Intro}", "Further."),
        ({"appendix": False}, "\\section{Intro}", "Text~\\cite{a}."),
        ({"after_references": True}, "\\section{Intro}", "After."),
    ],
)
def test_parts_stay_or_go_as_set(choices: dict[str, bool], start: str, end: str) -> None:
    text = body(WHOLE, **choices)
    assert text.startswith(start)
    assert text.endswith(end)
    assert "bibitem" not in text


def test_what_only_prepares_the_references_goes_with_them() -> None:
    text = "\\section{A} So \\emph{ends} it.\n\\clearpage\n\\begin{small}\n\\vspace{-5mm}\n{\\footnotesize\n"
    assert body(text + "\\bibliography{x}}\\end{small}") == r"\section{A} So \emph{ends} it."
    assert body("\\section{A} {\\small So}\n\\bibliography{x}") == r"\section{A} {\small So}"


def test_papers_without_sections_keep_what_follows_the_abstract() -> None:
    text = "\\maketitle\n\\begin{abstract}A.\\end{abstract}\nA letter.\\bibliography{x}"
    assert body(text) == "A letter."
    assert paper(HEAD + "\\begin{document}" + text, without_sections=False).reason == "no_section"


# -- which file ----------------------------------------------------------------------------------------------------------


def test_the_main_file_takes_what_it_includes() -> None:
    found = paper(
        {
            "sub/intro.tex": "\\section{Intro}\nHello \\me.\\input{deep}",
            "sub/deep.tex": " Deep.",
            "macros.tex": "\\newcommand{\\me}{reader}",
            "main.tex": HEAD + "\\input{macros}\\begin{document}\\include{sub/intro}\\input gone\n\\end{document}",
        }
    )
    assert found.text == "\\section{Intro}\nHello reader. Deep."
    assert (found.main, found.missing) == ("main.tex", ["gone"])


def test_files_that_include_each_other_end() -> None:
    found = paper({"a.tex": HEAD + "\\begin{document}\\section{A}\\input{b}", "b.tex": "B\\input{a}\\input{b}"})
    assert found.text == "\\section{A}B"


def test_of_several_documents_the_one_named_like_a_main_file() -> None:
    document = HEAD + "\\begin{document}\\section{%s}" + "x" * 50
    files = {"supplement.tex": document % "S" + "y" * 500, "ms.tex": document % "M", "cover/main.tex": document % "C"}
    found = paper(files)
    assert found.main == "ms.tex"
    assert set(found.others) == {"supplement.tex", "cover/main.tex"}
    assert paper(files | {"00README.XXX": "supplement.tex toplevelfile\n"}).main == "supplement.tex"


def test_a_preamble_with_the_class_is_not_the_paper() -> None:
    found = paper({"preamble.tex": HEAD, "one.tex": "\\input{preamble}\\begin{document}\\section{One}"})
    assert found.main == "one.tex"


def test_own_style_files_define_macros() -> None:
    found = paper({"a.tex": HEAD + "\\usepackage{own}\\begin{document}\\section{\\me}", "own.sty": "\\def\\me{Ann}"})
    assert found.text == "\\section{Ann}"


def test_plain_tex_is_read() -> None:
    assert paper("\\magnification=1200\n{\\bf Title}\n\nText.\\bye").text.endswith("Text.\\bye")


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        ("é".encode(), "utf-8", "é"),
        (b"\\usepackage[latin1]{inputenc} \xe9", "cp1252", "é"),
        (b"\\usepackage[koi8-r]{inputenc} \xc1", "koi8-r", "а"),
        (b"\xe9 \x93q\x94", "cp1252", "“q”"),
        (b"\\begin{CJK}{GBK}{song}\xc4\xe3", "gb18030", "你"),
    ],
)
def test_encodings_as_the_paper_states_them(data: bytes, encoding: str, text: str) -> None:
    found, name = decode(data)
    assert (text in found, name) == (True, encoding)


# -- archives ------------------------------------------------------------------------------------------------------------

SIMPLE = HEAD + "\\begin{document}\\section{A}Text.\\end{document}"


def test_a_monthly_tar_holds_papers_of_every_form(tmp_path: Path) -> None:
    month = packed(
        {
            "2301/2301.00001.gz": gzip.compress(packed({"ms.tex": SIMPLE, "fig.png": bytes(100)})),
            "2301/2301.00002.gz": gzip.compress(SIMPLE.encode()),
            "2301/2301.00003.pdf": b"%PDF-1.5",
            "2301/2301.00004.gz": gzip.compress(b"%auto-ignore\nThis paper has been withdrawn."),
            "2301/2301.00005.gz": gzip.compress(b"%!PS-Adobe"),
            "2301/2301.00006.gz": gzip.compress(packed({"a.tex": SIMPLE}))[:-20],
            "2301/2301.00007.gz": gzip.compress(
                b"\\documentclass{a}\\begin{document}This paper was withdrawn.\\end{document}"
            ),
            "2301/hep-th9901001.gz": gzip.compress(SIMPLE.encode()),
        }
    )
    records = read(tmp_path, month, "arXiv_src_2301_001.tar", Arxiv())
    assert ends(records) == ["open", "open", "pdf", "withdrawn", "postscript", "truncated", "withdrawn", "open"]
    assert {record.text for record in records if record.open} == {"\\section{A}Text."}
    assert (records[0].url, records[0].date) == ("https://arxiv.org/abs/2301.00001", 1_672_531_200)
    assert records[7].url == "https://arxiv.org/abs/hep-th/9901001"


def test_single_papers_and_folders(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(packed({"x/a.tex": SIMPLE})), "2301.00001v2.tar.gz", Arxiv())[0].open
    files = []
    for name, text in (
        ("p/a.tex", SIMPLE.replace("Text.", "\\input{s/b}")),
        ("p/s/b.tex", "More."),
        ("q/c.tex", SIMPLE),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files.append(InputFile(str(path), name, len(text), "v"))
    source = Arxiv()
    records: list[Record] = [record for file in source.select(files) for record in source.records(file)]
    assert [record.text for record in records] == ["\\section{A}More.", "\\section{A}Text."]


def test_papers_over_the_limit_are_told(tmp_path: Path) -> None:
    month = packed({"2301.00001.gz": gzip.compress(packed({"a.tex": SIMPLE, "b.eps": bytes(50_000)}))})
    (found,) = read(tmp_path, month, "arXiv_src_2301_001.tar", Arxiv(max_paper_bytes=20_000))
    assert found.reason == "too_large"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("2301/2301.12345.gz", "2301.12345"),
        ("0704.0001v3.tar.gz", "0704.0001"),
        ("0001/astro-ph0001001.gz", "astro-ph/0001001"),
        ("math.GT_0309136.tar.gz", "math.GT/0309136"),
        ("thesis.tar.gz", None),
    ],
)
def test_ids_from_file_names(name: str, number: str | None) -> None:
    assert arxiv_id(name) == number


def test_real_papers(real_data: Path) -> None:
    for path in sorted((real_data / "arxiv_latex").glob("*.tar.gz")):
        (found,) = Arxiv().records(InputFile(str(path), path.name, path.stat().st_size, "v"))
        assert found.open, (path, found.reason)
        text = str(found.text)
        assert len(text) > 1000
        assert not any(mark in text for mark in ("\\begin{thebibliography}", "\\bibliography{", "\\newcommand{"))
