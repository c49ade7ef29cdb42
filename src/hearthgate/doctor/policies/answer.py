"""`hearthgate can-reach`: yes or no, what decides, and on no the nearest rule and the way out. Pure."""

import json
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.policies.ends import Place
from hearthgate.policy.ends import End
from hearthgate.policy.evaluate import Flow, Side, State, Verdict, check, reach
from hearthgate.policy.misses import Miss, Opening, misses, opening
from hearthgate.policy.ports import NONE
from hearthgate.policy.world import Direction, World
from hearthgate.resources.networking import NetworkPolicy


class Answer(NamedTuple):
    """Of one source and one destination. port: as in `TCP:80`; `any` when none was asked for. facts: what decides.
    way_out: commands that would open it, and what they say."""

    source: str
    destination: str
    port: str
    allowed: bool
    facts: tuple[str, ...]
    way_out: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "destination": self.destination,
            "port": self.port,
            "allowed": self.allowed,
            "facts": list(self.facts),
            "wayOut": list(self.way_out),
        }


def answer(world: World, snapshot: Snapshot, source: End, place: Place) -> Answer:
    flow = Flow(source, place.end)
    if not place.port:
        return _any_port(world, flow)
    verdict = check(world, flow, place.protocol, place.port)
    policies = {policy.ref: policy for policy in snapshot.all(NetworkPolicy)}
    facts, way_out = list[str](), list[str]()
    for direction, side in _sides(verdict):
        facts.append(f"{direction} of {flow.subject(direction)}: {_decided(side, direction)}")
        if side.passes or side.rule is not None:
            continue
        near = misses(world, policies, flow, direction, at=(place.protocol, place.port))
        facts += (f"  {line}" for line in _near(near))
        if near:
            way_out.append(_command(opening(near[0], flow, place.protocol, place.port)))
    port = f"{place.protocol}:{place.port}"
    return Answer(str(source), str(place.end), port, verdict.allowed, tuple(facts), tuple(way_out))


def _any_port(world: World, flow: Flow) -> Answer:
    ports = reach(world, flow)
    return Answer(str(flow.source), str(flow.destination), "any", ports != NONE, (f"ports: {ports}",))


def _sides(verdict: Verdict) -> Iterator[tuple[Direction, Side]]:
    yield Direction.EGRESS, verdict.egress
    yield Direction.INGRESS, verdict.ingress


def _decided(side: Side, direction: Direction) -> str:
    if side.rule is not None:
        name = f" ({side.named})" if side.named else ""
        verb = "allowed" if side.passes else "denied"
        return f"{verb} by {side.rule.policy}, spec.{direction}[{side.rule.place}]{name}"
    match side.state:
        case State.EXEMPT:
            return "no policy has a say"
        case State.OPEN:
            return "open, no policy closes it"
        case _:
            return f"closed by {', '.join(map(str, side.isolating))}"


def _near(near: tuple[Miss, ...]) -> Iterator[str]:
    """The nearest rule alone: others say less."""
    if not near:
        return
    miss = near[0]
    if miss.place is None:
        yield f"nearest: {miss.policy} has no rule under {miss.field}"
        return
    fits = "" if miss.peers else " the peer fits;" if miss.ports else ""
    yield f"nearest: {miss.policy}, {miss.field}:{fits} {'; '.join((*miss.peers, *filter(None, (miss.ports,))))}"


def _command(found: Opening) -> str:
    policy = found.policy
    if found.beside is not None:
        return f"echo {shlex.quote(json.dumps(found.beside))} | kubectl apply -f -"
    text = json.dumps(found.patch, separators=(",", ":"))
    return f"kubectl patch networkpolicy {policy.name} -n {policy.namespace} --type=json -p {shlex.quote(text)}"
