"""Random files of the AWS dialect with a fixed seed, and what botocore reads in them: a line of JSON for each."""
import json
import os
import random
import tempfile

import botocore.configloader
import botocore.exceptions

random.seed(20261124)
pieces = ["[default]", "[profile a]", "[profile 'a b']", "[a]", "[DEFAULT]", "[services s]", "[a", "]", "[", "key",
          "KEY", "other", "s3", " ", "  ", "\t", "=", " = ", ":", "#", ";", "value", "1", "é", '"', "'", "%", "\\",
          "\u00a0", "\x0b", "\x0c", "\u2028", "\x1f", "\x85", "endpoint_url = u"]


def line():
    kind = random.random()
    if kind < 0.25:
        return random.choice(pieces[:6])
    if kind < 0.6:
        return random.choice(["", "", " ", "   "]) + f"{random.choice(['k', 'K', 'x', 'y', 's3'])}{random.randint(0, 9)}" \
            + random.choice(["=", " = ", ":", " : "]) + random.choice(["", "1", "two words", "a=b", "x # y", "[z]"])
    if kind < 0.7:
        return random.choice(["", "  ", "# c", " ; c", "\t"])
    return "".join(random.choice(pieces) for _ in range(random.randint(0, 5)))


path = os.path.join(tempfile.mkdtemp(), "file")
for number in range(800):
    # Short ones can be right; long ones are nearly always wrong somewhere.
    text = random.choice(["", "[default]\n", "[profile p]\n"]) + "".join(
        line() + random.choice(["\n", "\n", "\n", "\r\n", "\r"]) for _ in range(random.randint(0, 6)))
    with open(path, "w", newline="") as file:
        file.write(text)
    try:
        parsed = botocore.configloader.raw_config_parse(path, parse_subsections=False)
    except botocore.exceptions.ConfigParseError:
        parsed = None
    print(json.dumps({"text": text, "parsed": parsed}))
