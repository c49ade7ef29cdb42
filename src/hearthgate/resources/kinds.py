"""What the API must know of a kind: its names, its scope, its columns."""

from typing import TYPE_CHECKING, NamedTuple

from hearthgate.resources.meta import Resource

if TYPE_CHECKING:
    from hearthgate.resources.structural.schema import Structural


class Column(NamedTuple):
    """A printer column. `path` is the JSONPath subset of custom resource definitions (`.spec.type`);
    `type` is string, integer, number, boolean or date; `priority` above 0 shows only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


class Kind(NamedTuple):
    """One served kind.

    resource_type: the typed resource, or None when the API stores it without Hearthgate reading it.
    status: whether `/status` is a subresource.
    columns: printer columns after NAME; AGE follows those that are always shown. A cell that no path can say
        (counts, `80/TCP`) is made by the API server.
    upstream_status: whether upstream's own definition has the status subresource (False: on a real cluster
        with upstream's definitions only Events can tell).
    whole_table: `columns` is all of the table after NAME, in this order: no AGE is put among them.
    schema: of a kind that a definition brought, which has no resource_type.
    singular_name, list_name: where a definition says other names than the kind makes.
    remark: what who writes an object is told, once for the kind; it names the kind, since kubectl prints the same
        warning only once.
    selectable_fields: paths such as `.spec.issuerRef.name` that field selectors may name.
    """

    group: str
    version: str
    kind: str
    plural: str
    resource_type: type[Resource] | None = None
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    upstream_status: bool = False
    columns: tuple[Column, ...] = ()
    schema: "Structural | None" = None
    selectable_fields: tuple[str, ...] = ()
    whole_table: bool = False
    remark: str = ""
    singular_name: str = ""
    list_name: str = ""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """How references name it: several definitions may bring kinds of one name, natives have theirs alone."""
        return self.kind if self.schema is None else f"{self.kind}.{self.group}"

    @property
    def singular(self) -> str:
        return self.singular_name or self.kind.lower()

    @property
    def list_kind(self) -> str:
        return self.list_name or f"{self.kind}List"

    @property
    def resource(self) -> str:
        """`ingressroutes.traefik.io`; for the core group just the plural."""
        return f"{self.plural}.{self.group}" if self.group else self.plural
