"""apiextensions.k8s.io/v1: CustomResourceDefinition. What it says is read by `structural.definitions`."""

from collections.abc import Mapping
from typing import Any

from hearthgate.resources.core import LenientResource


class CustomResourceDefinition(LenientResource, frozen=True, kw_only=True):
    spec: Mapping[str, Any]
