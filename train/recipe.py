"""The recipe: every number of a training run, on one screen.

The defaults are the transfer-learning recipe that Edge Impulse's users know: MobileNetV2 0.35 at 160x160, five epochs
of a fresh head on frozen ImageNet features, then ten epochs in which the last 40 % of the backbone learns again while
its kernels are pruned from 50 % to 80 %, behind layers that lose theirs at once. What costs next to nothing is used on
the way: `head.py`, `distillation.py`, `reconstruct.py`, `ending.py`, `average.py`, `statistics.py` and `allocate.py`
say what each is worth, `docs/explanation/accuracy.md` what to expect.
On 1,618 training pictures of six kinds of rubbish runs ended at 0.81 to 0.84 of INT8 test accuracy with 0.80 of the
prunable weights zero, where a linear probe on the frozen features has 0.787; it was 0.741 before.

Every field is an option of `ei-train train` under the same name (`image_size` is `--image-size`), in this order.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ei_compat.media.pixels import InputScaling


def knob(default: Any, meaning: str, **bounds: Any) -> Any:
    """A recipe value with its meaning, which is also the option's help, and its bounds."""
    return Field(default, description=meaning, **bounds)


def option_of(field: str) -> str:
    """The option of `ei-train train` that a field of the recipe is, or would be."""
    return "--" + field.replace("_", "-")


def option_words(field: str, value: Any) -> list[str]:
    """What is typed to give a field of the recipe this value."""
    flag = option_of(field)
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    return [flag, ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)]


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=10.0)]
Epochs = Annotated[int, Field(ge=0, le=100_000)]


