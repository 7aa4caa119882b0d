"""The OpenAPI description of the model server's HTTP routes, written by hand where aiohttp knows no types."""

from solami.characters import Card
from solami.server.turns import TurnRequest
from solami_protocol.behaviours import BehaviourPack

__all__ = ["openapi"]


def _ref(name: str) -> dict[str, object]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _get(summary: str, schema: str | None = None, *, by_id: bool = False) -> dict[str, object]:
    answer: dict[str, object] = {"description": "ok"} | (_ref(schema) if schema else {})
    out: dict[str, object] = {"summary": summary, "responses": {"200": answer}}
    if by_id:
        out["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    return {"get": out}


def _post_turn() -> dict[str, object]:
    parts = {
        "turn": {"$ref": "#/components/schemas/TurnRequest"},
        "audio": {"type": "string", "format": "binary", "description": "wav, flac or ogg; any rate, any channels"},
        "motion": {"type": "string", "format": "binary", "description": "SMPL-X npz without pickles, or BVH"},
    }
    body = {"multipart/form-data": {"schema": {"type": "object", "properties": parts, "required": ["turn"]}}}
    answers = {
        "200": {"description": "NDJSON events as they come; one object for Accept: application/json"},
        "400": {"description": "a file or field that cannot be used"},
        "503": {"description": "full; see Retry-After"},
    }
    return {"post": {"summary": "One whole turn", "requestBody": {"content": body}, "responses": answers}}


def openapi() -> dict[str, object]:
    """Return the OpenAPI 3.1 document."""
    schemas = {
        model.__name__: model.model_json_schema(ref_template="#/components/schemas/{model}")
        for model in (Card, BehaviourPack, TurnRequest)
    }
    for schema in list(schemas.values()):
        schemas |= schema.pop("$defs", {})
    return {
        "openapi": "3.1.0",
        "info": {"title": "SOLAMI model server", "version": "1"},
        "paths": {
            "/v1/characters": _get("The characters"),
            "/v1/characters/{id}": _get("One character card", "Card", by_id=True),
            "/v1/characters/{id}/behaviours": _get("The behaviour pack", "BehaviourPack", by_id=True),
            "/v1/turns": _post_turn(),
            "/v1/live": _get("WebSocket; messages in unity_protocol/schema/live.json"),
            "/livez": _get("Is the process alive"),
            "/readyz": _get("Are the models warm"),
            "/metrics": _get("Prometheus metrics"),
        },
        "components": {"schemas": schemas},
    }
