"""Local paths, s3:// and https:// behind a few functions.

    storage.glob("s3://bucket/crawl/*.warc.gz")      # sorted locations
    with storage.open_input(location) as stream: ...  # a seekable binary stream
    storage.write_bytes(location, b"...")             # all or nothing

A *location* is a local path or a URL. Remote locations go through fsspec; local ones are plain file calls, because
only there do rename and fsync mean anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gristmill.errors import UserError

_INSTALL_HINT = {"s3": "s3", "http": "http", "https": "http"}


def is_remote(location: str) -> bool:
    """True for URLs; `file://` counts as local."""
    return "://" in location and not location.startswith("file://")


def local_path(location: str) -> str:
    return location.removeprefix("file://")


def join(location: str, *parts: str) -> str:
    return "/".join([location.rstrip("/"), *parts])


def resolve(location: str, base: str) -> str:
    """`location` as seen from the folder `base`; URLs and absolute paths stay as they are."""
    if is_remote(location):
        return location
    path = os.path.expanduser(local_path(location))
    if os.path.isabs(path):
        return os.path.normpath(path)
    if is_remote(base):
        return join(base, path)
    return os.path.normpath(os.path.join(base, path))


def filesystem(location: str) -> Any:
    """The fsspec filesystem of a remote location.

    Raises UserError when the protocol is unknown or its package is not installed.
    """
    import fsspec

    protocol = location.split("://", 1)[0]
    try:
        return fsspec.filesystem(protocol, use_listings_cache=False)  # other processes write while this one lists
    except ImportError as error:
        extra = _INSTALL_HINT.get(protocol, protocol)
        raise UserError(
            f"{location}: reading {protocol}:// needs a package that is not installed",
            hint=f"pip install 'gristmill[{extra}]'",
        ) from error
    except ValueError as error:
        raise UserError(f"{location}: unknown protocol {protocol!r}", hint="use a path, s3:// or https://") from error


@contextlib.contextmanager
def explain(location: str, doing: str = "read") -> Iterator[None]:
    """Turn what an operating system or object store says about a location into one clear UserError."""
    try:
        yield
    except FileNotFoundError as error:
        raise _absent(location, doing, error) from error
    except PermissionError as error:
        raise UserError(f"{location}: no permission to {doing} it", hint="check owner, mode or credentials") from error
    except IsADirectoryError as error:
        raise UserError(f"{location}: is a folder, not a file") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise UserError(f"{location}: a file stands where a folder is needed") from error
    except Exception as error:
        if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            raise UserError(
                f"{location}: no credentials found",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
            ) from error
        raise


def _absent(location: str, doing: str, error: FileNotFoundError) -> UserError:
    """What FileNotFoundError means: over http, fsspec raises it whatever the server answered."""
    status = getattr(error.__cause__, "status", None)
    if status in (401, 403):
        return UserError(f"{location}: no permission to {doing} it", hint="check owner, mode or credentials")
    if status not in (None, 404, 410):
        return UserError(f"{location}: the server answered {status}", hint="try again later")
    if status is None and error.__cause__ is not None and location.startswith("http"):
        return UserError(
            f"{location}: cannot reach the server ({error.__cause__})", hint="check the address and the network"
        )
    return UserError(f"{location}: no such file", hint="check the path")


@dataclass(frozen=True, slots=True)
class Stat:
    """What tells one version of a file from another: size in bytes and etag or modification time."""

    size: int
    version: str


def stat(location: str) -> Stat:
    if is_remote(location):
        with explain(location):
            info = filesystem(location).info(location)
        names = ("ETag", "etag", "LastModified", "Last-Modified", "mtime")
        version = next((info[name] for name in names if info.get(name)), "")
        return Stat(int(info.get("size") or 0), str(version).strip('"'))
    with explain(location):
        found = os.stat(local_path(location))
    return Stat(found.st_size, str(found.st_mtime_ns))


def exists(location: str) -> bool:
    if is_remote(location):
        return bool(filesystem(location).exists(location))
    return os.path.exists(local_path(location))


def is_dir(location: str) -> bool:
    if is_remote(location):
        return not location.startswith("http") and bool(filesystem(location).isdir(location))
    return os.path.isdir(local_path(location))


def glob(pattern: str) -> list[str]:
    """Locations that match, sorted; `**` crosses folders. A pattern without wildcards is returned as it is."""
    if not any(sign in pattern for sign in "*?["):
        return [pattern]
    if is_remote(pattern):
        protocol = pattern.split("://", 1)[0]
        with explain(pattern, "list"):
            found = filesystem(pattern).glob(pattern)
        return sorted(path if "://" in path else f"{protocol}://{path}" for path in found)
    import glob as local_glob

    return sorted(path for path in local_glob.glob(local_path(pattern), recursive=True) if os.path.isfile(path))


def list_names(location: str) -> list[str]:
    """Names directly inside a folder, sorted; empty when there is no such folder."""
    if is_remote(location):
        fs = filesystem(location)
        with contextlib.suppress(FileNotFoundError):
            return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in fs.ls(location, detail=False))
        return []
    try:
        return sorted(os.listdir(local_path(location)))
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def open_input(location: str) -> Iterator[IO[bytes]]:
    """A seekable binary stream; the caller decompresses. Raises UserError when it cannot be opened."""
    if is_remote(location):
        with explain(location):
            stream = filesystem(location).open(location, "rb", block_size=8 << 20)
    else:
        with explain(location):
            stream = open(local_path(location), "rb")  # noqa: SIM115 - closed below
    try:
        yield stream
    finally:
        stream.close()


@contextlib.contextmanager
def open_columns(location: str) -> Iterator[Any]:
    """A seekable binary stream for Arrow and Parquet, which read a local file without Python in between."""
    if is_remote(location):
        with open_input(location) as stream:
            yield stream
        return
    import pyarrow as pa

    with explain(location):
        file = pa.OSFile(local_path(location))
    with file:
        yield file


def read_bytes(location: str) -> bytes:
    with open_input(location) as stream:
        return stream.read()


def fsync_directory(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(temporary: str, location: str) -> None:
    """Move a finished local file to its final location: fsync + rename, or one upload that is complete or absent."""
    if is_remote(location):
        filesystem(location).put_file(temporary, location)
        os.unlink(temporary)
        return
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    os.replace(temporary, local_path(location))


def write_bytes(location: str, data: bytes) -> None:
    """Write all of `data` or nothing."""
    temporary = temporary_path(location)
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
        publish(temporary, location)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if not is_remote(location):
        fsync_directory(os.path.dirname(local_path(location)))


def temporary_path(location: str) -> str:
    """A local path to write before `publish`: beside the final file when that is local, else in the temporary folder."""
    name = f".{location.rsplit('/', 1)[-1]}.{os.getpid()}.tmp"
    if is_remote(location):
        place = hashlib.blake2b(location.encode(), digest_size=8).hexdigest()  # one name in several folders at a time
        return os.path.join(tempfile.gettempdir(), f".gristmill-{place}{name}")
    folder = os.path.dirname(local_path(location))
    make_dir(folder)
    return os.path.join(folder, name)


def make_dir(location: str) -> None:
    if not is_remote(location):
        with explain(location, "write"):
            os.makedirs(local_path(location), exist_ok=True)


@contextlib.contextmanager
def localized(location: str) -> Iterator[Path]:
    """The file as a local path, downloaded for the time of the block when it is remote (models, memory maps)."""
    if not is_remote(location):
        yield Path(local_path(location))
        return
    with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
        path = Path(folder, location.rsplit("/", 1)[-1])
        fetch(location, str(path))
        yield path


def fetch(location: str, path: str) -> None:
    """Copy a remote file to a local path in one stream: no server need know ranges for it."""
    with explain(location):
        filesystem(location).get_file(location, path)


def remove_tree(location: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if is_remote(location):
            filesystem(location).rm(location, recursive=True)
        else:
            shutil.rmtree(local_path(location))


def remove(location: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if is_remote(location):
            filesystem(location).rm_file(location)
        else:
            os.unlink(local_path(location))
