"""One cluster, one operator: two of them would run each session twice and race for its status."""

from typing import cast

from stashgen.api.base import JsonObject, name_of, namespace_of
from stashgen.api.resources import DEPLOYMENTS
from stashgen_controller.kube.client import Client

# The label of KubeStash's chart on the Deployments of its operator and webhook server.
LABEL = "app.kubernetes.io/name=kubestash-operator"


class OtherOperatorError(Exception):
    """KubeStash's own operator runs in this cluster."""


def refuse_other_operator(client: Client) -> None:
    """Fail if another operator reconciles our kinds; one scaled to zero does not.

    Raises:
        OtherOperatorError: KubeStash's operator is running; the message says what to do.
        ApiError: the Deployments cannot be listed.
    """
    found, _ = client.list(DEPLOYMENTS, label_selector=LABEL)
    running = [item for item in found if _spec(item).get("replicas", 1)]
    if not running:
        return
    names = ", ".join(sorted(map(_full_name, running)))
    msg = (
        f"KubeStash's operator is installed (Deployment {names}) and acts on the same objects: "
        "uninstall it or scale it to 0 and start again; or, to keep it, set controller: kubestash "
        "in the Project and do not install this controller"
    )
    raise OtherOperatorError(msg)


def _spec(obj: JsonObject) -> JsonObject:
    return cast("JsonObject", obj.get("spec") or {})


def _full_name(obj: JsonObject) -> str:
    return f"{namespace_of(obj)}/{name_of(obj)}"
