"""What claims and namespaces say of their own backups, as far as policies delegate it.

A claim's annotation wins over its namespace's. The policy that selects a volume decides whether it
may be opted out or moved to another policy; the one that then protects it, what else it may set
(``delegated_settings.py``).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches

from stashgen.api.labels import (
    DELEGATED_ANNOTATIONS,
    OPT_OUT_ANNOTATION,
    OPT_OUT_UNTIL_ANNOTATION,
    POLICY_ANNOTATION,
)
from stashgen.api.opt_out import OptOut, opt_out
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.coverage import LeftOut
from stashgen.model.inventory import Annotation, Inventory, Volume, VolumeKey, volume_list
from stashgen.model.source import Authored, Origin, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.resolve.delegated_settings import annotations_of
from stashgen.resolve.expiry import expired
from stashgen.resolve.findings import Code, finding, not_delegated
from stashgen.resolve.selection import Selection

_PLACEHOLDERS = ("${", "{{")


class Delegation:
    """The annotations of all volumes.

    Attributes:
        findings: What is wrong with them; the volume is left out then.
    """

    def __init__(self, policies: PolicySet, inventory: Inventory, today: date) -> None:
        self.findings: list[Finding] = []
        self._policies = {one.value.metadata.name: one for one in policies.policies}
        self._namespaces = inventory.namespace_annotations
        self._today = today

    def applied(self, selection: Selection) -> Selection:
        """The selection as the annotations change it: volumes opted out, or of another policy."""
        selected = []
        opted_out: dict[VolumeKey, LeftOut] = {}
        left_out = []
        for volume, policy in selection.selected:
            self._check_names(volume)
            out = self._opt_out(volume)
            if out is None:
                moved = self._moved(volume, policy)
                selected += [(volume, moved)] if moved is not None else []
                continue
            problem = self._refusal(volume, out, policy)
            if problem is not None:
                self.findings.append(problem)
            else:
                left_out.append(volume)
                opted_out[volume.key] = self._excluded(volume, out)
        for volume in selection.unselected:
            self._check_names(volume)
            out = self._opt_out(volume)
            if volume.key in selection.on_purpose or volume.key in selection.excluded:
                continue
            if out is not None and out.holds(self._today):
                # Nothing backs it up in any case: the reason is all that there is to know.
                opted_out[volume.key] = self._excluded(volume, out)
        unselected = sorted((*selection.unselected, *left_out), key=lambda one: one.key)
        return replace(
            selection,
            selected=tuple(selected),
            unselected=tuple(unselected),
            on_purpose={**selection.on_purpose, **opted_out},
        )

    def _opt_out(self, volume: Volume) -> OptOut | None:
        key = (volume.key.cluster_id, volume.key.namespace)
        return opt_out(_texts(volume.annotations), _texts(self._namespaces.get(key, {})))

    def _origin(self, volume: Volume, annotation: str) -> Origin:
        """Where an annotation of the opt-out is, or where the opt-out is that lacks it."""
        key = (volume.key.cluster_id, volume.key.namespace)
        on_claim = OPT_OUT_ANNOTATION in volume.annotations
        found = volume.annotations if on_claim else self._namespaces.get(key, {})
        return (found.get(annotation) or found[OPT_OUT_ANNOTATION]).origin

    def _excluded(self, volume: Volume, out: OptOut) -> LeftOut:
        by = f" (owner {quote(out.owner)})" if out.owner else ""
        position = self._origin(volume, OPT_OUT_ANNOTATION).position
        return LeftOut(f"{OPT_OUT_ANNOTATION} says so: {out.reason}{by}", position)

    def _refusal(
        self, volume: Volume, out: OptOut, policy: Authored[BackupPolicy]
    ) -> Finding | None:
        name = policy.value.metadata.name
        delegate = policy.value.spec.delegate
        origin = self._origin(volume, OPT_OUT_ANNOTATION)
        if delegate is None or delegate.opt_out is None:
            return not_delegated(
                origin,
                f"policy {quote(name)} does not allow {volume_list([volume])} to be opted out",
                policy.at("spec", "delegate"),
                "have the policy's owner set delegate.optOut, or remove the annotation",
            )
        parts = {"reason": out.reason, "owner": out.owner, "until": out.until}
        for field in dict.fromkeys(("reason", *delegate.opt_out.needs)):
            if not parts[field] or any(one in parts[field] for one in _PLACEHOLDERS):
                return not_delegated(
                    self._origin(volume, f"{OPT_OUT_ANNOTATION}-{field}"),
                    f"the opt-out of {volume_list([volume])} has no {field}, which policy "
                    f"{quote(name)} needs",
                    policy.at("spec", "delegate", "optOut"),
                    f"set the annotation {OPT_OUT_ANNOTATION}-{field}",
                )
        if not out.until:
            return None
        until = self._origin(volume, OPT_OUT_UNTIL_ANNOTATION)
        try:
            return expired(until, f"the opt-out of {volume_list([volume])}", out.until, self._today)
        except ValueError:
            return not_delegated(
                until,
                f"the opt-out of {volume_list([volume])} ends on {quote(out.until)}, which is not "
                "a date",
                policy.at("spec", "delegate", "optOut"),
                'write a date such as "2030-12-31"',
            )

    def _moved(
        self, volume: Volume, policy: Authored[BackupPolicy]
    ) -> Authored[BackupPolicy] | None:
        annotation = annotations_of(volume, self._namespaces).get(POLICY_ANNOTATION)
        name = policy.value.metadata.name
        if annotation is None or annotation.value == name:
            return policy
        delegate = policy.value.spec.delegate
        allowed = (delegate.policy if delegate is not None else None) or ()
        if annotation.value in allowed:
            return self._policies[annotation.value]
        bound = f"it allows {', '.join(map(quote, allowed))}" if allowed else "it allows none"
        near = get_close_matches(annotation.value, allowed, n=1)
        self.findings.append(
            not_delegated(
                annotation.origin,
                f"policy {quote(name)} does not allow {volume_list([volume])} to be protected by "
                f"{quote(annotation.value)}: {bound}",
                policy.at("spec", "delegate", "policy"),
                f"did you mean {quote(near[0])}?"
                if near
                else "have the policy's owner set delegate.policy, or remove the annotation",
            )
        )
        return None

    def _check_names(self, volume: Volume) -> None:
        for key, annotation in annotations_of(volume, self._namespaces).items():
            if key not in DELEGATED_ANNOTATIONS:
                near = get_close_matches(key, DELEGATED_ANNOTATIONS, n=1)
                self.findings.append(
                    finding(
                        Code.UNKNOWN_ANNOTATION,
                        annotation.origin,
                        f"annotation {quote(key)} is unknown",
                        why="an annotation that is ignored would appear to work",
                        fix=f"did you mean {quote(near[0])}?" if near else "remove it",
                        severity=Severity.WARNING,
                    )
                )


def _texts(annotations: Mapping[str, Annotation]) -> Mapping[str, str]:
    return {key: one.value for key, one in annotations.items()}
