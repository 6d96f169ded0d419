"""Language identification with the bundled model and with one trained here."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest

from gristmill.errors import UserError
from gristmill.filters.language import Language, bundled_model, identify, language_model, vote
from tests.stages import run_filter

ENGLISH = "The committee met on Tuesday to discuss how the new road should be paid for."
GERMAN = "Der Ausschuss hat am Dienstag darüber beraten, wie die neue Straße bezahlt werden soll."
FRENCH = "La commission s'est réunie mardi pour décider comment payer la nouvelle route."


def drops(stage: Language, texts: list[str]) -> list[str | None]:
    return run_filter(stage, texts).column("drop").to_pylist()


def test_english_is_kept_by_default_and_others_named():
    assert drops(Language(), [ENGLISH, GERMAN, "zqx 1 ## vv"]) == [
        None,
        "language.other_language",
        run_filter(Language(), ["zqx 1 ## vv"]).column("drop")[0].as_py(),
    ]
    batch = run_filter(Language(), [ENGLISH, GERMAN, FRENCH])
    assert batch.column("language.code").to_pylist() == ["en", "de", "fr"]
    assert (batch.numbers("language.score") > 0.9).all()


def test_labels_and_scores_are_those_of_single_predictions():
    texts = [ENGLISH, GERMAN + "\n" + FRENCH, "a\n\n\nb", "漢字かな", "x" * 5000]
    found = identify(texts)
    for text, code, score in zip(texts, found.first, found.best, strict=True):
        labels, probabilities = language_model(None).predict(text.replace("\n", " "))
        assert (f"__label__{code}", score) == (labels[0], np.float32(probabilities[0]))


def test_another_fasttext_agrees():
    fasttext = pytest.importorskip("fasttext")
    model = fasttext.load_model(bundled_model())
    texts = [ENGLISH, GERMAN, FRENCH, "漢字かな", "Привет, как дела?"]
    assert identify(texts).first == [model.predict(text)[0][0].removeprefix("__label__") for text in texts]


def test_declarations_of_human_rights_are_told_apart(real_data):
    wanted = {"eng": "en", "deu_1996": "de", "fra": "fr", "spa": "es", "rus": "ru", "jpn": "ja", "ell_monotonic": "el"}
    found = {}
    with tarfile.open(real_data / "langid" / "udhr.tar.xz") as archive:
        for member in archive:
            code = member.name.rsplit("/", 1)[-1].rsplit(".", 1)[0].removeprefix("udhr_")
            if code in wanted and member.isfile() and member.name.endswith((".json", ".txt", ".html")):
                found[code] = archive.extractfile(member).read().decode("utf-8")  # type: ignore[union-attr]
    if not found:
        pytest.skip("the archive names its files otherwise")
    texts = [_strings(text) for text in found.values()]
    assert identify(texts).first == [wanted[code] for code in found]


def _strings(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(value, ensure_ascii=False)


def test_blank_texts_have_no_language():
    batch = run_filter(Language(keep=None), ["", " \n\t ", ENGLISH])
    assert batch.column("language.code").to_pylist() == [None, None, "en"]
    assert batch.numbers("language.score")[:2].tolist() == [0, 0]
    assert batch.column("drop").to_pylist() == ["language.low_score", "language.low_score", None]


def test_a_score_equal_to_the_threshold_is_dropped():
    score = float(run_filter(Language(), [ENGLISH]).numbers("language.score")[0])
    assert drops(Language(threshold=score), [ENGLISH]) == ["language.low_score"]
    assert drops(Language(threshold=score - 1e-6), [ENGLISH]) == [None]


def test_a_language_can_have_a_threshold_of_its_own():
    stage = Language(keep=None, threshold=0.0, thresholds={"de": 1.0})
    assert drops(stage, [ENGLISH, GERMAN]) == [None, "language.low_score"]


def test_only_the_beginning_counts_when_bounded():
    text = ENGLISH + " " + (GERMAN + " ") * 20
    assert identify([text]).first == ["de"]
    assert identify([text], max_bytes=len(ENGLISH)).first == ["en"]
    assert identify(["漢字"], max_bytes=4) == identify(["漢"])  # never half a character


def test_thresholds_and_languages_are_no_signal_settings():
    assert set(Language.signal_settings) == {"model", "max_bytes", "judge", "alternatives"}


def test_a_model_trained_elsewhere_serves(tmp_path):
    fasttext = pytest.importorskip("fasttext_new")
    examples = tmp_path / "examples.txt"
    rows = [f"__label__up {w} rise grow climb" for w in "abcdef"] + [
        f"__label__down {w} fall sink drop" for w in "abcdef"
    ]
    examples.write_text("\n".join(rows * 20))
    model = fasttext.train_supervised(str(examples), epoch=20, lr=0.5, dim=10, thread=1, minn=0, maxn=0, verbose=0)
    model.save_model(str(tmp_path / "direction.bin"))
    stage = Language(model=str(tmp_path / "direction.bin"), keep=["up"])
    stage.check()
    assert drops(stage, ["rise climb grow", "sink fall drop"]) == [None, "language.other_language"]


def test_check_reports_what_is_wrong_with_a_model(tmp_path):
    with pytest.raises(UserError, match="no such language model"):
        Language(model=str(tmp_path / "absent.bin")).check()
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"not a model at all")
    with pytest.raises(UserError, match="not a fastText model"):
        Language(model=str(broken)).check()


def test_check_reports_a_language_the_model_does_not_know():
    with pytest.raises(UserError, match="'english'"):
        Language(keep=["english"]).check()
    with pytest.raises(UserError, match="'xx'"):
        Language(thresholds={"xx": 0.5}).check()


@pytest.fixture(scope="module")
def glot_model(tmp_path_factory) -> str:
    """A tiny model whose labels are written as GlotLID's and OpenLID's are."""
    import fasttext_new

    samples = {
        "eng_Latn": ENGLISH,
        "deu_Latn": GERMAN,
        "srp_Cyrl": "Одбор се састао у уторак да расправља о томе како платити нови пут.",
        "srp_Latn": "Odbor se sastao u utorak da raspravlja o tome kako platiti novi put.",
    }
    folder = tmp_path_factory.mktemp("glot")
    rows = [f"__label__{label} {word}" for label, text in samples.items() for word in text.split() for _ in range(30)]
    (folder / "examples.txt").write_text("\n".join(rows))
    model = fasttext_new.train_supervised(
        str(folder / "examples.txt"), epoch=15, lr=0.5, dim=16, thread=1, minn=1, maxn=3, bucket=5000, verbose=0
    )
    model.save_model(str(folder / "glot.bin"))
    return str(folder / "glot.bin")


def test_labels_with_scripts_become_code_and_script(glot_model):
    cyrillic, latin = "платити нови пут", "platiti novi put"
    batch = run_filter(Language(model=glot_model, keep=None, threshold=0.3), [cyrillic, latin, ENGLISH, ""])
    assert batch.column("language.code").to_pylist() == ["srp", "srp", "eng", None]
    assert batch.column("language.script").to_pylist() == ["Cyrl", "Latn", "Latn", None]
    assert drops(Language(model=glot_model, keep=["srp"], threshold=0), [cyrillic, latin, ENGLISH]) == [
        None,
        None,
        "language.other_language",
    ]
    script = Language(model=glot_model, keep=["srp_Cyrl", "eng"], threshold=0)
    script.check()
    assert drops(script, [cyrillic, latin, ENGLISH]) == [None, "language.other_language", None]
    strict = Language(model=glot_model, keep=["srp", "eng"], threshold=0, thresholds={"srp_Cyrl": 1, "eng": 1})
    assert drops(strict, [cyrillic, latin, ENGLISH]) == ["language.low_score", None, "language.low_score"]
    with pytest.raises(UserError, match="'srp_Arab'"):
        Language(model=glot_model, keep=["srp_Arab"]).check()


def test_thresholds_of_fineweb2_hold_for_either_kind_of_label(glot_model):
    for stage in (
        Language(keep=["de"], thresholds="fineweb2"),
        Language(keep=["deu"], thresholds="fineweb2", model=glot_model),
    ):
        stage.check()
        assert stage.limit(stage.keep[0], stage.keep[0]) == 0.821
        assert stage.limit("en", None) == stage.threshold
    score = float(
        run_filter(Language(keep=["pl"]), ["Komisja zebrała się we wtorek w sprawie drogi"]).numbers("language.score")[
            0
        ]
    )
    assert score > 0.689


def test_lines_vote_with_their_bytes():
    text = f"{ENGLISH}\n\n{GERMAN}\n{GERMAN}"
    found = vote([text, ENGLISH, " \n"], guesses=3)
    assert found.first == ["de", "en", None]
    model, sizes = language_model(None), [len(line.encode()) for line in (ENGLISH, GERMAN)]
    german, english = (float(model.predict(line)[1][0]) for line in (GERMAN, ENGLISH))
    total = sizes[0] + 2 * sizes[1]
    assert found.labels[0] == ["de", "en"]
    assert found.scores[0] == pytest.approx([2 * sizes[1] * german / total, sizes[0] * english / total])
    assert drops(Language(judge="lines", keep=["de"], threshold=0.6), [text]) == [None]
    assert drops(Language(judge="lines", keep=["de"], threshold=0.7), [text]) == ["language.low_score"]


def test_further_guesses_are_written_if_asked():
    batch = run_filter(Language(alternatives=2), [ENGLISH, ""])
    labels, scores = language_model(None).predict(ENGLISH, k=3)
    found = batch.column("language.alternatives").to_pylist()
    assert [guess["label"] for guess in found[0]] == [label.removeprefix("__label__") for label in labels[1:]]
    assert [guess["score"] for guess in found[0]] == pytest.approx(list(scores[1:]))
    assert found[1] == []
    assert "alternatives" not in Language().value_schema().names


def test_the_unknown_can_be_kept():
    stage = Language(unknown="keep")
    assert drops(stage, ["zqx 1 ## vv", "", GERMAN, ENGLISH]) == [None, None, "language.other_language", None]
