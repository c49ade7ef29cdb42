"""cert-manager.io/v1 and acme.cert-manager.io/v1: every field of upstream 1.21, decoded. Issuers and DNS
providers that Hearthgate has not are marked so and taken as they come."""

from hearthgate.resources.certmanager.certificate import Certificate
from hearthgate.resources.certmanager.issuer import ClusterIssuer, Issuer
from hearthgate.resources.certmanager.orders import Challenge, Order
from hearthgate.resources.certmanager.request import CertificateRequest

__all__ = ["Certificate", "CertificateRequest", "Challenge", "ClusterIssuer", "Issuer", "Order"]
