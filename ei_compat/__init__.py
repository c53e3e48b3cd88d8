"""Edge Impulse from outside: its dataset formats, block files, picture preparation and APIs.

Pure Python: imports neither TensorFlow nor anything of `train` or `firmware`. Importing the package costs next to
nothing, since a name is only loaded when it is first used::

    from ei_compat import Shares, open_dataset, split_dataset, write_dataset

    dataset = split_dataset(open_dataset("photos"), Shares(0.64, 0.16, 0.20), seed=1)
    write_dataset(dataset, "dataset", "ei-export")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers see; a test keeps it the same as the table below
    from ei_compat.arrays import Arrays as Arrays
    from ei_compat.arrays import open_arrays as open_arrays
    from ei_compat.batches import Upload as Upload
    from ei_compat.block import TrainInput as TrainInput
    from ei_compat.block import read_train_input as read_train_input
    from ei_compat.block import write_train_input as write_train_input
    from ei_compat.block_config import BlockConfig as BlockConfig
    from ei_compat.block_config import read_block_config as read_block_config
    from ei_compat.block_config import write_block_config as write_block_config
    from ei_compat.conversion import Converted as Converted
    from ei_compat.conversion import convert as convert
    from ei_compat.credentials import Endpoints as Endpoints
    from ei_compat.credentials import Key as Key
    from ei_compat.credentials import api_key as api_key
    from ei_compat.dataset import ArrayRow as ArrayRow
    from ei_compat.dataset import Axis as Axis
    from ei_compat.dataset import Box as Box
    from ei_compat.dataset import Category as Category
    from ei_compat.dataset import ClassLabel as ClassLabel
    from ei_compat.dataset import Dataset as Dataset
    from ei_compat.dataset import FilePayload as FilePayload
    from ei_compat.dataset import Interval as Interval
    from ei_compat.dataset import Intervals as Intervals
    from ei_compat.dataset import KeyValues as KeyValues
    from ei_compat.dataset import Sample as Sample
    from ei_compat.dataset import Signal as Signal
    from ei_compat.dataset import Unlabelled as Unlabelled
    from ei_compat.datasets import FORMATS as FORMATS
    from ei_compat.datasets import WriteOptions as WriteOptions
    from ei_compat.datasets import open_dataset as open_dataset
    from ei_compat.datasets import write_dataset as write_dataset
    from ei_compat.deployment import DeploymentMetadata as DeploymentMetadata
    from ei_compat.deployment import read_deployment_metadata as read_deployment_metadata
    from ei_compat.deployment import write_deployment_metadata as write_deployment_metadata
    from ei_compat.errors import DataError as DataError
    from ei_compat.errors import EiTrainError as EiTrainError
    from ei_compat.errors import FormatError as FormatError
    from ei_compat.errors import LimitError as LimitError
    from ei_compat.errors import PictureError as PictureError
    from ei_compat.errors import RemoteError as RemoteError
    from ei_compat.errors import UsageError as UsageError
    from ei_compat.failures import RefusedError as RefusedError
    from ei_compat.images import PictureSpec as PictureSpec
    from ei_compat.images import Prepared as Prepared
    from ei_compat.images import load_picture as load_picture
    from ei_compat.images import load_pictures as load_pictures
    from ei_compat.ingestion import upload as upload
    from ei_compat.jobs import Patience as Patience
    from ei_compat.journal import Journal as Journal
    from ei_compat.limits import Limits as Limits
    from ei_compat.model_info import ModelInfo as ModelInfo
    from ei_compat.model_info import input_of as input_of
    from ei_compat.model_info import output_of as output_of
    from ei_compat.outbox import journal_path as journal_path
    from ei_compat.outbox import uploads_of as uploads_of
    from ei_compat.parameters import Block as Block
    from ei_compat.parameters import from_arguments as from_arguments
    from ei_compat.parameters import read_parameters as read_parameters
    from ei_compat.parameters import to_arguments as to_arguments
    from ei_compat.parameters import write_parameters as write_parameters
    from ei_compat.pixels import InputScaling as InputScaling
    from ei_compat.pixels import scale_pixels as scale_pixels
    from ei_compat.pixels import unscale_pixels as unscale_pixels
    from ei_compat.pretrained import Deployment as Deployment
    from ei_compat.pretrained import ModelReport as ModelReport
    from ei_compat.pretrained import deploy_once as deploy_once
    from ei_compat.pretrained import upload_model as upload_model
    from ei_compat.progress import SILENT as SILENT
    from ei_compat.progress import Progress as Progress
    from ei_compat.push import PushReport as PushReport
    from ei_compat.push import push_block as push_block
    from ei_compat.remote import Remote as Remote
    from ei_compat.remote import Retry as Retry
    from ei_compat.signals import SignalForm as SignalForm
    from ei_compat.signals import encode_signal as encode_signal
    from ei_compat.signals import read_signal as read_signal
    from ei_compat.split import Shares as Shares
    from ei_compat.split import count_split as count_split
    from ei_compat.split import split_dataset as split_dataset
    from ei_compat.studio import Studio as Studio
    from ei_compat.upload_options import UploadOptions as UploadOptions
    from ei_compat.upload_report import UploadReport as UploadReport

# Where each public name lives.
_HOMES = {
    "ArrayRow": "dataset",
    "Arrays": "arrays",
    "Axis": "dataset",
    "Block": "parameters",
    "BlockConfig": "block_config",
    "Box": "dataset",
    "Category": "dataset",
    "ClassLabel": "dataset",
    "Converted": "conversion",
    "DataError": "errors",
    "Dataset": "dataset",
    "Deployment": "pretrained",
    "DeploymentMetadata": "deployment",
    "EiTrainError": "errors",
    "Endpoints": "credentials",
    "FORMATS": "datasets",
    "FilePayload": "dataset",
    "FormatError": "errors",
    "InputScaling": "pixels",
    "Interval": "dataset",
    "Intervals": "dataset",
    "Journal": "journal",
    "Key": "credentials",
    "KeyValues": "dataset",
    "LimitError": "errors",
    "Limits": "limits",
    "ModelInfo": "model_info",
    "ModelReport": "pretrained",
    "Patience": "jobs",
    "PictureError": "errors",
    "PictureSpec": "images",
    "Prepared": "images",
    "Progress": "progress",
    "PushReport": "push",
    "RefusedError": "failures",
    "Remote": "remote",
    "RemoteError": "errors",
    "Retry": "remote",
    "SILENT": "progress",
    "Sample": "dataset",
    "Shares": "split",
    "Signal": "dataset",
    "SignalForm": "signals",
    "Studio": "studio",
    "TrainInput": "block",
    "Unlabelled": "dataset",
    "Upload": "batches",
    "UploadOptions": "upload_options",
    "UploadReport": "upload_report",
    "UsageError": "errors",
    "WriteOptions": "datasets",
    "api_key": "credentials",
    "convert": "conversion",
    "count_split": "split",
    "deploy_once": "pretrained",
    "encode_signal": "signals",
    "from_arguments": "parameters",
    "input_of": "model_info",
    "journal_path": "outbox",
    "load_picture": "images",
    "load_pictures": "images",
    "open_arrays": "arrays",
    "open_dataset": "datasets",
    "output_of": "model_info",
    "push_block": "push",
    "read_block_config": "block_config",
    "read_deployment_metadata": "deployment",
    "read_parameters": "parameters",
    "read_signal": "signals",
    "read_train_input": "block",
    "scale_pixels": "pixels",
    "split_dataset": "split",
    "to_arguments": "parameters",
    "unscale_pixels": "pixels",
    "upload": "ingestion",
    "upload_model": "pretrained",
    "uploads_of": "outbox",
    "write_block_config": "block_config",
    "write_dataset": "datasets",
    "write_deployment_metadata": "deployment",
    "write_parameters": "parameters",
    "write_train_input": "block",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
