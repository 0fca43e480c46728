"""One configuration -> one trained, measured model, on one device."""

__version__ = "0.1.0"
