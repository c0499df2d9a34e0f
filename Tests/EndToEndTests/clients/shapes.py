"""Compares the shapes of a JSON file (argument 1) with botocore's model of CloudFront: names, order, kinds."""
import json
import sys

import botocore.session

model = botocore.session.get_session().get_service_model("cloudfront")
KINDS = {"string": "s", "integer": "i", "long": "i", "boolean": "b", "float": "f", "double": "f", "timestamp": "t"}


def kind(shape):
    if shape.type_name == "list":
        return f"[{shape.member.serialization.get('name', 'member')} {kind(shape.member)}]"
    return KINDS.get(shape.type_name, shape.name)


shapes = json.load(open(sys.argv[1]))
for name, members in shapes.items():
    shape = model.shape_for(name)
    known = [[m, kind(s), m in shape.required_members] for m, s in shape.members.items()]
    if known != members:
        sys.exit(f"{name}: {members} is not {known}")
print(f"{len(shapes)} shapes agree")
