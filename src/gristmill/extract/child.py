"""The child process of isolated mode: reads pages from stdin, answers on stdout, dies with its parent."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from functools import lru_cache
from typing import IO, Any

from gristmill.extract.isolation import FRAME, write_frame
from gristmill.extract.page import ExtractionError, extract_here
from gristmill.extract.settings import ExtractSettings


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) for SIGKILL when the parent ends; elsewhere the end of stdin has to do."""
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it ended before the request was made


@lru_cache(maxsize=16)
def _settings(text: str) -> ExtractSettings:
    return ExtractSettings.model_validate_json(text)


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer frames until the end of `requests`."""
    while lengths := requests.read(FRAME.size):
        header_size, body_size = FRAME.unpack(lengths)
        header: dict[str, Any] = json.loads(requests.read(header_size))
        payload = requests.read(body_size)
        try:
            settings = _settings(json.dumps(header["settings"]))
            page = extract_here(payload, settings, header["content_type"], header["url"])
        except ExtractionError as error:
            write_frame(replies, {"reason": error.reason, "message": error.message}, b"")
        else:
            write_frame(replies, {"title": page.title, "confidence": page.confidence}, page.text.encode("utf-8"))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    die_with_parent(int(sys.argv[1]))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not land between frames
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
