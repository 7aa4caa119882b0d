"""What a tokenizer is made of: its features, network and codes."""

from typing import Literal

from pydantic import Field, model_validator

from solami_protocol.settings import Settings
from solami_tokenizers.motion.features import BODY_WIDTH, HAND_WIDTH
from solami_tokenizers.motion.networks import LookAhead, NetworkShape
from solami_tokenizers.motion.quantisers import QuantiserSettings

__all__ = ["FEATURE_WIDTHS", "FeatureKind", "TokenizerSettings"]

FeatureKind = Literal["body", "hand", "solami_body", "humanml3d"]
FEATURE_WIDTHS: dict[str, int] = {"body": BODY_WIDTH, "hand": HAND_WIDTH, "solami_body": 135, "humanml3d": 263}
CONTACTS = 4


class TokenizerSettings(Settings):
    """One tokenizer. `features`: ours (`body`, `hand`), SOLAMI's with absolute heading (`solami_body`),
    or HumanML3D's 263 (for imported checkpoints: codes and features, no clips)."""

    features: FeatureKind = "body"
    network: Literal["causal", "symmetric"] = "causal"
    width: int = Field(256, ge=8, le=2048)
    latent: int = Field(64, ge=2, le=1024)
    """Numbers of a code. With few, new motion spreads over more of the codes and is nearer to one: body-512 with
    256, 64, 16 and 8 had an entropy of .73, .74, .77 and .78 on validation clips after 600 steps, and an MPJPE of 34.7,
    33.1, 32.1 and 31.6 mm (commitment 0.1, the last two 0.5; the first without `balance`). At 8 movements got smaller
    (energy ratio .81; .87 at 16)."""
    dilations: tuple[int, ...] = (9, 3, 1)
    look_ahead: LookAhead = "decoder"
    settle: bool = False
    """The decoder's output is the mean of three frames (1 2 1): takes out trembling (see `networks.settled`).
    Causal networks only."""
    contacts: bool = True
    """Give four foot contacts back beside body features."""
    quantiser: QuantiserSettings = QuantiserSettings()

    @model_validator(mode="after")
    def _settles_only_causal(self) -> "TokenizerSettings":
        if self.settle and self.network != "causal":
            raise ValueError(f"settle: only for network causal, not {self.network}; leave it out")
        return self

    @property
    def feature_width(self) -> int:
        """Return how many features a frame has."""
        return FEATURE_WIDTHS[self.features]

    @property
    def has_contacts(self) -> bool:
        """Return whether the decoder gives contacts."""
        return self.contacts and self.features == "body"

    @property
    def shape(self) -> NetworkShape:
        """Return the sizes of the network."""
        return NetworkShape(
            inputs=self.feature_width,
            outputs=self.feature_width + (CONTACTS if self.has_contacts else 0),
            latent=self.latent,
            width=self.width,
            dilations=self.dilations,
            look_ahead=self.look_ahead if self.network == "causal" else "none",
            settle=self.settle,
        )
