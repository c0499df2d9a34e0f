"""Reads octoDNS's YAML of a folder: with octoDNS where it is installed, and with a YAML reader; prints the latter as JSON.

usage: octodns_check.py FOLDER ZONE
"""

import json
import sys

import yaml

folder, name = sys.argv[1:]
with open(f"{folder}/{name}.yaml") as file:
    document = yaml.safe_load(file)
entries = {key: it if isinstance(it, list) else [it] for key, it in document.items()}

try:
    from octodns.provider.yaml import YamlProvider
    from octodns.zone import Zone
except ImportError:
    print("octodns is not installed: only the YAML was read", file=sys.stderr)
else:
    # Types of providers that are not installed here are unknown to octoDNS.
    if not any("/" in it["type"] for its in entries.values() for it in its):
        zone = Zone(f"{name}.", [])
        YamlProvider("config", folder, enforce_order=False).populate(zone, lenient=False)
        wanted = sum(len(its) for its in entries.values())
        assert len(zone.records) == wanted, [repr(it) for it in zone.records]

print(json.dumps(entries))
