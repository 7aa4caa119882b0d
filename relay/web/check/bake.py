"""Make `src/environment.json`: `python check/bake.py` in relay/web, with Chromium and Playwright.

The page's light around the character is blurred by three's own generator, once, instead of in every browser.
"""

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

KEPT = 32
WEB = Path(__file__).resolve().parents[1]
FLAGS = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def baked() -> list[dict]:
    """Return size and linear RGB of every face, level by level."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "bake.js"
        bundle = [str(WEB / "node_modules/.bin/rolldown"), "check/bake.ts", "-o", str(script), "--format", "iife"]
        subprocess.run(bundle, cwd=WEB, check=True)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.add_script_tag(path=str(script))
        faces = page.evaluate("bake()")
        browser.close()
    return faces


def mirrored(faces: list[dict]) -> list[dict]:
    """Return the levels as seen in a mirror across x: three turns cubes that were loaded, not drawn, that way back."""
    for i in range(0, len(faces), 6):
        faces[i], faces[i + 1] = faces[i + 1], faces[i]
    for face in faces:
        side = face["size"]
        face["rgb"] = np.asarray(face["rgb"], np.float32).reshape(side, side, 3)[:, ::-1]
    return faces


def smaller(light: np.ndarray) -> np.ndarray:
    """Return a face of at most KEPT pixels a side: what is sharper is blurred light all the same."""
    step = max(1, len(light) // KEPT)
    side = len(light) // step
    return light.reshape(side, step, side, step, 3).mean((1, 3))


def main() -> None:
    """Write three bytes a pixel: sRGB of the light over the brightest light."""
    faces = mirrored(baked())
    brightest = round(max(float(face["rgb"].max()) for face in faces), 2)
    out = bytearray()
    for face in faces:
        light = np.clip(smaller(face["rgb"]) / brightest, 0, 1)
        shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        out += np.round(shown * 255).astype(np.uint8).tobytes()
    sizes = list(dict.fromkeys(face["size"] for face in faces))
    made = {"brightest": brightest, "kept": KEPT, "sizes": sizes, "rgb": base64.b64encode(out).decode()}
    (WEB / "src" / "environment.json").write_text(json.dumps(made) + "\n")
    print(len(out), "bytes; sizes", sizes, "brightest", brightest)


if __name__ == "__main__":
    main()
