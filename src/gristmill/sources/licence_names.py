"""Names of licences as package metadata, registries and distributions write them, and the SPDX identifiers they mean."""

from __future__ import annotations

import re

from gristmill.sources.licence_sets import known_ids


def known(name: str) -> str | None:
    """The identifier that a name means, as licence files of distributions and packages write it; None for an unknown one."""
    plain = " ".join(name.strip().strip("\"'").split()).lower()
    if plain in known_ids():
        return known_ids()[plain]
    words = re.sub(r"\b(?:the|licen[cs]e[ds]?|version)\b|[,()\"']", " ", plain).split()
    return _NAMES.get(" ".join(word for word, before in zip(words, ["", *words], strict=False) if word != before))


_NAMES = {
    "mit": "MIT",
    "expat": "MIT",
    "x11": "X11",
    "isc": "ISC",
    "iscl": "ISC",
    "bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache software": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "python": "Python-2.0",
    "unlicense": "Unlicense",
    "public domain": "LicenseRef-scancode-public-domain",
    "cc0": "CC0-1.0",
    "zlib": "Zlib",
    "zlib/libpng": "Zlib",
    "boost software 1.0 bsl-1.0": "BSL-1.0",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "mpl": "MPL-2.0",
    "eclipse public": "EPL-1.0",
    "epl": "EPL-1.0",
    "edl-1.0": "BSD-3-Clause",
    "eclipse distribution 1.0": "BSD-3-Clause",
    "eclipse distribution v1.0": "BSD-3-Clause",
    "gpl": "GPL-1.0-or-later",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "gpl-1+": "GPL-1.0-or-later",
    "gnu general public gpl": "GPL-1.0-or-later",
    "gnu general public v2 gplv2": "GPL-2.0-only",
    "gnu general public v2 or later gplv2+": "GPL-2.0-or-later",
    "gnu general public v3 gplv3": "GPL-3.0-only",
    "gnu general public v3 or later gplv3+": "GPL-3.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "lgplv2+": "LGPL-2.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "gnu lesser general public v2 lgplv2": "LGPL-2.0-only",
    "gnu lesser general public v2 or later lgplv2+": "LGPL-2.0-or-later",
    "gnu lesser general public v3 lgplv3": "LGPL-3.0-only",
    "gnu lesser general public v3 or later lgplv3+": "LGPL-3.0-or-later",
    "gnu library or lesser general public lgpl": "LGPL-2.0-or-later",
    "agplv3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "agpl-3": "AGPL-3.0-only",
    "agpl-3+": "AGPL-3.0-or-later",
    "gnu affero general public v3": "AGPL-3.0-only",
    "gnu affero general public v3 or later agplv3+": "AGPL-3.0-or-later",
    "artistic": "Artistic-1.0-Perl",
    "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
}
"""Names in package metadata and Debian copyright files, in small letters without `the`, `license` and `version`. BSD without a
number is taken for three clauses."""
