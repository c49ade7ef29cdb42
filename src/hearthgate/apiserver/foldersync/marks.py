"""The marks that say which objects came from a folder: a label, and an annotation with the place.

They live in the objects, so that ownership survives whatever happens to this process.
"""

from collections.abc import Mapping
from typing import Any, Final

from hearthgate.model.refs import Source

MANAGER: Final = "hearthgate-folder"
OWNER_LABEL: Final = "app.kubernetes.io/managed-by"
SOURCE_ANNOTATION: Final = "hearthgate.dev/source"
SELECTOR: Final = f"{OWNER_LABEL}={MANAGER}"


def marked(obj: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """The object with our marks. `source`: the key of its file and the line."""
    metadata = obj["metadata"]
    return {
        **obj,
        "metadata": {
            **metadata,
            "labels": {**(metadata.get("labels") or {}), OWNER_LABEL: MANAGER},
            "annotations": {**(metadata.get("annotations") or {}), SOURCE_ANNOTATION: str(source)},
        },
    }


def source_of(obj: Mapping[str, Any]) -> Source | None:
    """Where a stored object says that it came from; None when it is somebody else's."""
    metadata = obj.get("metadata") or {}
    if (metadata.get("labels") or {}).get(OWNER_LABEL) != MANAGER:
        return None
    text = str((metadata.get("annotations") or {}).get(SOURCE_ANNOTATION, ""))
    path, colon, line = text.rpartition(":")
    if colon and line.isdecimal():
        return Source(path, int(line))
    return Source(text, 0)
