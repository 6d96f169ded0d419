"""Which licences a recipe allows: sets by name, and whether an expression is inside one.

allowed("MIT OR GPL-3.0-only", licence_set("llama"))  == True       # one of the choices is
allowed("MIT AND GPL-3.0-only", licence_set("llama")) == False
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

SetName = Literal["llama", "permissive", "stack", "blue_oak"]

_OF_LLAMA = re.compile(r"Apache-|0?BSD-|0BSD$|MIT$|MIT-|MITNFA$|X11")
_VARIANTS = frozenset(
    "BSD-1-Clause-Clear BSD-2-Clause-pos-unchanged BSD-3-Clause-NoTrademark BSD-3-Clause-Tso BSD-Mark-Modifications "
    "BSD-Source-Code-no-disclaimer MIT-NoAd MIT-STK X11-no-permit-persons".split()
)
"""Texts of the BSD and MIT families that ScanCode's database does not list, as licenseclassifier calls them."""

BLUE_OAK = frozenset(
    # Model, Gold, Silver
    "BlueOak-1.0.0 BSD-2-Clause-Patent ADSL Apache-2.0 APAFML BSD-1-Clause BSD-2-Clause BSD-2-Clause-FreeBSD "
    "BSD-2-Clause-NetBSD BSD-2-Clause-Views BSL-1.0 DSDP ECL-1.0 ECL-2.0 hdparm ImageMagick Intel-ACPI ISC Linux-OpenIB MIT "
    "MIT-Modern-Variant MIT-testregex MIT-Wu MS-PL MulanPSL-1.0 Mup PostgreSQL SHL-0.5 Spencer-99 UPL-1.0 Xerox Xfig "
    # Bronze
    "0BSD AFL-1.1 AFL-1.2 AFL-2.0 AFL-2.1 AFL-3.0 AMDPLPA AML AMPAS ANTLR-PD ANTLR-PD-fallback Apache-1.0 Apache-1.1 "
    "Artistic-2.0 Bahyph Barr bcrypt-Solar-Designer BSD-3-Clause BSD-3-Clause-Attribution BSD-3-Clause-Clear "
    "BSD-3-Clause-HP BSD-3-Clause-LBNL BSD-3-Clause-Modification BSD-3-Clause-No-Nuclear-License-2014 "
    "BSD-3-Clause-No-Nuclear-Warranty BSD-3-Clause-Open-MPI BSD-3-Clause-Sun BSD-4-Clause BSD-4-Clause-Shortened "
    "BSD-4-Clause-UC BSD-Source-Code bzip2-1.0.5 bzip2-1.0.6 CC0-1.0 CFITSIO Clips CNRI-Jython CNRI-Python "
    "CNRI-Python-GPL-Compatible Cube curl eGenix Entessa FTL fwlw HPND-Fenneberg-Livingston HPND-sell-regexpr HTMLTIDY "
    "IBM-pibs ICU Info-ZIP Intel JasPer-2.0 Libpng libpng-2.0 libtiff LPPL-1.3c LZMA-SDK-9.22 MIT-0 MIT-advertising MIT-CMU "
    "MIT-enna MIT-feh MIT-open-group MITNFA MTLL MulanPSL-2.0 Multics Naumen NCSA Net-SNMP NetCDF NICTA-1.0 NIST-Software "
    "NTP OGL-Canada-2.0 OLDAP-2.0 OLDAP-2.0.1 OLDAP-2.1 OLDAP-2.2 OLDAP-2.2.1 OLDAP-2.2.2 OLDAP-2.3 OLDAP-2.4 OLDAP-2.5 "
    "OLDAP-2.6 OLDAP-2.7 OLDAP-2.8 OML OpenSSL PHP-3.0 PHP-3.01 Plexus PSF-2.0 Python-2.0 Ruby Saxpath SGI-B-2.0 SMLNJ "
    "SunPro SWL Symlinks TCL TCP-wrappers UCAR Unicode-DFS-2015 Unicode-DFS-2016 UnixCrypt Unlicense VSL-1.0 W3C X11 "
    "XFree86-1.1 xlock Xnet xpp Zlib zlib-acknowledgement ZPL-2.0 ZPL-2.1".split()
)
"""Model to Bronze of the Blue Oak Council's list, version 15.0.0 (npm: @blueoak/list) [A]."""

_INDEX = "scancode-licensedb-index.json"
_PERMISSIVE_CATEGORIES = ("Permissive", "Public Domain")


@cache
def licence_set(name: SetName) -> frozenset[str]:
    """SPDX identifiers of a set.

    `llama`: Apache, BSD and MIT (LLaMA, section 2.1) with those of their variants that ScanCode's licence database calls
    permissive; which variants LLaMA took is not published [U]. `permissive`: what the database calls permissive or public domain,
    near the rule of The Stack v2, whose list is Blue Oak's and ScanCode's together [C]. `stack`: the same without public domain,
    in place of The Stack v1.1's list of 193, which its card links to and does not print [U].
    """
    if name == "blue_oak":
        return BLUE_OAK
    categories = _PERMISSIVE_CATEGORIES[:1] if name == "stack" else _PERMISSIVE_CATEGORIES
    permissive = _VARIANTS.union(*(_names(entry) for entry in _index() if entry["category"] in categories))
    return frozenset(filter(_OF_LLAMA.match, permissive)) if name == "llama" else permissive


def allowed(expression: str, among: Collection[str]) -> bool:
    """Whether a licence or SPDX expression can be met by licences of the set: all of an AND, one of an OR. An exception (WITH)
    only adds permissions and does not count. What cannot be read is not allowed."""
    tree = _parsed(expression)
    return tree is not None and _met(tree, among)


def licences_in(expression: str) -> list[str]:
    """The identifiers that an expression names, in order; the text itself when it is no expression."""
    tree = _parsed(expression)
    if tree is None:
        return [expression]
    return list(dict.fromkeys(str(getattr(symbol, "license_symbol", symbol).key) for symbol in tree.symbols))


def without_version_choice(spdx: str) -> str:
    """An identifier without `-only`, `-or-later` and `+`, which the text of a licence cannot tell."""
    return re.sub(r"(?:-only|-or-later|\+)$", "", spdx)


def _met(tree: Any, among: Collection[str]) -> bool:
    name = type(tree).__name__
    if name == "AND":
        return all(_met(part, among) for part in tree.args)
    if name == "OR":
        return any(_met(part, among) for part in tree.args)
    return str(getattr(tree, "license_symbol", tree).key) in among


@cache
def _parsed(expression: str) -> Any:
    """A tree of the license-expression library; None when it is no expression."""
    from boolean.boolean import ParseError
    from license_expression import ExpressionError

    try:
        return _library().parse(expression[:1000], validate=False, strict=False, simple=True)
    except (ExpressionError, ParseError, ValueError, TypeError, AttributeError, RecursionError):
        return None


@cache
def _library() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@cache
def _index() -> list[dict[str, Any]]:
    """ScanCode's licence database as license-expression ships it: identifiers and categories, no texts."""
    found = find_spec("license_expression")
    assert found is not None
    assert found.origin is not None
    with open(os.path.join(os.path.dirname(found.origin), "data", _INDEX), encoding="utf-8") as stream:
        return json.load(stream)


def _names(entry: dict[str, Any]) -> list[str]:
    names = [entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ())]
    return [name for name in names if name and not entry.get("is_exception")]


@cache
def known_ids() -> dict[str, str]:
    """Every SPDX identifier by its small letters."""
    return {spdx.lower(): spdx for entry in _index() for spdx in _names(entry)}
