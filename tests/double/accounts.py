"""What the official command line client asks of Studio before it does anything: who it is, and what it may use."""

from __future__ import annotations

from typing import Any

from tests.double.calls import Call, NoAnswerError
from tests.double.shapes import LAST_LAYERS, SCALINGS
from tests.double.state import CREATED, PROJECT_KEY, State
from tests.double.studio import LEARN, PROJECT, Answer, Handler, impulse_of, project_of

LATER = "2027-01-01T00:00:00.000Z"
STAFF = {"isStaff": False, "hasSudoRights": False}
LIMITS = {"requestsCpu": 1.0, "requestsMemory": 1.0, "limitsCpu": 2.0, "limitsMemory": 2.0}


def project_info(state: State, call: Call, project: str) -> Answer:
    summary = {"totalLengthMs": 0.0, "labels": [], "totalLabels": 0, "dataCount": len(state.project.samples)}
    acquisition = {"intervalMs": 1.0, "lengthMs": 1000, "segmentShift": False, "defaultPageSize": 12}
    acquisition |= {"viewType": "list", "gridColumnCount": 4, "gridColumnCountDetailed": 2}
    acquisition |= {"showExactSampleLength": False, "inlineEditBoundingBoxes": False}
    names = dict.fromkeys(["arduinoLibraryName", "tinkergenLibraryName", "particleLibraryName"], "double")
    answer: dict[str, Any] = {
        "success": True,
        "project": project_of(state),
        "developmentKeys": {"apiKey": PROJECT_KEY},
        "impulse": {"created": False, "configured": False, "complete": False},
        "devices": [],
        "dataSummary": summary,
        "dataSummaryPerCategory": dict.fromkeys(["training", "testing", "postProcessing", "validation"], summary),
        "computeTime": {"periodStartDate": CREATED, "periodEndDate": LATER, "timeUsedMs": 0, "timeLeftMs": 60_000},
        "acquisitionSettings": acquisition,
        "deploySettings": names | {"eonCompiler": True, "sensor": "camera"},
        "urls": {},
        "performance": {
            "gpu": False,
            "jobLimitM": 20,
            "dspFileSizeMb": 4096,
            "enterprisePerformance": False,
            "trainJobRamMb": 4096,
        },
        "showGettingStartedWizard": {"showWizard": False, "step": 0},
        "studioUrl": call.origin,
    }
    lists = ["collaborators", "experiments", "latencyDevices", "notifications", "trainJobNotificationUids"]
    lists += ["dspJobNotificationUids", "modelTestingJobNotificationUids", "exportJobNotificationUids"]
    flags = ["showCreateFirstImpulse", "hasNewTrainingData", "inPretrainedModelFlow"]
    answer |= {name: [] for name in lists}
    answer |= dict.fromkeys([*flags, "showSensorDataInAcquisitionGraph"], False)
    if state.project.keeps_validation_set is not None:
        answer["explicitValidationEnabled"] = state.project.keeps_validation_set
    return answer


def organization_of(state: State) -> dict[str, Any]:
    """The organization as every answer shows it."""
    unset = dict.fromkeys(["whitelabelId", "trialId", "trialExpiredDate", "trialUpgradedDate"])
    names = {"id": state.organization_id, "name": "Double", "created": CREATED}
    return names | unset | {"showHeaderImgMask": False, "users": [], "isDeveloperProfile": False}


def organizations(state: State, call: Call) -> Answer:
    return {"success": True, "organizations": [organization_of(state)]}


def organization_info(state: State, call: Call, organization: str) -> Answer:
    def options(values: set[str]) -> list[dict[str, str]]:
        return [{"label": value, "value": value} for value in sorted(values)]

    return {
        "success": True,
        "organization": organization_of(state),
        "datasets": [],
        "experiments": [],
        "defaultComputeLimits": LIMITS,
        "cliLists": {
            "objectDetectionLastLayerOptions": options(LAST_LAYERS),
            "imageInputScalingOptions": options(SCALINGS),
        },
        "performance": {"jobLimitM": 60, "gpu": False},
    }


def socket_token(state: State, call: Call, **owner: str) -> Answer:
    token = f"socket-{state.new_id()}"
    state.socket_tokens.add(token)
    return {"success": True, "token": {"socketToken": token, "expires": LATER}}


def user(state: State, call: Call) -> Answer:
    names = {"id": 1, "username": "double", "name": "Double", "email": "double@example.org", "created": CREATED}
    counts = dict.fromkeys(["userCount", "adminCount", "privateProjectCount"], 1)
    unset = dict.fromkeys(["whitelabelId", "trialId", "trialExpiredDate", "trialUpgradedDate"])
    own = {"id": state.organization_id, "name": "Double", "created": CREATED, "isDeveloperProfile": True}
    own |= {
        "isAdmin": True,
        "entitlementLimits": {},
        "publicProjectLicense": {"name": "MIT", "link": "https://spdx.org/licenses/MIT"},
    }
    flags = {"pending": False, "activated": True, "mfaConfigured": False, "suspended": False}
    flags |= {"passwordConfigured": True, "hasEnterpriseFeaturesAccess": False}
    return (
        {"success": True, "staffInfo": STAFF, "tier": "free", "privatePersonalProjectsUsed": 0}
        | names
        | flags
        | {"organizations": [own | counts | unset], "projects": [project_of(state)]}
        | {"experiments": [], "notifications": [], "eulas": [], "projectsSortOrder": "created-desc"}
        | {"lastAccessedProjects": {"hasMoreProjects": False, "projects": []}}
    )


def impulses(state: State, call: Call, project: str) -> Answer:
    found = [impulse_of(state)] if state.project.learn_blocks else []
    return {"success": True, "impulses": found, "maxImpulseCount": 1}


def keras(state: State, call: Call, project: str, learn: str) -> Answer:
    block = next((each for each in state.project.learn_blocks if each["id"] == int(learn)), None)
    if block is None:
        raise NoAnswerError(404, f"No learn block with ID {learn}")
    flags = ["trained", "profileInt8", "skipEmbeddingsAndMemory", "showAdvancedTrainingSettings"]
    return {
        "success": True,
        "name": block["name"],
        "dependencies": {
            "classes": [],
            "blockNames": [],
            "featureCount": 27648,
            "sampleCount": 0,
            "outputClasses": [],
        },
        "type": block["type"],
        "mode": "expert",
        "script": "",
        "minimumConfidenceRating": 0.6,
        "selectedModelType": "int8",
        "visualLayers": [],
        "trainingCycles": 30,
        "learningRate": 0.0005,
        "defaultBatchSize": 32,
        "trainTestSplit": 0.2,
        "shape": "(27648,)",
        "augmentationPolicyImage": "none",
        "transferLearningModels": [],
        "thresholds": [],
        **dict.fromkeys([*flags, "showAugmentationTrainingSettings"], False),
    }


ORGANIZATION = r"/v1/api/organizations/(?P<organization>\d+)"
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", PROJECT, project_info),
    ("GET", PROJECT + "/socket-token", socket_token),
    ("GET", PROJECT + "/impulses", impulses),
    ("GET", LEARN.format("training", "").rstrip("/"), keras),
    ("GET", "/v1/api/user", user),
    ("GET", "/v1/api/organizations", organizations),
    ("GET", ORGANIZATION, organization_info),
    ("GET", ORGANIZATION + "/socket-token", socket_token),
]
