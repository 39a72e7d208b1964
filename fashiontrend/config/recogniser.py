"""From labels to a recogniser that passed its gate."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Fraction, Section


class LabelsConfig(Section):
    """Where labels come from, and what a closed perplexity gate does about them."""

    titles: bool = Field(default=True, description="Read weak labels from titles and descriptions.")
    title_confidence: Fraction = Field(default=0.8, description="Of a label read from a title.")
    rules: str | None = Field(
        default=None, description="YAML of extra title words: attribute -> value -> [words]."
    )
    annotations: tuple[str, ...] = Field(
        default=(), description="CSV files of annotators, by path or store key."
    )
    imported_sets: tuple[str, ...] = Field(
        default=(), description="Names given to `fashiontrend import`."
    )
    audit: bool = Field(
        default=True,
        description="When a closed perplexity gate names an attribute, drop its title rules that annotations contradict.",
    )
    min_rule_precision: Fraction = Field(
        default=0.6,
        description="Agreement with annotations that a title rule needs to survive an audit.",
    )
    min_rule_support: PositiveInt = Field(
        default=5, description="Annotated pictures a rule needs to be judged."
    )
    min_value_support: PositiveInt = Field(
        default=20, description="Values with fewer training pictures are reported by name."
    )
    max_titles: PositiveInt | None = Field(
        default=None, description="At most this many title-labelled pictures, drawn by seed."
    )


class ResampleConfig(Section):
    """Repeat factors r = max(1, (t / f)^beta) within an attribute; a picture takes its largest."""

    beta: NonNegativeFloat = Field(
        default=0.5, description="0 off, 0.5 square root, 1 full balance."
    )
    threshold: Fraction | None = Field(
        default=None, description="t; 1 / number of values if not given."
    )
    cap: PositiveFloat = 10.0
    boost: dict[str, PositiveFloat] = Field(
        default={}, description="Per attribute, multiplies beta; rounds of the loop set it."
    )


class AttrNetConfig(Section):
    """The recogniser and its training."""

    backbone: str = Field(
        default="small", description="small, lean, or the name of a torchvision network."
    )
    weights: str | None = Field(
        default=None,
        description="Local .safetensors or tensors-only file for the backbone; random if not given.",
    )
    input_px: PositiveInt = Field(default=64, description="Side of the square looked at.")
    keep_aspect: bool = Field(
        default=False, description="Pad pictures to a square instead of stretching them."
    )
    train_px: PositiveInt | None = Field(
        default=None,
        description="Side that training pictures are kept at, views of input_px are cut from them.",
    )
    early_px: PositiveInt | None = Field(
        default=None,
        description="Side that augmented pictures have in a first part of training; input_px if none.",
    )
    early_fraction: Fraction = Field(
        default=0.0, description="First part of training, with pictures of early_px."
    )
    scene_fraction: Fraction = Field(
        default=1.0,
        description="Part of a labelled set's scenes with a garment that each epoch draws anew.",
    )
    box_scales: tuple[PositiveFloat, ...] = Field(
        default=(0.8, 1.1, 1.5), description="Boxes around the location, beside the whole picture."
    )
    roi_size: PositiveInt = 4
    region_channels: PositiveInt = Field(
        default=64, description="Of the feature map that regions are cut from."
    )
    colour_channels: int = Field(
        default=0, ge=0, description="Of the learnt colour histogram beside the regions; 0 = none."
    )
    locate: bool = Field(
        default=True,
        description="Cut regions from around the garment; false: the whole picture is the garment.",
    )
    presence: bool = Field(
        default=False,
        description="Tell from the vector too whether there is a garment: fewer boxes on nothing.",
    )
    pooling: Literal["max", "average"] = Field(
        default="max", description="Of each region; the method's is max."
    )
    words: int = Field(
        default=0,
        ge=0,
        description="Frequent words of the listing that training tells from the vector too; 0 = none.",
    )
    word_loss_weight: NonNegativeFloat = Field(
        default=0.03, description="Of a picture's summed surprise over the words."
    )
    plain_share: Fraction = Field(
        default=0.0,
        description="Of what a second network says of plain shots as a whole, beside the regions; 0 = none.",
    )
    plain_size: tuple[PositiveInt, PositiveInt] = Field(
        default=(80, 60), description="Height and width that it sees them at: best their own."
    )
    plain_weights: dict[str, NonNegativeFloat] = Field(
        default={},
        description="How much of its loss is about an attribute; 1 where none is given.",
    )
    dropout: Fraction = Field(default=0.0, description="Of the vector, before the classifiers.")
    embedding_dim: PositiveInt = 2048
    epochs: PositiveInt = 10
    batch_size: PositiveInt = Field(default=32, description="Over all workers together.")
    optimizer: Literal["adamw", "sgd"] = Field(
        default="adamw",
        description="sgd: with Nesterov momentum 0.9; its rates are some fifteen times higher.",
    )
    learning_rate: PositiveFloat = 4e-4
    weight_decay: NonNegativeFloat = 0.02
    warmup_fraction: Fraction = 0.1
    decay_fraction: Fraction = Field(
        default=1.0,
        description="Last part of training in which the rate falls; before it, it stays.",
    )
    label_smoothing: Fraction = 0.05
    box_loss_weight: NonNegativeFloat = 1.0
    clip_norm: PositiveFloat = Field(
        default=5.0, description="Gradients are scaled down to this norm."
    )
    augment: bool = True
    background_masks: bool = Field(
        default=False, description="Read garment and box of plain shots from their background."
    )
    clutter: Fraction = Field(
        default=0.0, description="Part of the plain product shots that are pasted on clutter."
    )
    ema_decay: Fraction = Field(
        default=0.0, description="Of the running average of the weights that is kept; 0 = none."
    )
    accumulate: PositiveInt = Field(default=1, description="Batches whose gradients make one step.")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Of the convolutions in training, and on a GPU in prediction too; bfloat16 by autocast.",
    )
    compile: bool = Field(
        default=False,
        description="torch.compile the backbone in training; needs a C++ compiler. No gain on a CPU.",
    )
    second_look: bool = Field(
        default=False, description="Recognise each picture again, closer, around the found box."
    )
    test_flip: bool = Field(
        default=False, description="Recognise each picture's mirror image too and average."
    )
    flip_px: PositiveInt | None = Field(
        default=None,
        description="Side of the whole picture's mirror image, if not input_px: one size finds what the other misses.",
    )
    threads: PositiveInt = Field(default=1, description="Of torch in each worker.")
    max_passes: PositiveInt | None = Field(
        default=None, description="Pictures drawn in all epochs together; epochs shrink to fit."
    )


class AccuracyGateConfig(Section):
    """A6: opens strictly above both thresholds, on annotated pictures of the natural distribution."""

    threshold: Fraction = Field(default=0.85, description="Mean over attributes of top-1 accuracy.")
    floor: Fraction = Field(default=0.70, description="Wilson lower bound of the worst attribute.")
    min_support: PositiveInt = Field(
        default=100, description="Annotated pictures an attribute needs to be judged."
    )
    max_rounds: PositiveInt = 3
    longer: PositiveFloat = Field(
        default=1.5,
        description="Each further round trains this many times longer, from a new seed.",
    )
    sharper: NonNegativeFloat = Field(
        default=0.5,
        description="Beta by which further rounds repeat rare values of the weakest attribute; 0 off.",
    )
    larger: PositiveFloat = Field(
        default=1.25, description="From the third round on the input grows by this factor."
    )
