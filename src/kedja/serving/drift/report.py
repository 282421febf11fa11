"""Report drift: as JSON at `/drift`, and as gauges at `/metrics`."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kedja.bundle.metadata import Metadata
from kedja.bundle.reference import CLASS, Counts, Histogram
from kedja.serving.drift.drift import Monitor
from kedja.serving.drift.shift import Shift, Verdict, compare, shares
from kedja.serving.predictor import Predictor

OFF = "off"
NO_REFERENCE = "no reference"
_LEVELS = {Verdict.STABLE: 0, Verdict.MODERATE: 1, Verdict.STRONG: 2}

Compared = list[tuple[Histogram, Counts, Shift]]


def compared(monitor: Monitor, predictor: Predictor) -> Compared:
    """Every feature's reference, what all processes served, and how far that is off; nothing without a reference."""
    reference = predictor.reference
    if reference is None or not monitor.on:
        return []
    served = reference.split(monitor.counts(predictor))
    return [
        (histogram, counts, compare(np.array(histogram.counts), counts))
        for histogram, counts in zip(reference.features, served, strict=True)
    ]


def report(monitor: Monitor) -> dict[str, Any]:
    """The answer of `GET /drift`, see `kedja.serving.schemas.Drift`."""
    predictor = monitor.predictor  # a reload may replace it meanwhile
    metadata = predictor.metadata
    found = compared(monitor, predictor)
    return {
        "verdict": _verdict(monitor, found),
        "shifted": [histogram.name for histogram, _, shift in found if shift.verdict >= Verdict.MODERATE],
        "images": max((shift.images for _, _, shift in found), default=0),
        "features": [_feature(*entry, metadata) for entry in found],
        "model": {"name": metadata.name, "version": metadata.version},
    }


class DriftCollector(Collector):
    """Gauges by feature, computed from the windows of all workers whenever Prometheus asks."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[GaugeMetricFamily]:
        images = _gauge("images", "images in the window")
        psi = _gauge("psi", "population stability index of the window against the training images")
        distance = _gauge("distance", "Jensen-Shannon distance of the two")
        level = _gauge("level", "0 stable, 1 moderate shift, 2 strong shift; absent while there are too few images")
        for histogram, _, shift in compared(self._monitor, self._monitor.predictor):
            images.add_metric([histogram.name], shift.images)
            if shift.images:
                psi.add_metric([histogram.name], shift.psi)
                distance.add_metric([histogram.name], shift.distance)
            if shift.verdict in _LEVELS:
                level.add_metric([histogram.name], _LEVELS[shift.verdict])
        yield from (images, psi, distance, level)


def _gauge(name: str, explanation: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kedja_drift_{name}", explanation, labels=["feature"])


def _verdict(monitor: Monitor, found: Compared) -> str:
    if not found:
        return NO_REFERENCE if monitor.on else OFF
    most = max(shift.images for _, _, shift in found)
    # A feature that few images have, such as the size of a file, keeps the others waiting for nothing.
    decisive = [s.verdict for _, _, s in found if s.images == most or s.verdict >= Verdict.MODERATE]
    return max(decisive).words


def _feature(histogram: Histogram, served: Counts, shift: Shift, metadata: Metadata) -> dict[str, Any]:
    return {
        "name": histogram.name,
        "verdict": shift.verdict.words,
        "psi": shift.psi,
        "psi_by_chance": shift.by_chance if math.isfinite(shift.by_chance) else None,
        "distance": shift.distance,
        "images": shift.images,
        "reference_images": sum(histogram.counts),
        "bins": _bins(histogram, metadata.classes),
        "reference": shares(np.array(histogram.counts)).tolist(),
        "served": shares(served).tolist(),
    }


def _bins(histogram: Histogram, classes: list[str]) -> list[str]:
    """What each bin holds, in words."""
    if histogram.name == CLASS:
        names = [classes[position] for position in histogram.classes]
        return [*names, "all others"][: len(histogram.counts)]
    edges = histogram.edges
    inner = [
        f"{high:.4g}" if high == np.nextafter(low, np.inf) else f"{low:.4g} to {high:.4g}"
        for low, high in itertools.pairwise(edges)
    ]
    return [f"below {edges[0]:.4g}", *inner, f"above {edges[-1]:.4g}"]
