"""Programming languages of files by name and content; which files are vendored, generated or minified."""

from __future__ import annotations

import posixpath
import re

LANGUAGES: dict[str, str] = {
    suffix: name
    for name, suffixes in (
        ("Ada", "adb ads"),
        ("Agda", "agda"),
        ("Assembly", "asm s"),
        ("Awk", "awk"),
        ("Batchfile", "bat cmd"),
        ("BibTeX", "bib"),
        ("C", "c"),
        ("C#", "cs csx"),
        ("C++", "cc cpp cxx c++ hpp hh hxx h++ ipp tpp inl ino"),
        ("CMake", "cmake"),
        ("COBOL", "cob cbl"),
        ("CSS", "css"),
        ("Clojure", "clj cljs cljc edn"),
        ("CoffeeScript", "coffee"),
        ("Common Lisp", "lisp lsp cl"),
        ("Crystal", "cr"),
        ("Cuda", "cu cuh"),
        ("Cython", "pyx pxd pxi"),
        ("D", "d"),
        ("Dart", "dart"),
        ("Dockerfile", "dockerfile"),
        ("Elixir", "ex exs"),
        ("Elm", "elm"),
        ("Emacs Lisp", "el"),
        ("Erlang", "erl hrl"),
        ("F#", "fs fsx fsi"),
        ("Fortran", "f f77 f90 f95 f03 f08 for"),
        ("GLSL", "glsl vert frag geom comp"),
        ("Go", "go"),
        ("GraphQL", "graphql gql"),
        ("Groovy", "groovy gradle"),
        ("HTML", "html htm xhtml"),
        ("Haskell", "hs lhs"),
        ("HCL", "hcl tf"),
        ("Idris", "idr"),
        ("Isabelle", "thy"),
        ("JSON", "json jsonc json5"),
        ("Java", "java"),
        ("JavaScript", "js jsx mjs cjs es6"),
        ("Julia", "jl"),
        ("Jupyter Notebook", "ipynb"),
        ("Kotlin", "kt kts"),
        ("Lean", "lean"),
        ("Less", "less"),
        ("Lua", "lua"),
        ("Makefile", "mk mak make"),
        ("Markdown", "md markdown mdx"),
        ("Mathematica", "wl nb"),
        ("Nim", "nim"),
        ("Nix", "nix"),
        ("OCaml", "ml mli mll mly"),
        ("Objective-C", "m"),
        ("Objective-C++", "mm"),
        ("PHP", "php phtml php5"),
        ("Pascal", "pas pp dpr lpr"),
        ("Perl", "pl pm"),
        ("PowerShell", "ps1 psm1 psd1"),
        ("Prolog", "pro prolog"),
        ("Protocol Buffer", "proto"),
        ("Python", "py pyi pyw"),
        ("R", "r rmd"),
        ("Racket", "rkt"),
        ("ReStructuredText", "rst"),
        ("Ruby", "rb rake gemspec ru"),
        ("Rust", "rs"),
        ("SCSS", "scss sass"),
        ("SPARQL", "sparql rq"),
        ("SQL", "sql"),
        ("Scala", "scala sc sbt"),
        ("Scheme", "scm ss sld"),
        ("Shell", "sh bash zsh ksh fish"),
        ("Smalltalk", "st"),
        ("Solidity", "sol"),
        ("Stan", "stan"),
        ("Standard ML", "sml sig fun"),
        ("Svelte", "svelte"),
        ("Swift", "swift"),
        ("SystemVerilog", "sv svh"),
        ("TOML", "toml"),
        ("Tcl", "tcl"),
        ("TeX", "tex sty cls"),
        ("Text", "txt"),
        ("Thrift", "thrift"),
        ("TypeScript", "ts tsx mts cts"),
        ("VHDL", "vhd vhdl"),
        ("Verilog", "v vh"),
        ("Vim Script", "vim"),
        ("Visual Basic", "vb vbs bas"),
        ("Vue", "vue"),
        ("XML", "xml xsd xsl xslt"),
        ("YAML", "yaml yml"),
        ("Yacc", "y"),
        ("Zig", "zig"),
    )
    for suffix in suffixes.split()
}
"""Language by the ending of a file's name in small letters; RedPajama's and StarCoder's tables overlap, this is ours."""

_NAMES = {
    "dockerfile": "Dockerfile",
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "cmakelists.txt": "CMake",
    "rakefile": "Ruby",
    "gemfile": "Ruby",
    "vagrantfile": "Ruby",
    "jenkinsfile": "Groovy",
    "build.bazel": "Starlark",
    "build": "Starlark",
    "workspace": "Starlark",
    "sconstruct": "Python",
}
_INTERPRETERS = {
    "python": "Python",
    "sh": "Shell",
    "bash": "Shell",
    "zsh": "Shell",
    "dash": "Shell",
    "ksh": "Shell",
    "perl": "Perl",
    "ruby": "Ruby",
    "node": "JavaScript",
    "nodejs": "JavaScript",
    "php": "PHP",
    "lua": "Lua",
    "rscript": "R",
    "tclsh": "Tcl",
    "awk": "Awk",
    "gawk": "Awk",
    "make": "Makefile",
}
_SHEBANG = re.compile(r"^#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?([A-Za-z]+)")
_CPP = re.compile(
    r"^\s*(?:class|namespace|template\s*<|using\s+\w|public:|private:|virtual\b)|\bstd::|#include\s*<\w+>", re.M
)
_OBJECTIVE_C = re.compile(r"^\s*(?:@interface|@implementation|@property|@protocol|#import)\b", re.M)
_MATLAB = re.compile(r"^\s*(?:function\b|%|end\s*;?\s*$)", re.M)
_PROLOG = re.compile(r"^\s*:-\s|^\w+\([^)]*\)\s*:-", re.M)


