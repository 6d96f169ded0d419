"""Read the demo's page sources and render them to the bytes a server would send.

A source is a header of `key: value` lines, a line `---`, and a body in a small markup: blank lines
separate paragraphs; `## ` and `### ` are headings, `- ` and `1. ` list items, `> ` a quotation, `| a | b |`
table rows, three backticks fence code, `@user | date` opens a forum post, a block that starts with `<`
is passed through, and `include: name` puts in the body of another source.
"""

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).resolve().parent / "templates"
NESTING_LEVELS = 300
HUGE_LINE_REPEATS = 400


@dataclass(frozen=True)
class Page:
    """One source file. `fields` holds its header, `headers` the extra HTTP lines, `body` the markup."""

    name: str
    fields: dict[str, str]
    headers: list[str]
    body: str

    def get(self, key: str, default: str = "") -> str:
        return self.fields.get(key, default)

    def __getitem__(self, key: str) -> str:
        return self.fields[key]

    @property
    def url(self) -> str:
        return self.fields["url"]

    @property
    def charset(self) -> str:
        """The encoding of the bytes; what the page says about it may differ."""
        return self.get("charset", "utf-8")

    @property
    def declared(self) -> str:
        return self.get("declared-charset", self.charset)

    @property
    def content_type(self) -> str:
        """The Content-Type header, empty for none. `declare:` says where the charset is named."""
        media_type = self.get("content-type", "text/html")
        if media_type == "none":
            return ""
        in_header = "header" in self.get("declare", "header meta") and media_type.startswith(("text/", "application/x"))
        return f"{media_type}; charset={self.declared}" if in_header else media_type


