"""What a character of the card's own answers says to a turn: pure choice of words, no sound and no movement."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from solami.brain import Act, Exchange, Turn
from solami.characters import Card, Example

from .expected import Expected, expected_now
from .marks import parse_marks
from .memory import Line, Lines, spoken_key
from .retrieval import SURE, Match, Retrieval
from .short_answers import short_answer
from .sounds import words_of

__all__ = ["Dialogue", "Reply"]

_DEFAULTS: dict[str, tuple[str, ...]] = {
    "confused": (
        "[think] I did not quite follow. Could you say it in other words?",
        "[shrug] That one went past me. What would you like to talk about?",
        "[think] Hm. I am not sure what you mean. Ask me something about myself!",
        "[apology] I am sorry, I lost you there. Could you try once more?",
    ),
    "ask": (
        "[think] I am not quite sure. Did you mean {a}, or {b}?",
        "[open_palms] Was it {a}, or {b}?",
    ),
    "again": ("As I said.", "Once more, then."),
    "silence": ("[listen] You are very quiet. What are you thinking about?",),
    "leaving": ("[wave] Goodbye! Come back soon.",),
    "wave": ("[wave] Hello to you too!",),
    "bow": ("[bow] How polite!",),
    "nod": ("[nod] Good. What shall we talk about?",),
    "shake": ("[nod] As you wish. What would you like instead?",),
    "point": ("[point_you] Over there? What do you see?",),
    "raise_hand": ("[point_you] Yes, please?",),
    "approach": ("[welcome] Come closer, please.",),
    "step_back": ("[open_palms] I will stay right here.",),
}
_QUESTION_WORDS = frozenset(
    "what who whose which why how when where can could would will do does did is are was were have has tell "
    "give".split()
)
_RECENT = 8
_SAME = 0.55
"""Cosine from which a fact says what was just said."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say. `raw` holds gesture marks; `kind` and `intent` say how it was found, for reports and tests."""

    raw: str
    kind: str
    intent: str = ""
    score: float = 0.0
    affect: dict[str, float] = field(default_factory=dict)
    waves: bool = False
    """It may wave although the user did not."""


