"""``stashgen schema``: JSON Schemas, for editors on standard output, for kubeconform as files."""

import json
import sys
from collections.abc import Mapping

from stashgen.api import json_schema
from stashgen.api.base import JsonObject
from stashgen.cli.commands import SchemaCommand
from stashgen.cli.messages import count, say
from stashgen.diagnostics import ExitCode, UsageError
from stashgen.policy.schema import KINDS, schema_of_all, schema_of_kind
from stashgen.recorder.file import replace_file


def schema(command: SchemaCommand) -> int:
    """Print the schema, or write one file a kind.

    Raises:
        UsageError: there is no standard output to print to.
        ToolError: the folder cannot be written.
    """
    if command.kubeconform is not None:
        files = schemas_for_kubeconform()
        for name, content in files.items():
            replace_file(command.kubeconform / name, _text(content).encode())
        say(f"{command.kubeconform}: {count(len(files), 'file')} written")
        return ExitCode.OK
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    kind = command.kind
    sys.stdout.write(_text(schema_of_all() if kind is None else schema_of_kind(kind)))
    return ExitCode.OK


def schemas_for_kubeconform() -> Mapping[str, JsonObject]:
    """What people write and what is rendered of KubeStash's and our kinds, by path."""
    written = {
        json_schema.path("stashgen.dev", kind, "v1alpha1"): schema_of_kind(kind) for kind in KINDS
    }
    return {**written, **json_schema.schemas()}


def _text(schema: JsonObject) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
