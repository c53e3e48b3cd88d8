"""The request bodies that the published API describes, in the notation of `checks.check`."""

from __future__ import annotations

ENGINES = {
    "tflite",
    "tflite-eon",
    "tflite-eon-ram-optimized",
    "tensorrt",
    "tensaiflow",
    "drp-ai",
    "tidl",
    "akida",
    "syntiant",
    "memryx",
    "neox",
    "ethos-linux",
    "st-aton",
    "ceva-npn",
    "nordic-axon",
    "vlm-connector",
    "qaic",
}
VARIANTS = {"int8", "float32", "akida"}
FILE_TYPES = {"tflite", "onnx", "saved_model", "lgbm", "xgboost", "pickle", "ngboost"}
SCALINGS = {"0..1", "-1..1", "-128..127", "0..255", "torch", "bgr-subtract-imagenet-mean"}
RESIZE_MODES = {"squash", "fit-short", "fit-long", "crop"}
LAST_LAYERS = {
    "mobilenet-ssd",
    "fomo",
    "yolov2-akida",
    "yolov5",
    "yolov5v5-drpai",
    "yolox",
    "yolov7",
    "yolo-pro",
    "tao-retinanet",
    "tao-ssd",
    "tao-yolov3",
    "tao-yolov4",
    "yolov11",
    "yolov11-abs",
    "paddleocr-detector",
    "qc-face-det-lite",
    "qc-yolox",
}
OPERATES_ON = {
    "object_detection",
    "audio",
    "image",
    "regression",
    "anomaly_detection",
    "visual_anomaly_detection",
    "other",
    "image_akida",
    "object_detection_akida",
    "classification_akida",
}
INPUT = (
    {"inputType": {"image"}, "inputScaling?": SCALINGS, "resizeMode?": RESIZE_MODES},
    {"inputType": {"audio"}, "frequencyHz": float},
    {"inputType": {"time-series"}, "frequencyHz": float, "windowLengthMs": int},
    {"inputType": {"other"}},
)
DETECTION = {
    "modelType": {"object-detection"},
    "labels": [str],
    "lastLayer": LAST_LAYERS,
    "minimumConfidence": float,
    "thresholdValues?": dict,
}
MODEL = (
    {"modelType": {"classification"}, "labels": [str]},
    DETECTION,
    {"modelType": {"regression", "freeform", "anomaly"}},
)
SAVE = {"input": INPUT, "model": MODEL, "datasetVersionId?": int}
BUILD = {"engine": ENGINES, "modelType?": VARIANTS, "parameters?": dict}
EXPORT = {"uploaderFriendlyFilenames": bool, "retainCrops": bool}
DEPLOY_MODEL = {
    "modelFileBase64": str,
    "modelFileType": str,
    "deploymentType": str,
    "engine?": ENGINES,
    "modelInfo": {"input": INPUT, "model": MODEL},
    "representativeFeaturesBase64?": str,
    "deployModelType?": {"int8", "float32"},
    "useConverter?": str,
    "overrideInputShape?": [int],
}
BLOCK = {
    "objectDetectionLastLayer?": LAST_LAYERS,
    "implementationVersion?": int,
    "isPublic?": bool,
    "isPublicForDevices?": [str],
    "publicProjectTierAvailability?": {"enterprise-only", "all-projects", "all-projects-including-whitelabels"},
    "repositoryUrl?": str,
    "parameters?": [dict],
    "imageInputScaling?": SCALINGS,
    "indRequiresGpu?": bool,
    "customModelVariants?": [dict],
    "displayCategory?": {"classical", "tao", "developer-preview"},
    "indBlockNoLongerAvailable?": bool,
    "blockNoLongerAvailableReason?": str,
    "sourceCodeDownloadStaffOnly?": bool,
}
ADD_BLOCK = BLOCK | {"name": str, "dockerContainer": str, "description": str, "operatesOn": OPERATES_ON}
UPDATE_BLOCK = BLOCK | {"name?": str, "dockerContainer?": str, "description?": str, "operatesOn?": OPERATES_ON}
UPLOAD_TYPES = {"transferLearning", "deploy", "dsp", "transform"}
UPLOAD_LINK = {"fileName": str, "fileSize": int, "fileHash": str, "type": UPLOAD_TYPES, "blockId": int}
FINALIZE = UPLOAD_LINK | {"uploadKey": str}
