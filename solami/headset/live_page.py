"""The live page of `relay/web`: built once, with the avatar of every character beside it (`dist/avatar/ID.glb`).

The relay only serves the folder and knows nothing of bodies. `python -m solami.headset.live_page` makes both.
"""

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import solami
from solami.characters import Library, load_library
from solami.headset.avatar import Look, build_glb
from solami_protocol.errors import MissingExtra

__all__ = ["ensure_live_page", "main", "web_folder", "write_avatars"]

BUILD_S = 120.0
COMMANDS = "cd relay/web && npm ci && npm run build:live"


def web_folder() -> Path:
    """Return the folder of the page's sources, which only a checkout has."""
    return Path(solami.__file__).resolve().parents[1] / "relay" / "web"


def ensure_live_page(characters: Path | None = None) -> Path:
    """Return the built page's folder; builds what is missing or older than its sources.

    characters: the directory of the user's own cards, as in the model server's settings.
    Raises MissingExtra with the commands when the page cannot be built here.
    """
    web = web_folder()
    dist = web / "dist"
    index = dist / "index.html"
    if not index.is_file() or index.stat().st_mtime < _newest(web):
        _build(web, index.is_file())
    player = resources.files("solami.headset") / "templates" / "turn.html"
    if player.is_file():  # the page fills it when the user saves a recording
        (dist / "player.html").write_bytes(player.read_bytes())
    write_avatars(dist / "avatar", load_library(characters))
    return dist


def _newest(web: Path) -> float:
    files = [web / "package-lock.json", web / "vite.live.config.ts"]
    for folder in ("live", "src"):
        files += [p for p in (web / folder).rglob("*") if p.is_file() and "test" not in p.parts]
    return max((p.stat().st_mtime for p in files if p.is_file()), default=0.0)


def _build(web: Path, is_old: bool) -> None:
    vite = web / "node_modules" / "vite" / "bin" / "vite.js"
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if not vite.is_file() or node is None:
        if is_old:
            return  # an older page still talks; its sources changed, but nothing here can build them
        what = "Node 20 or newer" if node is None else "relay/web/node_modules"
        raise MissingExtra(f"the page is not built and {what} is missing; build it with `{COMMANDS}`")
    shutil.rmtree(web / "dist" / "assets", ignore_errors=True)  # names hold hashes: old ones would pile up
    command = [node, str(vite), "build", "-c", "vite.live.config.ts", "--logLevel", "error"]
    done = subprocess.run(command, cwd=web, capture_output=True, text=True, timeout=BUILD_S, check=False)
    if done.returncode != 0:
        raise MissingExtra(f"the page could not be built; try `{COMMANDS}`:\n{(done.stderr or done.stdout).strip()}")


def write_avatars(folder: Path, library: Library) -> None:
    """Write `ID.glb` for every card; a file that is newer than the generator and the cards stays."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = Path(__file__).parent / "avatar"
    sources = [*generator.glob("*.py"), *Path(load_library.__code__.co_filename).parent.glob("*.yaml")]
    newest = max(p.stat().st_mtime for p in sources)
    for card_id in library.ids():
        path = folder / f"{card_id}.glb"
        if path.is_file() and path.stat().st_mtime > newest:
            continue
        card = library[card_id]
        part = path.with_suffix(".part")
        part.write_bytes(build_glb(Look.of_card(card.appearance.model_dump()), card_id))
        part.replace(path)  # nobody is ever served half a file


def main() -> int:
    """Build the page and the avatars; returns the exit status."""
    try:
        print(ensure_live_page())
    except MissingExtra as exc:
        print(exc, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
