"""MSK's configurations: named sets of broker properties, with revisions."""

from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException


class BadRequest(ServiceException):
    code = "BadRequestException"


class NotFound(ServiceException):
    code = "NotFoundException"


class Conflict(ServiceException):
    code = "ConflictException"


class Configurations:
    """The part of `Msk` for configurations."""

    clusters: dict[str, dict[str, Any]]
    configurations: dict[str, dict[str, Any]]

    def create_configuration(self, **asked: Any) -> dict[str, Any]:
        """Creates a configuration with its first revision. Refuses a name that exists."""
        if any(configuration["Name"] == asked["Name"] for configuration in self.configurations.values()):
            raise Conflict(f"A configuration named {asked['Name']} exists already.")
        arn = self._arn("configuration", asked["Name"])
        made = {"Arn": arn, "CreationTime": datetime.now(UTC), "State": "ACTIVE", "Revisions": []}
        self.configurations[arn] = made | asked
        return self._revise(arn, asked)

    def update_configuration(self, Arn: str, **asked: Any) -> dict[str, Any]:
        """Adds a revision."""
        self._configuration(Arn)
        return self._revise(Arn, asked)

    def _revise(self, arn: str, asked: dict[str, Any]) -> dict[str, Any]:
        configuration = self.configurations[arn]
        revision = {"CreationTime": datetime.now(UTC), "Description": asked.get("Description", "")}
        revision["Revision"] = len(configuration["Revisions"]) + 1
        configuration["Revisions"].append({**revision, "ServerProperties": asked["ServerProperties"]})
        configuration["LatestRevision"] = revision
        return configuration

    def describe_configuration(self, Arn: str) -> dict[str, Any]:
        """Returns a configuration with its newest revision."""
        return self._configuration(Arn)

    def describe_configuration_revision(self, Arn: str, Revision: int) -> dict[str, Any]:
        """Returns a revision with its broker properties."""
        return {"Arn": Arn, **self._configuration(Arn)["Revisions"][Revision - 1]}

    def delete_configuration(self, Arn: str) -> dict[str, Any]:
        """Deletes a configuration. Refuses if a cluster uses it."""
        configuration = self._configuration(Arn)
        used = {cluster["CurrentBrokerSoftwareInfo"].get("ConfigurationArn") for cluster in self.clusters.values()}
        if Arn in used:
            raise BadRequest("The configuration is in use by one or more clusters.")
        del self.configurations[Arn]
        return {"Arn": configuration["Arn"], "State": "DELETING"}

    def _configuration(self, arn: str) -> dict[str, Any]:
        if arn not in self.configurations:
            # MSK does not use NotFoundException here. The provider recognises a deleted configuration by this text.
            raise BadRequest(f"Configuration ARN does not exist: {arn}")
        return self.configurations[arn]

    def _arn(self, kind: str, name: str) -> str:
        raise NotImplementedError
