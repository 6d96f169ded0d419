"""Frequent function words by language, for rules that ask whether a text is running prose.

English has Gopher's eight. The other lists are this project's: articles, prepositions, conjunctions, pronouns and forms of "to
be" that running text can hardly do without, as whole words of Unicode's segmentation (an elided `l'` is none). In Chinese and
Japanese, whose words are single characters to that segmentation, they are such characters.
"""

from __future__ import annotations

GOPHER_STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]

_LISTS = """
ar في من على إلى أن عن مع هذا هذه التي الذي كان ما لا بعد بين كل أو ذلك قد
bg на и в за от да се с не по е са като че до при това или през му
ca de la el i a que en els les un una per amb del és no es al o són
cs a v na se je že s z do o k i pro jako to za by od po není
da og i at er en til på det af for med den de der ikke som et har fra var
de der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus
el και το του η να της των με την τα για από που ο σε τον είναι στο δεν οι
es de la que el en y a los se del las un por con una para no su es al lo como más
et ja on ei et see oli ka kui mis ta ning oma kes või mida siis aga nii
fa و در به از که این را با است برای آن یک خود تا می بر هم یا شده بود
fi ja on ei että se oli myös hän joka kun mutta sekä ovat tai niin ole kuin mukaan jos
fr de la le et les des en un une du dans est que pour qui par au sur il ne pas plus ce avec sont
he של את על לא הוא היא עם זה או כי גם אם כל אל יש בין היה הם אשר
hi के है में की और से का को पर यह कि हैं भी एक इस ने लिए नहीं हो या
hr i u je se na da su za od s a o kao koji to koja ili nije iz do
hu a az és hogy nem is egy ez van volt meg de csak vagy mint el ki azt kell még
id yang dan di dari untuk dengan ini pada itu dalam tidak adalah ke akan atau juga oleh sebagai ada bahwa
it di che e la il un a per in una è del della non con si da le i dei sono come al
ja の に は を が と で も て な し か い す る
lt ir yra kad iš su į o bet tai buvo ar kaip už jo nuo dėl apie po taip šis
lv un ir ar no par ka uz tas kas bet pie vai kā arī to tika pēc līdz šo nav
nl de van het een en in is dat op te zijn met voor niet die aan er om ook door als bij
no og i det er en på som til at av for med de den har ikke et om var fra
pl i w na z się do nie to że jest o od po jak za przez a oraz ale dla są
pt de a o que e do da em um para com não uma os no se na por mais as dos como
ro de și în a la cu pe din nu să o un este care se ce mai pentru că sau
ru и в не на с что по к из у за от это для как о но а он или был
sk a v na sa je že s z do o aj k pre ako to za by od po alebo
sl in je v se na za da so ki z s pa ne po o od kot tudi pri ali
sr и у је се на да су за од са о као који то која или није из до а i u je se na da su za od sa
sv och i att det som en på är av för med till den har inte om ett de var från
tr ve bir bu da de için ile olarak olan çok daha gibi ne en kadar o sonra ya değil var
uk і в не на з що у до за та це від як для по про або є але його
vi và của là các có cho được trong với một không những người này để đã khi từ ở đến
zh 的 是 不 了 在 有 和 人 我 他 这 這 为 為 也 就 与 與 对 對 以 而 及
"""

STOP_WORDS: dict[str, list[str]] = {
    "en": GOPHER_STOP_WORDS,
    **{line.split()[0]: list(dict.fromkeys(line.split()[1:])) for line in _LISTS.split("\n") if line},
}
"""The words by two-letter language code."""
