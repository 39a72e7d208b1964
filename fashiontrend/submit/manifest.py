"""The chart's RayJob template and the Kubernetes objects that come of it."""

from typing import Any, TypeAlias

import yaml

from fashiontrend.errors import ConfigError

#: An object of the Kubernetes API as plain JSON.
Resource: TypeAlias = dict[str, Any]


def fill(template: str, **values: str) -> Resource:
    """Fill in one of the chart's RayJob templates.

    Args:
        template: YAML of a RayJob that holds `{stage}` and `{day}`, or `{day}` alone.
        values: text for each name in braces.

    Raises:
        ConfigError: the template is not a RayJob, or a name is left to fill in.
    """
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    job = yaml.safe_load(template)
    if not isinstance(job, dict) or job.get("kind") != "RayJob":
        raise ConfigError(
            "the template holds no RayJob. It comes from the chart's ConfigMap <release>-rayjobs; upgrade the release."
        )
    filled = f"{job['metadata']['name']}, {job['spec']['entrypoint']}"
    if "{" in filled:
        raise ConfigError(
            f"the template has names that were not filled in: {filled}. Upgrade the release, so that the chart and this "
            "package are of one version."
        )
    return dict(job)


def own(resource: Resource, api_version: str, kind: str, name: str, uid: str) -> None:
    """Name the owner of an object, so that Kubernetes deletes the object with it."""
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}
    resource["metadata"]["ownerReferences"] = [owner]
