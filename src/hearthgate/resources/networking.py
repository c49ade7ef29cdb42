"""networking.k8s.io/v1: IngressClass."""

from hearthgate.resources.core import LenientResource
from hearthgate.resources.meta import Lenient

DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


class IngressClassSpec(Lenient, frozen=True, kw_only=True):
    controller: str = ""


class IngressClass(LenientResource, frozen=True, kw_only=True):
    spec: IngressClassSpec = IngressClassSpec()

    @property
    def is_default(self) -> bool:
        return self.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION) == "true"
