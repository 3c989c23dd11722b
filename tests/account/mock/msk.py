"""MSK, of which moto supports only a part: clusters that can be changed, their brokers and topics.

It follows the API reference of Amazon MSK (docs.aws.amazon.com/msk/1.0/apireference). Like MSK, it refuses a change
that names an old version of the cluster, a change without an effect, an earlier Kafka version, a broker type that does
not support KRaft, and the deletion of a configuration that is in use.
"""

import random
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import camelcase_to_underscores

from .calls import Call
from .msk_configurations import BadRequest, Configurations, Conflict, NotFound

# GetBootstrapBrokers returns at most three brokers, and not always the same ones.
NAMED_BROKERS = 3
UNEVEN = "The number of broker nodes must be a multiple of Availability Zones in the Subnets parameter."


class Msk(Configurations):
    """The clusters and configurations of one account in one region."""

    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        self.clusters: dict[str, dict[str, Any]] = {}
        # Clusters that Terraform did not create: of other accounts, or created by hand.
        self.others: dict[str, dict[str, Any]] = {}
        self.configurations = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.topics: dict[str, dict[str, Any]] = {}
        self._numbers = iter(range(1, 1_000_000))

    def answer(self, call: Call) -> dict[str, Any]:
        """Answers one call."""
        return getattr(self, camelcase_to_underscores(call.operation))(**call.parameters())

    def there_is(self, cluster_arn: str) -> None:
        """Adds a cluster of three brokers that Terraform did not create."""
        name = cluster_arn.split("/")[1]
        self.others[cluster_arn] = {"ClusterArn": cluster_arn, "ClusterName": name, "NumberOfBrokerNodes": 3}

    # ---- Clusters ----------------------------------------------------------------------------------------------------

    def create_cluster(self, **asked: Any) -> dict[str, Any]:
        """Creates the cluster. Its state is ACTIVE from the second time on that it is described."""
        if any(cluster["ClusterName"] == asked["ClusterName"] for cluster in self.clusters.values()):
            raise Conflict(f"A cluster named {asked['ClusterName']} exists already.")
        group = asked["BrokerNodeGroupInfo"]
        refuse_brokers(asked["KafkaVersion"], group["InstanceType"])
        if asked["NumberOfBrokerNodes"] % len(group["ClientSubnets"]):
            raise BadRequest(UNEVEN)
        arn = self._arn("cluster", asked["ClusterName"])
        key = f"arn:aws:kms:{self.region}:{self.account}:key/{uuid.uuid4()}"
        self.clusters[arn] = {
            "ClusterArn": arn,
            "ClusterName": asked["ClusterName"],
            "CreationTime": datetime.now(UTC),
            "CurrentVersion": self._version(),
            "State": "CREATING",
            "Tags": asked.get("Tags", {}),
            "NumberOfBrokerNodes": asked["NumberOfBrokerNodes"],
            "BrokerNodeGroupInfo": {
                "BrokerAZDistribution": "DEFAULT",
                "ConnectivityInfo": {"PublicAccess": {"Type": "DISABLED"}},
                "StorageInfo": {"EbsStorageInfo": {"VolumeSize": 1000}},
                **group,
            },
            "ClientAuthentication": asked.get("ClientAuthentication", {}),
            "CurrentBrokerSoftwareInfo": software(asked["KafkaVersion"], asked.get("ConfigurationInfo")),
            "EncryptionInfo": {
                "EncryptionAtRest": {"DataVolumeKMSKeyId": key},
                "EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True},
                **asked.get("EncryptionInfo", {}),
            },
            "EnhancedMonitoring": asked.get("EnhancedMonitoring", "DEFAULT"),
            "OpenMonitoring": asked.get("OpenMonitoring", unmonitored()),
            "LoggingInfo": asked.get("LoggingInfo"),
            "StorageMode": asked.get("StorageMode", "LOCAL"),
            **self._zookeeper(asked["ClusterName"], asked["KafkaVersion"]),
        }
        return {name: self.clusters[arn][name] for name in ("ClusterArn", "ClusterName", "State")}

    def describe_cluster(self, ClusterArn: str) -> dict[str, Any]:
        """Returns the cluster. The states CREATING and DELETING last for one answer."""
        cluster = dict(self._cluster(ClusterArn))
        if cluster["State"] == "CREATING":
            self.clusters[ClusterArn]["State"] = "ACTIVE"
        if cluster["State"] == "DELETING":
            del self.clusters[ClusterArn]
        return {"ClusterInfo": cluster}

    def describe_cluster_v2(self, ClusterArn: str) -> dict[str, Any]:
        """Returns the cluster in the form of the newer API."""
        cluster = self.describe_cluster(ClusterArn)["ClusterInfo"]
        return {"ClusterInfo": {**cluster, "ClusterType": "PROVISIONED", "Provisioned": cluster}}

    def list_clusters(self, **_: Any) -> dict[str, Any]:
        """All clusters."""
        return {"ClusterInfoList": list(self.clusters.values())}

    def delete_cluster(self, ClusterArn: str, **_: Any) -> dict[str, Any]:
        """Deletes the cluster and its topics."""
        self._cluster(ClusterArn)["State"] = "DELETING"
        for arn in [arn for arn, topic in self.topics.items() if topic["ClusterArn"] == ClusterArn]:
            del self.topics[arn]
        return {"ClusterArn": ClusterArn, "State": "DELETING"}

    def get_bootstrap_brokers(self, ClusterArn: str) -> dict[str, Any]:
        """Returns at most three of the brokers, in random order."""
        nodes = self._brokers(self.others.get(ClusterArn) or self._cluster(ClusterArn))
        named = random.sample(nodes, min(NAMED_BROKERS, len(nodes)))
        return {"BootstrapBrokerStringSaslIam": ",".join(f"{node}:9098" for node in named)}

    def list_nodes(self, ClusterArn: str, **_: Any) -> dict[str, Any]:
        """Returns the brokers, in random order."""
        cluster = self._cluster(ClusterArn)
        subnets = cluster["BrokerNodeGroupInfo"]["ClientSubnets"]
        nodes = [
            {
                "NodeType": "BROKER",
                "NodeARN": f"{ClusterArn.replace(':cluster/', ':node/')}/{number}",
                "InstanceType": cluster["BrokerNodeGroupInfo"]["InstanceType"],
                "BrokerNodeInfo": {
                    "BrokerId": float(number),
                    "ClientSubnet": subnets[(number - 1) % len(subnets)],
                    "Endpoints": [endpoint],
                    "CurrentBrokerSoftwareInfo": cluster["CurrentBrokerSoftwareInfo"],
                },
            }
            for number, endpoint in enumerate(self._brokers(cluster), 1)
        ]
        return {"NodeInfoList": random.sample(nodes, len(nodes))}

    # ---- Changes of a cluster ----------------------------------------------------------------------------------------

    def update_cluster_kafka_version(
        self, TargetKafkaVersion: str, ConfigurationInfo: dict[str, Any] | None = None, **named: Any
    ) -> dict[str, Any]:
        """Upgrades Kafka. Refuses an earlier version, and a change from KRaft to ZooKeeper."""
        cluster = self._to_change(**named)
        current = cluster["CurrentBrokerSoftwareInfo"]["KafkaVersion"]
        if order(TargetKafkaVersion) <= order(current):
            raise BadRequest(f"The cluster cannot go from {current} to {TargetKafkaVersion}.")
        refuse_brokers(TargetKafkaVersion, cluster["BrokerNodeGroupInfo"]["InstanceType"])
        configuration = ConfigurationInfo or configured(cluster)
        return self._change(cluster, CurrentBrokerSoftwareInfo=software(TargetKafkaVersion, configuration))

    def update_broker_type(self, TargetInstanceType: str, **named: Any) -> dict[str, Any]:
        """Changes the instance type of the brokers."""
        cluster = self._to_change(**named)
        refuse_brokers(cluster["CurrentBrokerSoftwareInfo"]["KafkaVersion"], TargetInstanceType)
        return self._change_group(cluster, InstanceType=TargetInstanceType)

    def update_broker_count(self, TargetNumberOfBrokerNodes: int, **named: Any) -> dict[str, Any]:
        """Changes the number of brokers, which must be the same in each zone."""
        cluster = self._to_change(**named)
        if TargetNumberOfBrokerNodes % len(cluster["BrokerNodeGroupInfo"]["ClientSubnets"]):
            raise BadRequest(UNEVEN)
        return self._change(cluster, NumberOfBrokerNodes=TargetNumberOfBrokerNodes)

    def update_broker_storage(self, TargetBrokerEBSVolumeInfo: list[dict[str, Any]], **named: Any) -> dict[str, Any]:
        """Enlarges the volumes. They cannot shrink."""
        cluster = self._to_change(**named)
        size = TargetBrokerEBSVolumeInfo[0]["VolumeSizeGB"]
        if size <= cluster["BrokerNodeGroupInfo"]["StorageInfo"]["EbsStorageInfo"]["VolumeSize"]:
            raise BadRequest("The volume size must be larger than the current one.")
        return self._change_group(cluster, StorageInfo={"EbsStorageInfo": {"VolumeSize": size}})

    def update_cluster_configuration(self, ConfigurationInfo: dict[str, Any], **named: Any) -> dict[str, Any]:
        """Sets another configuration, or another revision of it."""
        cluster = self._to_change(**named)
        version = cluster["CurrentBrokerSoftwareInfo"]["KafkaVersion"]
        return self._change(cluster, CurrentBrokerSoftwareInfo=software(version, ConfigurationInfo))

    def update_monitoring(self, **asked: Any) -> dict[str, Any]:
        """Changes the settings of metrics and logs."""
        cluster = self._to_change(ClusterArn=asked.pop("ClusterArn"), CurrentVersion=asked.pop("CurrentVersion"))
        return self._change(cluster, **asked)

    def update_security(self, **asked: Any) -> dict[str, Any]:
        """Changes the settings of authentication and encryption."""
        cluster = self._to_change(ClusterArn=asked.pop("ClusterArn"), CurrentVersion=asked.pop("CurrentVersion"))
        return self._change(cluster, **asked)

    def describe_cluster_operation(self, ClusterOperationArn: str) -> dict[str, Any]:
        """Returns an operation. It is in progress for one answer."""
        operation = dict(self.operations[ClusterOperationArn])
        self.operations[ClusterOperationArn]["OperationState"] = "UPDATE_COMPLETE"
        return {"ClusterOperationInfo": operation}

    def _to_change(self, ClusterArn: str, CurrentVersion: str) -> dict[str, Any]:
        cluster = self._cluster(ClusterArn)
        if cluster["State"] != "ACTIVE":
            raise BadRequest(f"The cluster is {cluster['State']}, not ACTIVE.")
        if CurrentVersion != cluster["CurrentVersion"]:
            raise BadRequest("The value of currentVersion is not that of the cluster.")
        return cluster

    def _change_group(self, cluster: dict[str, Any], **values: Any) -> dict[str, Any]:
        return self._change(cluster, BrokerNodeGroupInfo={**cluster["BrokerNodeGroupInfo"], **values})

    def _change(self, cluster: dict[str, Any], **values: Any) -> dict[str, Any]:
        if all(cluster.get(name) == value for name, value in values.items()):
            raise BadRequest("The request does not include any updates to the cluster.")
        cluster |= values | {"CurrentVersion": self._version()}
        arn = self._arn("cluster-operation", cluster["ClusterName"])
        self.operations[arn] = {
            "ClusterArn": cluster["ClusterArn"],
            "OperationArn": arn,
            "OperationState": "UPDATE_IN_PROGRESS",
            "CreationTime": datetime.now(UTC),
        }
        return {"ClusterArn": cluster["ClusterArn"], "ClusterOperationArn": arn}

    # ---- Tags and names ----------------------------------------------------------------------------------------------

    def list_tags_for_resource(self, ResourceArn: str) -> dict[str, Any]:
        """The tags of a cluster."""
        return {"Tags": self._cluster(ResourceArn)["Tags"]}

    def tag_resource(self, ResourceArn: str, Tags: dict[str, str]) -> dict[str, Any]:
        """Adds tags."""
        self._cluster(ResourceArn)["Tags"] |= Tags
        return {}

    def untag_resource(self, ResourceArn: str, TagKeys: list[str]) -> dict[str, Any]:
        """Removes tags."""
        for key in TagKeys:
            self._cluster(ResourceArn)["Tags"].pop(key, None)
        return {}

    def _cluster(self, arn: str) -> dict[str, Any]:
        if arn not in self.clusters:
            raise NotFound(f"The cluster {arn} does not exist.")
        return self.clusters[arn]

    def _zookeeper(self, name: str, version: str) -> dict[str, str]:
        """The addresses of ZooKeeper. Empty with KRaft."""
        host = f"z-1.{name}.zk.c2.kafka.{self.region}.amazonaws.com"
        ports = {"ZookeeperConnectString": 2181, "ZookeeperConnectStringTls": 2182}
        return {} if version.endswith(".kraft") else {key: f"{host}:{port}" for key, port in ports.items()}

    def _brokers(self, cluster: dict[str, Any]) -> list[str]:
        number, name = cluster["NumberOfBrokerNodes"], cluster["ClusterName"]
        return [f"b-{broker}.{name}.abc123.c2.kafka.{self.region}.amazonaws.com" for broker in range(1, number + 1)]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:kafka:{self.region}:{self.account}:{kind}/{name}/{uuid.uuid4()}-2"

    def _version(self) -> str:
        return f"K{next(self._numbers):013d}"


