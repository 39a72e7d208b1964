"""What the steps of a run find, as typed records: one step writes them, and others read them.

The records pass through the ledger as JSON. This package computes nothing.
"""

from fashiontrend.outcomes.evaluation import AttributeReport, BoxReport, EvalReport
from fashiontrend.outcomes.facts import (
    CrawlFacts,
    CrawlFailure,
    Facts,
    IngestFacts,
    LabelFacts,
    PublishFacts,
    ReadTexts,
    RecogniseFacts,
    SharesFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
    WithheldDay,
)
from fashiontrend.outcomes.health import HealthFacts
from fashiontrend.outcomes.scores import MonitorRates, Rates, ReliabilityBin, ScoreSummary
from fashiontrend.outcomes.trend import PairReport, TrendReport
from fashiontrend.outcomes.verdict import AccuracyFinding, Check, TrendFinding, Verdict

__all__ = [
    "AccuracyFinding",
    "AttributeReport",
    "BoxReport",
    "Check",
    "CrawlFacts",
    "CrawlFailure",
    "EvalReport",
    "Facts",
    "HealthFacts",
    "IngestFacts",
    "LabelFacts",
    "MonitorRates",
    "PairReport",
    "PublishFacts",
    "Rates",
    "ReadTexts",
    "RecogniseFacts",
    "ReliabilityBin",
    "ScoreSummary",
    "SharesFacts",
    "TrainAttrnetFacts",
    "TrainForecasterFacts",
    "TrendFinding",
    "TrendReport",
    "Verdict",
    "WithheldDay",
]
