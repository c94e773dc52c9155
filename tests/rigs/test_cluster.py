"""Three nodes survive one, say so where they cannot, and each client has a network of its own."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator

import pytest
from aiokafka.client import AIOKafkaClient
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from infra.rigs import cluster as rig
from infra.rigs.cache import Absent
from infra.rigs.cluster import Cluster, Node
from infra.rigs.links import Network
from streams.demo.broker import answers
from streams.demo.processes import wait_until
from streams.settings import Settings
from streams.topics import create_topics, topic_plans

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, absent) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    overrides = {"log.cleaner.backoff.ms": "100"}
    with Network(folder) as network:
        try:
            started = rig.start(
                folder, network=network, listeners=("WORKER", "ACTUATOR"), overrides=overrides
            )
        except Absent as error:
            absent("kafka", str(error))
        with started:
            yield started


@pytest.fixture
def topic(cluster, prefix) -> str:
    """A topic of one partition with as many replicas as there are nodes."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap()})
    admin.create_topics([NewTopic(prefix, num_partitions=1)])[prefix].result(30)
    cluster.wait_whole()
    return prefix


@pytest.fixture
def producer(cluster) -> Producer:
    return producer_at(cluster.bootstrap())


def producer_at(bootstrap: str) -> Producer:
    return Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})


def lead_moves(cluster: Cluster, topic: str, led: Node) -> None:
    def moved() -> bool:
        with contextlib.suppress(KafkaException):
            return cluster.leader(topic) is not led
        return False

    wait_until(moved, what="another node leads", deadline_s=30)


def nodes_seen_by(node: Node) -> set[int]:
    """The nodes that are up, as this one alone tells it."""

    async def ask() -> set[int]:
        client = AIOKafkaClient(bootstrap_servers=node.bootstrap)
        try:
            await client.bootstrap()
            return {broker.nodeId for broker in client.cluster.brokers()}
        finally:
            await client.close()

    return asyncio.run(ask())


class TestNodes:
    def test_a_killed_leader_is_replaced_and_comes_back(self, cluster, topic, producer):
        led = cluster.leader(topic)
        led.kill()
        producer.produce(topic, b"by the two that are left")
        assert producer.flush(60) == 0
        assert cluster.leader(topic) is not led
        led.start()
        cluster.wait_whole()

    def test_two_of_three_gone_is_no_acknowledgement(self, cluster, topic, producer):
        """A record that one node alone has counts for nothing until a second has it too."""
        away = [node for node in cluster.nodes if node is not cluster.leader(topic)]
        for node in away:
            node.kill()
        producer.produce(topic, b"waits")
        assert producer.flush(3) == 1
        away[0].start(wait=False)
        assert producer.flush(60) == 0
        away[1].start()
        cluster.wait_whole()

    def test_a_stop_in_order_hands_the_lead_over(self, cluster, topic):
        led = cluster.leader(topic)
        led.stop()
        assert led.part.exit_code == 143  # ended by the signal, after its own shutdown
        lead_moves(cluster, topic, led)
        led.start()
        cluster.wait_whole()

    def test_a_paused_leader_is_replaced(self, cluster, topic):
        led = cluster.leader(topic)
        led.pause()
        lead_moves(cluster, topic, led)
        led.resume()
        cluster.wait_whole()

    @pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's tables who a peer is")
    def test_an_isolated_node_goes_on_alone(self, cluster, topic):
        """The others go on without it; it hears nothing of that, and its clients reach it."""
        led = cluster.leader(topic)
        cluster.isolate(led)
        others = next(node for node in cluster.nodes if node is not led)
        wait_until(
            lambda: led.number not in nodes_seen_by(others), what="it is missed", deadline_s=30
        )
        assert nodes_seen_by(led) == {1, 2, 3}
        cluster.rejoin()
        wait_until(lambda: nodes_seen_by(others) == {1, 2, 3}, what="it is back", deadline_s=30)
        cluster.wait_whole()


class TestClients:
    def test_each_kind_of_client_has_a_network_of_its_own(self, cluster, topic):
        """A listener's link is the only way to all nodes for who comes in by it."""
        cluster.links["WORKER"].cut()
        cut_off = producer_at(cluster.bootstrap("WORKER"))
        cut_off.produce(topic, b"waits")
        other = producer_at(cluster.bootstrap("ACTUATOR"))
        other.produce(topic, b"comes")
        assert other.flush(30) == 0
        assert not answers(cluster.bootstrap("WORKER"))
        cluster.links["WORKER"].heal()
        assert cut_off.flush(30) == 0

    def test_every_node_is_told_at_the_links_ports(self, cluster):
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap("WORKER")})
        brokers = admin.list_topics(timeout=10).brokers
        ports = {number: broker.port for number, broker in brokers.items()}
        assert ports == dict(enumerate(cluster.links["WORKER"].ports, start=1))


class TestSettings:
    def test_brokers_take_the_overrides(self, cluster):
        resource = ConfigResource(ResourceType.BROKER, "1")
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap()})
        settings = admin.describe_configs([resource])[resource].result(10)
        assert settings["log.cleaner.backoff.ms"].value == "100"

    def test_topics_of_davy_survive_one_node(self, cluster, prefix):
        """Three replicas of which two must have a record before it counts."""
        settings = Settings(bootstrap=cluster.bootstrap(), prefix=prefix, replication=3)
        create_topics(settings)
        admin = AdminClient(settings.confluent())
        names = [plan.name for plan in topic_plans(settings)]
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        in_sync = {
            resource.name: answer.result(10)["min.insync.replicas"].value
            for resource, answer in admin.describe_configs(asked).items()
        }
        assert in_sync == dict.fromkeys(names, "2")
        topics = admin.list_topics(timeout=10).topics
        replicas = {len(p.replicas) for name in names for p in topics[name].partitions.values()}
        assert replicas == {3}


def test_sweeping_leaves_nothing_but_kafkas_own_topics(cluster, topic, producer):
    """Committed offsets and transactions stay: they are no topics of ours."""
    producer.produce(topic, b"dust")
    assert producer.flush(60) == 0
    cluster.sweep()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap()})
    wait_until(
        lambda: all(name.startswith("__") for name in admin.list_topics(timeout=10).topics),
        what="no topic",
        deadline_s=30,
    )
    cluster.sweep()
