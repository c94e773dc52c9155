"""What may be set in the Helm chart? Its values with their defaults.

values.yaml, its JSON Schema and the table of the chart's README are made of this (`make chart`).

Secrets are never values: a value names a Secret of the cluster, and a key in it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from streams.acls import role_names

Name = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]
"""Of an object of the cluster; empty for none."""
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]
Count = Annotated[int, Field(ge=1)]
Objects = list[dict[str, Any]]
REFERRED = "PASSWORD|BASIC_AUTH|KEY_PEM|USER_KEY|TOKEN|SECRET"
"""What the name of a variable ends with whose value is one."""
OWN_PROPERTIES = r"^(bootstrap|security|sasl|ssl[._](ca|certificate|key|keystore))[._]"
"""librdkafka's properties that follow from other values."""


class Part(BaseModel):
    """A part of the values; what is not named here is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Image(Part):
    """Of which image all pods are."""

    repository: Annotated[str, Field(min_length=1)] = "davy"
    """infra/compose/Dockerfile builds it."""
    tag: str = ""
    """Empty: the chart's appVersion."""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Wins over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """As Kubernetes has it."""


class SecretKey(Part):
    """One secret, by reference."""

    secret: Name = ""
    """Name of a Secret in the release's namespace; empty for none."""
    key: Key
    """In which key of it."""


class Kafka(Part):
    """Where Kafka is and how one comes to it."""

    bootstrap: Annotated[str, Field(min_length=1)] = "kafka.kafka:9092"
    """Brokers to begin with: `host:port,host:port`."""
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """With SSL alone, an account is a certificate; with SASL a name and a password."""
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    """Of SASL."""
    password_key: Key = "password"  # noqa: S105 - the name of a key
    """In the Secret of an account: its password. The defaults are Strimzi's."""
    certificate_key: Key = "user.crt"
    """In the Secret of an account: its certificate (protocol SSL)."""
    private_key: Key = "user.key"
    """In the Secret of an account: the key of its certificate."""
    ca: SecretKey = SecretKey(key="ca.crt")
    """Who vouches for the brokers; without one, the authorities of the image."""
    properties: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        json_schema_extra={"propertyNames": {"not": {"pattern": OWN_PROPERTIES}}},
    )
    """librdkafka's properties beside these, for every process."""


class Registry(Part):
    """The schema registry."""

    url: str = ""
    """With Confluent's API; without one, the ids that are shipped with davy hold."""
    auth: SecretKey = SecretKey(key="basic-auth")
    """Holds `user:password`."""
    ca: SecretKey = SecretKey(key="ca.crt")
    """Who vouches for the registry."""


class Signing(Part):
    """Who signs decisions, and whom an actuator believes (`davy keys new`)."""

    key: SecretKey = SecretKey(key="key.pem")
    """The private key; workers alone get it."""
    trusted: Name = ""
    """A ConfigMap with public keys (`*.pem`); without one, nothing is verified."""


class TrustedProxy(Part):
    """A proxy in front that has found out who asks."""

    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    """In which it says who; empty: there is none."""
    addresses: list[str] = []
    """From which its word counts: 10.1.0.0/16."""


class Http(Part):
    """Health, readiness, metrics and verdicts over HTTP."""

    secret: Name = ""
    """Secret with the keys `passwords` (lines `name:HASH`; `davy password` prints a HASH) and
    `authorization` (the header that the probes send: `Basic ...` of one of them). Without it the
    processes listen inside of their pods alone, and have no Services."""
    bind: Literal["0.0.0.0", "::"] = "0.0.0.0"  # noqa: S104 - behind passwords
    """Where they listen with it."""
    trusted_proxy: TrustedProxy = TrustedProxy()
    """Who may ask without a password."""


class Account(Part):
    """An account at the broker."""

    secret: Name = ""
    """Its Secret; with `strimzi.enabled` that of the KafkaUser if left out."""
    user: str = ""
    """Its name (SASL); that of the Secret if left out, as Strimzi has it."""


class Env(Part):
    """One variable of the environment, as Kubernetes has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"name": {"pattern": f"({REFERRED})$"}}},
            "then": {"required": ["valueFrom"], "properties": {"value": False}},
        }
    )
    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """A secret's (PASSWORD, TOKEN ...) takes its value from a Secret."""
    value: str = ""
    """The value itself."""
    value_from: dict[str, Any] = {}
    """Where it comes from: `secretKeyRef` ..."""


class SecretMount(Part):
    """Secrets that settings name as files."""

    secret: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    """Each of its keys is a file."""
    path: Annotated[
        str,
        Field(
            pattern=r"^/[A-Za-z0-9._/-]+$",
            json_schema_extra={"not": {"pattern": "^/etc/davy(/|$)"}},
        ),
    ]
    """The folder of the files; /etc/davy is taken."""


class Runs(Part):
    """What every pod has."""

    account: Account = Account()
    """Who it is at the broker."""
    resources: dict[str, Any] = {}
    """Requests and limits; infra/sizing.md says what a worker needs."""
    env: list[Env] = []
    """More variables: DAVY_REGISTRY__TIMEOUT_S, secrets of hooks ..."""
    secret_mounts: list[SecretMount] = []
    """Secrets as files, for hooks and webhooks that name some."""


