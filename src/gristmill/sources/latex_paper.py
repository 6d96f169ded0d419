"""The files of a paper → one LaTeX text: the main file with what it includes, from the first section to the references."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gristmill.sources.latex import argument, decode, group_end, without_comments
from gristmill.sources.latex_macros import Macros

_TEX = (".tex", ".ltx", ".latex")
_READ = (*_TEX, ".bbl", ".sty", ".cls", ".def", ".inc", ".txt", ".macros", "")
_CLASS = re.compile(r"\\document(?:class|style)\b")
_PART_CLASS = re.compile(r"\\documentclass\s*(?:\[[^\]]*\])?\s*\{(?:standalone|subfiles)\}")
_BEGIN, _END = "\\begin{document}", "\\end{document}"
_INCLUDE = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|InputIfFileExists)\s*\{\s*([^{}\n]{1,200}?)\s*\}"
    r"|\\(?:input|@@input)\s+([^\s{}\\%]{1,200})"
    r"|\\(?:sub)?import\*?\s*\{([^{}\n]{0,200})\}\s*\{([^{}\n]{1,200})\}"
)
_STYLES = re.compile(
    r"\\(?:usepackage|RequirePackage|documentclass|documentstyle|LoadClass)\s*(?:\[[^\]]*\])?\s*\{([^{}]{1,500})\}"
)
_SECTION = re.compile(r"\\(?:part|chapter|section|subsection)\*?\s*(?=[\[{])")
_PARAGRAPH = re.compile(r"\\(?:subsubsection|paragraph|subparagraph)\*?\s*(?=[\[{])")
_ABSTRACT = re.compile(r"\\begin\{abstract\}(.*?)\\end\{abstract\}", re.S)
_ABSTRACT_COMMAND = re.compile(r"\\abstract\s*(?=\{)")
_REFERENCES = re.compile(
    r"\\bibliography\s*\{|\\begin\{(?:thebibliography|references|mcitethebibliography|chapthebibliography)\}|\\printbibliography\b"
    r"|\\putbib\b|\\(?:section|chapter)\*?\s*\{\s*(?:References|REFERENCES|Bibliography|BIBLIOGRAPHY|Literature)\s*\}"
)
_STYLE = re.compile(r"\\bibliographystyle\s*\{[^{}]*\}")
_REFERENCES_END = re.compile(r"\\end\{(?:thebibliography|references|mcitethebibliography|chapthebibliography)\}")
_SIZES = "tiny|scriptsize|footnotesize|small|normalsize|singlespacing"
_BEFORE_REFERENCES = re.compile(  # what only prepares the references, or the end, and would be left open
    rf"\s*(?:\\begin\{{(?:{_SIZES}|multicols|singlespace|spacing|flushleft|onehalfspace)\}}(?:\{{[^{{}}\n]{{0,20}}\}})?"
    rf"|\{{?\s*\\(?:{_SIZES}|sloppy|raggedright|clearpage|newpage|cleardoublepage|pagebreak|balance|medskip|bigskip|smallskip"
    r"|begingroup|onecolumn|twocolumn|noindent|par)(?:\s*\{\}|\s*\[\d\])?|\\[vh]space\*?\s*\{[^{}\n]{0,30}\}"
    r"|\\(?:nocite|setlength|renewcommand|bibsep|linespread|baselineskip)\*?\s*(?:\{[^{}\n]{0,60}\}\s*){0,2})\Z"
)
_MOST_BEFORE_REFERENCES = 20
_APPENDIX = re.compile(r"\\appendix\b|\\appendices\b|\\begin\{appendi(?:x|ces)\}")
_TITLE = re.compile(r"\\title\s*(?:\[[^\]]*\])?\s*(?=\{)")
_NOT_TITLE = re.compile(r"\\(?:thanks|footnote|footnotemark|footnotetext)\s*(?:\[[^\]]*\])?\s*(?=\{)")
_PREFERRED = ("main", "ms", "paper", "article", "manuscript", "root", "arxiv")
_DEEPEST, _LONGEST = 20, 40_000_000  # files inside files; characters of a paper with all it includes


@dataclass
class Paper:
    """A paper as text. `reason` when nothing comes of it: no_tex, withdrawn, empty, no_section …"""

    text: str = ""
    title: str = ""
    main: str = ""
    reason: str | None = None
    others: list[str] = field(default_factory=list)  # further documents among the files, which are left out
    missing: list[str] = field(default_factory=list)  # included files that are not there
    encodings: list[str] = field(default_factory=list)  # other than UTF-8
    recursive: list[str] = field(default_factory=list)  # macros that were not expanded to the end


@dataclass(frozen=True)
class Choices:
    """What of a paper becomes text."""

    abstract: bool = False
    appendix: bool = True
    after_references: bool = False
    without_sections: bool = True
    macros: bool = True


def read_paper(files: Mapping[str, bytes], choices: Choices) -> Paper:
    """files: every file of the paper by its path. Never raises for what is in them."""
    paper = Paper()
    texts: dict[str, str] = {}
    for name, data in files.items():
        if posixpath.splitext(name)[1].lower() in _READ and b"\0" not in data[:1024]:
            text, encoding = decode(data)
            if name.endswith(_TEX) and encoding != "utf-8" and encoding not in paper.encodings:
                paper.encodings.append(encoding)
            texts[posixpath.normpath(name)] = text
    if any("%auto-ignore" in text[:400] for text in texts.values()) and _tiny(texts):
        paper.reason = "withdrawn"
        return paper
    texts = {name: without_comments(text) for name, text in texts.items()}
    main = _main_file(files, texts, paper)
    if main is None:
        paper.reason = "no_tex"
        return paper
    paper.main = main
    whole = _Inclusion(texts, paper).read(main)
    head, begin, body = whole.partition(_BEGIN)
    if not begin:  # plain TeX
        head, body = "", whole
    body = body.partition(_END)[0]
    if _withdrawn(body):
        paper.reason = "withdrawn"
        return paper
    macros = Macros()
    if choices.macros:
        for style in _own_styles(head, texts, main):
            macros.read_definitions(texts[style])
        macros.read_definitions(head)
        body = macros.expand(body)
        paper.recursive = sorted(macros.recursive)
    paper.title = _title(body) or _title(head)
    paper.text = _cut(body, choices, paper)
    if not paper.text and paper.reason is None:
        paper.reason = "empty"
    return paper


# -- the main file -------------------------------------------------------------------------------------------------------


def _main_file(files: Mapping[str, bytes], texts: Mapping[str, str], paper: Paper) -> str | None:
    """What arXiv's 00README names, else the document that no other includes; of several the one named like a main file, and
    then the longest."""
    for name, data in files.items():
        if posixpath.basename(name).upper().startswith("00README"):
            for line in data.decode("utf-8", "replace").splitlines():
                words = line.split()
                if len(words) > 1 and words[1] == "toplevelfile" and posixpath.normpath(words[0]) in texts:
                    return posixpath.normpath(words[0])
    named = {name: text for name, text in texts.items() if name.endswith((*_TEX, ".txt"))}
    whole = [name for name, text in named.items() if not _PART_CLASS.search(text[:20_000])]
    documents = [name for name in whole if _BEGIN in named[name]]
    documents = documents or [name for name in whole if _CLASS.search(named[name])]
    if not documents:  # plain TeX, or a single file without a name
        plain = [name for name, text in texts.items() if name.endswith(_TEX) or (len(files) == 1 and "\\" in text)]
        included = {target for name in plain for target in _targets(texts[name], name, texts)}
        documents = [name for name in plain if name not in included] or plain
    included = {target for name in documents for target in _targets(texts[name], name, texts) if target != name}
    tops = [name for name in documents if name not in included] or documents
    if not tops:
        return None

    def rank(name: str) -> tuple[bool, int, bool, int, str]:
        stem = posixpath.splitext(posixpath.basename(name))[0].lower()
        size = len(texts[name]) + sum(len(texts[one]) for one in _targets(texts[name], name, texts))
        return (_BEGIN not in texts[name], name.count("/"), stem not in _PREFERRED, -size, name)

    tops.sort(key=rank)
    paper.others = tops[1:]
    return tops[0]


def _targets(text: str, name: str, texts: Mapping[str, str]) -> list[str]:
    return [found for match in _INCLUDE.finditer(text) if (found := _resolve(match, name, "", texts)) is not None]


def _resolve(found: re.Match[str], name: str, top: str, texts: Mapping[str, str]) -> str | None:
    """The file that an \\input means: seen from the main file's folder, or from that of the file it stands in."""
    target = found[1] or found[2] or posixpath.join(found[3] or "", found[4] or "")
    for folder in dict.fromkeys((posixpath.dirname(top or name), posixpath.dirname(name), "")):
        path = posixpath.normpath(posixpath.join(folder, target.strip().strip('"')))
        for candidate in (path, path + ".tex", path + ".ltx"):
            if candidate in texts:
                return candidate
    return None


