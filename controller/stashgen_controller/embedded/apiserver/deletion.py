"""What a deletion may ask for (Kubernetes API, "DeleteOptions")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.errors import (
    bad_request,
    conflict,
    invalid,
    unsupported,
)

_POLICIES = ("Foreground", "Background", "Orphan")
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete, and what must hold."""

    policy: str | None = None
    grace_seconds: int | None = None
    preconditions: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False

    @classmethod
    def read(cls, body: JsonValue, query: Mapping[str, str]) -> "DeleteOptions":
        """The options of a request; those of the query come first.

        Raises:
            StatusError: they cannot be read.
        """
        given = {} if body is None else body
        if not isinstance(given, dict):
            raise bad_request("the delete options are not an object")
        policy = query.get("propagationPolicy", given.get("propagationPolicy"))
        if policy not in {None, *_POLICIES}:
            causes = [unsupported("propagationPolicy", policy, (*_POLICIES, "nil"))]
            raise invalid("DeleteOptions", "meta.k8s.io", "", causes)
        preconditions = given.get("preconditions") or {}
        if not isinstance(preconditions, dict):
            raise bad_request("the preconditions are not an object")
        return cls(
            policy,
            _seconds(query.get("gracePeriodSeconds", given.get("gracePeriodSeconds"))),
            cast("Mapping[str, str]", preconditions),
            bool(query.get("dryRun") or given.get("dryRun")),
        )

    def check(self, served: Served, metadata: JsonObject) -> None:
        """Compare the preconditions with the object.

        Raises:
            StatusError: 409 when one does not hold.
        """
        resource, name = served.resource, str(metadata["name"])
        for key, title in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            wanted = self.preconditions.get(key)
            if wanted is not None and wanted != metadata[key]:
                why = (
                    f"the {title} in the precondition ({wanted}) does not match the {title} in "
                    f"record ({metadata[key]}). The object might have been deleted and then "
                    "recreated"
                )
                raise conflict(resource.kind, resource.group, name, why)

    def grace(self, kind: str, obj: JsonObject) -> int:
        """Seconds that a running pod has to end; everything else goes at once."""
        status = cast("JsonObject", obj.get("status") or {})
        if kind != "Pod" or status.get("phase") != "Running":
            return 0
        if self.grace_seconds is not None:
            return self.grace_seconds
        spec = cast("JsonObject", obj.get("spec") or {})
        return cast("int", spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS))


def with_finalizers(kind: str, metadata: JsonObject, options: DeleteOptions) -> list[str]:
    """What the object waits for: its own finalizers and that of the policy.

    Without a policy a Job leaves its pods behind, as the API server has it for batch/v1.
    """
    policy = options.policy or ("Orphan" if kind == "Job" else "Background")
    finalizers = list(cast("list[str]", metadata.get("finalizers") or []))
    added = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(policy)
    if added is not None and added not in finalizers:
        finalizers.append(added)
    return finalizers


def _seconds(value: JsonValue) -> int | None:
    if value is None:
        return None
    try:
        return int(cast("str", value))
    except (TypeError, ValueError) as error:
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax') from error
