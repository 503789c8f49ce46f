"""The bucket is away, or refuses what the Secrets hold."""

import time
from datetime import UTC, datetime

import pytest

from tests.cluster.protected import REQUESTS_OF_A_SESSION, S3_SECRET, Protected
from tests.support.compiled_project import KEY
from tests.support.faults import fault

_OUTAGE_SECONDS = 5.0


def test_bucket_is_away_before(protected: Protected) -> None:
    begin = datetime.now(UTC)
    protected.gateway.stop()
    name = protected.trigger()
    protected.finish(name, "Failed")
    protected.gateway.start()
    fault("The bucket cannot be reached when a backup begins").check(protected.told(name))
    protected.finish(protected.successor(name))
    protected.assert_whole()
    assert len(protected.requests(begin)) <= 2 * REQUESTS_OF_A_SESSION


def test_bucket_is_away_for_a_moment_during(protected: Protected) -> None:
    held = protected.hold()
    protected.gateway.resume()
    protected.gateway.stop()
    time.sleep(_OUTAGE_SECONDS)
    protected.gateway.start()
    protected.finish(held.name)
    fault("The bucket is away for a moment during a backup").check(protected.told(held.name))
    protected.assert_whole()
    assert len(protected.requests(held.begin)) <= REQUESTS_OF_A_SESSION


@pytest.mark.parametrize(
    ("what", "secret", "key", "value"),
    [
        ("The repository's password is another", KEY, "RESTIC_PASSWORD", b"another"),
        ("The bucket's key is wrong", S3_SECRET, "AWS_SECRET_ACCESS_KEY", b"another"),
    ],
)
def test_a_wrong_secret_is_not_tried_again_and_can_be_put_right(
    protected: Protected, what: str, secret: str, key: str, value: bytes
) -> None:
    begin = datetime.now(UTC)
    protected.make_secret(secret, **{key: value})
    name = protected.trigger()
    status = protected.finish(name, "Failed")
    fault(what).check(protected.told(name))
    assert "nextRetry" not in status
    protected.make_secret(secret)
    protected.back_up()
    protected.assert_whole()
    assert len(protected.requests(begin)) <= 2 * REQUESTS_OF_A_SESSION