class _Inclusion:
    """Puts the files that a file includes in their places."""

    def __init__(self, texts: Mapping[str, str], paper: Paper) -> None:
        self._texts, self._paper, self._size = texts, paper, 0

    def read(self, main: str) -> str:
        return self._read(main, main, ())

    def _read(self, name: str, main: str, inside: tuple[str, ...]) -> str:
        text = self._texts[name].partition("\\endinput")[0]
        if inside and _BEGIN in text:  # a subfile is a document of its own
            text = text.partition(_BEGIN)[2].partition(_END)[0]
        self._size += len(text)

        def include(found: re.Match[str]) -> str:
            target = _resolve(found, name, main, self._texts)
            if target is None:
                self._paper.missing.append((found[1] or found[2] or found[4])[:200])
                return ""
            if target in inside or target == name or len(inside) >= _DEEPEST or self._size > _LONGEST:
                return ""
            return self._read(target, main, (*inside, name))

        return _INCLUDE.sub(include, text)


def _own_styles(head: str, texts: Mapping[str, str], main: str) -> list[str]:
    """Style files that lie beside the paper and that it loads."""
    found = []
    for match in _STYLES.finditer(head):
        for package in match[1].split(","):
            for ending in (".sty", ".cls"):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(main), package.strip() + ending))
                if path in texts:
                    found.append(path)
    return list(dict.fromkeys(found))


