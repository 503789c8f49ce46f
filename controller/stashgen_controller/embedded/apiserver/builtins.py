"""What is served: the REST facts of the built-in resources."""

from dataclasses import dataclass, field

from stashgen.api import resources as known
from stashgen.api.resources import Resource
from stashgen_controller.embedded.apiserver.schema import Schema

_WITH_GENERATION = frozenset(
    {
        "CronJob",
        "CustomResourceDefinition",
        "DaemonSet",
        "Deployment",
        "Job",
        "Pod",
        "StatefulSet",
    }
)


@dataclass(frozen=True, slots=True)
class Served:
    """One resource that the server serves."""

    resource: Resource
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    singular: str = ""
    columns: tuple[tuple[str, str, str], ...] = ()
    schema: Schema | None = field(default=None, compare=False)

    @property
    def is_custom(self) -> bool:
        """Whether a CRD defines it."""
        return self.schema is not None

    @property
    def has_generation(self) -> bool:
        """Whether changes of what is desired are counted."""
        return self.is_custom or self.resource.kind in _WITH_GENERATION

    @property
    def key(self) -> tuple[str, str]:
        """Group and plural."""
        return (self.resource.group, self.resource.plural)


_CUSTOM = known.CUSTOM_RESOURCE_DEFINITIONS
BUILTINS = (
    Served(known.NAMESPACES, ("ns",), has_status=True),
    Served(known.SECRETS),
    Served(known.CONFIG_MAPS, ("cm",)),
    Served(known.SERVICE_ACCOUNTS, ("sa",)),
    Served(known.PODS, ("po",), ("all",), has_status=True),
    Served(known.POD_TEMPLATES),
    Served(known.PERSISTENT_VOLUME_CLAIMS, ("pvc",), has_status=True),
    Served(known.EVENTS, ("ev",)),
    Served(known.JOBS, (), ("all",), has_status=True),
    Served(known.CRON_JOBS, ("cj",), ("all",), has_status=True),
    Served(known.DEPLOYMENTS, ("deploy",), ("all",), has_status=True),
    Served(known.STATEFUL_SETS, ("sts",), ("all",), has_status=True),
    Served(known.DAEMON_SETS, ("ds",), ("all",), has_status=True),
    Served(known.LEASES),
    Served(known.ROLES),
    Served(known.ROLE_BINDINGS),
    Served(_CUSTOM, ("crd", "crds"), ("api-extensions",), has_status=True),
)
