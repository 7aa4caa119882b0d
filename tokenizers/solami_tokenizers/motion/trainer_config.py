"""Settings of a training: one YAML file, changed by `key=value`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from solami_protocol.settings import Settings
from solami_tokenizers.motion.losses import LossSettings
from solami_tokenizers.motion.optimiser import OptimiserKind
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings

__all__ = ["AugmentSettings", "TrainSettings"]


class AugmentSettings(Settings):
    """Variation of the recordings; 0 turns a kind off."""

    mirror: float = Field(0.2, ge=0, le=1)
    """Share of windows that show the mirror image. Left hands must do, too, but half of the codes for what is seldom is
    too much: validation MPJPE of body-512 after 600 steps was 35.8 mm at 0.5 and 34.2 at 0.25."""
    tempo: float = Field(0.1, ge=0, lt=0.5)
    """Windows play between 1 - tempo and 1 + tempo times as fast."""
    height: float = Field(0, ge=0, lt=0.5)
    """Bodies are between 1 - height and 1 + height times as tall. Off, since the readers bring every recording to one
    body: at 0.15 codes went to body heights that no input has, and validation MPJPE at step 600 was 57, not 48 mm."""
    mix: float = Field(0, ge=0, le=1)
    """Share of windows with trunk and arms from other recordings: poses that no one took. Four codebooks learn to spell
    such poses, one cannot. On clips of a source held back, root known, after 600 steps: body-residual 119 mm without,
    105 with 0.5 (validation 31.2 and 30.1; the second without `balance`), body-512 126 and 125 (34.7 and 38.3, both
    without)."""
    noise: float = Field(0.01, ge=0)
    """Deviation of the noise on the encoder's input, in deviations of the features."""
    code_swap: float = Field(0.05, ge=0, lt=1)
    """Share of tokens that the decoder gets at random: a language model errs, too."""


class TrainSettings(Settings):
    """One training."""

    name: str = "body-512"
    data: Path = Path("runs/data/motion")
    """A collection that `solami data prepare` wrote, or a `.npz` of `MotionData`."""
    train_splits: tuple[str, ...] = ("train",)
    """What to learn from; `authored_train` adds made-up motion where a collection has it."""
    start: str = ""
    """A tokenizer, shipped or a folder, to begin with: its make, weights, codes and statistics. Empty: begin anew."""
    balance: float = Field(0, ge=0, le=1)
    """How much rare contents are drawn more often: 0 every frame alike, 1 every content alike. At 0.5 codes go to what
    is seldom asked for: body-512 had an entropy of .777 on validation clips, .790 at 0, both 25.8 mm."""
    out: Path = Path("runs/tokenizer")
    """The folder of all trainings; this one writes to `out/name`."""
    tokenizer: TokenizerSettings = TokenizerSettings()
    loss: LossSettings = LossSettings()
    augment: AugmentSettings = AugmentSettings()
    statistics: Literal["floors", "plain"] = "floors"
    """Deviations with floors by group, or by dimension alone (as SOLAMI)."""

    steps: int = Field(20_000, ge=1)
    minutes: float = Field(0, ge=0)
    """Ends after this time even when steps are left, the learning rate following the clock; 0: no limit."""
    batch: int = Field(64, ge=1)
    window: int = Field(64, ge=8, multiple_of=4)
    """Frames of a training window."""
    long_window: int = Field(192, ge=8, multiple_of=4)
    """Frames of the windows of the last part, as many frames a batch: longer than the receptive field."""
    long_share: float = Field(0.3, ge=0, le=1)
    """The last part's share of the steps."""
    optimiser: OptimiserKind = "muon"
    """Validation MPJPE of body-512 after 600 steps: AdamW 48 mm, Muon 38 mm; a step takes a quarter longer."""
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    clip: float = Field(1.0, gt=0)
    ramp: float = Field(0.4, ge=0, le=1)
    """Share of the steps over which the geometry terms come in."""
    revive: float = Field(0.5, ge=0, le=1)
    """Share of the steps in which unused codes are put to use. Moved up to the end, when the decoder hardly learns any
    more, the rare codes of a codebook of 512 cost 1 to 2 mm of validation MPJPE in the last third."""
    average: float = Field(0.999, ge=0, lt=1)
    """Running mean of the weights, which is what is validated and kept."""

    seed: int = 0
    threads: int = Field(1, ge=1)
    device: str = "cpu"
    precision: Literal["bf16", "fp32"] = "bf16"
    log_every: int = Field(100, ge=1)
    validate_every: int = Field(1000, ge=1)
    checkpoint_every_s: float = Field(180, gt=0)
    tensorboard: bool = False
    """Write TensorBoard events beside `log.jsonl`; needs the package `tensorboard`."""

    @property
    def folder(self) -> Path:
        """Return where this training writes."""
        return self.out / self.name
