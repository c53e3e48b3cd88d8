"""The compose file and the Kubernetes manifest agree with the image and the command line that they start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

FOLDER = Path(__file__).resolve().parents[2] / "docker"


def put(document: Any, path: str, value: object) -> None:
    """Changes what stands at a path of names and numbers, such as `containers.0.image`."""
    *parents, last = path.split(".")
    for name in parents:
        document = document[int(name)] if name.isdecimal() else document[name]
    document[last] = value


def documents(name: str) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all((FOLDER / "kubernetes" / name).read_text())}


@pytest.fixture(scope="module", params=["job.yaml", "workers.yaml", "tune-drivers.yaml"])
def job(request: pytest.FixtureRequest) -> dict[str, Any]:
    found = documents(request.param)
    assert found.keys() - {"Service"} == {"PersistentVolumeClaim", "Job"}
    return found["Job"] | {"claim": found["PersistentVolumeClaim"]["metadata"]["name"]}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]


def test_the_job_is_confined(job: dict[str, Any]) -> None:
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0  # the image itself starts as root, see docker/entrypoint.py
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "command" not in container  # the image's own entry point


class Published(BaseModel, extra="forbid", alias_generator=to_camel):
    """A part of batch/v1 as Kubernetes publishes it; an unknown member is a slip of the pen.

    Members are from kubernetes/kubernetes, api/openapi-spec/v3/apis__batch__v1_openapi.json; what no schema can say is
    from the server's own checks, pkg/apis/batch/validation.
    """


class ExitCodes(Published):
    """PodFailurePolicyOnExitCodesRequirement."""

    container_name: str | None = None
    operator: Literal["In", "NotIn"]
    values: list[int] = Field(min_length=1, max_length=255)

    @model_validator(mode="after")
    def _ordered(self) -> ExitCodes:
        assert self.values == sorted(set(self.values)), "ordered and without duplicates"
        assert self.operator == "NotIn" or 0 not in self.values
        return self


class PodCondition(Published):
    """PodFailurePolicyOnPodConditionsPattern; the server would add a status of True, but the schema demands one."""

    type: str = Field(pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")
    status: Literal["True", "False", "Unknown"]


class Rule(Published):
    """PodFailurePolicyRule: exactly one of the two conditions."""

    action: Literal["FailJob", "FailIndex", "Ignore", "Count"]
    on_exit_codes: ExitCodes | None = None
    on_pod_conditions: list[PodCondition] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _one_condition(self) -> Rule:
        assert (self.on_exit_codes is None) != (not self.on_pod_conditions)
        return self


class FailurePolicy(Published):
    """PodFailurePolicy: the first rule that matches counts."""

    rules: list[Rule] = Field(max_length=20)

    def action(self, code: int) -> str:
        for rule in self.rules:
            if rule.on_exit_codes and (code in rule.on_exit_codes.values) == (rule.on_exit_codes.operator == "In"):
                return rule.action
        return "Count"


Count = Annotated[int, Field(ge=0, lt=2**31)]


class JobSpec(Published):
    """JobSpec."""

    active_deadline_seconds: Count | None = None
    backoff_limit: Count | None = None
    backoff_limit_per_index: Count | None = None
    completion_mode: Literal["NonIndexed", "Indexed"] = "NonIndexed"
    completions: Count | None = None
    managed_by: str | None = Field(default=None, max_length=63)
    manual_selector: bool | None = None
    max_failed_indexes: Count | None = None
    parallelism: Count | None = None
    pod_failure_policy: FailurePolicy | None = None
    pod_replacement_policy: Literal["TerminatingOrFailed", "Failed"] | None = None
    selector: dict[str, Any] | None = None
    success_policy: dict[str, Any] | None = None
    suspend: bool | None = None
    template: dict[str, Any]
    ttl_seconds_after_finished: Count | None = None

    @model_validator(mode="after")
    def _members_fit(self) -> JobSpec:
        pod = self.template["spec"]
        assert pod["restartPolicy"] in {"Never", "OnFailure"}
        if self.completion_mode == "Indexed":
            assert self.completions is not None
            assert (self.parallelism or 0) <= 100_000
        else:
            assert (self.backoff_limit_per_index, self.max_failed_indexes, self.success_policy) == (None, None, None)
        if self.pod_failure_policy is not None:
            assert pod["restartPolicy"] == "Never"
            assert self.pod_replacement_policy in {None, "Failed"}
            names = {None} | {each["name"] for each in (*pod["containers"], *pod.get("initContainers", ()))}
            for rule in self.pod_failure_policy.rules:
                assert rule.on_exit_codes is None or rule.on_exit_codes.container_name in names
                assert rule.action != "FailIndex" or self.backoff_limit_per_index is not None
        return self


def test_the_job_repeats_only_what_a_repetition_can_change(job: dict[str, Any]) -> None:
    spec = JobSpec.model_validate(job["spec"])
    policy = spec.pod_failure_policy
    (container,) = spec.template["spec"]["containers"]

    assert {code: policy.action(code) for code in (2, 3, 5)} == dict.fromkeys((2, 3, 5), "FailJob")
    assert {policy.action(code) for code in (1, 4, 6, 130, 134, 137, 143)} == {"Count"}
    assert spec.pod_replacement_policy == "Failed", "the next must not meet the last one's lock of the folder"
    assert spec.backoff_limit > 0
    assert "--resume" in container["args"] or container["args"][0] == "tune", "which always goes on"
    assert {rule.on_exit_codes.container_name for rule in policy.rules if rule.on_exit_codes} == {container["name"]}
    ignored = [condition for rule in policy.rules if rule.action == "Ignore" for condition in rule.on_pod_conditions]
    assert [(condition.type, condition.status) for condition in ignored] == [("DisruptionTarget", "True")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("podFailurePolicy.rules.0.onExitCodes.values", [5, 3], id="values out of order"),
        pytest.param("podFailurePolicy.rules.0.onExitCodes.values", [0, 2], id="success among them"),
        pytest.param("podFailurePolicy.rules.0.onExitCodes.containerName", "trian", id="a container that is not there"),
        pytest.param("podFailurePolicy.rules.0.onPodConditions", [{"type": "X", "status": "True"}], id="both"),
        pytest.param("podFailurePolicy.rules.0.action", "FailIndex", id="an index of none"),
        pytest.param("podFailurePolicy.rules.1.onPodConditions", [{"type": "X"}], id="no status"),
        pytest.param("podFailurePolicy.rules.1.onPodConditions", [{"type": "X", "status": True}], id="no text"),
        pytest.param("podReplacementPolicy", "TerminatingOrFailed", id="replaced too early"),
        pytest.param("template.spec.restartPolicy", "OnFailure", id="restarted in place"),
        pytest.param("podFailurePolicies", {}, id="a member that does not exist"),
    ],
)
def test_what_the_server_refuses_is_refused_here(path: str, value: object) -> None:
    spec = documents("job.yaml")["Job"]["spec"]
    JobSpec.model_validate(spec)
    put(spec, path, value)
    with pytest.raises(ValidationError):
        JobSpec.model_validate(spec)


def test_the_job_mounts_what_it_names(job: dict[str, Any]) -> None:
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: volumes.pop(mount["name"]) for mount in container["volumeMounts"]}
    assert not volumes
    assert mounts["/tmp"]["emptyDir"] == {}
    assert mounts["/scripts"]["persistentVolumeClaim"]["claimName"] == job["claim"]


def unknown_options(arguments: list[str]) -> set[str]:
    """Those that the command has not; without a command's name it is `train`."""
    import typer

    from train.cli.main import command_line

    name = "train" if arguments[0].startswith("--") else arguments[0]
    command = typer.main.get_command(command_line()).commands[name]
    known = {flag for parameter in command.params for flag in parameter.opts}
    return {argument.partition("=")[0] for argument in arguments if argument.startswith("--")} - known


