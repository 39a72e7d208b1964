"""The words that a run reads in the texts of shops: the shipped ones, and the user's own beside them."""

from fashiontrend.labels import title_rules
from fashiontrend.labels.title_rules import TitleRules
from fashiontrend.labels.words import SHIPPED, Lexicon, read_lexicon
from fashiontrend.pipeline import inputs
from fashiontrend.pipeline.context import Context


def rules_of(context: Context) -> TitleRules:
    """The title rules of the configuration.

    Raises:
        ConfigError: a file that the configuration names is not there, or is not understood.
    """
    cfg = context.config.labels
    text = inputs.read_text(cfg.rules, context.store) if cfg.rules else None
    return title_rules.compile_rules(
        context.taxonomy, cfg.title_confidence, text, cfg.rules or "", _lexicon(context)
    )


def _lexicon(context: Context) -> Lexicon:
    name = context.config.labels.words
    return read_lexicon(inputs.read_text(name, context.store), name) if name else SHIPPED
