"""`python -m solami.headset.avatar OUT.glb|OUT.vrm [--kind automaton] [--colours hair=#223344,top=#aa5533]`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from solami.headset.avatar.build import build_glb, build_vrm
from solami.headset.avatar.look import COLOURS, Kind, Look
from solami_protocol.errors import InputError

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m solami.headset.avatar", description="Write the avatar as GLB or VRM."
    )
    parser.add_argument("out", type=Path, metavar="OUT.glb|OUT.vrm")
    parser.add_argument("--kind", default="person", help=", ".join(COLOURS))
    parser.add_argument("--colours", default="", help=f"NAME=#rrggbb,...; names: {', '.join(COLOURS['person'])}")
    args = parser.parse_args(argv)
    try:
        build = builder(args.out)
        pairs = dict(_pair(p) for p in args.colours.split(",") if p)
        data = build(Look(cast(Kind, args.kind), pairs), args.out.stem)
    except InputError as exc:
        print(exc, file=sys.stderr)
        return 2
    args.out.write_bytes(data)
    print(f"{args.out}: {len(data) / 1000:.0f} kB")
    return 0


def builder(out: Path) -> Callable[[Look, str], bytes]:
    """Return what builds the kind of file that `out` names. Raises InputError for an ending that is neither."""
    builders = {".glb": build_glb, ".vrm": build_vrm}
    if out.suffix.lower() not in builders:
        raise InputError(f"{out.name}: expected a name that ends in .glb or .vrm")
    return builders[out.suffix.lower()]


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise InputError(f"--colours: {text!r} is not NAME=#rrggbb")
    return name.strip(), value.strip()


if __name__ == "__main__":
    sys.exit(main())
