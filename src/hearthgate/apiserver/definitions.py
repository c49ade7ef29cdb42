"""Keeps what is served at what the stored custom resource definitions say."""

import msgspec
import structlog

from hearthgate.apiserver.semantics.definitions import DEFINITIONS
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.history import Event
from hearthgate.apiserver.store.store import Object, Store
from hearthgate.resources.structural.definitions import Definition, read_definition

_log = structlog.get_logger(__name__)


class Definitions:
    """Serves everything that is defined already; `observe` is told of every change of the store."""

    def __init__(self, served: ServedKinds, store: Store) -> None:
        self._served = served
        self._store = store
        for entry in store.collection(DEFINITIONS).entries():
            self.changed(entry.name, msgspec.json.decode(entry.raw))

    def observe(self, resource: str, event: Event) -> None:
        if resource == DEFINITIONS:
            self.changed(event.name, None if event.type == "DELETED" else msgspec.json.decode(event.raw))

    def changed(self, name: str, definition: Object | None) -> None:
        if self._served.is_native(name):
            return
        if definition is None:
            self._served.undefine(name)
            self._store.retire(name)
            return
        read = read_definition(definition)
        if not isinstance(read, Definition):
            # Admission let it in, so an older version of this program knew how to read it.
            _log.error("definition cannot be served", definition=name, causes=[str(cause) for cause in read])
            return
        self._served.define(read)
