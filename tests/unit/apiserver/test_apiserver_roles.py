"""Three roles, by table: who may do what, and what a refusal says."""

import itertools

import pytest

from hearthgate.apiserver.access.identity import ADMIN_GROUP, ANONYMOUS, AUTHENTICATED, Identity, assumed
from hearthgate.apiserver.access.roles import Attributes, Role, allows, refusal, role_group, role_of, rules_of
from hearthgate.apiserver.access.users import Table
from hearthgate.resources.kinds import Kind

KINDS = (
    Kind("", "v1", "Namespace", "namespaces", namespaced=False, status=True),
    Kind("", "v1", "Node", "nodes", namespaced=False),
    Kind("", "v1", "Pod", "pods"),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "Service", "services", status=True),
    Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False),
    Kind("traefik.io", "v1alpha1", "IngressRoute", "ingressroutes", status=True),
)
SCOPES = {(kind.group, kind.plural): kind.namespaced for kind in KINDS}
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")


def identity(role: Role | None, *namespaces: str) -> Identity:
    groups = (role_group(role),) if role else ()
    return Identity("ann", (*groups, AUTHENTICATED), namespaces)


def may(who: Identity, verb: str, resource: str, namespace: str = "", name: str = "", group: str = "") -> bool:
    plural, _, subresource = resource.partition("/")
    wanted = Attributes(verb, group, "v1", plural, subresource, namespace, name)
    return allows(who, wanted, namespaced=SCOPES.get((group, plural)))


@pytest.mark.parametrize("verb", [*READ, *WRITE])
def test_a_verb_on_each_sort_of_resource(verb: str) -> None:
    reads = verb in READ
    viewer, editor, admin = identity(Role.VIEWER), identity(Role.EDITOR), identity(Role.ADMIN)
    for who, secret, route, node in (
        (viewer, False, reads, reads),
        (editor, True, True, reads),
        (admin, True, True, True),
        (identity(None), False, False, False),
    ):
        assert may(who, verb, "secrets", "web", "s") is secret
        assert may(who, verb, "ingressroutes", "web", "r", "traefik.io") is route
        assert may(who, verb, "ingressroutes/status", "web", "r", "traefik.io") is route
        assert may(who, verb, "nodes", "", "n") is node
        # kubectl asks about cluster-scoped resources with a namespace: it must not change the answer.
        assert may(who, verb, "nodes", "web", "n") is node
        assert may(who, verb, "namespaces", "web", "web") is node
        assert may(who, verb, "ingressclasses", "", "c", "networking.k8s.io") is node


CASES = {
    "logs for a viewer": (Role.VIEWER, "get", "pods/log", True),
    "logs are not written": (Role.EDITOR, "create", "pods/log", False),
    "no exec for an editor": (Role.EDITOR, "create", "pods/exec", False),
    "no exec by get": (Role.EDITOR, "get", "pods/exec", False),
    "no tokens of service accounts": (Role.EDITOR, "create", "serviceaccounts/token", False),
    "no impersonation": (Role.EDITOR, "impersonate", "users", False),
    "impersonation for admins": (Role.ADMIN, "impersonate", "users", True),
    "every verb is more than to write": (Role.EDITOR, "*", "services", False),
    "everything includes Secrets": (Role.VIEWER, "get", "*", False),
    "everything can be read": (Role.EDITOR, "get", "*", True),
    "an unknown resource in a namespace": (Role.EDITOR, "create", "widgets", True),
    "any subresource": (Role.VIEWER, "get", "pods/*", False),
}


@pytest.mark.parametrize(("role", "verb", "resource", "allowed"), CASES.values(), ids=CASES)
def test_special_cases(role: Role, verb: str, resource: str, allowed: bool) -> None:
    assert may(identity(role), verb, resource, "web") is allowed


def test_reviews_of_oneself_are_for_all_and_of_others_for_admins() -> None:
    for role in (*Role, None):
        who = identity(role)
        assert may(who, "create", "selfsubjectaccessreviews", group="authorization.k8s.io")
        assert may(who, "create", "selfsubjectrulesreviews", group="authorization.k8s.io")
        assert may(who, "create", "selfsubjectreviews", group="authentication.k8s.io")
        for group, other in (
            ("authorization.k8s.io", "subjectaccessreviews"),
            ("authentication.k8s.io", "tokenreviews"),
        ):
            assert may(who, "create", other, group=group) is (role is Role.ADMIN)
        assert may(who, "create", "localsubjectaccessreviews", "web", group="authorization.k8s.io") is (
            role is Role.ADMIN
        )


