"""How a run uses its machine, and when models are trained again."""

from typing import Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fashiontrend.typed_yaml import Section


class RayConfig(Section):
    """What Ray may use."""

    address: str = Field(
        default="local", description="`local` starts one; `auto` joins the cluster of a RayJob."
    )
    num_cpus: PositiveInt = Field(default=2, description="Of a local Ray.")
    object_store_bytes: PositiveInt = 400 << 20
    train_workers: PositiveInt = Field(default=2, description="DDP workers of each training.")
    min_train_workers: PositiveInt | None = Field(
        default=None,
        description="Train with as few as these while the cluster has no room for all; none: wait for all.",
    )
    resize_check_s: PositiveFloat = Field(
        default=60.0,
        description="With min_train_workers: how often to look for room; a resize repeats an epoch.",
    )
    cpus_per_worker: PositiveFloat = Field(
        default=0.5, description="Keep one whole logical CPU outside all workers for reading."
    )
    use_gpu: bool = False
    max_failures: NonNegativeInt = 2
    first_row_timeout_s: PositiveFloat = Field(
        default=300.0, description="A data job without a row by then is stopped with a reason."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_train_workers and self.min_train_workers > self.train_workers:
            raise ValueError(
                f"min_train_workers is {self.min_train_workers}, train_workers only "
                f"{self.train_workers}; lower the one or raise the other"
            )
        return self


class LoopConfig(Section):
    """When the models are trained again."""

    history_days: PositiveInt = Field(
        default=430,
        description="Days of pictures that are read, at most. A season needs keywords.season_days, growth over "
        "a year and the stage classic need 366, and some days of them are withheld or missed.",
    )
    retrain_days: PositiveInt = Field(
        default=7, description="A release younger than this is used as it is."
    )
