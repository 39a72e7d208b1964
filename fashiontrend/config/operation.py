"""How a run uses its machine, and when models are trained again."""

from typing import Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fashiontrend.typed_yaml import Section


class RayConfig(Section):
    """The resources that Ray may use."""

    address: str = Field(
        default="local",
        description="Runs connect to the Ray cluster at this address. `local` starts Ray on this machine; `auto` "
        "joins the cluster that a RayJob runs on.",
    )
    num_cpus: PositiveInt = Field(
        default=2,
        description="A local Ray schedules work on this many logical CPUs. A cluster ignores the setting.",
    )
    object_store_bytes: PositiveInt = Field(
        default=400 << 20,
        description="A local Ray reserves this many bytes of shared memory for objects and spills the rest to disk.",
    )
    train_workers: PositiveInt = Field(
        default=2,
        description="Each training uses this many data-parallel (DDP) workers.",
    )
    min_train_workers: PositiveInt | None = Field(
        default=None,
        description="Training starts with as few workers as this while the cluster has no room for "
        "`train_workers`. It may not exceed `train_workers`. If it is not set, training waits for "
        "`train_workers` workers.",
    )
    resize_check_s: PositiveFloat = Field(
        default=60.0,
        description="With `min_train_workers`, training looks for room for more workers once in this many seconds. "
        "A resize repeats the epoch that it interrupts.",
    )
    cpus_per_worker: PositiveFloat = Field(
        default=0.5,
        description="Ray reserves this many logical CPUs for each training worker. Leave one whole CPU of the "
        "cluster unreserved, because reading the data needs it.",
    )
    decoded_cache_bytes: NonNegativeInt = Field(
        default=1 << 30,
        description="Each worker of the recogniser's training keeps at most this many bytes of decoded pictures "
        "in memory. Pictures beyond them are decoded again in every epoch. With 0 every picture is.",
    )
    use_gpu: bool = Field(
        default=False,
        description="If true, each worker of training and recognition reserves one GPU and computes on it.",
    )
    max_failures: NonNegativeInt = Field(
        default=2,
        description="A training may lose workers this many times and resume from its last epoch. After one more "
        "loss, the training fails.",
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
    """The history that a run reads, and the age at which models are trained again."""

    history_days: PositiveInt = Field(
        default=430,
        description="A run reads at most this many days up to its own. The season of a value needs "
        "keywords.season_days, and growth over a year and the stage classic need 366 days. Set a "
        "larger number, because gate G0 withholds some days and the crawler misses others.",
    )
    retrain_days: PositiveInt = Field(
        default=7,
        description="Models of a release that is younger than this many days are used as they are. Models that "
        "are older are trained again.",
    )