def test_a_user_of_some_namespaces_stays_in_them() -> None:
    who = identity(Role.EDITOR, "web", "htpc")
    assert may(who, "create", "services", "web")
    assert may(who, "list", "secrets", "htpc")
    assert not may(who, "get", "services", "default", "s")
    assert not may(who, "list", "services")
    assert not may(who, "get", "nodes", "", "n")
    assert not may(who, "get", "nodes", "web", "n")
    assert may(who, "get", "namespaces", "web", "web")
    assert not may(who, "get", "namespaces", "web", "default")
    assert not may(who, "list", "namespaces")
    assert not may(who, "delete", "namespaces", "web", "web")


@pytest.mark.parametrize(
    ("verb", "path", "role", "allowed"),
    [
        ("get", "/apis/traefik.io/v1alpha1", Role.VIEWER, True),
        ("get", "/openapi/v3", None, True),
        ("head", "/api", Role.VIEWER, True),
        ("get", "/apisx", Role.VIEWER, False),
        ("get", "/metrics", Role.EDITOR, False),
        ("post", "/api", Role.EDITOR, False),
        ("get", "/metrics", Role.ADMIN, True),
    ],
)
def test_paths_that_are_no_resources(verb: str, path: str, role: Role | None, allowed: bool) -> None:
    assert allows(identity(role), Attributes(verb, path=path), namespaced=None) is allowed


def test_strangers_and_the_strongest_role() -> None:
    assert not allows(Identity(ANONYMOUS, ()), Attributes("get", path="/api"), namespaced=None)
    assert role_of(Identity("a", (role_group(Role.VIEWER), role_group(Role.EDITOR)))) is Role.EDITOR
    assert role_of(Identity("a", (ADMIN_GROUP,))) is Role.ADMIN
    assert role_of(Identity("a", ("hearthgate:owner",))) is None


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            Attributes("list", "", "v1", "secrets", namespace="default"),
            'User "ann" cannot list resource "secrets" in API group "" in the namespace "default"',
        ),
        (
            Attributes("patch", "a.io", "v1alpha1", "ingressroutes", "status", "web", "b"),
            'User "ann" cannot patch resource "ingressroutes/status" in API group "a.io" in the namespace "web"',
        ),
        (
            Attributes("create", "", "v1", "namespaces"),
            'User "ann" cannot create resource "namespaces" in API group "" at the cluster scope',
        ),
        (Attributes("post", path="/x"), 'User "ann" cannot post path "/x"'),
    ],
)
def test_refusals_in_upstreams_words(wanted: Attributes, text: str) -> None:
    assert refusal(identity(None), wanted) == text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, None])
@pytest.mark.parametrize("namespaces", [(), ("web",)])
@pytest.mark.parametrize("namespace", ["web", "other"])
def test_rules_say_what_is_allowed(role: Role | None, namespaces: tuple[str, ...], namespace: str) -> None:
    """Every verb on every served resource: a rule names it exactly when it is allowed."""
    who = identity(role, *namespaces)
    rules = [rule for rule in rules_of(who, namespace, KINDS) if rule.resources]
    for kind, verb in itertools.product(KINDS, (*READ, *WRITE)):
        named = any(
            kind.group in rule.groups and kind.plural in rule.resources and verb in rule.verbs for rule in rules
        )
        name = namespace if kind.plural == "namespaces" else "x"
        if kind.plural == "namespaces" and namespaces and verb != "get":
            assert not named
            continue
        assert named is may(who, verb, kind.plural, namespace, name, kind.group), (kind.plural, verb)


def test_rules_of_an_admin_and_of_nobody() -> None:
    assert [(rule.verbs, rule.resources, rule.paths) for rule in rules_of(identity(Role.ADMIN), "x", KINDS)] == [
        (["*"], ["*"], ()),
        (["*"], (), ["*"]),
    ]
    assert rules_of(Identity(ANONYMOUS, ()), "x", KINDS) == []


def test_assumed_identities() -> None:
    nobody = Table()
    assert assumed("joe", ("dev",), "", nobody).groups == ("dev", AUTHENTICATED)
    assert assumed(ANONYMOUS, (), "", nobody).groups == ("system:unauthenticated",)
    account = assumed("system:serviceaccount:web:deployer", (), "7", nobody)
    assert account.groups == ("system:serviceaccounts", "system:serviceaccounts:web", AUTHENTICATED)
    assert account.uid == "7"
