"""Whether each namespace has the claim that a storage of all namespaces keeps its copies on."""

from collections.abc import Iterable, Iterator

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import Inventory
from stashgen.model.resolved import Protection
from stashgen.model.source import PolicySet
from stashgen.resolve.findings import Code, finding


def missing_claims(
    policies: PolicySet, inventory: Inventory, protections: Iterable[Protection]
) -> Iterator[Finding]:
    """A warning for each such storage, with the namespaces whose pods would wait for the claim.

    Nobody thinks of the claim of a namespace that a policy selects later. A claim that exists
    without a manifest is possible, so it is no error.
    """
    known = {(one.key.cluster_id, one.key.namespace, one.key.name) for one in inventory.volumes}
    missing: dict[tuple[str, str], list[str]] = {}
    for storage in {
        copy.storage.key: copy.storage
        for protection in protections
        for session in protection.sessions
        for copy in session.copies
    }.values():
        claim = storage.backend.claim
        is_everywhere = policies.storages[storage.name].value.spec.namespace is None
        if is_everywhere and claim is not None:
            key = (storage.cluster.id, storage.namespace, claim)
            if key not in known:
                missing.setdefault((storage.name, claim), []).append(storage.namespace)
    for (name, claim), namespaces in missing.items():
        first, more = quote(namespaces[0]), len(namespaces) - 1
        others = f" and {more} more" if more else ""
        yield finding(
            Code.NO_CLAIM,
            policies.storages[name].at("spec", "backend"),
            f"the inventory has no claim {quote(claim)} in namespace {first}{others}",
            why=f"storage {quote(name)} is in every namespace with protected volumes, and its pods "
            "mount the claim of their own",
            fix="add the claim to the inventory, or use a bucket or an NFS export",
            severity=Severity.WARNING,
        )
