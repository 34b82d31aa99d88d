# SPDX-License-Identifier: Apache-2.0
"""Writes nested dicts, lists and scalars as block YAML, the way a person would, since error messages name its lines."""
import json


def scalar(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(str(value))


def lines_of(value, indent):
    pad = "  " * indent
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)) and inner:
                yield f"{pad}{key}:"
                yield from lines_of(inner, indent + 1)
            else:
                yield f"{pad}{key}: {'{}' if inner == {} else '[]' if inner == [] else scalar(inner)}"
    else:
        for inner in value:
            if isinstance(inner, (dict, list)):
                first, *rest = lines_of(inner, indent + 1)
                yield f"{pad}- {first.strip()}"
                yield from rest
            else:
                yield f"{pad}- {scalar(inner)}"


def dump(value):
    return "\n".join(lines_of(value, 0)) + "\n"
