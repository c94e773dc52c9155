"""What people make of answers, and the faults that only they notice."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import pytest

from streams.demo.digits import digits
from streams.demo.faults import Fault
from streams.demo.models import Model
from streams.demo.people import LONGEST_DELAY_S, REQUEST_ID, People
from streams.demo.processes import free_ports
from streams.demo.server import create_app
from streams.publisher import Publisher

ASKED = 300


@pytest.fixture
def publisher() -> Publisher:
    """A real one without a broker: what it takes waits."""
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    return Publisher(bootstrap=nowhere, service="digits", model_version="v1", close_s=0.1)


async def answers(fault: Fault, publisher: Publisher, count: int) -> AsyncIterator[dict[str, str]]:
    """What a server with this fault answers to the first images."""
    transport = httpx.ASGITransport(app=create_app(Model("v3", fault), publisher))
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        for number, pixels in enumerate(digits().held_pixels[:count]):
            answer = await client.post(
                "/predict",
                json={"pixels": pixels.tolist()},
                headers={REQUEST_ID: f"r-{number}"},
            )
            assert answer.headers[REQUEST_ID] == f"r-{number}"
            yield answer.json()


class TestFaults:
    async def test_every_other_answer_belongs_to_the_question_before(self, publisher):
        """The classes are those of a good model, so no mix of them shows it."""
        good = [each["digit"] async for each in answers(Fault.NONE, publisher, 9)]
        mixed = [each["digit"] async for each in answers(Fault.ACCURACY, publisher, 9)]
        assert mixed[0::2] == good[0::2]
        assert mixed[1::2] == good[0:-1:2]

    async def test_the_offer_is_missing_and_nothing_else(self, publisher):
        """The digit and its score are those of a good model."""
        async for answer in answers(Fault.CONVERSION, publisher, 3):
            assert sorted(answer) == ["digit", "score"]


class TestPeople:
    async def test_say_the_truth_later_and_buy_less_without_an_offer(self, publisher):
        """Each says one label; what is beyond are purchases."""
        bought = []
        for offer in ({"offer": "a poster"}, {}):
            people, before = People(publisher, seed=3), publisher.counters().taken
            for number in range(ASKED):
                people.hear(f"{len(bought)}-{number}", {"digit": "7"} | offer, truth=7)
            assert publisher.counters().taken == before
            done = asyncio.Event()
            asyncio.get_running_loop().call_later(LONGEST_DELAY_S, done.set)
            await done.wait()
            bought.append(publisher.counters().taken - before - ASKED)
        assert bought == [expected(0.5), expected(0.2)]


def expected(chance: float) -> int:
    """Purchases by the same dice."""
    dice, buys = random.Random(3), 0
    for _ in range(ASKED):
        bought = dice.random() < chance
        buys += bought
        for _ in range(1 + bought):
            dice.expovariate(1.0)
    return buys
