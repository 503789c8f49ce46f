"""What the backups of a volume achieve, as facts; without runs it is worse than any rule allows."""

from dataclasses import replace
from datetime import timedelta

from stashgen.model.facts import CopyFacts, VolumeFacts
from stashgen.resolve.achieved import FURTHEST
from stashgen.resolve.facts import ruled_volume
from tests.support.project import BUCKET, POLICY, claim, resolved

_PRUNE_KEY = "secretName: keys, perVerb: {retain: prune-keys}}"


_COPY = CopyFacts("local", "s3", "eu-1", offsite=False, immutable=False, separate_prune_key=False)


def facts(policy: str, storage: str = BUCKET) -> VolumeFacts:
    found = resolved(claim("data", more="labels: {tier: gold}"), storage, policy)
    (protection,) = found.value.protections
    return ruled_volume(protection).facts


def test_facts_are_what_the_sessions_achieve() -> None:
    found = facts(POLICY)
    assert (found.cluster, found.namespace, found.name) == ("demo", "demo", "data")
    assert (found.policy, found.labels) == ("hourly", {"tier": "gold"})
    # An hour between two runs, and the hour that a run may take.
    assert found.rpo == timedelta(hours=2)
    assert found.storage_rpo == {"local": timedelta(hours=2)}
    assert (found.copies, found.runs) == (1, True)
    assert found.storages == (_COPY,)


def test_key_of_retention_is_a_fact_of_the_storage() -> None:
    (storage,) = facts(POLICY, BUCKET.replace("secretName: keys}", _PRUNE_KEY)).storages
    assert storage.separate_prune_key


def test_what_people_say_of_a_storage_are_its_facts() -> None:
    said = "  facts: {region: eu-2, offsite: true, immutable: true}\n"
    (storage,) = facts(POLICY, BUCKET + said).storages
    assert storage == replace(_COPY, region="eu-2", offsite=True, immutable=True)


def test_paused_policy_achieves_nothing() -> None:
    found = facts(POLICY.replace("spec:\n", "spec:\n  paused: true\n", 1))
    assert (found.runs, found.copies, found.storages) == (False, 0, ())
    assert (found.rpo, found.keep_for) == (FURTHEST, timedelta())
