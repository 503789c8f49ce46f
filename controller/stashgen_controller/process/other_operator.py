"""One cluster, one operator: two of them would run each session twice and race for its status."""

from typing import cast

from stashgen.api.base import JsonObject, name_of, namespace_of
from stashgen.api.resources import DEPLOYMENTS
from stashgen_controller.kube.client import Client

# KubeStash's chart labels the Deployments of its operator and of its webhook server so.
LABEL = "app.kubernetes.io/name=kubestash-operator"


class OtherOperatorError(Exception):
    """KubeStash's own operator runs in this cluster."""


def refuse_other_operator(client: Client) -> None:
    """See that nobody else reconciles our kinds; one that is scaled to nothing does not.

    Raises:
        OtherOperatorError: KubeStash's operator is there; the message says what to do.
        ApiError: it cannot be found out.
    """
    found, _ = client.list(DEPLOYMENTS, label_selector=LABEL)
    running = [item for item in found if _spec(item).get("replicas", 1)]
    if not running:
        return
    names = ", ".join(sorted(map(_full_name, running)))
    msg = (
        f"KubeStash's operator is installed (Deployment {names}) and acts on the same objects: "
        "uninstall it or scale it to 0 and start again; or, to keep it, write controller: "
        "kubestash in the Project and do not install this controller"
    )
    raise OtherOperatorError(msg)


def _spec(obj: JsonObject) -> JsonObject:
    return cast("JsonObject", obj.get("spec") or {})


def _full_name(obj: JsonObject) -> str:
    return f"{namespace_of(obj)}/{name_of(obj)}"
