"""ServiceAccount (core/v1): who a pod is."""

from typing import ClassVar, Literal

from stashgen.api.base import Bool
from stashgen.api.meta import Kind
from stashgen.api.resources import SERVICE_ACCOUNTS, Resource


class ServiceAccount(Kind):
    """Who a pod is; ours mount no token unless the pod asks for one."""

    resource: ClassVar[Resource] = SERVICE_ACCOUNTS
    api_version: Literal["v1"] = "v1"
    kind: Literal["ServiceAccount"] = "ServiceAccount"
    automount_service_account_token: Bool | None = None