def read_pages(folder: Path) -> dict[str, Page]:
    """All sources by name (`en/tides` for `en/tides.txt`), in name order. `shared/` holds includes only."""
    pages = {}
    for path in sorted(folder.rglob("*.txt")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith("shared/"):
            pages[name] = read_page(path, name)
    return pages


def read_page(path: Path, name: str) -> Page:
    head, _, body = path.read_text(encoding="utf-8").partition("\n---\n")
    fields: dict[str, str] = {}
    headers = []
    for line in head.splitlines():
        key, colon, value = line.partition(": ")
        if not colon:
            raise SystemExit(f"{path}: a header line needs 'key: value', found {line!r}")
        if key == "http":
            headers.append(value)
        else:
            fields[key] = value.strip()
    if "url" not in fields:
        raise SystemExit(f"{path}: the header has no 'url:' line")
    included = re.sub(
        r"^include: (\S+)$",
        lambda m: (path.parents[1] / f"{m[1]}.txt").read_text("utf-8").strip(),
        body,
        flags=re.M,
    )
    return Page(name, fields, headers, included.strip())


def payload_of(page: Page, pages: dict[str, Page]) -> bytes:
    """The response body before any content or transfer encoding."""
    body = pages[page["same-body"]].body if "same-body" in page.fields else page.body
    template = page.get("template", "plain")
    if template == "base64":
        return base64.b64decode(body)
    text = body if template == "none" else fill(template, page, body, pages)
    damage = page.get("damage").split()
    if "unclosed" in damage:
        text = re.sub(r"</(p|li|td|tr|h2|span|article|section)>", "", text)
    if "huge-line" in damage:
        text = text.replace("</head>", "<script>var t=[" + "0x1f," * HUGE_LINE_REPEATS * 40 + "0];</script></head>")
    data = text.encode(page.charset, errors="xmlcharrefreplace")
    if "bom" in damage:
        data = b"\xef\xbb\xbf" + data
    if "nul" in damage:
        data = data.replace(b" the ", b" the\x00 ")
    if limit := page.get("cut-at"):
        data = data[: int(limit)]
    return data


def fill(template: str, page: Page, body: str, pages: dict[str, Page]) -> str:
    """Put a page into a template, with menu, footer and sidebar words in the page's language."""
    lang = page.get("lang", "en")
    labels = json.loads((TEMPLATES / "labels.json").read_text("utf-8"))
    host = page.url.split("/")[2]
    site = page.get("site", host.removeprefix("www.").split(".")[0].replace("-", " ").title())
    title = page.get("title", site)
    content = render(body)
    if "deep-nesting" in page.get("damage"):
        content = "<div>" * NESTING_LEVELS + content + "</div>" * NESTING_LEVELS
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={page.declared}">'
    values = labels.get(lang, labels["en"]) | {
        "lang": page.get("html-lang", lang),
        "direction": "rtl" if lang == "ar" else "ltr",
        "title": html.escape(title, quote=False),
        "site": html.escape(site, quote=False),
        "host": host,
        "meta_charset": meta if "meta" in page.get("declare", "header meta") else "",
        "content": content,
        "byline": html.escape(page.get("byline", ""), quote=False),
        "date": page.get("published", ""),
        "related": related(page, pages),
    }
    return Template((TEMPLATES / f"{template}.html").read_text("utf-8")).substitute(values)


def related(page: Page, pages: dict[str, Page], count: int = 4) -> str:
    """Sidebar links to other pages in the same language, picked by a hash of both names."""
    others = [
        other
        for other in pages.values()
        if other.get("lang") == page.get("lang") and other.get("title") and other.url != page.url
        if other.get("fate", "keep") == "keep"
    ]
    others.sort(key=lambda other: hashlib.sha256((page.url + other.name).encode()).digest())
    return "\n".join(
        f'<li><a href="{other.url}">{html.escape(other["title"], quote=False)}</a></li>' for other in others[:count]
    )


def render(body: str) -> str:
    """The body's markup as HTML."""
    blocks: list[str] = []
    in_post = False
    for block in blocks_of(body):
        if block.startswith("@"):
            head, _, rest = block.partition("\n")
            user, _, when = head[1:].partition(" | ")
            blocks.append("</div></div>" if in_post else "")
            blocks.append(
                f'<div class="post"><div class="post-head"><a class="user" href="/u/{user}">{user}</a> '
                f'<span class="when">{when}</span></div><div class="post-body">'
            )
            in_post = True
            block = rest
        if block:
            blocks.append(render_block(block))
    blocks.append("</div></div>" if in_post else "")
    return "\n".join(filter(None, blocks))


def blocks_of(body: str) -> list[str]:
    """Split at blank lines, except inside fenced code."""
    blocks = []
    for index, part in enumerate(re.split(r"^```\n", body, flags=re.M)):
        if index % 2:
            blocks.append("```\n" + part)
        else:
            blocks += [block for block in re.split(r"\n{2,}", part.strip("\n")) if block]
    return blocks


def render_block(block: str) -> str:
    if block.startswith("<"):
        return block
    if block.startswith("```\n"):
        return f"<pre><code>{html.escape(block[4:], quote=False)}</code></pre>"
    lines = [html.escape(line, quote=False) for line in block.splitlines()]
    if block.startswith("### "):
        return f"<h3>{lines[0][4:]}</h3>"
    if block.startswith("## "):
        return f"<h2>{lines[0][3:]}</h2>"
    if block.startswith("- "):
        return "<ul>\n" + "\n".join(f"<li>{line.removeprefix('- ')}</li>" for line in lines) + "\n</ul>"
    if re.match(r"\d+\. ", block):
        return "<ol>\n" + "\n".join(f"<li>{line.split('. ', 1)[1]}</li>" for line in lines) + "\n</ol>"
    if block.startswith("> "):
        return "<blockquote><p>" + " ".join(line.removeprefix("&gt; ") for line in lines) + "</p></blockquote>"
    if block.startswith("| "):
        rows = ([cell.strip() for cell in line.strip("| ").split("|")] for line in lines)
        return "<table>\n" + "\n".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows) + "\n</table>"
    return "<p>" + "\n".join(lines) + "</p>"
