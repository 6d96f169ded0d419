"""Names in HTML as numbers: elements with what browsers do at their tags, and words of classes with what they hint at.

Names are told by a 64-bit hash of their letters in lower case, so that a kernel looks one up while it reads it.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.leaf import leaf

# what a tag does (flags of ELEMENT_FLAGS)
VOID = 1  # has no content and no end tag
BLOCK = 2  # begins and ends a block of text
RAW = 4  # its content is no markup
SKIP = 8  # its content is not shown
CLOSES_P = 16  # ends an open paragraph
FORMAT = 32  # changes the look of the text, never the tree
SCOPE = 64  # an end tag inside does not close what was opened outside
BREAKS_OUT = 128  # ends a drawing or a list of options that was left open

_BLOCKS = (
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 "
    "h5 h6 header hgroup li main menu nav noscript ol p pre listing search section summary table caption thead tbody tfoot tr "
    "td th ul button legend optgroup option xmp custom"
)
_CLOSES_P = (
    "address article aside blockquote center details dialog dir div dl dt dd fieldset figcaption figure footer form h1 h2 h3 h4 "
    "h5 h6 header hgroup hr li main menu nav ol p pre listing search section summary table ul plaintext xmp"
)
_FLAGS: dict[int, str] = {
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr",
    BLOCK: _BLOCKS,
    RAW: "script style title textarea iframe noembed noframes",
    SKIP: "svg template select datalist canvas audio video annotation annotation-xml rt rp",
    CLOSES_P: _CLOSES_P,
    FORMAT: "html head body a b big code em font i nobr s small strike strong sup tt u",
    SCOPE: "td th caption table html template button",
    BREAKS_OUT: "div p table td tr h1 h2 h3 h4 article section main ul dl",
}
_PLAIN = "span label time cite ruby math foreignobject q"  # inline elements that are part of the tree

ELEMENTS = tuple(dict.fromkeys(" ".join((*_FLAGS.values(), _PLAIN)).split()))
"""Names by number, from 1; 0 is any other element."""

NUMBER = {name: number + 1 for number, name in enumerate(ELEMENTS)}
ELEMENT_FLAGS = np.zeros(len(ELEMENTS) + 1, np.int64)
for _flag, _names in _FLAGS.items():
    for _name in _names.split():
        ELEMENT_FLAGS[NUMBER[_name]] |= _flag
ELEMENT_FLAGS[0] = FORMAT  # unknown elements are inline

# kinds of surroundings: a block's distance to the nearest element of each is a feature
_HINTS: dict[str, str] = {
    "content": "content contents body text maincontent contenttext fulltext richtext copy paragraph texte inhalt contenido",
    "article": "article articles articlebody post posts entry story blog blogpost news hentry prose beitrag artikel articulo",
    "main": "main primary page center middle container wrapper",
    "comment": "comment comments commentlist commentaires commentaire kommentar kommentare comentarios comentario disqus respond "
    "replies reply discussion feedback commentarea guestbook komentarze komentarz reacties commento commenti komentar",
    "sidebar": "sidebar side aside rail right left secondary complementary column col sidebars seitenleiste",
    "nav": "nav navigation menu navbar breadcrumb breadcrumbs pagination pager tabs tab submenu topnav sitemap menus crumbs "
    "paging prev next navi dropdown submenus menuitem",
    "footer": "footer foot bottom copyright colophon legal imprint impressum footnav fine disclaimer",
    "header": "header masthead topbar banner top logo branding head hero site",
    "share": "share sharing social facebook twitter follow addthis sharedaddy sharebar whatsapp pinterest shares socials",
    "related": "related recommended recommend recommendations more similar popular trending latest recent also teaser teasers "
    "mostread read readmore relatedposts verwandt suggestions upsell crosssell",
    "ad": "ad ads advert advertisement advertising sponsor sponsored promo promotion werbung anzeige outbrain taboola adsense "
    "publicidad banner reklama dfp",
    "widget": "widget widgets module modules box block portlet panel card cards tile",
    "meta": "meta byline author date time postmeta info published tag tags category categories timestamp posted autor datum "
    "bio credits dateline postinfo labels",
    "title": "title headline heading subtitle subheading titre titel subheadline headlines",
    "caption": "caption credit image img photo gallery figure slideshow thumb thumbnail media picture carousel slider video "
    "captions lightbox",
    "overlay": "cookie cookies consent gdpr modal popup overlay dialog notice newsletter subscribe signup login paywall alert "
    "message-bar subscription register optin popover tooltip",
    "form": "form search input button btn forms searchform field cta buttons submit",
    "list": "list item items listing grid results result archive row feed index",
    "forum": "forum thread topic message postbody answer question answers questions messages threads qa review reviews",
    "product": "product price description details specs products detail cart variant spec specifications summary features",
    "code": "code docs doc documentation markdown highlight readme wiki mw rst sphinx docutils crayon",
    "lead": "lead intro excerpt abstract deck standfirst dek introduction lede kicker chapo vorspann",
    "notes": "toc footnote footnotes reference references reflist citation tableofcontents bibliography notes",
}
_TAG_HINTS: dict[str, str] = {
    "in_hidden": "",
    "in_article": "article",
    "in_main": "main",
    "in_nav": "nav",
    "in_header": "header",
    "in_footer": "footer",
    "in_aside": "aside",
    "in_section": "section",
    "in_form": "form fieldset",
    "in_figure": "figure figcaption",
    "in_table": "table",
    "in_list": "ul ol menu dir",
    "in_item": "li",
    "in_quote": "blockquote",
    "in_pre": "pre listing xmp",
    "in_dl": "dl",
    "in_button": "button summary",
    "in_p": "p",
    "in_heading": "h1 h2 h3 h4 h5 h6",
    "in_noscript": "noscript",
}
HINTS = (*_HINTS, *_TAG_HINTS)
"""Names of the surroundings by bit."""

HIDDEN_BIT = np.uint64(1) << np.uint64(HINTS.index("in_hidden"))
ROLE_BITS = {  # of ARIA roles and of itemprop
    "main": "in_main",
    "article": "in_article",
    "articlebody": "in_article",
    "navigation": "in_nav",
    "banner": "in_header",
    "contentinfo": "in_footer",
    "complementary": "in_aside",
    "search": "in_form",
    "menu": "in_nav",
    "dialog": "overlay",
}
ELEMENT_HINTS = np.zeros(len(ELEMENTS) + 1, np.uint64)
for _hint, _names in _TAG_HINTS.items():
    for _name in _names.split():
        ELEMENT_HINTS[NUMBER[_name]] |= np.uint64(1) << np.uint64(HINTS.index(_hint))

FNV_START, FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a


def name_hash(name: str) -> int:
    """FNV-1a of a name's UTF-8 bytes."""
    value = int(FNV_START)
    for byte in name.encode():
        value = (value ^ byte) * int(FNV_PRIME) % 2**64
    return value


