"""Which labels and annotations an object takes over from the one that it is made for. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

_APPLYSET: Final = "applyset.kubernetes.io/part-of"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_FOLDER: Final = "hearthgate-folder"
_OWN: Final = "hearthgate.dev/"


def copied_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """All but the marks of who brought the object here: a copy that carried them would be taken for one that left
    the folder, or the set that was applied, and go."""
    return {
        name: value
        for name, value in labels.items()
        if name != _APPLYSET and (name, value) != (_MANAGED_BY, _FOLDER)
    }


def copied_annotations(annotations: Mapping[str, str], prefixes: Iterable[str]) -> dict[str, str]:
    """Those that `copied_annotation_prefixes` lets through; never our own, which speak of that very object."""
    wanted = [prefix for prefix in prefixes if not prefix.startswith("-")]
    refused = (_OWN, *(prefix[1:] for prefix in prefixes if prefix.startswith("-")))
    return {
        name: value
        for name, value in annotations.items()
        if not name.startswith(refused) and any(prefix == "*" or name.startswith(prefix) for prefix in wanted)
    }
