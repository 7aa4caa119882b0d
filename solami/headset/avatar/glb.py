"""Parts to a binary glTF 2.0 file: one skin over the 55 joints, a primitive for each material, sparse face shapes.

A plain file uses core glTF alone, with colours at the vertices, so every engine reads it. As VRM 1.0 the same body
carries `VRMC_vrm` and takes its colours from a small picture, which VRM programs expect.
Source: glTF 2.0 specification (Khronos), 3.6, 3.7 and 5.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solami.headset.avatar.look import MATERIALS, Look
from solami.headset.avatar.mesh import Part, normals
from solami.headset.avatar.palette import palette_png, palette_uv
from solami.headset.avatar.vrm import vrm_extension
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.skeleton import JOINT_COUNT, JOINTS, PARENTS, REST_OFFSETS, rest_positions

__all__ = ["write_glb"]

FLOAT, U16, U8 = 5126, 5123, 5121
ARRAY_BUFFER, INDEX_BUFFER = 34962, 34963
LINEAR, CLAMP = 9729, 33071
STILL_M = 2e-5  # a vertex that moves less than this is left out of a face shape


@dataclass(slots=True)
class _Surface:
    """All faces of one material: vertices split where two swatches meet."""

    positions: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    uv: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    triangles: np.ndarray
    morphs: dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(slots=True)
class _File:
    """The buffer under construction and its views and accessors."""

    vrm: bool = False
    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, array: np.ndarray, target: int | None = None) -> int:
        self.data.extend(b"\0" * (-len(self.data) % 4))
        raw = np.ascontiguousarray(array).tobytes()
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        if target is not None:
            entry["target"] = target
        self.data.extend(raw)
        self.views.append(entry)
        return len(self.views) - 1

    def accessor(self, array: np.ndarray, component: int, kind: str, target: int | None, **extra: Any) -> int:
        entry = {"bufferView": self.view(array, target), "componentType": component, "count": len(array), "type": kind}
        self.accessors.append(entry | extra)
        return len(self.accessors) - 1

    def vectors(self, array: np.ndarray, bounds: bool = False) -> int:
        array = array.astype("<f4")
        extra = {"min": array.min(0).tolist(), "max": array.max(0).tolist()} if bounds else {}
        return self.accessor(array, FLOAT, "VEC3", ARRAY_BUFFER, **extra)

    def sparse_vectors(self, delta: np.ndarray, moving: np.ndarray) -> int:
        """Store only the rows `moving` of delta (V, 3); all others are 0."""
        values = delta[moving].astype("<f4")
        bounds = np.concatenate([values, np.zeros((1, 3), "<f4")])
        self.accessors.append(
            {
                "componentType": FLOAT,
                "count": len(delta),
                "type": "VEC3",
                "min": bounds.min(0).tolist(),
                "max": bounds.max(0).tolist(),
                "sparse": {
                    "count": len(moving),
                    "indices": {"bufferView": self.view(moving.astype("<u2")), "componentType": U16},
                    "values": {"bufferView": self.view(values)},
                },
            }
        )
        return len(self.accessors) - 1


def write_glb(parts: list[Part], look: Look, name: str, *, vrm: bool = False) -> bytes:
    """Return the file. Mesh `face` has the 52 face shapes, by name; the rest is mesh `body`."""
    file = _File(vrm=vrm)
    face = [p for p in parts if p.morphs]
    body = [p for p in parts if not p.morphs]
    materials: list[str] = []
    meshes = [_mesh(file, "body", body, look, materials, False), _mesh(file, "face", face, look, materials, True)]
    world = rest_positions().astype(np.float64)
    inverse_bind = np.tile(np.eye(4, dtype="<f4"), (JOINT_COUNT, 1, 1))
    inverse_bind[:, 3, :3] = -world  # column-major: the translation is the last row of the array
    nodes: list[dict[str, Any]] = []
    for i, joint in enumerate(JOINTS):
        children = [int(c) for c in np.flatnonzero(i == PARENTS)]
        nodes.append({"name": joint, "translation": [round(float(v), 6) for v in REST_OFFSETS[i]]})
        if children:
            nodes[-1]["children"] = children
    nodes += [{"name": mesh["name"], "mesh": i, "skin": 0} for i, mesh in enumerate(meshes)]
    nodes.append({"name": name, "children": [0]})
    bind = file.accessor(inverse_bind, FLOAT, "MAT4", None)
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "solami.headset.avatar"},
        "scene": 0,
        # skinned meshes stand at the root: their parents' transforms would count for nothing
        "scenes": [{"nodes": [len(nodes) - 1, JOINT_COUNT, JOINT_COUNT + 1]}],
        "nodes": nodes,
        "meshes": meshes,
        "skins": [{"joints": list(range(JOINT_COUNT)), "skeleton": 0, "inverseBindMatrices": bind}],
        "materials": [_material(m, vrm) for m in materials],
        "accessors": file.accessors,
        "bufferViews": file.views,
    }
    if vrm:
        picture = file.view(np.frombuffer(palette_png(look), np.uint8))
        extension = vrm_extension(name, body_node=JOINT_COUNT, face_node=JOINT_COUNT + 1)
        # no mipmaps: they would mix neighbouring colours
        document |= {
            "images": [{"name": "palette", "bufferView": picture, "mimeType": "image/png"}],
            "samplers": [{"magFilter": LINEAR, "minFilter": LINEAR, "wrapS": CLAMP, "wrapT": CLAMP}],
            "textures": [{"source": 0, "sampler": 0}],
            "extensionsUsed": ["VRMC_vrm"],
            "extensions": {"VRMC_vrm": extension},
        }
    document["buffers"] = [{"byteLength": len(file.data) + (-len(file.data) % 4)}]
    return _container(document, bytes(file.data))


def _container(document: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    total = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sII", b"glTF", 2, total)
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data


def _material(name: str, textured: bool) -> dict[str, Any]:
    entry = MATERIALS[name]
    out: dict[str, Any] = {
        "name": name,
        "pbrMetallicRoughness": {"roughnessFactor": entry.roughness, "metallicFactor": entry.metallic},
        "extras": {"glow": entry.glow},
    }
    if textured:
        out["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
        if entry.glow:
            out |= {"emissiveTexture": {"index": 0}, "emissiveFactor": [entry.glow] * 3}
    return out


def _mesh(
    file: _File, name: str, parts: list[Part], look: Look, materials: list[str], with_morphs: bool
) -> dict[str, Any]:
    primitives = []
    for material in MATERIALS:
        surface = _surface(parts, material, look)
        if surface is None:
            continue
        if material not in materials:
            materials.append(material)
        attributes = {
            "POSITION": file.vectors(surface.positions, bounds=True),
            "NORMAL": file.vectors(surface.normals),
            **_colour(file, surface),
            "JOINTS_0": file.accessor(surface.joints, U8, "VEC4", ARRAY_BUFFER),
            "WEIGHTS_0": file.accessor(surface.weights, U8, "VEC4", ARRAY_BUFFER, normalized=True),
        }
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": file.accessor(surface.triangles.reshape(-1).astype("<u2"), U16, "SCALAR", INDEX_BUFFER),
            "material": materials.index(material),
        }
        if with_morphs:
            primitive["targets"] = [_target(file, surface, shape) for shape in FACE_NAMES]
        primitives.append(primitive)
    mesh: dict[str, Any] = {"name": name, "primitives": primitives}
    if with_morphs:
        mesh["weights"] = [0.0] * len(FACE_NAMES)
        mesh["extras"] = {"targetNames": list(FACE_NAMES)}
    return mesh


def _colour(file: _File, surface: _Surface) -> dict[str, int]:
    if file.vrm:
        return {"TEXCOORD_0": file.accessor(surface.uv.astype("<f4"), FLOAT, "VEC2", ARRAY_BUFFER)}
    return {"COLOR_0": file.accessor(surface.colours, U16, "VEC4", ARRAY_BUFFER, normalized=True)}


def _target(file: _File, surface: _Surface, shape: str) -> dict[str, int]:
    count = len(surface.positions)
    delta, turn = surface.morphs.get(shape, (np.zeros((count, 3)), np.zeros((count, 3))))
    moving = np.flatnonzero((np.abs(delta).max(1) > STILL_M) | (np.abs(turn).max(1) > 0.02))
    if not len(moving):
        moving = np.array([0])  # a sparse accessor needs a row
    return {"POSITION": file.sparse_vectors(delta, moving), "NORMAL": file.sparse_vectors(turn, moving)}


def _surface(parts: list[Part], material: str, look: Look) -> _Surface | None:
    """Gather the faces of one material from all parts."""
    chunks: list[_Surface] = []
    shapes = sorted({shape for part in parts for shape in part.morphs})
    for part in parts:
        wanted = np.array([look.material(s) == material for s in part.swatches])
        if wanted.any():
            chunks.append(_chunk(part, wanted, look, shapes))
    if not chunks:
        return None
    starts = np.cumsum([0] + [len(c.positions) for c in chunks[:-1]])
    columns = {
        n: np.concatenate([getattr(c, n) for c in chunks])
        for n in ("positions", "normals", "colours", "uv", "joints", "weights")
    }
    morphs = {
        s: (
            np.concatenate([c.morphs[s][0] for c in chunks]),
            np.concatenate([c.morphs[s][1] for c in chunks]),
        )
        for s in shapes
    }
    triangles = np.concatenate([c.triangles + start for c, start in zip(chunks, starts, strict=True)])
    return _Surface(triangles=triangles, morphs=morphs, **columns)


def _chunk(part: Part, wanted: np.ndarray, look: Look, shapes: list[str]) -> _Surface:
    names = sorted(set(part.swatches))
    swatch = np.array([names.index(s) for s in part.swatches])
    corners = part.triangles[wanted]
    keys = corners * len(names) + swatch[wanted][:, None]
    unique, inverse = np.unique(keys, return_inverse=True)
    vertex, colour = unique // len(names), unique % len(names)
    rest = normals(part.positions, part.triangles)
    palette = np.array([look.srgb(n) for n in names])
    shade = np.ones(len(part.positions)) if part.shade is None else part.shade
    linear = _linear(np.clip(palette[colour] * shade[vertex][:, None], 0, 1))
    rgba = np.concatenate([linear, np.ones((len(vertex), 1))], 1)
    joints, weights = _four(part.weights[vertex])
    morphs = {}
    for shape in shapes:
        delta = part.morphs.get(shape)
        if delta is None:
            zero = np.zeros((len(vertex), 3))
            morphs[shape] = (zero, zero)
        else:
            turned = normals(part.positions + delta, part.triangles) - rest
            morphs[shape] = (delta[vertex], turned[vertex])
    return _Surface(
        positions=part.positions[vertex],
        normals=rest[vertex],
        colours=np.rint(rgba * 65535).astype("<u2"),
        uv=palette_uv([names[k] for k in colour], shade[vertex]),
        joints=joints,
        weights=weights,
        triangles=inverse.reshape(-1, 3),
        morphs=morphs,
    )


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _four(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the four largest shares, as bytes that sum to 255."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    best = np.take_along_axis(weights, order, 1)
    best = best / best.sum(1, keepdims=True)
    whole = np.floor(best * 255).astype(int)
    whole[:, 0] += 255 - whole.sum(1)
    order = np.where(whole > 0, order, 0)
    return order.astype(np.uint8), whole.astype(np.uint8)
