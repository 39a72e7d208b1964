"""What one check of the doctor found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check: what was seen, and what to do if it is not good.

    Attributes:
        name: of the check.
        good: False for a fault.
        seen: what the check saw.
        advice: what to do about a fault, or about what is due.
        exit_code: of the command, if this is its first fault.
        due: True if nothing is wrong and a first keyword still needs something.
    """

    name: str
    good: bool
    seen: str
    advice: str = ""
    exit_code: int = 1
    due: bool = False
