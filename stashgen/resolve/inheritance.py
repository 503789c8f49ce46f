"""The settings that a policy has from the policies that it extends.

Sessions are merged by their name, jobs and upkeep field by field; anything else, lists too, is
taken as a whole from the most specific document that sets it.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from stashgen.model.merged import Merged
from stashgen.model.source import Authored, Origin, PolicySet
from stashgen.policy.backup_policy import BackupPolicy, InheritedSettings, Session, Settings
from stashgen.policy.shared import Job, Upkeep
from stashgen.resolve.merge import Layer, merge

# When a session runs, in one of two ways: who sets the one sets aside the other.
_SETS_ASIDE: Mapping[str, frozenset[str]] = MappingProxyType(
    {"every": frozenset({"schedule"}), "schedule": frozenset({"every", "between", "days"})}
)


def with_inherited(policies: PolicySet) -> PolicySet:
    """The policies with everything that they inherit; validation has refused cycles."""
    by_name = {policy.value.metadata.name: policy for policy in policies.policies}
    known: dict[str, Authored[BackupPolicy]] = {}
    for name in by_name:
        chain = [name]
        while (base := by_name[chain[-1]].value.spec.extends) is not None and base not in known:
            chain.append(base)
        for one in reversed(chain):
            policy = by_name[one]
            base = policy.value.spec.extends
            known[one] = policy if base is None else refined(known[base], layer_of(policy), policy)
    return replace(policies, policies=tuple(known[name] for name in by_name))


def layer_of(policy: Authored[BackupPolicy]) -> Layer[Settings]:
    """A policy's settings, and where they are set."""
    return Layer(policy.value.spec, policy.at("spec"))


def refined(
    base: Authored[BackupPolicy], layer: Layer[Settings], policy: Authored[BackupPolicy]
) -> Authored[BackupPolicy]:
    """The policy with the settings of ``base`` and, above them, those of the layer."""
    merged = _settings(layer_of(base), layer)
    set_ = {name: getattr(merged.value, name) for name in merged.value.model_fields_set}
    spec = policy.value.spec.model_copy(update=set_)
    return Authored(
        policy.value.model_copy(update={"spec": spec}),
        policy.document,
        {**policy.spec_parts, **merged.nearest.parts},
    )


def _settings(*layers: Layer[Settings]) -> Merged[InheritedSettings]:
    merged = merge(InheritedSettings, *layers)
    sessions = _sessions(*layers)
    parts = {**merged.nearest.parts, "sessions": sessions.nearest}
    update: dict[str, object] = {"sessions": sessions.value}
    if merged.value.job is not None:
        job = merge(Job, *(_job(layer) for layer in layers))
        parts["job"], update["job"] = job.nearest, job.value
    if merged.value.upkeep is not None:
        upkeep = merge(Upkeep, *(_upkeep(layer) for layer in layers))
        parts["upkeep"], update["upkeep"] = upkeep.nearest, upkeep.value
    value = merged.value.model_copy(update=update)
    return Merged(value, replace(merged.nearest, parts=parts))


def _job(layer: Layer[Settings]) -> Layer[Job]:
    block = layer.block.job if layer.block is not None else None
    return Layer(block, layer.origin.at("job"))


def _upkeep(layer: Layer[Settings]) -> Layer[Upkeep]:
    block = layer.block.upkeep if layer.block is not None else None
    return Layer(block, layer.origin.at("upkeep"))


def _sessions(*layers: Layer[Settings]) -> Merged[tuple[Session, ...]]:
    """The sessions of all layers by name, in the order in which they first occur."""
    found: dict[str, list[Layer[Session]]] = {}
    for layer in layers:
        for index, session in enumerate(layer.block.sessions if layer.block is not None else ()):
            one = Layer(session, layer.origin.at("sessions", index))
            found.setdefault(session.name, []).append(one)
    merged = [_session(parts) for parts in found.values()]
    parts: dict[str | int, Origin] = {index: one.nearest for index, one in enumerate(merged)}
    origin = replace(layers[-1].origin.at("sessions"), parts=parts)
    return Merged(tuple(one.value for one in merged), origin)


def _session(layers: list[Layer[Session]]) -> Merged[Session]:
    ignored: set[str] = set()
    kept = []
    for layer in reversed(layers):
        kept.append(replace(layer, ignored=frozenset(ignored)))
        for field, others in _SETS_ASIDE.items():
            if getattr(layer.block, field, None) is not None:
                ignored |= others
    return merge(Session, *reversed(kept))
