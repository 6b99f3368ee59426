"""The figures of providers: counted per minute where it happens, kept in the store, summed over all gateways when asked."""

from gateway.metrics.figures import Comparison, DurationFigures, Latency, OperationFigures, ProviderFigures, SessionFigures
from gateway.metrics.reader import Ledger
from gateway.metrics.recorder import Metrics

__all__ = [
    "Comparison",
    "DurationFigures",
    "Latency",
    "Ledger",
    "Metrics",
    "OperationFigures",
    "ProviderFigures",
    "SessionFigures",
]
