"""How a run uses its machine, and when models are trained again."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.documents import Section


class RayConfig(Section):
    """What Ray may use."""

    address: str = Field(
        default="local", description="`local` starts one; `auto` joins the cluster of a RayJob."
    )
    num_cpus: PositiveInt = Field(default=2, description="Of a local Ray.")
    object_store_bytes: PositiveInt = 400 << 20
    train_workers: PositiveInt = Field(default=2, description="DDP workers of each training.")
    cpus_per_worker: PositiveFloat = Field(
        default=0.5, description="Keep one whole logical CPU outside all workers for reading."
    )
    use_gpu: bool = False
    max_failures: NonNegativeInt = 2
    first_row_timeout_s: PositiveFloat = Field(
        default=300.0, description="A data job without a row by then is stopped with a reason."
    )


class LoopConfig(Section):
    """When the models are trained again."""

    history_days: PositiveInt = Field(
        default=365, description="Days of pictures that are read, at most."
    )
    retrain_days: PositiveInt = Field(
        default=7, description="A release younger than this is used as it is."
    )
