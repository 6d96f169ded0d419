"""Names the Wikipedias use in their own languages: namespaces, redirects, disambiguation, closing sections, codes.

    names_of("de").files        # frozenset({'file', 'image', 'media', 'datei', 'bild'})

A dump's own <siteinfo> knows its namespaces but not their older aliases ("Bild:"), which stand in links for ever.
Tables are for the twenty languages of LLaMA (Touvron et al. 2023, section 2.1); English names hold in every wiki.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LLAMA_LANGUAGES = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())

_FILES = {
    "bg": "файл картинка медия",
    "ca": "fitxer imatge multimèdia",
    "cs": "soubor média",
    "da": "fil billede media",
    "de": "datei bild medium",
    "en": "file image media",
    "es": "archivo imagen medio",
    "fr": "fichier média",
    "hr": "datoteka slika mediji",
    "hu": "fájl kép média",
    "it": "file immagine",
    "nl": "bestand afbeelding",
    "pl": "plik grafika",
    "pt": "ficheiro imagem arquivo multimédia",
    "ro": "fișier fişier imagine",
    "ru": "файл изображение медиа",
    "sl": "slika datoteka",
    "sr": "датотека слика медиј datoteka slika medij",
    "sv": "fil bild",
    "uk": "файл зображення медіа",
}
_CATEGORIES = {
    "bg": "категория",
    "ca": "categoria",
    "cs": "kategorie",
    "da": "kategori",
    "de": "kategorie",
    "en": "category",
    "es": "categoría",
    "fr": "catégorie",
    "hr": "kategorija",
    "hu": "kategória",
    "it": "categoria",
    "nl": "categorie",
    "pl": "kategoria",
    "pt": "categoria",
    "ro": "categorie",
    "ru": "категория",
    "sl": "kategorija",
    "sr": "категорија kategorija",
    "sv": "kategori",
    "uk": "категорія",
}
_REDIRECTS = {
    "bg": "пренасочване виж",
    "ca": "redirecció",
    "cs": "přesměruj",
    "da": "omdirigering",
    "de": "weiterleitung",
    "en": "redirect",
    "es": "redirección",
    "fr": "redirection",
    "hr": "preusmjeri",
    "hu": "átirányítás",
    "it": "rinvia",
    "nl": "doorverwijzing",
    "pl": "patrz przekieruj tam",
    "pt": "redirecionamento",
    "ro": "redirecteaza",
    "ru": "перенаправление перенапр",
    "sl": "preusmeritev",
    "sr": "преусмери preusmeri",
    "sv": "omdirigering",
    "uk": "перенаправлення перенаправление",
}
_DISAMBIGUATION = {
    "bg": "пояснение|disambig",
    "ca": "desambiguació|desambigua|disambig",
    "cs": "rozcestník|rozcestník - příjmení|rozcestník - křestní jméno",
    "da": "flertydig|flertydigt efternavn|dab",
    "de": "begriffsklärung",
    "en": "disambiguation|disambig|disamb|dab|hndis|geodis|human name disambiguation|place name disambiguation"
    "|airport disambiguation|callsigndis|disambiguation cleanup|mathematical disambiguation|mathdab|mil-unit-dis"
    "|number disambiguation|numberdis|roaddis|road disambiguation|schooldis|school disambiguation|hospitaldis"
    "|hospital disambiguation|letter-number combination disambiguation|species latin name disambiguation|wpdis"
    "|genus disambiguation|station disambiguation|taxonomy disambiguation|letter disambiguation|chinese title disambig",
    "es": "desambiguación|desambiguacion|desambig|des",
    "fr": "homonymie|patronyme|toponymie|paronymie|prénoms|homonymie de titre|homonymie d'établissements scolaires"
    "|homonymie de clubs sportifs|homonymie de routes|homonymie de films",
    "hr": "razdvojba|razdvojba1",
    "hu": "egyért|egyértelműsítő lap|egyért-redir",
    "it": "disambigua|sigla2|sigla3",
    "nl": "dp|dpintro|dp-afkorting|doorverwijspagina",
    "pl": "ujednoznacznienie|ujednoznacznienie strona|ujedn",
    "pt": "desambiguação|desambig|desambigação|disambig",
    "ro": "dezambiguizare|dezambig|disambig",
    "ru": "неоднозначность|неоднозначность2|disambig|список однофамильцев",
    "sl": "razločitev|razločitev2|disambig",
    "sr": "вишезначна одредница|višeznačna odrednica|вишезначна|višeznačna|disambig",
    "sv": "förgrening|gren|grensida|namnförgrening",
    "uk": "неоднозначність|disambig|неоднозначність2|дн",
}
_CLOSING_SECTIONS = {
    "bg": "източници|външни препратки|вижте също|бележки|литература|бележки и източници",
    "ca": "referències|enllaços externs|vegeu també|bibliografia|notes|notes i referències",
    "cs": "reference|externí odkazy|související články|literatura|poznámky|odkazy",
    "da": "referencer|eksterne henvisninger|eksterne links|se også|litteratur|kilder|noter|fodnoter",
    "de": "einzelnachweise|weblinks|siehe auch|literatur|anmerkungen|quellen|fußnoten|belege",
    "en": "references|external links|see also|further reading|notes|bibliography|sources|citations|footnotes|works cited"
    "|notes and references",
    "es": "referencias|enlaces externos|véase también|bibliografía|notas|notas y referencias|fuentes",
    "fr": "références|liens externes|voir aussi|bibliographie|notes et références|notes|articles connexes|lien externe"
    "|annexes|sources",
    "hr": "izvori|vanjske poveznice|povezani članci|literatura|bilješke|također pogledajte",
    "hu": "jegyzetek|külső hivatkozások|kapcsolódó szócikkek|források|további információk|irodalom|lásd még",
    "it": "note|collegamenti esterni|voci correlate|bibliografia|altri progetti",
    "nl": "referenties|externe links|externe link|zie ook|literatuur|bronnen|bronnen, noten en/of referenties|noten",
    "pl": "przypisy|linki zewnętrzne|zobacz też|bibliografia|uwagi",
    "pt": "referências|ligações externas|ver também|bibliografia|notas|notas e referências",
    "ro": "note|legături externe|vezi și|bibliografie|referințe|note și referințe|lectură suplimentară",
    "ru": "примечания|ссылки|см. также|литература|источники",
    "sl": "sklici|zunanje povezave|glej tudi|literatura|viri|opombe",
    "sr": "референце|спољашње везе|види још|литература|извори|напомене|reference|spoljašnje veze|vidi još",
    "sv": "referenser|externa länkar|se även|litteratur|källor|noter|fotnoter",
    "uk": "примітки|посилання|див. також|джерела|література",
}

_CODES = frozenset(
    """ab ace ady af ak als alt am ami an ang anp ar arc ary arz as ast atj av avk awa ay az azb ba ban bar bat-smg bbc
    bcl be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug bxr ca cbk-zam cdo ce ceb ch cho chr chy
    ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv dz ee el eml en eo es et eu ext fa fat ff fi
    fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he
    hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kbp kcg
    kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc
    lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah
    nan nap nb nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc
    pdt pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd
    se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te
    tet tg th ti tig tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo vro wa war wo
    wuu xal xh xmf yi yo yue za zea zgh zh zh-classical zh-min-nan zh-yue zu""".split()
)
_CODE_ALIASES = {
    "simple": "en",
    "als": "gsw",
    "bat-smg": "sgs",
    "be-x-old": "be-tarask",
    "cbk-zam": "cbk",
    "fiu-vro": "vro",
    "map-bms": "jv",
    "roa-rup": "rup",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
    "zh-yue": "yue",
}


@dataclass(frozen=True)
class Names:
    """One wiki language's names, all in casefold."""

    files: frozenset[str]
    categories: frozenset[str]
    redirects: frozenset[str]
    disambiguation: frozenset[str]
    closing_sections: frozenset[str]


@cache
def names_of(language: str) -> Names:
    """The names of a wiki in this language, English ones included; only those where the language has no table."""

    def both(table: dict[str, str], divider: str | None = None) -> frozenset[str]:
        found = table["en"].split(divider) + table.get(language, "").split(divider)
        return frozenset(name.casefold() for name in found if name)

    return Names(
        both(_FILES),
        both(_CATEGORIES),
        both(_REDIRECTS),
        both(_DISAMBIGUATION, "|"),
        both(_CLOSING_SECTIONS, "|"),
    )


def wiki_codes() -> frozenset[str]:
    """Codes of the Wikipedias, which stand as prefixes of links between languages."""
    return _CODES


def language_of(code: str) -> str:
    """The language of the wiki with this code, as ISO 639 writes it: `simple` → `en`, `zh-min-nan` → `nan`."""
    code = code.lower().replace("_", "-")
    return _CODE_ALIASES.get(code, code)


def code_of_database(name: str) -> str | None:
    """`dewiki` → `de`, `be_x_oldwiki` → `be-x-old`; None for databases that are no Wikipedia's."""
    code = name.removesuffix("wiki").replace("_", "-")
    return code if name.endswith("wiki") and code in _CODES else None