# -- which part of it ----------------------------------------------------------------------------------------------------


def _cut(body: str, choices: Choices, paper: Paper) -> str:
    abstract = _abstract(body)
    first = _SECTION.search(body) or _PARAGRAPH.search(body)
    if first is not None:
        text = body[first.start() :]
    elif choices.without_sections:
        text = _ABSTRACT.sub("", body).rpartition("\\maketitle")[2]
    else:
        paper.reason = "no_section"
        return ""
    if not choices.appendix and (appendix := _APPENDIX.search(text)):
        rest = text[appendix.start() :]
        references = _REFERENCES.search(rest)
        text = text[: appendix.start()] + (rest[references.start() :] if references else "")
    text = _without_references(text, choices.after_references)
    parts = [f"\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}"] if choices.abstract and abstract else []
    parts.append(text)
    text = _STYLE.sub("", "\n\n".join(parts))
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+\n", "\n\n", text).strip()


def _abstract(body: str) -> str:
    if found := _ABSTRACT.search(body):
        return found[1].strip()
    if found := _ABSTRACT_COMMAND.search(body):
        inside = argument(body, found.end())
        return inside[0].strip() if inside else ""
    return ""


def _without_references(text: str, go_on: bool) -> str:
    parts = []
    while (found := _REFERENCES.search(text)) is not None:
        before = text[: found.start()].rstrip()
        for _ in range(_MOST_BEFORE_REFERENCES):
            prepares = _BEFORE_REFERENCES.search(before, max(0, len(before) - 200))
            if prepares is None:
                break
            before = before[: prepares.start()].rstrip()
        parts.append(before)
        if not go_on:
            return "".join(parts)
        end = _REFERENCES_END.search(text, found.end())
        if found[0].endswith("{") and "begin" not in found[0]:
            text = text[max(found.end(), group_end(text, found.end() - 1)) :]
        else:
            text = text[end.end() if end else found.end() :]
    return "\n\n".join([*parts, text.lstrip()]) if parts else text


def _title(text: str) -> str:
    found = _TITLE.search(text)
    inside = argument(text, found.end()) if found else None
    if inside is None:
        return ""
    title = inside[0]
    while (note := _NOT_TITLE.search(title)) is not None:
        end = group_end(title, note.end())
        title = title[: note.start()] + (title[end:] if end > 0 else "")
    title = re.sub(r"\\\\(?:\[[^\]]*\])?|~", " ", title)
    title = re.sub(r"\\(?:[a-zA-Z]+\*?[ ]?|([&%$#_]))", r"\1", title)
    return " ".join(re.sub(r"[{}]", "", title).split())


def _tiny(texts: Mapping[str, str]) -> bool:
    return sum(map(len, texts.values())) < 20_000


def _withdrawn(body: str) -> bool:
    return len(body) < 3000 and re.search(r"\bwithdr(?:awn|ew)\b", body, re.I) is not None and not _SECTION.search(body)