def software(version: str, configuration: dict[str, Any] | None) -> dict[str, Any]:
    """The software of a broker: the version of Kafka and the configuration."""
    if configuration is None:
        return {"KafkaVersion": version}
    named = {"ConfigurationArn": configuration["Arn"], "ConfigurationRevision": configuration["Revision"]}
    return {"KafkaVersion": version, **named}


def configured(cluster: dict[str, Any]) -> dict[str, Any] | None:
    """The configuration of a cluster, in the form of a request."""
    runs = cluster["CurrentBrokerSoftwareInfo"]
    if "ConfigurationArn" not in runs:
        return None
    return {"Arn": runs["ConfigurationArn"], "Revision": runs["ConfigurationRevision"]}


def unmonitored() -> dict[str, Any]:
    """Open monitoring in the form in which AWS shows it if it is not enabled."""
    return {"Prometheus": {"JmxExporter": {"EnabledInBroker": False}, "NodeExporter": {"EnabledInBroker": False}}}


def order(version: str) -> tuple[Any, ...]:
    """A sort key for versions in the order of possible upgrades: by number, and ZooKeeper before KRaft."""
    numbers = [99 if part == "x" else int(part) for part in re.findall(r"\d+|\bx\b", version)]
    return (version.endswith(".kraft"), numbers)


def refuse_brokers(version: str, instance_type: str) -> None:
    """Refuses an instance type that does not support the version: t3.small does not support KRaft."""
    if version.endswith(".kraft") and instance_type == "kafka.t3.small":
        raise BadRequest(f"Unsupported InstanceType {instance_type} for KafkaVersion {version}.")
