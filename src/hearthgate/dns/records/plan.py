"""What to change at the provider, and what not, with the reason. Pure.

Records that nobody's mark says are ours are never changed, and other types than A, AAAA and CNAME never looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.dns.records.model import AUTOMATIC, Action, Change, Held, HeldBy, Wanted

LEAST, PART = 10, 5
"""So many records may be deleted at once, or one of so many of ours, whichever is more."""
_REST: Final = ("A", "AAAA")


class Policy(NamedTuple):
    """owner: us. deletes: whether what is not wanted any more goes (sync). adopts: whether records of nobody are
    taken over where they are wanted. force: whether many may be deleted at once. unknown: names and types of which
    it is not known what they shall be: these stay."""

    owner: str
    deletes: bool = False
    adopts: bool = False
    force: bool = False
    unknown: frozenset[tuple[str, str]] = frozenset()


def plan(held: HeldBy, wanted: Iterable[Wanted], policy: Policy) -> tuple[Change, ...]:
    """Sorted by name and type."""
    asked = {(one.name, one.type): one for one in _without_collisions(wanted)}
    found = [_change(held, one, asked, policy) for one in asked.values()]
    gone = [one for key, one in held.items() if one.owner == policy.owner and key not in asked]
    ours = sum(one.owner == policy.owner for one in held.values())
    known = [one for one in gone if (one.name, one.type) not in policy.unknown]
    is_much = len(known) > max(LEAST, ours // PART) and not policy.force
    found += (_unwanted(one, policy, is_known=one in known, is_much=is_much, count=len(known)) for one in gone)
    return tuple(sorted(found, key=lambda change: (change.name, change.type)))


def _unwanted(one: Held, policy: Policy, *, is_known: bool, is_much: bool, count: int) -> Change:
    if not is_known:
        return Change(Action.KEEP, one.name, one.type, one, why="what it shall be is not known now")
    if not policy.deletes:
        return Change(Action.KEEP, one.name, one.type, one, why="not wanted any more: policy sync would delete it")
    if is_much:
        why = f"{count} records would go at once: see whether that is meant, and use --force"
        return Change(Action.SKIP, one.name, one.type, one, why=why)
    return Change(Action.DELETE, one.name, one.type, one, why="not wanted any more")


def _change(held: HeldBy, one: Wanted, asked: Mapping[tuple[str, str], Wanted], policy: Policy) -> Change:
    same = held.get((one.name, one.type))
    if (why := _in_the_way(held, one, asked, policy)) is not None:
        return Change(Action.SKIP, one.name, one.type, same, one, why)
    if same is None:
        return Change(Action.CREATE, one.name, one.type, None, one)
    if same.owner == policy.owner:
        action = Action.KEEP if _is_as_wanted(same, one) else Action.UPDATE
        return Change(action, one.name, one.type, same, one)
    if same.owner:
        return Change(Action.SKIP, one.name, one.type, same, one, f"it belongs to {same.owner}")
    if policy.adopts:
        return Change(Action.ADOPT, one.name, one.type, same, one, "it was nobody's")
    return Change(Action.SKIP, one.name, one.type, same, one, "somebody made it by hand: --adopt takes it over")


def _in_the_way(held: HeldBy, one: Wanted, asked: Mapping[tuple[str, str], Wanted], policy: Policy) -> str | None:
    """A CNAME and addresses exclude each other."""
    others = _REST if one.type == "CNAME" else ("CNAME",)
    for type_ in others:
        other = held.get((one.name, type_))
        if other is None:
            continue
        if other.owner != policy.owner:
            whose = f"{other.owner}'s" if other.owner else "somebody's"
            return f"{whose} {type_} record is there: a CNAME and addresses exclude each other"
        if (one.name, type_) in asked or not policy.deletes:
            return f"our own {type_} record is there, and only policy sync deletes it"
    return None


def _is_as_wanted(held: Held, wanted: Wanted) -> bool:
    if held.contents != wanted.contents or len(held.entries) != len(wanted.contents):
        return False
    ttl = AUTOMATIC if wanted.proxied else wanted.ttl
    return all(entry.proxied == wanted.proxied and entry.ttl == ttl for entry in held.entries)


def _without_collisions(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Of one name and type the smallest content wins, as with external-dns; addresses win over a CNAME."""
    best: dict[tuple[str, str], Wanted] = {}
    for one in wanted:
        key = one.name, one.type
        if key not in best or sorted(one.contents) < sorted(best[key].contents):
            best[key] = one
    with_addresses = {name for name, type_ in best if type_ in _REST}
    return [one for one in best.values() if one.type != "CNAME" or one.name not in with_addresses]
