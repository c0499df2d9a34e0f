"""Validates documents against a JSON Schema: plan_schema.py SCHEMA FILE...; prints one line a violation."""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    for error in validator(schema).iter_errors(document):
        print(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