class Recipe(BaseModel):
    """How to train one model; immutable, and saved whole in `config.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    effort: Literal["quick", "default", "thorough"] = knob(
        "default",
        "fine-tuning as long as it says here (default), less than half of that (quick), or three times (thorough)",
    )

    # What is learned, and by which network.
    task: str = knob(
        "auto",
        "classification, regression (labels are numbers), or another task that is installed; auto: what "
        "train_input.json says, else classification",
    )
    backbone: str = knob(
        "auto",
        "the network: mobilenet_v2, mobilenet_v1 for boards with the least memory, for features dense or conv1d, or "
        "another that is installed; auto: mobilenet_v2 for pictures, dense for features, conv1d for rows of them",
    )
    network: str = knob(
        "none",
        "a Python file whose build(input_shape, classes) returns the network, see docs/howto/network.md; it is run",
    )
    image_size: int = knob(160, "pixels on a side of the model's square input", ge=32, le=1024)
    channels: Literal[1, 3] = knob(3, "colour channels of the input: 3 for RGB, 1 for grayscale")
    input_scaling: InputScaling = knob(
        InputScaling.ZERO_TO_ONE,
        "what the deployed model is given for pixels: 0..1, -1..1, -128..127, 0..255, torch or "
        "bgr-subtract-imagenet-mean; train_input.json says it for arrays",
    )
    alpha: Literal[0.25, 0.35, 0.5, 0.75, 1.0] = knob(  # type: ignore[valid-type] # pydantic takes floats, PEP 586 does not
        0.35,
        "the network's width multiplier: 0.35, 0.5, 0.75 or 1.0; of mobilenet_v1 0.25 (its default), 0.5, 0.75 or 1.0",
    )
    weights: str = knob("auto", "ImageNet weights: auto, imagenet (an error without), none, or a .h5 file")
    head_units: tuple[int, ...] = knob((128, 64), "units of the head's dense layers, in order, as in 128,64")
    head_dropout: tuple[float, ...] = knob((0.4, 0.3), "dropout after each of them, as in 0.4,0.3")
    units: tuple[int, ...] = knob((20, 10), "of dense: units of its layers, in order, as in 20,10")
    columns: int = knob(
        0, "of conv1d: features in a row, such as 13 coefficients or 3 axes; 0: the arrays' shape says it", ge=0
    )
    filters: tuple[int, ...] = knob((8, 16), "of conv1d: filters of its convolutions, in order, as in 8,16")
    kernel_size: int = knob(3, "of conv1d: rows that a convolution sees", ge=1, le=255)
    conv_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(0.25, "of conv1d: dropout behind each convolution")

    # Phase one: a fresh head on frozen features.
    epochs: Epochs = knob(5, "epochs of the head; the backbone is frozen (all of it learns without ImageNet weights)")
    learning_rate: Rate = knob(0.001, "Adam's learning rate for the head")
    batch_size: int = knob(32, "pictures in a training step", ge=1, le=4096)
    beta_2: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(
        0.98, "of Adam; with 0.999 the steep first steps hold all later ones back in so short a training"
    )

    mirror: bool = knob(True, "learn from mirror images too, unless they turn out to be something else")
    closer_looks: int = knob(
        0,
        "learn from so many parts of each picture too, unless they turn out to be something else; 3 where published "
        "weights meet few pictures of classes",
        ge=0,
        le=16,
    )

    # Phase two: fine-tuning, with pruning on the way.
    fine_tune_epochs: Epochs = knob(10, "epochs of fine-tuning and pruning")
    min_steps: int = knob(
        400, "steps of fine-tuning at least; where its epochs have fewer, each goes through the set several times", ge=0
    )
    fine_tune_learning_rate: Rate = knob(0.0005, "Adam's learning rate at the start of fine-tuning")
    fine_tune_decay: Share = knob(0.3, "share of fine-tuning's steps, at its end, over which that rate falls to 0")
    fine_tune_share: Share = knob(0.7, "share of the backbone's layers that learn again, counted from its end")
    prune: bool = knob(True, "prune while fine-tuning")
    prune_at_once: bool = knob(
        False,
        "prune what lies before the end of the network in one step, in which the weights that stay make up for the "
        "others, so that only the end learns; what is done with published weights and balanced zeros",
    )
    end_share: Share = knob(
        0.7,
        "share of the layers that is that end, and that otherwise still learns once the last zeros are in; 0.4 where "
        "the others are pruned at once",
    )
    end_rate: Annotated[float, Field(gt=0.0, le=100.0)] = knob(
        3.0, "factor of the learning rate there; 5 with published weights and pictures enough"
    )
    initial_sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(
        0.5, "share of zeros when pruning starts; the final share where that is lower, or pictures are very few"
    )
    final_sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(
        0.8, "share of zeros in the prunable kernels at its end"
    )
    sparsity_allocation: Literal["balanced", "uniform"] = knob(
        "balanced",
        "that share in all kernels together, more where it costs least (balanced), or in every one (uniform)",
    )
    prune_ramp: Annotated[float, Field(gt=0.0, le=1.0)] = knob(
        0.3, "share of fine-tuning's steps until the final sparsity"
    )
    prune_every: int = knob(2, "steps between two looks at which weights are the smallest", ge=1)
    soft_answers: Share = knob(
        0.5, "share of the loss that is about the answers of the network before fine-tuning, not the labels"
    )
    distill: Annotated[float, Field(ge=0.0, le=1000.0)] = knob(
        10.0, "weight in the loss of staying near that network's features; 0 for none"
    )
    huber: Annotated[float, Field(ge=0.0, le=100.0)] = knob(
        0.0, "in regression, from how many standard deviations on the loss is linear (Huber's); 0 for squared errors"
    )
    average: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(
        0.98, "of the weights, from the last zeros on: what a step leaves of the average before it; 0 for none"
    )
    batch_norm_momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = knob(0.9, "of the moving statistics while training")

    # Phase three, which is left out by default.
    qat_epochs: Epochs = knob(0, "epochs of quantisation-aware training after pruning; 0 for none")
    qat_learning_rate: Rate = knob(0.0001, "Adam's learning rate at its start; it falls to 0")

    # The data.
    augment: bool = knob(False, "flip, crop and brighten training pictures, each drawn anew every epoch")
    class_weights: bool = knob(False, "weigh the loss so that every class counts the same")
    validation_share: Annotated[float, Field(gt=0.0, lt=1.0)] = knob(
        0.2, "of the training set, where there is no validation set"
    )
    max_broken: Share = knob(0.01, "share of pictures that may be unreadable; they are skipped and named")

    # Conversion and its check.
    calibration_samples: int = knob(
        200, "training pictures that calibrate INT8, spread evenly over the classes", ge=1, le=10_000
    )
    max_prune_drop: Share = knob(
        0.02, "accuracy that pruning may be shown to cost against the best unpruned network before the run exits 5"
    )
    max_int8_drop: Share = knob(0.02, "accuracy that INT8 may lose against float before the run exits 5")
    max_prune_error: Annotated[float, Field(ge=0.0, le=100.0)] = knob(
        0.1, "in regression, share of mean absolute error that pruning may be shown to add before the run exits 5"
    )
    max_int8_error: Annotated[float, Field(ge=0.0, le=100.0)] = knob(
        0.05, "in regression, share of root mean square error that INT8 may add before the run exits 5"
    )

    seed: int = knob(1, "of weights, order, dropout and augmentation", ge=0, lt=2**31)

    @field_validator("head_units", "head_dropout", "units", "filters", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _starts_below_its_end(cls, given: Any) -> Any:
        """Lowers the sparsity that pruning starts with to the one that it ends with, unless both were given."""
        if isinstance(given, dict) and "final_sparsity" in given and "initial_sparsity" not in given:
            default = cls.model_fields["initial_sparsity"].default
            with suppress(TypeError, ValueError):  # what is no number is refused below
                return given | {"initial_sparsity": max(0.0, min(default, float(given["final_sparsity"])))}
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if len(self.head_units) != len(self.head_dropout):
            raise ValueError("--head-dropout needs one value for each of --head-units")
        for name in ("head_units", "units", "filters"):
            if any(count < 1 for count in getattr(self, name)):
                raise ValueError(f"--{name.replace('_', '-')} must be positive")
        if any(not 0 <= rate < 1 for rate in self.head_dropout):
            raise ValueError("--head-dropout values must be at least 0 and below 1")
        if self.prune and self.initial_sparsity > self.final_sparsity:
            first, last = self.initial_sparsity, self.final_sparsity
            raise ValueError(f"--initial-sparsity {first:g} must not be above --final-sparsity {last:g}")
        if self.prune and self.fine_tune_epochs == 0:
            raise ValueError("--fine-tune-epochs 0 leaves no epoch to prune in; add --no-prune, or give it some")
        return self
