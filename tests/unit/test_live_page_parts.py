"""The page's own tests (wire, sound queue, seams, recorder), run by node, and the avatars that are put beside it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from solami.characters import load_library
from solami.headset.live_page import ensure_live_page, write_avatars
from solami_protocol.errors import MissingExtra

WEB = Path(__file__).resolve().parents[2] / "relay" / "web"


def test_the_scripts_of_the_page_hold(tmp_path: Path) -> None:
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    bundler = WEB / "node_modules" / "rolldown" / "bin" / "cli.mjs"
    if node is None or not bundler.is_file():
        pytest.skip("the page's tools are not installed: cd relay/web && npm ci")
    tests = sorted(str(p.relative_to(WEB)) for p in (WEB / "live" / "test").glob("*.test.ts"))
    assert tests
    bundle = [node, str(bundler), *tests, "-d", str(tmp_path), "--format", "esm", "--platform", "node"]
    built = subprocess.run(bundle, cwd=WEB, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    (tmp_path / "package.json").write_text('{"type": "module"}')
    files = sorted(str(p) for p in tmp_path.glob("*.test.js"))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_character_gets_a_body_once(tmp_path: Path) -> None:
    library = load_library()
    write_avatars(tmp_path, library)
    written = {p.stem: p.stat().st_mtime_ns for p in tmp_path.glob("*.glb")}
    assert sorted(written) == library.ids()
    assert all((tmp_path / f"{i}.glb").read_bytes()[:4] == b"glTF" for i in written)
    write_avatars(tmp_path, library)
    assert {p.stem: p.stat().st_mtime_ns for p in tmp_path.glob("*.glb")} == written


def test_the_page_is_built_once_and_kept() -> None:
    try:
        index = ensure_live_page() / "index.html"
    except MissingExtra as exc:
        pytest.skip(str(exc))
    built = index.stat().st_mtime_ns
    ensure_live_page()
    assert index.stat().st_mtime_ns == built
