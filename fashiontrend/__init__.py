"""fashiontrend: from the pictures that shops put online every day to what people will want to wear next."""

__version__ = "0.1.0"
