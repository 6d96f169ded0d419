"""Source packages of other projects, fetched from the registries that this machine is set up for, by their own clients.

Debian's sources come with a list of whose licence holds for which file (`debian/copyright`); of PyPI's and npm's packages we note
what their projects say they are. Nothing is unpacked, built or installed; what is there already is not fetched again.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DEBIAN = (
    # MIT, BSD, Apache
    "jansson cjson libuv1 nghttp2 http-parser hiredis snappy leveldb googletest fmtlib spdlog nlohmann-json3 rapidjson pugixml "
    "re2 abseil flatbuffers libevent lua5.4 libonig pcre2 expat libxml2 c-ares brotli libyaml jinja2 python-cryptography "
    "golang-github-spf13-cobra golang-testify golang-github-gorilla-mux golang-github-pkg-errors node-express jquery commons-io "
    "libcommons-lang3-java guava-libraries jackson-core libslf4j-java haskell-aeson memcached nginx redis jq opus libvpx "
    "protobuf openssh "
    # GNU, Mozilla, Eclipse
    "grep sed gzip nano less readline make-dfsg gmp nettle libgcrypt20 gnutls28 libgpg-error libsoup3 pango1.0 libsndfile x264 "
    "lame nspr graphite2 hunspell junit4 junit5 ecj mosquitto clojure haproxy htop mercurial mosh pylint astroid libgit2 rsync "
    "mupdf syncthing libcdr libetonyek freexl rhino libical3 python-pathspec golang-github-hashicorp-hcl "
    "golang-github-hashicorp-go-multierror golang-github-hashicorp-golang-lru kmod "
    # several licences in one tree, or others
    "lz4 libzstd xz-utils libarchive e2fsprogs dbus libnl3 util-linux flac dash libtry-tiny-perl libmoose-perl libjson-perl "
    "libwww-perl curl zlib libpng1.6 krb5 libjpeg-turbo freetype tcl8.6 postfix libusb-1.0 cyrus-sasl2 libbsd opendkim"
).split()

PYPI = {
    "Apache-2.0": "requests aiohttp boto3 google-auth tornado",
    "BSD-3-Clause": "lxml networkx psutil reportlab sympy",
    "MIT": "six pytz sqlalchemy",
    "MPL-2.0": "certifi",
    "GPL": "ansible-core chess html2text mutagen pylint",
    "LGPL": "astroid paramiko psycopg2 text-unidecode",
}
NPM = {
    "Apache-2.0": "rxjs mathjs",
    "BSD": "uglify-js highlight.js",
    "MIT": "express lodash moment chart.js marked prettier",
    "MPL-2.0": "axe-core lightningcss",
    "AGPL": "ua-parser-js",
    "EPL": "elkjs",
    "GPL": "tinymce",
    "LGPL": "mariadb",
}


@dataclass(frozen=True)
class Package:
    """archives: of the source as its authors published it. copyright: Debian's account of it, or None; kind: the licence that
    the project says it has, or None."""

    name: str
    archive: Path
    copyright: str | None = None
    kind: str | None = None


class NoRegistry(Exception):
    """A client could not reach its registry, or is not there."""


# -- Debian ------------------------------------------------------------------------------------------------------------


def fetch_debian(names: Iterable[str], folder: Path, timeout: int = 300) -> None:
    """Downloads source packages with apt's own keys and mirror, but with lists and caches inside the folder, so that the
    system's stay as they are. Packages that the mirror lacks are left out. timeout: seconds for each call of apt. Raises
    NoRegistry."""
    names = [name for name in names if _debian_package(name, folder) is None]
    if not names:
        return
    apt = folder / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(_deb_src() + "\n")
    options = {
        "Dir::State": apt,
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
    }
    apt_get = ["apt-get", "-qq", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    if not any((apt / "lists").glob("*_Sources*")):
        _run([*apt_get, "update"], folder, timeout=timeout)
    for at in range(0, len(names), 20):  # one name that is unknown spoils a whole call
        part = names[at : at + 20]
        if not _run(
            [*apt_get, "source", "--download-only", "--only-source", *part], folder, timeout=3 * timeout, fails=True
        ):
            for name in part:
                if not list(folder.glob(f"{name}_*.dsc")):
                    one = [*apt_get, "source", "--download-only", "--only-source", name]
                    _run(one, folder, timeout=timeout, fails=True)


def _deb_src() -> str:
    """The first Debian archive of the machine's own configuration, as a source of sources."""
    shown = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"], Path()
    )
    for line in shown.splitlines():
        address, release, component = line.split()[:3]
        if address.rstrip("/").endswith("/debian") and component == "main":
            return f"deb-src {address} {release} {component}"
    raise NoRegistry("apt is not set up for a Debian archive")


def debian_packages(names: Iterable[str], folder: Path) -> list[Package]:
    """Those that are there in full, by name."""
    return [one for name in sorted(names) if (one := _debian_package(name, folder)) is not None]


def _debian_package(name: str, folder: Path) -> Package | None:
    described = sorted(folder.glob(f"{name}_*.dsc"))
    if not described:
        return None
    part = re.search(r"^Checksums-Sha256:\n((?: .*\n)+)", described[-1].read_text("utf-8", "replace"), re.M)
    files = [folder / line.split()[2] for line in part[1].splitlines()] if part else []
    original = [file for file in files if re.search(r"\.orig\.tar\.\w+$", file.name)]
    if not original or not all(file.exists() for file in files):
        return None
    text = None
    for file in files:
        if re.search(r"\.debian\.tar\.\w+$", file.name):
            with tarfile.open(file) as opened:
                text = opened.extractfile("debian/copyright").read().decode("utf-8", "replace")  # type: ignore[union-attr]
        elif file.name.endswith(".diff.gz"):
            return None  # the old format; its copyright file is inside a patch
    return Package(name, original[0], copyright=text)


# -- PyPI, npm -----------------------------------------------------------------------------------------------------------


def fetch_pypi(names: Iterable[str], folder: Path, timeout: int = 300) -> None:
    """Source distributions by pip, each in so many seconds. Those that cannot be had are left out. Raises NoRegistry."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if _archive(name, folder) is None:
            _run(
                ["python3", "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", name],
                folder,
                timeout=timeout,
                fails=True,
            )


def fetch_npm(names: Iterable[str], folder: Path, timeout: int = 300) -> None:
    """Packages by npm, as for PyPI."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if _archive(name, folder) is None:
            _run(["npm", "pack", "--silent", name], folder, timeout=timeout, fails=True)


def known_packages(kinds: dict[str, str], folder: Path) -> list[Package]:
    """Packages of a table of names by licence, those that are in the folder."""
    found = []
    for kind, names in kinds.items():
        for name in names.split():
            if (archive := _archive(name, folder)) is not None:
                found.append(Package(name, archive, kind=kind))  # noqa: PERF401
    return sorted(found, key=lambda one: one.name)


def _archive(name: str, folder: Path) -> Path | None:
    pattern = re.compile(re.escape(name).replace(r"\-", "[-_]") + r"-\d[\w.]*\.(?:tar\.gz|tgz)$", re.I)
    return next((path for path in sorted(folder.glob("*gz")) if pattern.match(path.name)), None)


def _run(command: list[str], folder: Path, timeout: int = 60, fails: bool = False) -> str:
    """Output of a command. Raises NoRegistry where it is not there or hangs, and where it fails unless `fails` is expected;
    an expected failure is an empty output."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoRegistry(f"{command[0]}: {error}") from error
    if done.returncode and not fails:
        raise NoRegistry(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return "" if done.returncode else done.stdout or "done"
