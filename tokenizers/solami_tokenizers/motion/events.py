"""TensorBoard events beside the JSONL log."""

from pathlib import Path
from typing import Any

from solami_protocol.errors import MissingExtra

__all__ = ["write_events"]

_writers: dict[Path, Any] = {}


def write_events(folder: Path, row: dict[str, Any]) -> None:
    """Append one row of the log as scalars; raises MissingExtra without the package."""
    writer = _writers.get(folder)
    if writer is None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as exc:
            raise MissingExtra(
                "tensorboard is not installed: pip install tensorboard; log.jsonl works without it"
            ) from exc
        writer = _writers[folder] = SummaryWriter(str(folder / "events"))
    figures = row.get("validation", row)
    group = "validation" if "validation" in row else "training"
    for name, value in figures.items():
        if isinstance(value, int | float):
            writer.add_scalar(f"{group}/{name}", value, row["step"])
    writer.flush()
