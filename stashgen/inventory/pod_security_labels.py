"""Labels of Namespaces by which Pod Security admission judges their pods (Kubernetes)."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from stashgen.api.namespace import POD_SECURITY_LEVELS
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.inventory.findings import Code
from stashgen.inventory.objects import Object

_PREFIX = "pod-security.kubernetes.io/"
_MODES = ("enforce", "audit", "warn")
_KEYS = tuple(f"{_PREFIX}{mode}{end}" for mode in _MODES for end in ("", "-version"))


def pod_security_label_findings(item: Object, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Warnings about labels that Kubernetes would refuse, or would not know.

    Args:
        item: The Namespace.
        labels: Those that it has in the cluster.
    """
    for key, value in labels.items():
        if not key.startswith(_PREFIX):
            continue
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            what, why = f"label {quote(key)} is unknown", "Pod Security admission does not read it"
        elif not key.endswith("-version") and value not in POD_SECURITY_LEVELS:
            near = get_close_matches(value, POD_SECURITY_LEVELS, n=1)
            what = f"{quote(value)} is not a Pod Security level"
            why = (
                "the API server refuses such a Namespace, and treats one that has it as restricted"
            )
        else:
            continue
        known = _KEYS if key not in _KEYS else POD_SECURITY_LEVELS
        yield Finding(
            code=Code.POD_SECURITY_LABEL,
            severity=Severity.WARNING,
            position=item.position_of("metadata", "labels", key),
            subject=item.subject("metadata", "labels", key),
            what=what,
            why=why,
            fix=f"did you mean {quote(near[0])}?" if near else f"use one of {', '.join(known)}",
        )
