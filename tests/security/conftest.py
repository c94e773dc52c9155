"""One broker with users, certificates and an authorizer, for all tests of a run."""

import pytest

from infra.rigs import secured as rig
from streams.acls import role_names

OWNER = "davy"
"""A user of tests that ask nothing of rights."""


@pytest.fixture(scope="session")
def secured(share) -> rig.Secured:
    """Apache Kafka that asks who you are; every role is a user of that name."""
    users = (*role_names(), OWNER)
    return rig.Secured.at(share("secured", lambda folder: rig.start(folder, users)))