def test_the_job_gives_options_that_its_command_has(job: dict[str, Any]) -> None:
    assert not unknown_options(job["spec"]["template"]["spec"]["containers"][0]["args"])


def test_every_driver_has_the_database_and_its_password_from_a_secret() -> None:
    found = documents("tune-drivers.yaml")
    spec = JobSpec.model_validate(found["Job"]["spec"])
    assert (spec.completion_mode, spec.completions) == ("Indexed", spec.parallelism)
    (container,) = spec.template["spec"]["containers"]
    (storage,) = (argument for argument in container["args"] if argument.startswith("--storage="))
    assert "@" in storage
    assert ":" not in storage.partition("//")[2].partition("@")[0], "a password is in everybody's sight there"
    (password,) = container["env"]
    assert (password["name"], password["valueFrom"].keys()) == ("PGPASSWORD", {"secretKeyRef"})
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_every_pod_of_the_workers_finds_its_place_and_the_others() -> None:
    from train.workers import Place, read_place

    found = documents("workers.yaml")
    job, service = found["Job"], found["Service"]
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    index, config = container["env"]  # Kubernetes puts a variable into those that come behind it
    assert JobSpec.model_validate(job["spec"]).completion_mode == "Indexed"
    assert index["name"] == "JOB_COMPLETION_INDEX"
    assert index["valueFrom"]["fieldRef"]["fieldPath"].endswith("['batch.kubernetes.io/job-completion-index']")
    count = job["spec"]["completions"]
    assert job["spec"]["parallelism"] == count, "all of them at once"
    for number in range(count):
        value = config["value"].replace("$(JOB_COMPLETION_INDEX)", str(number))
        assert read_place({config["name"]: value}) == Place(number, count)
    name, port = job["metadata"]["name"], container["ports"][0]["containerPort"]
    hosts = json.loads(config["value"].replace("$(JOB_COMPLETION_INDEX)", "0"))["cluster"]["worker"]
    assert hosts == [f"{name}-{number}.{pod['spec']['subdomain']}:{port}" for number in range(count)]
    assert (service["spec"]["clusterIP"], service["metadata"]["name"]) == ("None", pod["spec"]["subdomain"])
    assert service["spec"]["selector"] == {"job-name": name}
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("name", ["train", "train-gpu"])
def test_a_service_is_built_from_here_and_confined(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    assert (FOLDER / service["build"]["context"] / "Dockerfile").is_file()
    stages = [line.split()[-1] for line in (FOLDER.parent / "Dockerfile").read_text().splitlines() if " AS " in line]
    assert service["build"]["target"] in stages
    assert (service["read_only"], service["network_mode"], service["tmpfs"]) == (True, "none", "/tmp")
    assert [volume.rpartition(":")[2] for volume in service["volumes"]] == ["/scripts"]


def test_only_the_gpu_service_waits_for_its_profile(services: dict[str, Any]) -> None:
    assert "profiles" not in services["train"]
    assert services["train-gpu"]["profiles"] == ["gpu"]
    (device,) = services["train-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_the_default_stage_is_cpu_and_no_builder_is_preferred() -> None:
    text = (FOLDER.parent / "Dockerfile").read_text()
    stages = [line.split()[-1] for line in text.splitlines() if line.startswith("FROM ")]
    assert stages[-1] == "cpu"
    assert "gpu" in stages
    assert "--mount" not in text  # BuildKit's alone
    assert "<<" not in text
