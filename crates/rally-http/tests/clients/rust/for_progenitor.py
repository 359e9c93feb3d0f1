"""Makes of Rally's OpenAPI document one that progenitor reads: OpenAPI 3.0, with one kind of answer to success.

python3 for_progenitor.py <openapi.json >rally.json
"""

import json
import sys

METHODS = ("get", "put", "post", "patch", "delete")
# Bounds of texts, as progenitor makes a type of each text that has some.
BOUNDS = ("pattern", "minLength", "maxLength")
# Bodies that progenitor can send. Operations that take others alone are left out: imports, which take files.
BODIES = ("application/json",)
PROBLEM = "application/problem+json"


def without_null(schema: dict) -> dict:
    """A schema whose `null` is told as OpenAPI 3.0 does."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        others = [kind for kind in kinds if kind != "null"]
        schema = {name: value for name, value in schema.items() if name != "type"}
        if "null" in kinds:
            schema["nullable"] = True
        # A member of any kind has no schema, which is `serde_json::Value`.
        if len(others) == 1:
            schema["type"] = others[0]
    if {"type": "null"} in schema.get("oneOf", []):
        others = [one for one in schema["oneOf"] if one != {"type": "null"}]
        schema = {name: value for name, value in schema.items() if name != "oneOf"}
        schema |= {"nullable": True, "allOf": others} if len(others) == 1 else {"nullable": True, "oneOf": others}
    return schema


def converted(node: object) -> object:
    """A part of the document with its schemas as OpenAPI 3.0 writes them."""
    if isinstance(node, list):
        return [converted(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = without_null(node)
    # Names of variants are made of words alone.
    if isinstance(node.get("enum"), list) and not any(word[:1].isalpha() for word in node["enum"]):
        node = {name: value for name, value in node.items() if name != "enum"}
    examples = node.get("examples")
    if isinstance(examples, list):
        node = {name: value for name, value in node.items() if name != "examples"}
        node |= {"example": examples[0]} if examples else {}
    return {name: converted(value) for name, value in node.items() if name not in BOUNDS}


def has_one_success(answers: dict) -> None:
    """Leaves out `204`, which answers `Prefer: return=minimal`, where another success has a body."""
    if any(status[0] == "2" and status != "204" for status in answers):
        answers.pop("204", None)


def has_problems(answers: dict) -> None:
    """Calls problems JSON, as progenitor reads no answer by another name."""
    for answer in answers.values():
        content = answer.get("content", {})
        if PROBLEM in content:
            content["application/json"] = content.pop(PROBLEM)


def can_be_sent(operation: dict) -> bool:
    content = operation.get("requestBody", {}).get("content")
    return content is None or any(kind in content for kind in BODIES)


def main() -> None:
    document = converted(json.load(sys.stdin))
    document["openapi"] = "3.0.3"
    document["info"].pop("summary", None)
    document["info"].get("license", {}).pop("identifier", None)
    document.pop("webhooks", None)
    has_problems(document["components"]["responses"])
    for path in document["paths"].values():
        for method in [method for method in METHODS if method in path]:
            has_one_success(path[method]["responses"])
            has_problems(path[method]["responses"])
            if not can_be_sent(path[method]):
                del path[method]
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
