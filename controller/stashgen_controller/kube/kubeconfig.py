"""Connections by a kubeconfig, as the ``kubernetes`` package reads it: certificates, plugins, OIDC.

Loaded only where there is a kubeconfig.
"""

from collections.abc import Mapping

from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from stashgen_controller.kube.connection import (
    CONNECTIONS,
    RETRIES,
    Connection,
    UnconfiguredError,
)


def of_file(path: str) -> Connection:
    """To the server of a file's current context.

    Raises:
        UnconfiguredError: the file is missing or wrong.
    """
    configuration = Configuration()
    try:
        config.load_kube_config(path, client_configuration=configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise UnconfiguredError(str(error)) from error
    return _connection(configuration)


def of_user(kubeconfig: str, context: str | None) -> tuple[Connection, str]:
    """To the server of a context, and the context's namespace.

    Args:
        kubeconfig: One file, or several as in $KUBECONFIG.
        context: One of its contexts; None for the current one.

    Raises:
        UnconfiguredError: there is no such file or context, or it is wrong.
    """
    configuration = Configuration()
    try:
        loader = _loader(kubeconfig, context)
        loader.load_and_set(configuration)
        chosen = loader.current_context["context"]
    except Exception as error:  # its YAML reader, its plugins: whatever they raise
        raise UnconfiguredError(f"{kubeconfig}: {error}") from error
    return _connection(configuration), str(chosen.get("namespace") or "default")


def _loader(kubeconfig: str, context: str | None) -> KubeConfigLoader:
    merged = KubeConfigMerger(kubeconfig).config
    if merged is None:
        raise FileNotFoundError("there is no such file")
    return KubeConfigLoader(merged, active_context=context, config_base_path=None)


def _connection(configuration: Configuration) -> Connection:
    configuration.retries = RETRIES
    configuration.connection_pool_maxsize = CONNECTIONS

    def authorization() -> Mapping[str, str]:
        token = configuration.auth_settings().get("BearerToken")
        return {"Authorization": str(token["value"])} if token is not None else {}

    manager = RESTClientObject(configuration).pool_manager
    return Connection(configuration.host, manager, authorization)
