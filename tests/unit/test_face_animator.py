"""The animator: what the lips show, streaming, and what happens when phones stay away."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solami.audio2face import Animator, Style, animate, measure_lips, style_of
from solami.audio2face.animator import LOOKAHEAD_S, PATIENCE_S
from solami.audio2face.measure import LipReport, aperture, merge
from solami_protocol.arkit import FACE_INDEX, FACE_MIRROR
from solami_protocol.errors import InputError
from solami_protocol.phones import PHONES, VOWELS, Phone

RATE = 24_000

# Twenty sentences full of closures, open vowels and rounding; "|" is a pause.
SENTENCES = """
p ae k m ay b aa k s w ih dh f ay v d ah z ax n l ih k er jh ah g z
b aa b m ey k iy p dh ax m ae p ax b ah v dh ax l ae m p
m ay m ah dh er b ao t ax b ih g p er p ax l ah m b r eh l ax
hh aw n aw | b r aw n k aw
ay ax m n aa t sh uh r w ah t y uw m iy n | b ah t ay l ay k ih t v eh r iy m ah ch
p l iy z b r ih ng m iy s ah m p eh p er | ae n d ax b aa t ax l ah v m ih l k
dh ax m uw n w ah z ow v er dh ax w ao t er w eh n w iy k ey m hh ow m
y uw n ow | dh ax r ow b aa t m uw v d ih t s aa r m z ae n d w ey v d
s uw s ao dh ax sh uw sh aa p sh ow s ih k s sh aa r p sh ey p s
ax f aa dh er | ae n d ax m ah dh er w ao k t ax l ao ng dh ax p ae th
w uh d y uw m ay n d ow p ax n ih ng dh ae t w ih n d ow f er ax m ow m ax n t
w iy w er ax w ey ax y ih r ax g ow
th ah m z ah p | dh ae t w ah z ax n ax m ey z ih ng jh ah m p
f ay v v eh r iy f ay n v ae n z w er f uh l ah v f r eh sh f r uw t
hh ax l ow dh eh r | ay hh ae v b ih n w ey t ih ng f ao r y uw ao l d ey l ao ng
m ey b iy w iy k uh d p l ae n ax p ih k n ih k b ay dh ax p aa n d
ow n ow | ay d r aa p t m ay ae p ax l b ih hh ay n d dh ax k ah b er d
s ih m p ax l p r aa b l ax m z b ih k ah m ih m p ao r t ax n t p r aa b l ax m z ow v er t ay m
w ah t ax l ah v l iy d ey t uw t ey k ax b ow t ax k r ao s dh ax b ey
t eh l m iy ax b aw t y ao r jh aa b | y ao r hh ow m ae n d y ao r hh ae p iy m eh m er iy z
""".strip().splitlines()

LENGTH_MS = {"sil": 160, "ax": 48, "ih": 62, "iy": 80, "uw": 85, "uh": 60, "d": 34, "t": 44, "b": 52, "p": 60, "g": 60}


def spoken(sentence: str, tempo: float = 1.0) -> list[Phone]:
    """Phones of typical length, each sentence a little different, from 40 ms on."""
    phones, at_ms = [], 40.0
    for i, p in enumerate(sentence.replace("|", "sil").split()):
        d_ms = LENGTH_MS.get(p, 120 if p in {"aa", "ae", "ao", "aw", "ay", "ey", "ow"} else 72)
        d_ms *= (1 + 0.25 * np.sin(i * 2.4 + len(sentence))) / tempo
        phones.append(Phone(p, at_ms, d_ms))
        at_ms += d_ms
    return phones


def sound_of(phones: list[Phone], after_ms: float = 60) -> np.ndarray:
    """A buzz whose loudness follows the phones."""
    pcm = np.zeros(int((phones[-1].t_ms + phones[-1].d_ms + after_ms) * RATE / 1000))
    for p in phones:
        first, last = int(p.t_ms * RATE / 1000), int((p.t_ms + p.d_ms) * RATE / 1000)
        loud = 0.0 if p.p == "sil" else 0.3 if p.p in VOWELS else 0.06
        pcm[first:last] = loud * np.sign(np.sin(2 * np.pi * 110 * np.arange(first, last) / RATE))
    return (pcm * 32767).astype(np.int16)


def passes(report: LipReport) -> None:
    assert report.closure_rate >= 0.95
    assert report.false_closure_rate <= 0.05
    assert report.open_rate >= 0.9
    assert report.rounded_rate >= 0.9
    assert report.rest_rate == 1
    assert report.skew_p95_ms <= 45
    assert report.aperture_p95 >= 0.3  # and nobody mumbles


@pytest.mark.parametrize("sample_hz", [60, 72, 90, 100])
def test_lips_pass_their_gates_as_a_display_shows_them(sample_hz: int) -> None:
    every = [spoken(s) for s in SENTENCES]
    passes(merge([measure_lips(p, animate(sound_of(p), p), sample_hz=sample_hz) for p in every]))


@pytest.mark.parametrize("tempo", [0.75, 1.3])
def test_lips_pass_their_gates_at_other_tempos(tempo: float) -> None:
    every = [spoken(s, tempo) for s in SENTENCES]
    passes(merge([measure_lips(p, animate(sound_of(p), p)) for p in every]))


@pytest.mark.parametrize("feeling", ["joy", "sadness", "anger", "surprise", "fear", "disgust"])
def test_lips_pass_their_gates_in_every_mood(feeling: str) -> None:
    every = [spoken(s) for s in SENTENCES[:8]]
    passes(merge([measure_lips(p, animate(sound_of(p), p, affect={feeling: 1.0})) for p in every]))


def test_a_smile_gives_way_where_the_lips_are_round() -> None:
    phones = [Phone("ah", 40, 500), Phone("uw", 540, 300), Phone("ah", 840, 300)]
    face = animate(sound_of(phones), phones, affect={"joy": 1.0})
    smile, pucker = face[:, FACE_INDEX["mouthSmileLeft"]], face[:, FACE_INDEX["mouthPucker"]]
    assert pucker[20] > 0.4
    assert smile[20] < 0.6 * smile[14]


@pytest.mark.parametrize("amounts", [{"jaw_gain": 0.6, "lip_gain": 0.6}, {"jaw_gain": 1.4, "lip_gain": 1.4}])
def test_lips_pass_their_gates_in_every_style(amounts: dict[str, float]) -> None:
    every = [spoken(s) for s in SENTENCES]
    style = style_of(amounts)
    report = merge([measure_lips(p, animate(sound_of(p), p, style, affect={"joy": 1})) for p in every])
    assert min(report.closure_rate, report.open_rate, report.rest_rate) >= 0.95


def test_a_face_moved_by_80_ms_fails_the_gates() -> None:
    phones = spoken(SENTENCES[1])
    face = animate(sound_of(phones), phones)
    report = measure_lips(phones, face, start_s=0.08)
    assert report.closure_rate < 0.95 or report.skew_p95_ms > 45


def test_frames_are_weights_from_zero_to_one_for_the_sound_and_a_tail_to_rest() -> None:
    phones = spoken(SENTENCES[6])
    pcm = sound_of(phones)
    face = animate(pcm, phones, affect={"surprise": 1.0})
    assert face.shape == (int(len(pcm) / RATE * 30) + 6, 52)
    assert face.dtype == np.float32
    assert face.min() >= 0
    assert face.max() <= 1
    assert not face[-1].any()


def test_both_sides_move_alike() -> None:
    phones = spoken(SENTENCES[4])
    face = animate(sound_of(phones), phones)
    np.testing.assert_array_equal(face, face[:, FACE_MIRROR])


def test_lips_part_no_earlier_than_150_ms_before_the_first_sound_and_rest_in_pauses() -> None:
    phones = [Phone("sil", 0, 600), Phone("aa", 600, 200), Phone("sil", 800, 600), Phone("aa", 1400, 200)]
    gap = aperture(animate(sound_of(phones), phones, Style(smile=0)))
    times_s = np.arange(len(gap)) / 30
    assert gap[times_s < 0.45].max() == 0
    assert gap[(times_s > 0.95) & (times_s < 1.25)].max() == 0
    assert gap[(times_s > 0.62) & (times_s < 0.78)].min() > 0.2


def test_teeth_touch_the_lip_and_hisses_shut_the_jaw() -> None:
    phones = [
        Phone("aa", 0, 120),
        Phone("f", 120, 90),
        Phone("aa", 210, 120),
        Phone("s", 330, 90),
        Phone("aa", 420, 120),
    ]
    face = animate(sound_of(phones), phones)
    assert face[5, FACE_INDEX["mouthRollLower"]] >= 0.3
    assert face[5, FACE_INDEX["jawOpen"]] <= 0.1
    assert 0.03 < aperture(face)[11] <= 0.08


def test_rounding_starts_before_its_vowel() -> None:
    phones = [Phone("s", 0, 200), Phone("t", 200, 60), Phone("uw", 260, 200), Phone("t", 460, 60)]
    pucker = animate(sound_of(phones), phones)[:, FACE_INDEX["mouthPucker"]]
    assert pucker[6] > 0.1  # 60 ms ahead
    assert pucker[10] > 0.6


def test_eyes_blink_fifteen_times_a_minute_or_so() -> None:
    face = animate((np.random.default_rng(0).normal(0, 900, 120 * RATE)).astype(np.int16))
    shut = face[:, FACE_INDEX["eyeBlinkLeft"]] > 0.9
    blinks = int((np.diff(shut.astype(int)) == 1).sum())
    assert 20 <= blinks <= 60
    assert np.diff(np.flatnonzero(np.diff(shut.astype(int)) == 1)).std() > 10  # not a metronome


def test_brows_rise_on_a_long_vowel() -> None:
    phones = [Phone("t", i * 160.0, 80) for i in range(0, 12)]
    phones += [Phone("ih", i * 160.0 + 80, 240 if i == 8 else 80) for i in range(0, 12)]
    phones = [p._replace(t_ms=p.t_ms + (160 if p.t_ms > 8 * 160 + 80 else 0)) for p in phones]
    brows = animate(sound_of(sorted(phones, key=lambda p: p.t_ms)), phones)[:, FACE_INDEX["browInnerUp"]]
    assert 38 <= int(brows.argmax()) <= 48  # 1,360 ms is frame 41
    assert brows.max() > 0.1
    assert brows[:30].max() == 0


def test_a_feeling_shows_but_does_not_open_shut_lips() -> None:
    phones = spoken("m ah m ah m")
    plain, happy = (animate(sound_of(phones), phones, affect=a) for a in ({}, {"joy": 1.0}))
    smile = FACE_INDEX["mouthSmileLeft"]
    assert happy[15, smile] > plain[15, smile] + 0.2
    np.testing.assert_allclose(aperture(happy), aperture(plain), atol=1e-6)


# ---- streaming


def stream(phones: list[Phone], pcm: np.ndarray, cuts: list[int], ahead_ms: float, epoch: int = 3) -> np.ndarray:
    """Animate with sound in pieces and each phone sent `ahead_ms` before its sound."""
    animator, frames, sent = Animator(), [], 0
    animator.start(epoch)
    edges = sorted({0, *(c % (len(pcm) + 1) for c in cuts), len(pcm)})
    for first, last in pairwise(edges):
        until = sent
        while until < len(phones) and phones[until].t_ms <= last * 1000 / RATE + ahead_ms:
            until += 1
        frames += [animator.phones(phones[sent:until]), animator.audio(pcm[first:last])]
        sent = until
    return np.concatenate([*frames, animator.end()])


phone_lists = st.lists(
    st.tuples(st.sampled_from(PHONES), st.integers(15, 260)), min_size=3, max_size=30
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(phone_lists, st.lists(st.integers(0, 200_000), max_size=25), st.integers(60, 900))
def test_streamed_output_is_offline_output_however_it_is_cut(
    sounds: list[tuple[str, int]], cuts: list[int], ahead_ms: int
) -> None:
    starts = np.cumsum([0, *(d for _, d in sounds)])
    phones = [Phone(p, float(t), d) for (p, d), t in zip(sounds, starts, strict=False)]
    pcm = sound_of(phones)
    np.testing.assert_allclose(stream(phones, pcm, cuts, ahead_ms), animate(pcm, phones, epoch=3), atol=1e-5)


def test_the_first_frame_leaves_with_the_first_40_ms_of_sound() -> None:
    phones = spoken(SENTENCES[0])
    animator = Animator()
    animator.start(1)
    animator.phones(phones)
    assert len(animator.audio(sound_of(phones)[: RATE * 40 // 1000])) >= 1


def test_frames_wait_for_phones_but_no_more_than_150_ms_of_sound() -> None:
    pcm = sound_of(spoken(SENTENCES[0]))
    animator = Animator()
    animator.start(1)
    assert len(animator.audio(pcm[: int(PATIENCE_S * RATE) - 1])) == 0
    assert len(animator.audio(pcm[int(PATIENCE_S * RATE) - 1 : int(PATIENCE_S * RATE) + 240])) >= 1
    for at in range(5_000, 40_000, 1_000):
        animator.audio(pcm[at : at + 1_000])
        assert (at / RATE) - animator.next_frame / 30 <= PATIENCE_S + 0.05


def test_phones_alone_make_no_frames_and_sound_brings_them() -> None:
    phones = spoken(SENTENCES[2])
    animator = Animator()
    animator.start(1)
    assert len(animator.phones(phones)) == 0
    known_s = (phones[-1].t_ms + phones[-1].d_ms) / 1000
    animator.audio(sound_of(phones, after_ms=0)[:-2_400])
    assert known_s - animator.next_frame / 30 < LOOKAHEAD_S + 0.05


def test_a_new_epoch_starts_from_nothing() -> None:
    phones = spoken(SENTENCES[3])
    pcm = sound_of(phones)
    animator = Animator()
    animator.start(7)
    animator.phones(spoken(SENTENCES[5]))
    animator.audio(pcm)
    animator.start(8)
    again = np.concatenate([animator.phones(phones), animator.audio(pcm), animator.end()])
    np.testing.assert_array_equal(again, animate(pcm, phones, epoch=8))


def test_an_epoch_without_sound_has_no_frames() -> None:
    animator = Animator()
    animator.start(1)
    animator.phones(spoken(SENTENCES[3]))
    assert animator.end().shape == (0, 52)


# ---- sound alone


def vowel(count: int) -> np.ndarray:
    """An "aa" on one note: harmonics of 120 Hz under three formants."""
    hz = 120.0 * np.arange(1, 40)
    strength = sum(
        g * np.exp(-(((hz - f) / w) ** 2)) for f, w, g in ((730, 150, 1), (1_150, 200, 0.6), (2_500, 300, 0.2))
    )
    waves = strength[:, None] * np.sin(2 * np.pi * hz[:, None] * np.arange(count) / RATE)
    return waves.sum(0) / np.abs(waves.sum(0)).max()


def test_without_phones_the_jaw_follows_loudness() -> None:
    rng = np.random.default_rng(1)
    loud = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0], RATE // 2)
    voice = vowel(len(loud)) * 9_000
    gap = aperture(animate((loud * voice + rng.normal(0, 3, len(loud))).astype(np.int16)))
    middles = gap[[7, 22, 37, 52, 67]]
    assert middles[[1, 3]].min() > 0.3
    assert middles[[0, 2, 4]].max() <= 0.03


def test_without_phones_a_hiss_does_not_open_the_jaw() -> None:
    rng = np.random.default_rng(2)
    hiss = np.diff(rng.normal(0, 4_000, RATE // 2 + 1)).clip(-32_000, 32_000).astype(np.int16)
    assert aperture(animate(hiss))[6:14].max() < 0.12


def test_sound_without_phones_behind_sound_with_phones_still_moves_the_jaw() -> None:
    phones = [Phone("aa", 0, 400)]
    voice = (vowel(2 * RATE) * 9_000).astype(np.int16)
    assert aperture(animate(voice, phones))[30:55].min() > 0.2


# ---- bad input


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        (Phone("qq", 0, 10), r"phones\[0\].p: 'qq'"),
        (Phone("aa", -1, 10), r"phones\[0\]: t_ms=-1"),
        (Phone("aa", 0, float("nan")), "d_ms=nan"),
        (Phone("aa", float("inf"), 5), "t_ms=inf"),
    ],
)
def test_a_phone_that_cannot_be_is_refused_and_changes_nothing(phone: Phone, said: str) -> None:
    animator = Animator()
    with pytest.raises(InputError, match=said):
        animator.phones([phone])
    assert animator.phones_until_s == 0


def test_styles_are_checked() -> None:
    assert style_of({"jaw_gain": 1.2}).jaw_gain == 1.2
    for amounts in ({"jaw": 1.0}, {"jaw_gain": 9.0}, {"smile": float("nan")}):
        with pytest.raises(InputError, match="style"):
            style_of(amounts)