def hash_table(values: dict[str, int], bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys uint64 and values uint64, both (2**bits,), open addressing; an empty place has key 0."""
    keys, found = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.uint64)
    for name, value in values.items():
        key = name_hash(name)
        at = key >> (64 - bits)
        while keys[at]:
            assert int(keys[at]) != key, name
            at = (at + 1) & ((1 << bits) - 1)
        keys[at], found[at] = key, value
    return keys, found


ELEMENT_KEYS, ELEMENT_VALUES = hash_table(NUMBER, 9)
LONGEST_NAME = 32  # bytes of an element's name in which a hyphen is looked for
LINE_BIT = np.uint64(1) << np.uint64(62)
"""Beside the bits of HINTS: a class that marks a line of code."""

# further bits: classes of text that only screen readers see; words that say so alone, and pairs of words that do together
_ALONE, _PAIRS = 50, 51
_UNSEEN = {
    _ALONE: "visually visuallyhidden offscreen screenreader assistive clipped",
    _PAIRS: "sr",
    _PAIRS + 1: "only",
    _PAIRS + 2: "screen",
    _PAIRS + 3: "reader",
    _PAIRS + 4: "katex",
    _PAIRS + 5: "mathml",
}

WORD_KEYS, WORD_VALUES = hash_table(
    {"line": int(LINE_BIT)}
    | {word: 1 << bit for bit, words in _UNSEEN.items() for word in words.split()}
    | {
        word: sum(1 << HINTS.index(hint) for hint, words in _HINTS.items() if word in words.split())
        for words in _HINTS.values()
        for word in words.split()
    },
    11,
)
ROLE_KEYS, ROLE_VALUES = hash_table({role: 1 << HINTS.index(hint) for role, hint in ROLE_BITS.items()}, 6)

_ATTRIBUTES = "class id role hidden aria-hidden style href itemprop colspan start value"
ATTRIBUTE = {name: number + 1 for number, name in enumerate(_ATTRIBUTES.split())}
ATTRIBUTE_KEYS, ATTRIBUTE_VALUES = hash_table(ATTRIBUTE, 6)


@leaf
def step(value, byte):
    """The hash with one more byte."""
    return (value ^ np.uint64(byte)) * FNV_PRIME


@leaf
def find(keys, values, bits, key):
    """The value of a key in a hash_table; 0 when absent."""
    mask = np.int64((1 << bits) - 1)
    at = np.int64(key >> np.uint64(64 - bits))
    while keys[at] != np.uint64(0):
        if keys[at] == key:
            return values[at]
        at = (at + 1) & mask
    return np.uint64(0)


SMALL_LETTERS = np.arange(256, dtype=np.uint8)
"""Each byte, ASCII letters made small."""
SMALL_LETTERS[65:91] += 32
ENDS_TAG_NAME, ENDS_ATTRIBUTE_NAME = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
ENDS_TAG_NAME[: ord(" ") + 1] = True
ENDS_TAG_NAME[[ord(sign) for sign in "/>"]] = True
ENDS_ATTRIBUTE_NAME[[ord(sign) for sign in "\t\n\v\f\r />="]] = True


@leaf
def read_name(data, at, n, ends, value):
    """The place behind the name at `at`, and its hash with ASCII letters made small, `value` being that of what stands before."""
    while at < n and not ends[data[at]]:
        value = step(value, SMALL_LETTERS[data[at]])
        at += 1
    return at, value


@leaf
def small_hash(data, start, end):
    """Hash of data[start:end] with ASCII letters made small."""
    value = FNV_START
    for at in range(start, end):
        value = step(value, SMALL_LETTERS[data[at]])
    return value


@leaf
def element_named(value, data, start, end):
    """Number of the element whose name, at [start, end), has this hash; names with a hyphen are `custom` unless known."""
    found = find(ELEMENT_KEYS, ELEMENT_VALUES, 9, value)
    if found == np.uint64(0):
        for at in range(start, min(end, start + LONGEST_NAME)):
            if data[at] == 45:
                return np.int64(CUSTOM)
    return np.int64(found)


@leaf
def words_hints(data, start, end):
    """Bits of HINTS for the words in a class or id: parted by anything but letters, and where capitals begin."""
    bits = np.uint64(0)
    value, length = FNV_START, 0
    small = False  # whether the last letter was small
    for at in range(start, end + 1):
        byte = np.int64(data[at]) if at < end else np.int64(32)
        upper = 65 <= byte <= 90
        if upper or 97 <= byte <= 122:
            if upper and small:
                if length > 1:
                    bits |= find(WORD_KEYS, WORD_VALUES, 11, value)
                value, length = FNV_START, 0
            value = step(value, byte | 32)
            length += 1
            small = not upper
        else:
            if length > 1:
                bits |= find(WORD_KEYS, WORD_VALUES, 11, value)
            value, length, small = FNV_START, 0, False
    return bits


@leaf
def unseen(bits):
    """Whether a class says that its text is for screen readers alone: sr-only, visually-hidden, screen-reader-text …"""
    if bits & _ALONE_BIT:
        return True
    pairs = bits >> _FIRST_PAIR
    return pairs & pairs >> np.uint64(1) & np.uint64(0b10101) != np.uint64(0)


_ALONE_BIT, _FIRST_PAIR = np.uint64(1 << _ALONE), np.uint64(_PAIRS)
CUSTOM = NUMBER["custom"]