class Dialogue:
    """Chooses answers from one card. Without state: the same turn with the same history gets the same answer."""

    def __init__(self, card: Card, retrieval: Retrieval | None, seed: int = 0) -> None:
        """`retrieval` may be absent where only greetings and gestures are answered (a language model does the rest)."""
        self._card, self._retrieval, self._seed = card, retrieval, seed
        self._lines = Lines(card, retrieval) if retrieval is not None else None

    def answer(self, turn: Turn) -> Reply:
        """Return the answer to any turn."""
        match turn.cause:
            case "timer":
                reply = self._occasion(turn)
            case "act":
                reply = self._to_acts(turn)
            case _:
                reply = self._to_words(turn)
        names = {"{{user}}": turn.user_name or "my friend", "{{char}}": self._card.name}
        raw = reply.raw
        for place, name in names.items():
            raw = raw.replace(place, name)
        return replace(reply, raw=raw)

    def expected(self, history: tuple[Exchange, ...]) -> Expected:
        """Return what the user may well say next."""
        return expected_now(self._card, self._lines.last(history) if self._lines else None)

    # --- without words

    def _occasion(self, turn: Turn) -> Reply:
        if turn.occasion == "greeting" or not turn.occasion:
            return Reply(self._pick(self._card.opening, turn), "occasion", "greeting", affect={"joy": 0.6}, waves=True)
        options = self._card.lines.silence if turn.occasion == "silence" else self._card.lines.leaving
        raw = self._pick(options or _DEFAULTS[turn.occasion], turn)
        return Reply(raw, "occasion", turn.occasion, waves=turn.occasion == "leaving")

    def _to_acts(self, turn: Turn) -> Reply:
        acts = sorted(turn.acts, key=lambda act: -act.confidence)
        line = self._lines.last(turn.history) if self._lines else None
        for act in acts:
            if act.name in ("nod", "shake") and line is not None and line.asks:
                return self._yes_or_no("yes" if act.name == "nod" else "no", line, turn)
        name = next((act.name for act in acts if act.name in _DEFAULTS), "nod")
        return self._act_line(name, turn)

    def _act_line(self, name: str, turn: Turn) -> Reply:
        lines: dict[str, tuple[str, ...]] = {str(key): value for key, value in self._card.acts.items()}
        raw = self._pick(lines.get(name) or _DEFAULTS[name], turn)
        return Reply(raw, "act", name, 1.0, {"joy": 0.6} if name == "wave" else {})

    # --- words

    def _to_words(self, turn: Turn) -> Reply:
        if self._retrieval is None or self._lines is None:
            return self._confused(turn)
        line = self._lines.last(turn.history)
        meaning, mere = short_answer(turn.text, self._card.name)
        nods = {"nod": "yes", "shake": "no"}
        if not words_of(turn.text):
            said = next((nods[act.name] for act in turn.acts if act.name in nods), "")
            return self._yes_or_no(said, line, turn) if said and line else self._confused(turn)
        if meaning == "repeat" and turn.history and turn.history[-1].character:
            return Reply(line.raw if line else turn.history[-1].character, "repeat")
        if mere and meaning in ("yes", "no"):
            return self._yes_or_no(meaning, line, turn)
        if mere and meaning in ("more", "another") and turn.history:
            return self._more(meaning, line, turn)
        matches = self._retrieval.search(
            turn.text, line.then if line else (), frozenset(line.offers) if line else frozenset(), turn.other
        )
        follows = bool(matches) and matches[0].kind == "follow_up"
        if meaning == "unsure" and not follows and line is not None and line.asks and line.if_no:
            return self._yes_or_no("no", line, turn)  # "can you guess?" "I have no idea"
        if matches and (matches[0].kind != "example" or matches[0].score >= SURE):
            return self._say(matches[0], turn)
        if meaning in ("yes", "no") and line is not None:
            return self._yes_or_no(meaning, line, turn)
        said_with_body = _answer_by_body(turn.acts)
        if said_with_body and line is not None and line.asks:
            return self._yes_or_no(said_with_body, line, turn)
        if line is not None and line.otherwise and words_of(turn.text)[0] not in _QUESTION_WORDS:
            return Reply(self._fresh(line.otherwise, turn), "otherwise", line.example, 1.0)
        return self._ask_back(matches, turn) if matches else self._confused(turn)

    def _say(self, match: Match, turn: Turn) -> Reply:
        if match.example is None:
            return self._fact(match.fact, turn, "fact", match.score)
        return self._example(match.example, turn, match.kind, match.score)

    def _example(self, example: Example, turn: Turn, kind: str, score: float) -> Reply:
        raw = self._fresh([answer.say for answer in example.character], turn)
        return Reply(raw, kind, example.id, score, dict(example.affect), example.waves)

    def _fact(self, fact: str, turn: Turn, kind: str, score: float) -> Reply:
        lead = f" {self._pick(self._card.lines.lead, turn)}" if self._card.lines.lead else ""
        return Reply(self._fresh([fact], turn) + lead, kind, "fact", score)

    def _by_id(self, example_id: str) -> Example | None:
        return next((example for example in self._card.examples if example.id == example_id), None)

    def _yes_or_no(self, said: str, line: Line | None, turn: Turn) -> Reply:
        if line is not None and line.more and said == "yes":
            return self._more("more", line, turn)
        if line is not None:
            options = line.if_yes if said == "yes" else line.if_no
            if options:
                return Reply(self._fresh(options, turn), said, line.example, 1.0)
            offered = self._by_id(line.offers[0]) if said == "yes" and line.offers and line.asks else None
            if offered is not None:
                return self._example(offered, turn, said, 1.0)
        return replace(self._act_line("nod" if said == "yes" else "shake", turn), kind=said)

    def _more(self, meaning: str, line: Line | None, turn: Turn) -> Reply:
        """Go on: the promised continuation, another answer to the same question, or the nearest fact not told yet."""
        if line is not None and meaning == "more" and line.if_yes and not self._said(line.if_yes[0], turn.history):
            return Reply(line.if_yes[0], "more", line.example, 1.0)
        example = self._by_id(line.example) if line is not None else None
        if example is not None and meaning == "another" and len(example.character) > 1:
            return self._example(example, turn, "more", 1.0)
        assert self._retrieval is not None
        said = [parse_marks(exchange.character or exchange.user).text for exchange in turn.history[:-4:-1]]
        for fact, likeness in self._retrieval.nearest_facts(said):
            if likeness < _SAME and not self._said(fact, turn.history):
                return self._fact(fact, turn, "more", likeness)
        return self._confused(turn)

    def _ask_back(self, matches: list[Match], turn: Turn) -> Reply:
        topics = [m.example.topic for m in matches if m.example is not None and m.example.topic][:2]
        others = [example.topic for example in self._card.examples if example.topic and example.topic not in topics]
        if len(topics) == 1 and others:
            topics.append(others[(turn.number + self._seed) % len(others)])
        if len(topics) < 2:
            return self._confused(turn)
        line = self._pick(self._card.lines.ask or _DEFAULTS["ask"], turn)
        return Reply(
            line.replace("{a}", topics[0]).replace("{b}", topics[1]), "ask", matches[0].intent, matches[0].score
        )

    def _confused(self, turn: Turn) -> Reply:
        return Reply(self._pick(self._card.lines.confused or _DEFAULTS["confused"], turn), "confused")

    # --- variety

    def _said(self, raw: str, history: Sequence[Exchange]) -> bool:
        key = spoken_key(raw)
        heard = [spoken_key(exchange.character) for exchange in history[-_RECENT:]]
        # an interrupted line counts from a few words on
        return any(key in h or (len(h) > 15 and key.startswith(h)) for h in heard if h)

    def _pick(self, options: Sequence[str], turn: Turn) -> str:
        """Return an option that was not said lately, else the one said longest ago; never the last one twice."""
        first = (self._seed + len(turn.history)) % len(options)
        ordered = [*options[first:], *options[:first]]
        for option in ordered:
            if not self._said(option, turn.history):
                return option
        for length in range(1, len(turn.history) + 1):
            left = [option for option in ordered if not self._said(option, turn.history[-length:])]
            if len(left) == 1:
                return left[0]
            if not left:
                break
            ordered = left
        return ordered[0]

    def _fresh(self, options: Sequence[str], turn: Turn) -> str:
        """Like `_pick`, but what was said last is announced as a repetition."""
        raw = self._pick(options, turn)
        if turn.history and self._said(raw, turn.history[-1:]):
            again = self._pick(self._card.lines.again or _DEFAULTS["again"], turn)
            return f"{again} {raw}"
        return raw


def _answer_by_body(acts: tuple[Act, ...]) -> str:
    return next(({"nod": "yes", "shake": "no"}[act.name] for act in acts if act.name in ("nod", "shake")), "")
