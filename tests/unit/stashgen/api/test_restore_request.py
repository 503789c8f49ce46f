"""A RestoreRequest says everything itself, and has a name that a file and a label can have."""

import pytest
from pydantic import JsonValue, ValidationError

from stashgen.api.base import JsonObject
from stashgen.api.restore_request import RestoreRequest

SPEC: JsonObject = {
    "nonce": "incident-42",
    "notAfter": "2026-03-01T14:00:00Z",
    "repository": "local-k3f9q",
    "snapshot": "latest",
    "target": {"name": "library"},
    "mode": "Overwrite",
    "onMissing": "Fail",
}


def request(**changes: JsonValue) -> JsonObject:
    spec: JsonObject = {
        key: value for key, value in {**SPEC, **changes}.items() if value is not None
    }
    return {
        "apiVersion": "stashgen.dev/v1alpha1",
        "kind": "RestoreRequest",
        "metadata": {"name": "back", "namespace": "demo"},
        "spec": spec,
    }


@pytest.mark.parametrize("field", SPEC)
def test_nothing_of_the_act_is_left_to_a_default(field: str) -> None:
    with pytest.raises(ValidationError):
        RestoreRequest.model_validate(request(**{field: None}))


@pytest.mark.parametrize(
    "nonce",
    ["short-7", "a" * 64, "Incident-42", "-incident", "incident-", "../../x/y", "incident-42\n"],
)
def test_a_nonce_that_a_file_or_a_label_cannot_have_is_refused(nonce: str) -> None:
    with pytest.raises(ValidationError):
        RestoreRequest.model_validate(request(nonce=nonce))


@pytest.mark.parametrize("nonce", ["12345678", "a" * 63, "library-2026-03-01-a7"])
def test_a_nonce_has_eight_to_sixty_three_characters(nonce: str) -> None:
    assert RestoreRequest.model_validate(request(nonce=nonce)).spec.nonce == nonce


@pytest.mark.parametrize(
    "changes",
    [
        {"notAfter": "2026-03-01T14:00:00"},
        {"notAfter": "tomorrow"},
        {"notAfter": ["2026-03-01T14:00:00Z"]},
        {"notAfter": "9999-12-31T23:59:59-14:00"},
        {"notAfter": "0001-01-01T00:00:00+14:00"},
        {"mode": "Replace"},
        {"onMissing": "Ignore"},
        {"target": {"name": "library", "namespace": "other"}},
        {"target": {"name": ""}},
        {"snapshot": "a/b"},
    ],
)
def test_a_value_without_a_meaning_is_refused(changes: JsonObject) -> None:
    with pytest.raises(ValidationError):
        RestoreRequest.model_validate(request(**changes))


def test_a_request_is_written_back_as_it_was_read() -> None:
    assert RestoreRequest.model_validate(request(reason="a disk")).to_wire() == request(
        reason="a disk"
    )