class Component(Runs):
    """A process that runs on."""

    enabled: bool = True
    """Whether it is there."""
    replicas: Count = 2
    """How many pods."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """From this level up it writes."""
    askers: Objects = []
    """Peers (as in a NetworkPolicy's `from`) that may ask this one, with `networkPolicy.askers`."""
    service_account_annotations: dict[str, str] = {}
    """Such as the role that a cloud gives it."""
    pod_annotations: dict[str, str] = {}
    """Put on its pods."""
    pod_labels: dict[str, str] = {}
    """Put on its pods."""
    node_selector: dict[str, str] = {}
    """As Kubernetes has it."""
    tolerations: Objects = []
    """As Kubernetes has it."""
    affinity: dict[str, Any] = {}
    """As Kubernetes has it."""
    topology_spread_constraints: Objects = []
    """As Kubernetes has it."""
    priority_class_name: str = ""
    """As Kubernetes has it."""


RIGHTS = ("argo-rollouts", "grpcroute", "httproute", "kserve", "mirror", "ready", "virtualservice")
"""The files of infra/kubernetes/rbac; a test compares."""


class Target(Part):
    """Objects of one namespace that the actuator may touch: infra/kubernetes/rbac, by name."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"router": {"const": "ready"}}},
            "then": {"properties": {"names": {"maxItems": 0}}},
            "else": {"required": ["names"], "properties": {"names": {"minItems": 1}}},
        }
    )
    router: Annotated[str, Field(json_schema_extra={"enum": [*RIGHTS]})]
    """Which rights: of a router, `ready` (endpoints), or `mirror` (a Gateway in shadow mode)."""
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    """Where the objects are."""
    names: list[Annotated[str, Field(min_length=1)]] = []
    """Of the objects; `ready` has none."""
    resources: list[str] = []
    """Only these kinds of the router's (`kserve`: inferenceservices, llminferenceservices)."""
    look_only: bool = False
    """For rollouts with `dry_run`: nothing can be written."""


class Actuator(Component):
    """The process that moves traffic."""

    targets: list[Target] = []
    """What it may touch in this cluster: `{router, namespace, names, resources, lookOnly}`."""


class Dashboard(Component):
    """The page."""

    read_only: bool = True
    """It only shows. Off: each name in `http.secret` may also promote and abort there."""


class Setup(Runs):
    """The job that makes topics and registers schemas before each install and upgrade."""

    enabled: bool = True
    """With `strimzi.enabled` it makes no topics."""
    deadline_seconds: Count = 600
    """How long it may try."""


class DisruptionBudget(Part):
    """How many pods of a component a drain may take at once."""

    enabled: bool = True
    """Whether there is one for each component."""
    max_unavailable: Annotated[int, Field(ge=0)] = 1
    """Of each component."""


class NetworkPolicy(Part):
    """Who may connect to the pods, and where they may connect to."""

    enabled: bool = True
    """Probes come from inside of the pod, and are let in."""
    askers: Objects = []
    """Peers (as in a NetworkPolicy's `from`) that may ask every component: Prometheus."""
    egress: Objects = []
    """Rules; with any, davy reaches these (Kafka, the registry, the API server, targets), names of
    hosts, and nothing else."""


class KafkaUser(Part):
    """An account that Strimzi makes for somebody else."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    """Of the KafkaUser and of its Secret."""
    role: Annotated[str, Field(json_schema_extra={"enum": [*role_names()]})]
    """What it may do: infra/acls."""


class Strimzi(Part):
    """Topics and accounts as resources of the Strimzi operator."""

    enabled: bool = False
    """Render a KafkaTopic for each topic and, unless protocol is PLAINTEXT, a KafkaUser for each
    component without a Secret of its own."""
    cluster: str = ""
    """Name of the Kafka resource."""
    namespace: Name = ""
    """That of the Kafka resource, if it is not the release's."""
    api_version: Literal["kafka.strimzi.io/v1", "kafka.strimzi.io/v1beta2"] = "kafka.strimzi.io/v1"
    """v1beta2 for Strimzi before 0.49."""
    users: list[KafkaUser] = []
    """Accounts for services (`publisher`) and people (`operator`, `auditor`): `{name, role}`."""


def uses(cpu: str, memory: str, most: str) -> dict[str, Any]:
    """Requests, and a limit of memory alone: one of CPU would slow down what has to catch up."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most}}


class Values(Part):
    """All of them."""

    name_override: str = ""
    """In place of the chart's name in the names of objects."""
    fullname_override: str = ""
    """In place of release and chart in the names of objects."""
    image: Image = Image()
    image_pull_secrets: list[str] = []
    """Names of Secrets of registries."""
    run_as_user: int | None = 10_001
    """Of all pods, and their group; null where the cluster chooses one (OpenShift)."""
    kafka: Kafka = Kafka()
    registry: Registry = Registry()
    signing: Signing = Signing()
    http: Http = Http()
    settings: dict[str, Any] = {}
    """The rest of davy.yaml, in its own words: source_partitions, prefix, notify ...; what other
    values say (bootstrap, kafka, registry, signing, http) is refused here."""
    setup: Setup = Setup(resources=uses("100m", "192Mi", "512Mi"))
    worker: Component = Component(resources=uses("500m", "768Mi", "2Gi"))
    actuator: Actuator = Actuator(resources=uses("100m", "192Mi", "512Mi"))
    verdicts: Component = Component(
        enabled=False, replicas=1, resources=uses("100m", "192Mi", "512Mi")
    )
    notify: Component = Component(
        enabled=False, replicas=1, resources=uses("50m", "192Mi", "512Mi")
    )
    dashboard: Dashboard = Dashboard(
        enabled=False, replicas=1, resources=uses("200m", "384Mi", "1Gi")
    )
    disruption_budget: DisruptionBudget = DisruptionBudget()
    network_policy: NetworkPolicy = NetworkPolicy()
    strimzi: Strimzi = Strimzi()
