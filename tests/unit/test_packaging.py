"""The house itself: packages, import names, floors' promises about heavy imports."""

import configparser
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "solami": "solami",
    "solami_tokenizers": "tokenizers/solami_tokenizers",
    "solami_datasets": "datasets/solami_datasets",
    "solami_relay": "relay/solami_relay",
    "solami_protocol": "unity_protocol/solami_protocol",
}


def packages_on_disk() -> set[str]:
    found = set()
    for package, folder in FOLDERS.items():
        base = ROOT / folder
        for init in base.rglob("__init__.py"):
            inside = init.parent.relative_to(base).parts
            found.add(".".join((package, *inside)))
    return found


def test_setup_cfg_lists_every_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    assert listed == packages_on_disk()


def test_folders_named_like_hugging_face_packages_are_no_packages() -> None:
    for folder in ("tokenizers", "datasets", "relay", "unity_protocol", "tests"):
        assert not (ROOT / folder / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize(("module", "name"), [("tokenizers", "Tokenizer"), ("datasets", "Dataset")])
def test_hugging_face_packages_import_from_the_root(module: str, name: str) -> None:
    probe = f"import importlib.util as u, sys; s = u.find_spec({module!r}); sys.exit(0 if s and s.origin else 3)"
    if subprocess.run([sys.executable, "-c", probe], cwd="/", check=False).returncode == 3:
        pytest.skip(f"Hugging Face's {module} is not installed here")
    code = f"from {module} import {name}; print({name}.__module__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stdout.startswith("solami")


def test_help_is_light_and_quick() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); sys.argv = ['solami', '--help']\n"
        "from solami.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'numpy', 'aiohttp', 'onnxruntime', 'soundfile'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "HEAVY []" in done.stdout
    # processor time: the same on a busy machine
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = tmp_path_factory.mktemp("build") / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(build)], check=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(build),
    ]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return next(out.glob("*.whl"))


def test_wheel_holds_every_module_and_data_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    kept = {".py", ".yaml", ".lua", ".onnx", ".json", ".txt", ".glb", ".safetensors"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    missing = []
    for package, folder in FOLDERS.items():
        for name in listed:
            if name.startswith(folder + "/") and Path(name).suffix in kept:
                inside = f"{package}/{name[len(folder) + 1 :]}"
                missing += [inside] if inside not in names else []
    assert missing == []
