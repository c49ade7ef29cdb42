"""Values of built-in kinds, as upstream would judge them."""

import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics.validation import check_values
from tests.builtin_values import Object, ingress, judged, kind_of, service

TO_WEB = {"service": {"name": "web", "port": {"number": 80}}}
PORT = "must be between 1 and 65535, inclusive"
PORT_NAME = "must be an IANA service name: 1 to 15 of a-z, 0-9 and '-', at least one letter"
TYPES = '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
CONFIG_KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"

BAD: dict[str, tuple[str, Object, list[tuple[str, str]]]] = {
    "a service without ports": ("Service", {"spec": {"selector": {"a": "b"}}}, [("spec.ports", "Required value")]),
    "ports without names": (
        "Service",
        service({"port": 80, "name": "a"}, {"port": 81}),
        [("spec.ports[1].name", "Required value")],
    ),
    "a name twice": (
        "Service",
        service({"port": 80, "name": "a"}, {"port": 81, "name": "a"}),
        [("spec.ports[1].name", 'Duplicate value: "a"')],
    ),
    "a port twice": (
        "Service",
        service({"port": 80, "name": "a"}, {"port": 80, "name": "b"}),
        [("spec.ports[1]", 'Duplicate value: "80/TCP"')],
    ),
    "everything about a port": (
        "Service",
        service({"port": 0, "protocol": "HTTP", "targetPort": "No_Name", "nodePort": 70000}),
        [
            ("spec.ports[0].port", f"Invalid value: 0: {PORT}"),
            (
                "spec.ports[0].protocol",
                'Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
            ),
            (
                "spec.ports[0].targetPort",
                f'Invalid value: "No_Name": {PORT_NAME}',
            ),
            ("spec.ports[0].nodePort", "Forbidden: may not be used when `type` is 'ClusterIP'"),
            ("spec.ports[0].nodePort", f"Invalid value: 70000: {PORT}"),
        ],
    ),
    "a type that is none": (
        "Service",
        service(type="Loadbalancer"),
        [
            (
                "spec.type",
                f'Unsupported value: "Loadbalancer": supported values: {TYPES}',
            )
        ],
    ),
    "a balancer without address": (
        "Service",
        service(type="LoadBalancer", clusterIP="None"),
        [("spec.clusterIPs[0]", "Invalid value: \"None\": may not be set to 'None' for LoadBalancer services")],
    ),
    "a name for no service": (
        "Service",
        {"spec": {"type": "ExternalName"}},
        [("spec.externalName", "Required value")],
    ),
    "networks of no balancer": (
        "Service",
        service(loadBalancerSourceRanges=["10.0.0.0/8"], loadBalancerClass="a/b"),
        [
            ("spec.loadBalancerClass", "Forbidden: may only be used when `type` is 'LoadBalancer'"),
            ("spec.loadBalancerSourceRanges", "Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ],
    ),
    "a policy for nobody outside": (
        "Service",
        service(externalTrafficPolicy="Local"),
        [
            (
                "spec.externalTrafficPolicy",
                'Invalid value: "Local": may only be set for externally-accessible services',
            )
        ],
    ),
    "addresses that are none": (
        "Service",
        service(externalIPs=["1.2.3"], type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0"]),
        [
            (
                "spec.externalIPs[0]",
                'Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
            ),
            (
                "spec.loadBalancerSourceRanges[0]",
                'Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
            ),
        ],
    ),
    "affinity without end": (
        "Service",
        service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 90000}}),
        [
            (
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                "Invalid value: 90000: must be greater than 0 and less than 86400",
            )
        ],
    ),
    "an empty ingress": (
        "Ingress",
        {"spec": {}},
        [("spec", 'Invalid value: "": either `defaultBackend` or `rules` must be specified')],
    ),
    "no path type": (
        "Ingress",
        ingress({"path": "/", "backend": TO_WEB}),
        [("spec.rules[0].http.paths[0].pathType", "Required value: pathType must be specified")],
    ),
    "a path without slash": (
        "Ingress",
        ingress({"path": "a", "pathType": "Prefix", "backend": TO_WEB}),
        [("spec.rules[0].http.paths[0].path", 'Invalid value: "a": must be an absolute path')],
    ),
    "a path that climbs": (
        "Ingress",
        ingress({"path": "/a/..", "pathType": "Exact", "backend": TO_WEB}),
        [("spec.rules[0].http.paths[0].path", "Invalid value: \"/a/..\": cannot end with '/..'")],
    ),
    "an unknown path type": (
        "Ingress",
        ingress({"path": "/", "pathType": "Regex", "backend": TO_WEB}),
        [
            (
                "spec.rules[0].http.paths[0].pathType",
                'Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
            )
        ],
    ),
    "two backends": (
        "Ingress",
        ingress({"path": "/", "pathType": "Exact", "backend": {**TO_WEB, "resource": {"kind": "a", "name": "b"}}}),
        [
            (
                "spec.rules[0].http.paths[0].backend",
                'Invalid value: "": cannot set both resource and service backends',
            )
        ],
    ),
    "no backend": (
        "Ingress",
        ingress({"path": "/", "pathType": "Exact", "backend": {}}),
        [("spec.rules[0].http.paths[0].backend", 'Invalid value: "": resource or service backend is required')],
    ),
    "a backend without port": (
        "Ingress",
        {"spec": {"defaultBackend": {"service": {"name": "web"}}}},
        [("spec.defaultBackend", "Required value: port name or number is required")],
    ),
    "a host that is an address": (
        "Ingress",
        ingress({"path": "/", "pathType": "Exact", "backend": TO_WEB}, host="10.0.0.1"),
        [("spec.rules[0].host", 'Invalid value: "10.0.0.1": must be a DNS name, not an IP address')],
    ),
    "a wildcard inside": (
        "Ingress",
        ingress({"path": "/", "pathType": "Exact", "backend": TO_WEB}, host="a.*.org"),
        [
            (
                "spec.rules[0].host",
                f'Invalid value: "a.*.org": {SUBDOMAIN}',
            )
        ],
    ),
    "a class without controller": ("IngressClass", {"spec": {}}, [("spec.controller", "Required value")]),
    "a controller without domain": (
        "IngressClass",
        {"spec": {"controller": "traefik"}},
        [("spec.controller", 'Invalid value: "traefik": must be a domain-prefixed path (such as "acme.io/foo")')],
    ),
    "a policy for no peer": (
        "NetworkPolicy",
        {"spec": {"podSelector": {}, "ingress": [{"from": [{}]}]}},
        [("spec.ingress[0].from[0]", "Required value: must specify a peer")],
    ),
    "a block and another peer": (
        "NetworkPolicy",
        {"spec": {"egress": [{"to": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}]}},
        [("spec.egress[0].to[0]", "Forbidden: may not specify both ipBlock and another peer")],
    ),
    "an exception outside": (
        "NetworkPolicy",
        {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]}},
        [
            (
                "spec.egress[0].to[0].ipBlock.except[0]",
                'Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
            )
        ],
    ),
    "a range without start": (
        "NetworkPolicy",
        {
            "spec": {
                "ingress": [
                    {"ports": [{"endPort": 90}, {"port": "web", "endPort": 90}, {"port": 99, "endPort": 90}]}
                ]
            }
        },
        [
            (
                "spec.ingress[0].ports[0].endPort",
                "Invalid value: 90: may not be specified when `port` is not specified",
            ),
            (
                "spec.ingress[0].ports[1].endPort",
                "Invalid value: 90: may not be specified when `port` is non-numeric",
            ),
            ("spec.ingress[0].ports[2].endPort", "Invalid value: 90: must be greater than or equal to `port`"),
        ],
    ),
    "a selector without values": (
        "NetworkPolicy",
        {
            "spec": {
                "podSelector": {
                    "matchExpressions": [{"key": "a", "operator": "In"}, {"key": "b", "operator": "Is"}]
                }
            }
        },
        [
            (
                "spec.podSelector.matchExpressions[0].values",
                "Required value: must be specified when `operator` is 'In' or 'NotIn'",
            ),
            (
                "spec.podSelector.matchExpressions[1].operator",
                'Invalid value: "Is": not a valid selector operator',
            ),
        ],
    ),
    "a slice of another family": (
        "EndpointSlice",
        {"addressType": "IPv4", "endpoints": [{"addresses": ["::1"]}, {"addresses": []}]},
        [
            ("endpoints[0].addresses[0]", 'Invalid value: "::1": must be a valid IPv4 address'),
            ("endpoints[1].addresses", "Required value: must contain at least 1 address"),
        ],
    ),
    "a slice without type": ("EndpointSlice", {"endpoints": []}, [("addressType", "Required value")]),
    "two ports of one name": (
        "EndpointSlice",
        {"addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1"]}], "ports": [{"port": 1}, {"port": 2}]},
        [("ports[1].name", 'Duplicate value: ""')],
    ),
    "endpoints of nothing": (
        "Endpoints",
        {"subsets": [{"ports": [{"port": 1}]}]},
        [("subsets[0]", "Required value: must specify `addresses` or `notReadyAddresses`")],
    ),
    "a certificate without key": (
        "Secret",
        {"type": "kubernetes.io/tls", "data": {"tls.crt": ""}},
        [("data[tls.key]", "Required value")],
    ),
    "registries that are no JSON": (
        "Secret",
        {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "hunter2"}},
        [("data[.dockerconfigjson]", "Invalid value: must be JSON")],
    ),
    "nobody's password": (
        "Secret",
        {"type": "kubernetes.io/basic-auth"},
        [("data[username]", "Required value"), ("data[password]", "Required value")],
    ),
    "no private key": (
        "Secret",
        {"type": "kubernetes.io/ssh-auth", "data": {}},
        [("data[ssh-privatekey]", "Required value")],
    ),
    "a key with a slash": (
        "ConfigMap",
        {"data": {"a/b": ""}},
        [
            (
                "data[a/b]",
                f'Invalid value: "a/b": {CONFIG_KEY}',
            )
        ],
    ),
    "a key in both": (
        "ConfigMap",
        {"data": {"a": ""}, "binaryData": {"a": ""}},
        [("data[a]", 'Invalid value: "a": duplicate of key present in binaryData')],
    ),
    "a map that is too large": (
        "ConfigMap",
        {"data": {"a": "x" * (1 << 20), "b": "y"}},
        [("", "Too long: may not be more than 1048576 bytes")],
    ),
    "a pod of nothing": ("Pod", {"spec": {}}, [("spec.containers", "Required value")]),
    "containers of one name": (
        "Pod",
        {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "a"}], "restartPolicy": "Sometimes"}},
        [
            ("spec.containers[1].name", 'Duplicate value: "a"'),
            ("spec.containers[1].image", "Required value"),
            (
                "spec.restartPolicy",
                'Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
            ),
        ],
    ),
    "a lease for no time": (
        "Lease",
        {"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}},
        [
            ("spec.leaseDurationSeconds", "Invalid value: 0: must be greater than 0"),
            ("spec.leaseTransitions", "Invalid value: -1: must be greater than or equal to 0"),
        ],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_allowed(case: str) -> None:
    kind, obj, expected = BAD[case]
    assert judged(kind, obj) == expected


GOOD: dict[str, tuple[str, Object]] = {
    "a service": ("Service", service({"port": 80, "targetPort": "web"})),
    "one port, two protocols": (
        "Service",
        service({"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}),
    ),
    "headless without ports": ("Service", {"spec": {"clusterIP": "None"}}),
    "a name outside": ("Service", {"spec": {"type": "ExternalName", "externalName": "Nas.lan."}}),
    "a balancer": (
        "Service",
        service(type="LoadBalancer", externalTrafficPolicy="Local", loadBalancerClass="a/b"),
    ),
    "outside addresses": ("Service", service(externalIPs=["10.0.0.1", "fd00::1"], externalTrafficPolicy="Local")),
    "an ingress": ("Ingress", ingress({"path": "/", "pathType": "Prefix", "backend": TO_WEB}, host="*.a.org")),
    "an ingress of any path": ("Ingress", ingress({"pathType": "ImplementationSpecific", "backend": TO_WEB})),
    "a rule without paths": ("Ingress", {"spec": {"rules": [{"host": "a.org"}]}}),
    "a class": ("IngressClass", {"spec": {"controller": "traefik.io/ingress-controller"}}),
    "a policy": (
        "NetworkPolicy",
        {
            "spec": {
                "podSelector": {"matchLabels": {"a": "b"}},
                "ingress": [{}],
                "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}],
            }
        },
    ),
    "loopback": ("EndpointSlice", {"addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}]}),
    "names of hosts": ("EndpointSlice", {"addressType": "FQDN", "endpoints": [{"addresses": ["nas.lan"]}]}),
    "a certificate": ("Secret", {"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}),
    "a type of one's own": ("Secret", {"type": "helm.sh/release.v1"}),
    "a pod": ("Pod", {"spec": {"containers": [{"name": "a", "image": "i", "ports": [{"containerPort": 1}]}]}}),
    "a lease": ("Lease", {"spec": {"holderIdentity": "", "leaseDurationSeconds": 15}}),
    "other kinds": ("Node", {"spec": {"podCIDR": "whatever"}}),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_allowed(case: str) -> None:
    kind, obj = GOOD[case]
    assert judged(kind, obj) == []


def test_every_cause_is_in_one_refusal() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"rules": [{"host": "A", "http": {"paths": []}}]}}
    with pytest.raises(ApiError) as refused:
        check_values(kind_of("Ingress"), obj, None)
    assert refused.value.status == 422
    assert [(cause.field, cause.reason) for cause in refused.value.causes] == [
        ("spec.rules[0].host", "FieldValueInvalid"),
        ("spec.rules[0].http.paths", "FieldValueRequired"),
    ]
