"""Compares records, a JSON list on standard input, with the OpenAPI description.

Every field of the records has to be described, and every described field has to be in one of them.
"""

import json
import re
import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    SCHEMAS = yaml.safe_load(file)["components"]["schemas"]
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
wrong, seen, described = set(), set(), set()


def whole(schema):
    """The schema without references, and with all of its parts resolved."""
    if "$ref" in schema:
        return whole(SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    parts = [whole(part) for part in schema.get("allOf", [])]
    if not parts:
        return schema
    properties = {name: value for part in parts for name, value in part["properties"].items()}
    required = [name for part in parts for name in part["required"]]
    return {"type": "object", "properties": properties, "required": required}


def describe(schema, path):
    schema = whole(schema)
    for name, part in schema.get("properties", {}).items():
        described.add(f"{path}.{name}")
        describe(part, f"{path}.{name}")
    if "items" in schema:
        describe(schema["items"], path)


def check(value, schema, path):
    schema = whole(schema)
    if schema["type"] == "object":
        for name in schema.get("required", []):
            if name not in value:
                wrong.add(f"{path}.{name} is required and missing")
        for name, part in value.items():
            if name not in schema["properties"]:
                wrong.add(f"{path}.{name} is not described")
                continue
            seen.add(f"{path}.{name}")
            check(part, schema["properties"][name], f"{path}.{name}")
        return
    if not isinstance(value, KINDS[schema["type"]]):
        wrong.add(f"{path} is {value!r}, and described as {schema['type']}")
    elif schema["type"] == "array":
        for part in value:
            check(part, schema["items"], path)
    elif "enum" in schema and value not in schema["enum"]:
        wrong.add(f"{path} is {value!r}, and described as one of {schema['enum']}")
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.add(f"{path} is {value!r}, and described as {schema['pattern']}")


describe(SCHEMAS["TaskRecord"], "record")
for record in json.load(sys.stdin):
    check(record, SCHEMAS["TaskRecord"], "record")
wrong |= {f"{path} is described, and in no record" for path in described - seen}
sys.exit("\n".join(sorted(wrong)) or 0)
