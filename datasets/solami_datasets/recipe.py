"""What `solami data prepare` reads: the typed form of `configs/data/*.yaml`."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from solami_protocol.errors import SettingsError
from solami_protocol.settings import Settings

__all__ = ["Kind", "Recipe", "Source", "SplitRule", "expanded"]

Kind = Literal["bvh", "bandai", "bandai_packed", "asf_amc", "smplx", "amass", "humanml3d", "interx"]
Share = Annotated[float, Field(ge=0, le=0.5)]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*$")


class SplitRule(Settings):
    """Which clips of a source go where; whole take groups move together."""

    only: str = ""
    """Every clip goes to this split (`train`, `other_source`); empty: by the rules below."""
    validation: Share = 0.08
    unseen_takes: Share = 0.12
    draw_by: str = "content"
    """Shares are drawn within each value of this label; empty: within the source."""
    held_out_styles: tuple[str, ...] = ()
    held_out_contents: tuple[str, ...] = ()
    prefix: str = ""
    """Before each split's name: `authored_` keeps made-up motion out of the rows of recorded motion."""


class Source(Settings):
    """One folder or archive of recordings of one kind."""

    name: str
    kind: Kind
    path: str
    """Folder, `.tar.xz` or `.zip`; `$NAME` stands for an environment variable; relative to where the command runs."""
    licence: str
    origin: str = ""
    """Who made it and where it comes from."""
    authored: bool = False
    """Made, not recorded."""
    made_by: str = ""
    """The command that makes the folder, said where it is missing."""
    fps: float | None = Field(default=None, gt=0, le=1000)
    """For files that state none and have no `clips.json` beside them (ASF/AMC)."""
    up: Literal["y", "z"] | None = None
    """None finds it from how the body stands."""
    labels: str = ""
    """Regular expression for file names with groups `content`, `style`, `take`; `clips.json` comes first."""
    leave_out: tuple[str, ...] = ()
    """Names of clips that are not taken."""
    splits: SplitRule = SplitRule()

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError("expected small letters, digits, - and _")
        return value

    @field_validator("labels")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as exc:
            raise ValueError(f"not a regular expression: {exc}") from None
        return value


class Recipe(Settings):
    """A collection of motion: sources, and what is made of them."""

    name: str
    out: str
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    fingers: str = ""
    """`leap_hands.npz`: clips without fingers get an authored finger track from its poses; empty leaves them out."""
    partners: bool = True
    """Give clips without a partner an authored one, see `partners`."""
    seed: int = 0
    min_seconds: float = Field(default=0.5, ge=0)
    skip_refused: bool = False
    """Leave out files that cannot be read instead of failing; the report names them either way."""
    processes: int = Field(default=0, ge=0, le=256)
    """0 takes one a core."""
    engine: Literal["local", "ray"] = "local"
    """`ray`: on Ray Data (extra `ray`), on the cluster of `RAY_ADDRESS` where that is set; the bytes are the same."""

    @model_validator(mode="after")
    def _distinct(self) -> "Recipe":
        names = [source.name for source in self.sources]
        if len(set(names)) != len(names):
            raise ValueError(f"sources need names of their own, got {', '.join(names)}")
        return self


def expanded(path: str) -> Path:
    """Return a path with environment variables filled in; raises SettingsError for one that is not set."""
    text = os.path.expanduser(os.path.expandvars(path))
    unset = re.search(r"\$\{?(\w+)", text)
    if unset:
        raise SettingsError(
            f"{path}: the environment variable {unset[1]} is not set; set it to the folder that is meant"
        )
    return Path(text)
