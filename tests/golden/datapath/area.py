"""Cases of the data path: Services and their endpoints in, the text for nft and the problems out. Node: `box`."""

from typing import Any

from hearthgate.balancer.datapath.rules import rules
from hearthgate.balancer.datapath.ruleset import ruleset
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource


def produce(documents: list[Any]) -> Any:
    resources: list[Resource] = []
    for document in documents:
        decoded = decode_mapping(document)
        assert decoded.resource is not None, decoded.problems
        resources.append(decoded.resource)
    found = rules(Snapshot.of(resources), "box")
    return {"ruleset": ruleset(found.rules), "problems": [str(problem) for problem in found.problems]}
