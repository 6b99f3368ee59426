"""Metrics of providers: recorded by minute at each gateway, stored, and summed over all gateways when they are read."""

from gateway.metrics.figures import Comparison, DurationFigures, Latency, OperationFigures, ProviderFigures, SessionFigures
from gateway.metrics.reader import MetricReader
from gateway.metrics.recorder import MetricRecorder

__all__ = [
    "Comparison",
    "DurationFigures",
    "Latency",
    "MetricReader",
    "MetricRecorder",
    "OperationFigures",
    "ProviderFigures",
    "SessionFigures",
]
