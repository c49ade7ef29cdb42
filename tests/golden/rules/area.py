"""Rules, by descending precedence, to the routes of each virtual host. Several documents are several tables."""

from typing import Any

from google.protobuf import json_format

from hearthgate.ingress.envoy.match import domain_names, domains, route_match
from hearthgate.ingress.envoy.schema import schema_pool
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.rules.rule import Rule, compile_rule


def produce(documents: list[Any]) -> Any:
    ensure_schema()
    return [_table(document["rules"], document.get("syntax", "v3")) for document in documents]


def _table(texts: list[str], syntax: str) -> Any:
    compiled = {text: compile_rule(text, syntax) for text in texts}
    rules = {text: rule for text, rule in compiled.items() if isinstance(rule, Rule)}
    errors = {text: list(rule) for text, rule in compiled.items() if not isinstance(rule, Rule)}
    hosts = [
        {"domains": list(domain_names(domain)), "routes": _routes(rules, domain)}
        for domain in domains(rules.values())
    ]
    return {"virtualHosts": hosts} | ({"errors": errors} if errors else {})


def _routes(rules: dict[str, Rule], domain: str) -> list[Any]:
    matches = (
        (text, route_match(conjunct, domain)) for text, rule in rules.items() for conjunct in rule.conjuncts
    )
    return [
        {
            "rule": text,
            "match": json_format.MessageToDict(
                match, preserving_proto_field_name=True, descriptor_pool=schema_pool()
            ),
        }
        for text, match in matches
        if match is not None
    ]
