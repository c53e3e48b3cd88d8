"""The RayJob agrees with what KubeRay publishes, with the image, and with the command that it starts."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from tests.docker.test_manifests import FOLDER, Count, Published, documents, put, unknown_options

# Members are from ray-project/kuberay, ray-operator/apis/ray/v1/rayjob_types.go and raycluster_types.go, of which its
# custom resource definition is made; what no schema can say is from controllers/ray/utils/validation.go. The definition
# itself repeats the schema of a Pod several times, which makes a megabyte, and no Python package holds it. Of a Pod
# there are those members of core/v1 here that a manifest of ours may use.


class Container(Published):
    """Container."""

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "Always"
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[dict[str, Any]] = Field(default=[])
    ports: list[dict[str, Any]] = Field(default=[])
    resources: dict[Literal["requests", "limits", "claims"], dict[str, str]] = Field(default={})
    volume_mounts: list[dict[Literal["name", "mountPath", "readOnly", "subPath"], Any]] = Field(default=[])
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    security_context: dict[str, Any] | None = None


class Probe(Published):
    """Probe."""

    http_get: dict[Literal["path", "port", "scheme", "host", "httpHeaders"], Any] | None = None
    exec: dict[Literal["command"], list[str]] | None = None
    initial_delay_seconds: Count = 0
    period_seconds: Count = 10
    timeout_seconds: Count = 1
    success_threshold: Count = 1
    failure_threshold: Count = 3

    @model_validator(mode="after")
    def _one_way(self) -> Probe:
        assert (self.http_get is None) != (self.exec is None)
        return self


class Pod(Published):
    """PodSpec."""

    containers: list[Container] = Field(min_length=1)
    init_containers: list[Container] = Field(default=[])
    volumes: list[dict[str, Any]] = Field(default=[])
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    automount_service_account_token: bool = True
    termination_grace_period_seconds: Count = 30
    security_context: dict[str, Any] | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, Any]] = Field(default=[])
    service_account_name: str | None = None


class PodTemplate(Published):
    """PodTemplateSpec."""

    metadata: dict[str, Any] | None = None
    spec: Pod


StartParams = dict[str, str]  # options of `ray start`, without their dashes


class HeadGroup(Published):
    """HeadGroupSpec."""

    service_type: str | None = None
    head_service: dict[str, Any] | None = None
    enable_ingress: bool | None = None
    ray_start_params: StartParams
    template: PodTemplate


class WorkerGroup(Published):
    """WorkerGroupSpec."""

    group_name: str
    replicas: Count | None = None
    min_replicas: Count = 0
    max_replicas: Count = 2**31 - 1
    num_of_hosts: Count = 1
    ray_start_params: StartParams
    template: PodTemplate
    scale_strategy: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> WorkerGroup:
        assert self.min_replicas <= (self.min_replicas if self.replicas is None else self.replicas) <= self.max_replicas
        return self


class ClusterSpec(Published):
    """RayClusterSpec."""

    head_group_spec: HeadGroup
    worker_group_specs: list[WorkerGroup] = Field(default=[])
    ray_version: str | None = None
    enable_in_tree_autoscaling: bool | None = None
    autoscaler_options: dict[str, Any] | None = None
    head_service_annotations: dict[str, str] | None = None
    suspend: bool | None = None


class RayJobSpec(Published):
    """RayJobSpec."""

    active_deadline_seconds: Count | None = None
    backoff_limit: Count = 0
    ray_cluster_spec: ClusterSpec | None = None
    submitter_pod_template: PodTemplate | None = None
    metadata: dict[str, str] | None = None
    cluster_selector: dict[str, str] | None = None
    submitter_config: dict[Literal["backoffLimit"], Count] | None = None
    managed_by: Literal["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"] | None = None
    deletion_strategy: dict[str, Any] | None = None
    entrypoint: str = ""
    runtime_env_yaml: str = Field(default="", alias="runtimeEnvYAML")
    job_id: str | None = None
    submission_mode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode"] = "K8sJobMode"
    entrypoint_resources: str | None = None
    entrypoint_num_cpus: float = 0.0
    entrypoint_num_gpus: float = 0.0
    ttl_seconds_after_finished: Count = 0
    shutdown_after_job_finishes: bool = False
    suspend: bool = False
    schedule: str | None = None

    @model_validator(mode="after")
    def _members_fit(self) -> RayJobSpec:
        assert (self.ray_cluster_spec is None) != (self.cluster_selector is None)
        assert self.shutdown_after_job_finishes or not self.ttl_seconds_after_finished
        assert not self.suspend or self.shutdown_after_job_finishes
        if self.submitter_pod_template is not None:
            assert self.submitter_pod_template.spec.restart_policy in {"Never", "OnFailure"}
        return self


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return documents("tune-ray.yaml")


@pytest.fixture(scope="module")
def spec(found: dict[str, Any]) -> RayJobSpec:
    assert (found["RayJob"]["apiVersion"], found.keys()) == ("ray.io/v1", {"PersistentVolumeClaim", "RayJob"})
    return RayJobSpec.model_validate(found["RayJob"]["spec"])


def pods(spec: RayJobSpec) -> list[Pod]:
    assert spec.ray_cluster_spec is not None
    assert spec.submitter_pod_template is not None
    cluster = spec.ray_cluster_spec
    templates = [spec.submitter_pod_template, cluster.head_group_spec.template]
    return [each.spec for each in (*templates, *(group.template for group in cluster.worker_group_specs))]


def test_it_is_a_search_on_its_own_cluster_which_goes_afterwards(spec: RayJobSpec) -> None:
    words = spec.entrypoint.split()
    assert words[:2] == ["ei-train", "tune"]
    assert not unknown_options(words[1:])
    assert " --executor ray --ray-address auto " in spec.entrypoint
    assert all(word.startswith("/scripts/") for word in words[2:4])
    assert spec.shutdown_after_job_finishes


def test_the_head_has_no_processors_for_trials_and_workers_have(spec: RayJobSpec) -> None:
    assert spec.ray_cluster_spec is not None
    assert spec.ray_cluster_spec.head_group_spec.ray_start_params["num-cpus"] == "0"
    for group in spec.ray_cluster_spec.worker_group_specs:
        assert int(group.template.spec.containers[0].resources["limits"]["cpu"]) >= 2


def test_its_ray_is_that_of_the_image(spec: RayJobSpec) -> None:
    assert spec.ray_cluster_spec is not None
    lock = (FOLDER.parent / "requirements" / "ray.txt").read_text()
    assert f"\nray=={spec.ray_cluster_spec.ray_version} \\\n" in lock
    assert {container.image for pod in pods(spec) for container in pod.containers} == {"ei-train:ray"}


def test_every_pod_is_confined_and_mounts_what_it_names(spec: RayJobSpec, found: dict[str, Any]) -> None:
    claim = found["PersistentVolumeClaim"]
    for pod in pods(spec):
        assert pod.automount_service_account_token is False
        assert pod.security_context is not None
        assert pod.security_context["runAsNonRoot"] is True
        volumes = {volume["name"]: volume for volume in pod.volumes}
        (container,) = pod.containers
        assert container.security_context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {mount["mountPath"]: volumes.pop(mount["name"]) for mount in container.volume_mounts}
        assert not volumes
        assert mounts.pop("/tmp") == {"name": "tmp", "emptyDir": {}}
        if mounts:
            assert mounts["/scripts"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_a_queue_is_one_comment_away(found: dict[str, Any]) -> None:
    import yaml

    text = (FOLDER / "kubernetes" / "tune-ray.yaml").read_text()
    queued = re.sub(r"^  # (labels:|  kueue)", r"  \1", text, flags=re.MULTILINE)
    (job,) = (each for each in yaml.safe_load_all(queued) if each["kind"] == "RayJob")
    assert job["metadata"].pop("labels") == {"kueue.x-k8s.io/queue-name": "user-queue"}
    assert job == found["RayJob"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("shutdownAfterJobFinishes", False, id="a time to live of a cluster that stays"),
        pytest.param("clusterSelector", {"a": "b"}, id="two clusters"),
        pytest.param("rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 0, id="no text"),
        pytest.param("rayClusterSpec.workerGroupSpecs.0.replicas", 9, id="more than at most"),
        pytest.param("rayClusterSpec.headGroupSpec.template.spec.containers.0.probe", {}, id="no such member"),
        pytest.param("submitterPodTemplate.spec.restartPolicy", "Always", id="a submitter without end"),
        pytest.param("submissionMode", "HttpMode", id="no such mode"),
    ],
)
def test_what_kuberay_refuses_is_refused_here(path: str, value: object, found: dict[str, Any]) -> None:
    document = json.loads(json.dumps(found["RayJob"]["spec"]))
    put(document, path, value)
    with pytest.raises(ValidationError):
        RayJobSpec.model_validate(document)