def language(path: str, text: str = "") -> str | None:
    """The language of a file by its name and, where that leaves a choice or says nothing, its content."""
    name = posixpath.basename(path).lower()
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith("dockerfile."):
        return "Dockerfile"
    suffix = extension(path)
    if not suffix:
        found = _SHEBANG.match(text)
        return _INTERPRETERS.get(re.sub(r"[\d.]+$", "", found[1].lower())) if found else None
    head = text[:20_000]
    if suffix == "h":
        return "Objective-C" if _OBJECTIVE_C.search(head) else "C++" if _CPP.search(head) else "C"
    if suffix == "m" and not _OBJECTIVE_C.search(head) and _MATLAB.search(head):
        return "MATLAB"
    if suffix == "pl" and _PROLOG.search(head) and "use strict" not in head:
        return "Prolog"
    if suffix == "ts" and head.lstrip().startswith(("<?xml", "<!DOCTYPE TS")):
        return "XML"
    return LANGUAGES.get(suffix)


def extension(path: str) -> str:
    """The ending of a name in small letters without its dot; empty for none."""
    return posixpath.splitext(path)[1][1:].lower()


# -- files that nobody wrote ---------------------------------------------------------------------------------------------

_VENDORED = re.compile(
    r"(?:^|/)(?:vendor|vendors|third[-_]?party|3rd[-_]?party|node_modules|bower_components|jspm_packages|site-packages|"
    r"Godeps|_vendor|extern|externals?|deps/[^/]+/(?:src|include)|Pods|Carthage|\.git|\.svn|\.hg|\.tox|\.venv|venv|"
    r"__pycache__|\.eggs|[^/]+\.egg-info|[^/]+\.dist-info|\.idea|\.vscode)/"
)
_BUILT = re.compile(r"(?:^|/)(?:dist|_build|\.next|\.nuxt|htmlcov|doxygen)/", re.I)
_GENERATED_NAME = re.compile(
    r"(?:\.min\.(?:js|css|mjs)|[-.]bundle\.js|\.pb\.(?:go|cc|h|swift|dart)|_pb2(?:_grpc)?\.pyi?|\.g\.(?:dart|cs)|\.designer\.(?:cs|vb)|"
    r"_generated\.\w+|\.generated\.\w+|zz_generated\.\w+|bindata\.go|\.(?:js|css)\.map|moc_\w+\.cpp|ui_\w+\.h|qrc_\w+\.cpp|"
    r"(?:^|/)_{0,2}generated(?:[_-]\w+|__)?/|(?:^|/)(?:package-lock|npm-shrinkwrap|composer\.lock|cargo\.lock|poetry\.lock|pipfile\.lock|yarn\.lock|pnpm-lock|gemfile\.lock|"
    r"go\.sum|flake\.lock)(?:\.\w+)?$)",
    re.I,
)
_GENERATED_TEXT = re.compile(  # what is said of the file itself: prose that speaks of generated things is none
    r"auto[-_ ]?generated|automatically (?:generated|created)|generated automatically|@generated\b"
    r"|^[^\w\n]{0,12}(?:code |file )?generated (?:by|from|with|using|on|at)\b"
    r"|\b(?:file|code|header|module|source|table|section|script|parser|lexer|page)s?\s+(?:is|was|are|were|has been|have been)\s+"
    r"(?:\w+ly\s+)?(?:machine[- ])?generated (?:by|from|with|using|automatically)\b"
    r"|\bdo not (?:edit|modify|change)(?:\s*(?:[!.,:;*=/-]|$)|\s+(?:this (?:file|code|section|header)|the file|by hand"
    r"|manually|directly|or (?:edit|modify|delete)))",
    re.I | re.M,
)


_SCRIPTS = ("js", "mjs", "cjs", "css")
_TRANSPILED = re.compile(  # as TypeScript's compiler and Babel begin a CommonJS module
    r"\s*[\"']use strict[\"'];\s*(?:var __\w+ = \(this &&|Object\.defineProperty\(exports, [\"']__esModule)"
)
_SOURCE_MAP = re.compile(r"(?://|/\*)[#@] sourceMappingURL=[^\n]*\s*\Z")


def is_vendored(path: str) -> bool:
    """Whether a path lies in a folder of other people's files, of a version control system or of an environment."""
    return _VENDORED.search(path) is not None


def is_built(path: str) -> bool:
    return _BUILT.search(path) is not None


def is_generated(path: str, text: str, lines: int = 10) -> bool:
    """Whether a file's name, its first lines or a source map say that a program wrote it. source: CodeParrot looks at the
    first 5 lines, StarCoder at the first 10 [C]."""
    if _GENERATED_NAME.search(path):
        return True
    if extension(path) in _SCRIPTS and (_TRANSPILED.match(text) or _SOURCE_MAP.search(text, max(0, len(text) - 300))):
        return True
    head = "\n".join(text[:4000].split("\n", lines)[:lines])
    low = head.lower()
    if "generated" not in low and "do not" not in low and "automatically" not in low:
        return False
    return _GENERATED_TEXT.search(head) is not None


def is_minified(path: str, text: str) -> bool:
    """Scripts and styles that are squeezed onto few lines: mean line over 110 characters, or almost no white space."""
    if extension(path) not in _SCRIPTS or len(text) < 500:
        return False
    spaces = sum(text.count(sign) for sign in " \t\n")
    return len(text) / (text.count("\n") + 1) > 110 and spaces / len(text) < 0.12
