"""The exceptions of this package, with the exit code of a command that ends with each.

FashiontrendError            1   base of all others
├── ConfigError             30   a setting, a taxonomy or a flag is wrong
├── DataError                1   a table, a label or a model contradicts what was expected
│   ├── PictureError         1   one picture cannot be used; carries a short reason for counting
│   └── HealthError         20   too much of a day's data is missing or broken to continue
├── GateError                1   a gate stayed closed after its last round
│   ├── AccuracyGateClosed  10
│   └── PerplexityGateClosed 11
└── StoreError              40   the store or the cluster cannot be reached or refuses
    └── Conflict            40   another process committed first

Every message says what failed, what was seen, what was expected and what to do. Exceptions take
only that message, so that they keep their class when Ray sends them between workers.
"""


class FashiontrendError(Exception):
    """Base of all exceptions of this package; a command ends with its `exit_code`."""

    exit_code = 1


class ConfigError(FashiontrendError):
    """A setting, a taxonomy or a flag is wrong."""

    exit_code = 30


class DataError(FashiontrendError):
    """A table, a label or a model contradicts what was expected."""


class PictureError(DataError):
    """One picture cannot be used. The message starts with the reason: `truncated: ...`."""

    @property
    def reason(self) -> str:
        """The countable reason, which is the message's part before the first colon."""
        return str(self).split(":", 1)[0]


class HealthError(DataError):
    """Too much of a day's data is missing or broken to continue."""

    exit_code = 20


class GateError(FashiontrendError):
    """A gate stayed closed after its last round."""


class AccuracyGateClosed(GateError):
    """AttrNet is not accurate enough after its last round."""

    exit_code = 10


class PerplexityGateClosed(GateError):
    """The trend model does not fit well enough after its last round."""

    exit_code = 11


class StoreError(FashiontrendError):
    """The store or the cluster cannot be reached, or refuses."""

    exit_code = 40


class Conflict(StoreError):
    """Another process committed this key first."""
