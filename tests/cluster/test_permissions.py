"""What the controller may do is what it did in all the tests before: nothing more, nothing less.

Comes after them, so it says little about a run of this module alone.
"""

from collections import Counter

import pytest

from stashgen_controller.kinds import permissions
from stashgen_controller.kube.client import USER_AGENT
from tests.cluster.audit import Request, requests
from tests.cluster.installation import CONTROLLER
from tests.cluster.kube import Kube

pytestmark = pytest.mark.alone

# Looked at by the admission plugin OwnerReferencesPermissionEnforcement, which is off here.
_ONLY_ELSEWHERE = "finalizers"
# A cache may know a moment later than the API server that a namespace is on its way out.
_MOST_IN_A_NAMESPACE = 3


@pytest.fixture(scope="module")
def asked(kube: Kube) -> list[Request]:
    """All that the controllers asked for; an attack with their account comes by other programs."""
    found = [item for item in requests(kube.layout.audit_log) if item.user == CONTROLLER]
    ours = [item for item in found if item.agent == USER_AGENT]
    assert len(ours) > 20
    return ours


def test_nothing_that_the_controller_asks_for_is_forbidden(asked: list[Request]) -> None:
    """An API server that has just started refuses what it allows once it has read the roles."""
    refused = [item for item in asked if not item.is_allowed]
    declared = _declared()
    assert [item for item in refused if (item.group, item.target, item.verb) not in declared] == []
    allowed = {(item.group, item.target, item.verb) for item in asked if item.is_allowed}
    assert {(item.group, item.target, item.verb) for item in refused} <= allowed


def test_little_is_asked_for_in_a_namespace_that_is_on_its_way_out(asked: list[Request]) -> None:
    leaving = Counter(item.namespace for item in asked if "being terminated" in item.message)
    assert not leaving or max(leaving.values()) <= _MOST_IN_A_NAMESPACE, leaving


def test_every_permission_of_the_controller_is_used(asked: list[Request]) -> None:
    used = {(item.group, item.target, item.verb) for item in asked if item.is_allowed}
    declared = _declared()
    # Which objects a look fails at is chance; that they are read then is tested elsewhere.
    after_a_failure = {
        (resource.group, resource.plural, "get") for resource in permissions.OF_KINDS
    }
    assert sorted(declared - used - after_a_failure) == [], "remove it, or test what needs it"
    assert sorted(used - declared) == [], "allowed by another role than the generated ones"


def _declared() -> set[tuple[str, str, str]]:
    return {
        (item.resource.group, item.name, verb)
        for item in (*permissions.cluster_permissions(), *permissions.OF_LEADER_ELECTION)
        if item.part != _ONLY_ELSEWHERE
        for verb in item.verbs
    }
