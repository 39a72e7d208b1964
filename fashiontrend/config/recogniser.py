"""From labels to a recogniser that passed its gate."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Fraction, Section


class LabelsConfig(Section):
    """The sources of labels, and what a closed perplexity gate changes about them."""

    titles: bool = Field(
        default=True,
        description="If true, weak labels are read from the titles and descriptions of listings.",
    )
    title_confidence: Fraction = Field(
        default=0.8,
        description="A label that was read from a title has this confidence, from 0 to 1. Annotations have "
        "confidence 1.",
    )
    max_titled_pictures: PositiveInt = Field(
        default=100_000,
        description="A dataset holds at most this many training pictures that only titles label. If there are more, "
        "pictures with rare values are drawn more often. Annotated pictures are always kept.",
    )
    rules: str | None = Field(
        default=None,
        description="This YAML file adds title words to the shipped ones, as attribute -> value -> [words].",
    )
    words: str | None = Field(
        default=None,
        description="This YAML file adds words around the values to the shipped ones, as language -> list -> [words]; "
        "the language `all` stands for every one. Its lists are ignored, parts_after, parts_before, other_garments, "
        "negations, not_garments, departments and clothing.",
    )
    annotations: tuple[str, ...] = Field(
        default=(),
        description="These CSV files hold the labels of annotators, each named by its path or its key in the store.",
    )
    imported_sets: tuple[str, ...] = Field(
        default=(),
        description="These labelled sets are used as well; each is named by the name that `fashiontrend import` "
        "gave it.",
    )
    audit: bool = Field(
        default=True,
        description="If true, a closed perplexity gate that names an attribute makes the next round drop the "
        "attribute's title rules that annotations contradict.",
    )
    min_rule_precision: Fraction = Field(
        default=0.6,
        description="An audit keeps a title rule if at least this share of the annotated pictures agrees with it.",
    )


class ResampleConfig(Section):
    """Repeat factors r = max(1, (t / f)^beta) within an attribute; a picture takes its largest."""

    beta: NonNegativeFloat = Field(
        default=0.5,
        description="This exponent sets how strongly rare values are repeated: 0 repeats nothing, 0.5 repeats by "
        "the square root, and 1 balances fully.",
    )
    threshold: Fraction | None = Field(
        default=None,
        description="Values whose share of the pictures is below this threshold t are repeated. If it is not set, "
        "t is 1 / number of values.",
    )
    cap: PositiveFloat = Field(
        default=10.0,
        description="No picture is repeated more than this many times. A cap below 1 counts as 1.",
    )
    boost: dict[str, PositiveFloat] = Field(
        default={},
        description="Each named attribute multiplies `beta` by its factor. The rounds of the loop set these factors.",
    )


class AttrNetConfig(Section):
    """The recogniser and its training."""

    backbone: str = Field(
        default="small",
        description="The features are computed by this network, which is `small`, `lean`, the name of a "
        "torchvision network, or `timm/` and the name of a timm network (the extra `timm`).",
    )
    weights: str | None = Field(
        default=None,
        description="The backbone starts from this local file of tensors (.safetensors, or a tensors-only torch "
        "file). `hub` fetches the weights of a timm network from its hub. If it is not set, the initial weights "
        "are random.",
    )
    input_px: PositiveInt = Field(
        default=64,
        description="The network sees pictures as squares with this side, in pixels.",
    )
    keep_aspect: bool = Field(
        default=False,
        description="If true, pictures are padded to a square; if false, they are stretched.",
    )
    train_px: PositiveInt | None = Field(
        default=None,
        description="Training pictures are kept at this side in pixels, and views of `input_px` are cut from "
        "them. If it is not set, training pictures are kept at `input_px`.",
    )
    early_px: PositiveInt | None = Field(
        default=None,
        description="Augmented pictures have this side in pixels during the first part of training "
        "(`early_fraction`). If it is not set, augmented pictures always have `input_px`.",
    )
    early_fraction: Fraction = Field(
        default=0.0,
        description="This fraction of the training, at its start, uses pictures of `early_px`.",
    )
    scene_fraction: Fraction = Field(
        default=1.0,
        description="Each epoch trains on this fraction of a labelled set's scenes with a garment; the scenes are "
        "drawn anew for each epoch.",
    )
    box_scales: tuple[PositiveFloat, ...] = Field(
        default=(0.8, 1.1, 1.5),
        description="Regions of these scales are cut around the garment's location, beside the whole picture. "
        "A scale of 1 is the garment's own box.",
    )
    roi_size: PositiveInt = Field(
        default=4,
        description="Each region is pooled to a grid with this many cells a side.",
    )
    region_channels: PositiveInt = Field(
        default=64,
        description="The feature map that regions are cut from has this many channels.",
    )
    colour_channels: NonNegativeInt = Field(
        default=0,
        description="The learnt colour histogram beside the regions has this many channels; 0 leaves it out.",
    )
    locate: bool = Field(
        default=True,
        description="If true, regions are cut around the located garment; if false, the whole picture counts as the "
        "garment.",
    )
    presence: bool = Field(
        default=False,
        description="If true, the network also predicts from the embedding whether there is a garment, so that "
        "pictures without one get fewer false boxes.",
    )
    pooling: Literal["max", "average"] = Field(
        default="max",
        description="Each region is pooled by this function. The published method uses max.",
    )
    words: NonNegativeInt = Field(
        default=0,
        description="Training also predicts this many frequent words of the listing from the embedding; 0 leaves "
        "them out.",
    )
    word_loss_weight: NonNegativeFloat = Field(
        default=0.03,
        description="The loss of the words, summed over the words of a picture, is multiplied by this weight.",
    )
    plain_share: Fraction = Field(
        default=0.0,
        description="A second network, which sees the whole picture, has this share of the prediction on plain product "
        "shots; 0 leaves that network out.",
    )
    plain_size: tuple[PositiveInt, PositiveInt] = Field(
        default=(80, 60),
        description="The second network sees plain shots at this height and width in pixels. The accuracy is "
        "highest if this is the size of the shots themselves.",
    )
    plain_weights: dict[str, NonNegativeFloat] = Field(
        default={},
        description="These factors weight single attributes in the loss of the second network. An attribute that "
        "is not named has the factor 1.",
    )
    dropout: Fraction = Field(
        default=0.0,
        description="This fraction of the embedding is dropped before the classifiers in training.",
    )
    embedding_dim: PositiveInt = Field(
        default=2048,
        description="The embedding of a picture has this many numbers.",
    )
    epochs: PositiveInt = Field(
        default=10,
        description="Training passes over its pictures this many times, or less often if `max_passes` limits it.",
    )
    batch_size: PositiveInt = Field(
        default=32,
        description="A training step sees this many pictures over all workers together.",
    )
    optimizer: Literal["adamw", "sgd"] = Field(
        default="adamw",
        description="Weights are updated by this optimizer. `sgd` has Nesterov momentum 0.9 and needs learning rates "
        "about fifteen times higher.",
    )
    learning_rate: PositiveFloat = Field(
        default=4e-4,
        description="The learning rate rises to this value during warm-up and falls at the end.",
    )
    weight_decay: NonNegativeFloat = Field(
        default=0.02,
        description="The optimizer applies this weight decay; 0 switches it off.",
    )
    warmup_fraction: Fraction = Field(
        default=0.1,
        description="The learning rate rises linearly over this first fraction of the training.",
    )
    decay_fraction: Fraction = Field(
        default=1.0,
        description="The learning rate falls over this last fraction of the training and is constant before it.",
    )
    label_smoothing: Fraction = Field(
        default=0.05,
        description="This share of a label's probability is spread over the other values of its attribute.",
    )
    box_loss_weight: NonNegativeFloat = Field(
        default=1.0,
        description="The loss of the garment's box is multiplied by this weight; 0 leaves it out.",
    )
    clip_norm: PositiveFloat = Field(
        default=5.0,
        description="Gradients whose norm is larger than this value are scaled down to it.",
    )
    augment: bool = Field(
        default=True,
        description="If true, training pictures are flipped, shifted, scaled and recoloured at random.",
    )
    background_masks: bool = Field(
        default=False,
        description="If true, the garment and its box are read from the background of plain product shots.",
    )
    clutter: Fraction = Field(
        default=0.0,
        description="This fraction of the plain product shots is pasted on cluttered backgrounds in training.",
    )
    ema_decay: Fraction = Field(
        default=0.0,
        description="This is the decay of the exponential moving average of the weights (EMA), from 0 to 1; 0 "
        "uses the last weights instead.",
    )
    accumulate: PositiveInt = Field(
        default=1,
        description="The gradients of this many batches are summed up for one step of the optimizer.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Convolutions compute in this precision in training, and on a GPU in prediction too. "
        "`bfloat16` uses autocast. A CPU without instructions for bfloat16 computes in float32 all the same, because "
        "to emulate them takes many times as long.",
    )
    compile: bool = Field(
        default=False,
        description="If true, torch.compile compiles the backbone for training. Compilation needs a C++ compiler "
        "and gains nothing on a CPU.",
    )
    second_look: bool = Field(
        default=False,
        description="If true, each picture is recognised a second time from a closer view of the box that was found.",
    )
    test_flip: bool = Field(
        default=False,
        description="If true, the mirror image of each picture is recognised too and both predictions are averaged.",
    )
    flip_px: PositiveInt | None = Field(
        default=None,
        description="The mirror image of the whole picture has this side in pixels, so that one of the two sizes "
        "finds what the other misses. If it is not set, the side is `input_px`.",
    )
    threads: PositiveInt = Field(
        default=1,
        description="PyTorch uses this many CPU threads in each worker.",
    )
    max_passes: PositiveInt | None = Field(
        default=None,
        description="All epochs together draw at most this many pictures; the number of epochs shrinks to fit. If "
        "it is not set, the number of pictures is not limited.",
    )


class AccuracyGateConfig(Section):
    """The accuracy gate (A6): it opens strictly above both thresholds, on pictures of the natural distribution."""

    threshold: Fraction = Field(
        default=0.85,
        description="The gate opens if the mean over attributes of top-1 accuracy lies strictly above this value.",
    )
    floor: Fraction = Field(
        default=0.70,
        description="The gate opens if the Wilson lower bound of the weakest attribute's accuracy lies strictly "
        "above this value.",
    )
    min_support: PositiveInt = Field(
        default=100,
        description="An attribute with fewer annotated pictures than this is not evaluated, and closes the gate with "
        "that reason.",
    )
    max_rounds: PositiveInt = Field(
        default=3,
        description="The recogniser is trained at most this many times in one labelling round before the run ends "
        "with exit code 10.",
    )
    longer: PositiveFloat = Field(
        default=1.5,
        description="Each further round trains this many times as long as the round before, with another seed.",
    )
