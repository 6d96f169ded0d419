"""Build the demo crawl: `python examples/demo/build.py` writes `warc/*.warc.gz` and `cases.tsv`.

Every page in `pages/` becomes one capture: a request, a response and a metadata record, each its own
gzip member, as in Common Crawl's files. Dates, record ids, header values and record order all derive
from the page's URL, so the same sources give the same bytes. Standard library only.

The page format is described in README.md; `page_source.py` reads it and renders the HTML.
"""

import base64
import gzip
import hashlib
import sys
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from page_source import Page, payload_of, read_pages

HERE = Path(__file__).resolve().parent
CRLF = "\r\n"
GZIP_LEVEL = 9
CUT_FROM_DAMAGED_TAIL = 1_300  # bytes; the last metadata record and half of the response before it

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    403: "Forbidden",
    404: "Not Found",
    503: "Service Unavailable",
}
SERVERS = ("nginx/1.24.0", "nginx", "Apache/2.4.57 (Debian)", "Apache", "lighttpd/1.4.69", "Caddy")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # spelt out, as strftime follows the locale
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AGENT = "gristmill-demo-crawler/1.0 (+https://crawler.example.org/about)"


@dataclass(frozen=True)
class WarcFile:
    """One output file: which pages go in, which WARC version it speaks, and the week it was 'crawled'."""

    name: str
    version: str
    first_day: datetime
    damaged: bool = False


WARC_FILES = (
    WarcFile("demo-2024-10-00000.warc.gz", "WARC/1.0", datetime(2024, 3, 4)),
    WarcFile("demo-2024-10-00001.warc.gz", "WARC/1.0", datetime(2024, 3, 4)),
    WarcFile("demo-2024-18-00000.warc.gz", "WARC/1.1", datetime(2024, 4, 29)),
    WarcFile("damaged-tail.warc.gz", "WARC/1.0", datetime(2024, 3, 4), damaged=True),
)


def main() -> None:
    pages = read_pages(HERE / "pages")
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "warc"
    out.mkdir(exist_ok=True)
    by_file: dict[str, list[Page]] = {warc.name: [] for warc in WARC_FILES}
    for page in pages.values():
        by_file[file_of(page)].append(page)
    captured = {page.name: capture_time(page, warc) for warc in WARC_FILES for page in by_file[warc.name]}
    for warc in WARC_FILES:
        members = [warcinfo(warc)]
        for page in sorted(by_file[warc.name], key=lambda page: (bool(page.get("last")), number(page.name))):
            members += capture(page, pages, captured, warc)
        data = b"".join(gzip.compress(member, GZIP_LEVEL, mtime=0) for member in members)
        if warc.damaged:
            data = data[:-CUT_FROM_DAMAGED_TAIL]
        (out / warc.name).write_bytes(data)
        print(f"{warc.name:<30} {warc.version}  {len(by_file[warc.name]):>3} captures  {len(data):>7,} bytes")
    write_cases(pages, HERE / "cases.tsv")


def file_of(page: Page) -> str:
    """The WARC file a page belongs to: as its `warc:` field says, else one of the two files of 2024-10."""
    dump = page.get("warc", "2024-10")
    if dump == "2024-10":
        return f"demo-2024-10-0000{number(page.name) % 2}.warc.gz"
    return "demo-2024-18-00000.warc.gz" if dump == "2024-18" else f"{dump}.warc.gz"


def capture_time(page: Page, warc: WarcFile) -> datetime:
    return warc.first_day + timedelta(seconds=number(page.name + page.url) % (6 * 86_400))


def capture(page: Page, pages: dict[str, Page], captured: dict[str, datetime], warc: WarcFile) -> list[bytes]:
    """The request, response (or revisit) and metadata records of one page."""
    time = captured[page.name]
    payload = payload_of(page, pages)
    entity = gzip.compress(payload, GZIP_LEVEL, mtime=0) if page.get("content-encoding") == "gzip" else payload
    http_header = response_header(page, entity, time)
    # The digest covers the stored bytes, chunk sizes and all, as most crawlers and FastWARC take it.
    wire = chunked(entity) if page.get("transfer-encoding") == "chunked" else entity
    host, _, path = page.url.split("://", 1)[1].partition("/")
    request = CRLF.join(
        (
            f"GET /{path} HTTP/1.1",
            f"User-Agent: {AGENT}",
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language: en-US,en;q=0.5",
            "Accept-Encoding: gzip",
            f"Host: {host}",
            "Connection: Keep-Alive",
            CRLF,
        )
    ).encode()

    def identifier(kind: str, of: Page = page) -> str:
        return record_id(kind, of, captured[of.name])

    common = [("WARC-Date", warc_date(time, warc)), ("WARC-Target-URI", page.url)]
    address = ("WARC-IP-Address", f"192.0.2.{number(host) % 254 + 1}")
    response_id = identifier("response")
    response_fields = [
        ("WARC-Type", "response"),
        ("WARC-Record-ID", response_id),
        *common,
        address,
        ("WARC-Concurrent-To", identifier("request")),
        ("WARC-Payload-Digest", digest(wire)),
    ]
    block = http_header + wire
    if page.get("record") == "revisit":
        original = pages[page["same-body"]]
        response_fields[0] = ("WARC-Type", "revisit")
        response_fields += [
            ("WARC-Profile", "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"),
            ("WARC-Refers-To-Target-URI", original.url),
            ("WARC-Refers-To-Date", warc_date(captured[original.name], warc)),
            ("WARC-Refers-To", identifier("response", original)),
        ]
        block = http_header
    elif page.get("truncated"):
        response_fields.append(("WARC-Truncated", page["truncated"]))
    if (identified := page.get("identified")) and page.get("record") != "revisit":
        response_fields.append(("WARC-Identified-Payload-Type", identified))
    metadata = f"fetchTimeMs: {number(page.url) % 900 + 40}{CRLF}charset-detected: {page.charset}{CRLF}"
    return [
        record(
            warc,
            [("WARC-Type", "request"), ("WARC-Record-ID", identifier("request")), *common, address],
            "application/http; msgtype=request",
            request,
        ),
        record(
            warc,
            [*response_fields, ("WARC-Block-Digest", digest(block))],
            "application/http; msgtype=response",
            block,
        ),
        record(
            warc,
            [
                ("WARC-Type", "metadata"),
                ("WARC-Record-ID", identifier("metadata")),
                *common,
                ("WARC-Concurrent-To", response_id),
            ],
            "application/warc-fields",
            metadata.encode(),
        ),
    ]


