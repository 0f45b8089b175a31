"""A lease has one holder at a time."""

from __future__ import annotations

from app.store.database import Database
from app.store.leases import Leases
from tests.app.store.samples import Time


def test_second_holder_waits_until_the_lease_is_over(database: Database, time: Time) -> None:
    """Unless the first one renews it."""
    leases = Leases(database, clock=time)
    assert leases.hold("collect:demo", "a", for_s=15)
    assert leases.hold("collect:other", "b", for_s=15)
    assert not leases.hold("collect:demo", "b", for_s=15)
    time.forward(seconds=10)
    assert leases.hold("collect:demo", "a", for_s=15)
    time.forward(seconds=10)
    assert not leases.hold("collect:demo", "b", for_s=15)
    time.forward(seconds=6)
    assert leases.hold("collect:demo", "b", for_s=15)
    assert not leases.hold("collect:demo", "a", for_s=15)


def test_released_lease_is_free_at_once(database: Database, time: Time) -> None:
    """Only its holder can release it; a restart of the only process releases all."""
    leases = Leases(database, clock=time)
    assert leases.hold("collect:demo", "a", for_s=15)
    leases.release("collect:demo", "b")
    assert not leases.hold("collect:demo", "b", for_s=15)
    leases.release("collect:demo", "a")
    assert leases.hold("collect:demo", "b", for_s=15)
    leases.release_all()
    assert leases.hold("collect:demo", "c", for_s=15)
