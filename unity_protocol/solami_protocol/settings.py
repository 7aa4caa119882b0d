"""Typed settings of a process: defaults, then one YAML file, then `SOLAMI_<PART>_<KEY>` variables, then `key=value`.

A settings class derives from `Settings`. Nested keys are `a.b` in arguments and `A__B` in variables. An unknown key is
an error that offers the nearest known one.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from solami_protocol.errors import SettingsError

__all__ = ["Settings", "load_settings"]


class Settings(BaseModel):
    """Base of all settings: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=Settings)


def load_settings(
    cls: type[S],
    part: str,
    path: str | Path | None = None,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> S:
    """Return the settings of `part` (`relay`, `server`, `face`, ...).

    path: YAML file or None; args: `key=value` strings. Raises SettingsError with source, key and what was expected.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        tree = _read_yaml(Path(path))
    prefix = f"SOLAMI_{part.upper()}_"
    for name, text in sorted((os.environ if env is None else env).items()):
        if name.startswith(prefix):
            _set(tree, name[len(prefix) :].lower().split("__"), yaml.safe_load(text), source=name)
    for arg in args:
        key, sep, text = arg.partition("=")
        if not sep or not key:
            raise SettingsError(f"argument {arg!r}: expected key=value, for example port=8080")
        _set(tree, key.split("."), yaml.safe_load(text), source=f"argument {arg!r}")
    try:
        return cls.model_validate(tree)
    except ValidationError as exc:
        raise SettingsError(_explain(cls, part, path, exc)) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text())
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}") from None
    except yaml.YAMLError as exc:
        raise SettingsError(f"{path}: not YAML: {exc}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: expected `key: value` lines, found a {type(raw).__name__}")
    return raw


def _set(tree: dict[str, Any], keys: list[str], value: Any, *, source: str) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{source}: {key} is a value, it has no keys below it")
    tree[keys[-1]] = value


def _explain(cls: type[Settings], part: str, path: str | Path | None, exc: ValidationError) -> str:
    where = str(path) if path else f"{part} settings"
    lines = []
    for error in exc.errors():
        key = ".".join(str(p) for p in error["loc"])
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(error["loc"][-1]), _keys_beside(cls, error["loc"]), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            lines.append(f"{where}: unknown key '{key}'{hint}")
        else:
            lines.append(f"{where}: {key}: {error['msg']} (got {error['input']!r})")
    return "\n".join(lines)


def _keys_beside(cls: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    for key in loc[:-1]:
        field = cls.model_fields.get(str(key))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        cls = field.annotation
    return list(cls.model_fields)