def response_header(page: Page, entity: bytes, time: datetime) -> bytes:
    """Status line and header fields; what the page says comes first, the rest is drawn from its URL."""
    status = int(page.get("status", "200"))
    draw = number("header" + page.url)
    lines = [f"HTTP/1.1 {status} {REASONS[status]}"]
    lines.append(f"Date: {http_date(time)}")
    if draw % 7:
        lines.append(f"Server: {SERVERS[draw % len(SERVERS)]}")
    if content_type := page.content_type:
        lines.append(f"Content-Type: {content_type}")
    if page.get("transfer-encoding") == "chunked":
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {len(entity)}")
    if page.get("content-encoding"):
        lines += [f"Content-Encoding: {page['content-encoding']}", "Vary: Accept-Encoding"]
    if draw % 3 == 0:
        lines.append(f"Last-Modified: {http_date(time - timedelta(seconds=draw % 40_000_000))}")
    if draw % 4 == 1:
        lines += [f'ETag: "{draw % 16**10:x}"', "Accept-Ranges: bytes"]
    if draw % 5 == 2:
        lines += ["Cache-Control: max-age=600", "X-Content-Type-Options: nosniff"]
    lines += page.headers
    lines.append("Connection: close")
    return (CRLF.join(lines) + CRLF * 2).encode("latin-1")


def warcinfo(warc: WarcFile) -> bytes:
    fields = {
        "isPartOf": warc.name.split("-0000")[0].removesuffix(".warc.gz"),
        "description": "Demo crawl of invented sites, written for the gristmill examples",
        "software": "examples/demo/build.py",
        "robots": "not applicable: no site was contacted",
        "format": warc.version.replace("/", " File Format "),
    }
    body = "".join(f"{key}: {value}{CRLF}" for key, value in fields.items()).encode()
    return record(
        warc,
        [
            ("WARC-Type", "warcinfo"),
            ("WARC-Record-ID", f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, warc.name)}>"),
            ("WARC-Date", warc_date(warc.first_day, warc)),
            ("WARC-Filename", warc.name),
        ],
        "application/warc-fields",
        body,
    )


def record(warc: WarcFile, fields: list[tuple[str, str]], content_type: str, block: bytes) -> bytes:
    fields = [*fields, ("Content-Type", content_type), ("Content-Length", str(len(block)))]
    head = warc.version + CRLF + "".join(f"{key}: {value}{CRLF}" for key, value in fields) + CRLF
    return head.encode() + block + b"\r\n\r\n"


def record_id(kind: str, page: Page, time: datetime) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {time.isoformat()} {page.name} {page.url}')}>"


def chunked(entity: bytes, size: int = 1400) -> bytes:
    parts = (entity[start : start + size] for start in range(0, len(entity), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def digest(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


def number(text: str) -> int:
    """A stable non-negative integer drawn from text; the builder's only source of variety."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def warc_date(time: datetime, warc: WarcFile) -> str:
    fraction = f".{number(time.isoformat()) % 1000:03}" if warc.version == "WARC/1.1" else ""
    return f"{time:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def http_date(time: datetime) -> str:
    day = DAYS[time.weekday()]
    return f"{day}, {time.day:02} {MONTHS[time.month - 1]} {time:%Y %H:%M:%S} GMT"


def write_cases(pages: dict[str, Page], path: Path) -> None:
    """A row a capture: what it is, which stage it is there for, and what should become of it."""
    rows = ["\t".join(("page", "url", "warc", "status", "lang", "stage", "fate", "group", "case"))]
    for page in pages.values():
        told = (page.get(key, default) for key, default in CASE_FIELDS.items())
        rows.append("\t".join((page.name, page.url, file_of(page), *told)))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


CASE_FIELDS = {"status": "200", "lang": "", "stage": "", "fate": "keep", "group": "", "case": ""}

if __name__ == "__main__":
    main()
