"""Decoding and inference on worker threads, in batches that grow under load and never wait when idle.

A worker that becomes free takes its share of whatever is waiting, decodes it, predicts it in one call of
the model, and hands the answers back to the event loop. While nothing waits, a request is alone in its
batch and starts at once; under load requests gather by themselves while the workers are busy.
"""

import asyncio
import logging
import math
import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.explanation import Explanation
from kedja.bundle.inputs.input import Costly, Example, Examples
from kedja.bundle.known import Answers
from kedja.serving.drift.drift import Monitor
from kedja.serving.errors import RequestError
from kedja.serving.metrics import Metrics
from kedja.serving.predictor import Predictor

logger = logging.getLogger(__name__)

# Health and new requests are the event loop's: on busy cores it must not stand in line with decoding.
_NICER_THAN_THE_EVENT_LOOP = 5

Load = Callable[[Predictor], Examples]


class Stages(Protocol):
    """Is told of each stage of a request that is over; called on worker threads."""

    def __call__(self, name: str, started: float, ended: float, **attributes: int) -> None: ...


@dataclass(frozen=True)
class Answer:
    """Probabilities float32 (N, classes), the index of the highest of each row, and the predictor that gave them.

    Attributes:
        known: of each example whether it is like those of the training; None where the bundle cannot tell.
        explanations: of each example, where they were asked for.
        remarks: see `kedja.bundle.inputs.input.Input.remarks`.
    """

    probabilities: NDArray[np.float32]
    best: list[int]
    many: bool
    predictor: Predictor
    known: list[bool] | None = None
    explanations: Sequence[Explanation] = ()
    remarks: Sequence[dict[str, Any]] = ()


@dataclass(eq=False)
class Job:
    """One request on its way: how to get its examples, and who waits for the answer."""

    load: Load
    future: asyncio.Future[Answer]
    deadline: float  # of time.monotonic(), as is:
    arrival: float
    stages: Stages | None = None
    explain: bool = False


class Engine:
    """Worker threads in front of a predictor.

    Args:
        predictor: may be replaced at any time by assignment; a batch keeps the one it began with.
        threads: number of worker threads.
        max_batch: examples in one call of the model at the most; of small ones `Input.in_one` times as many.
        monitor: is offered whatever was predicted.
    """

    def __init__(self, predictor: Predictor, threads: int, max_batch: int, metrics: Metrics, monitor: Monitor) -> None:
        self.predictor = predictor
        self.metrics = metrics
        self.monitor = monitor
        self.max_batch = max_batch
        self._waiting: deque[Job] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        # When each worker that is at work began with what it does.
        self._began: dict[int, float] = {}
        self._workers = [
            threading.Thread(target=self._work, name=f"kedja-worker-{i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    def stop(self, seconds: float) -> None:
        """Finish what is waiting, then end the workers; one that is still at work after `seconds` is left to itself."""
        with self._arrived:
            self._closing = True
            self._arrived.notify_all()
        end = time.monotonic() + seconds
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        if any(worker.is_alive() for worker in self._workers):
            logger.error("a worker did not end within %g s; the process ends without it", seconds)

    def stuck(self, seconds: float) -> bool:
        """Whether every worker has been at the same batch for longer than this, so that nothing gets done."""
        began = list(self._began.values())
        return len(began) == len(self._workers) and max(began) < time.monotonic() - seconds

    async def run(self, load: Load, deadline: float, stages: Stages | None = None, *, explain: bool = False) -> Answer:
        """Wait for the answer of one request.

        Args:
            load: called on a worker thread; may raise `RequestError`.
            deadline: on the clock of `time.monotonic`; a request without an answer is given up then, wherever it is.
            stages: is told how long the request waited, and how long decoding and the model took.
            explain: whether the answer is to say why.
        """
        loop = asyncio.get_running_loop()
        arrival = time.monotonic()
        job = Job(load, loop.create_future(), deadline, arrival, stages, explain)
        timer = loop.call_later(deadline - arrival, _give_up, job.future)
        with self._arrived:
            self._waiting.append(job)
            self._arrived.notify()
        try:
            return await job.future
        finally:
            timer.cancel()
            del job  # which has the error that this may be raising, as above

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere it would be the whole process
            os.nice(_NICER_THAN_THE_EVENT_LOOP)
        me = threading.get_ident()
        while jobs := self._take():
            self._began[me] = time.monotonic()
            self._answer(jobs)
            self._began.pop(me, None)
            del jobs  # with their bodies, before the next ones come

    def _take(self) -> list[Job]:
        """A fair share of what is waiting; nothing only when the engine closes."""
        with self._arrived:
            while not self._waiting and not self._closing:
                self._arrived.wait()
            share = math.ceil(len(self._waiting) / len(self._workers))
            return [self._waiting.popleft() for _ in range(min(share, self.max_batch))]

    def _answer(self, jobs: list[Job]) -> None:
        predictor = self.predictor
        results: list[tuple[Job, Answer | Exception]] = []
        loaded: list[tuple[Job, Examples]] = []
        held, most = 0, self._most(predictor)
        for job in jobs:
            try:
                loaded.append((job, self._load(job, predictor)))
            except (RequestError, Costly) as error:
                # What it came through holds the job, and the job the error: its body would stay until that is found.
                error.__traceback__ = error.__context__ = None
                results.append((job, error))
                continue
            except Exception as error:  # noqa: BLE001 -- handed to the request that caused it
                results.append((job, error))
                continue
            held += len(loaded[-1][1].items)
            if held >= most and job is not jobs[-1]:
                # Requests with many images: no more of them at once than one call takes.
                self._finish(loaded, results, predictor)
                loaded, results, held = [], [], 0
        self._finish(loaded, results, predictor)

    def _finish(
        self,
        loaded: list[tuple[Job, Examples]],
        results: list[tuple[Job, Answer | Exception]],
        predictor: Predictor,
    ) -> None:
        try:
            results += self._predict(loaded, predictor)
        except Exception as error:
            logger.exception("a batch of %d requests failed", len(loaded))
            results += [(job, error) for job, _ in loaded]
        # Nobody waits for what another asked to be explained.
        to_explain = {id(job): examples for job, examples in loaded if job.explain}
        _deliver(
            [(job, result) for job, result in results if id(job) not in to_explain or isinstance(result, Exception)]
        )
        for job, result in results:
            if id(job) in to_explain and isinstance(result, Answer):
                _deliver([(job, _explained(job, result, to_explain[id(job)]))])

    def _load(self, job: Job, predictor: Predictor) -> Examples:
        started = time.monotonic()
        self.metrics.waiting.observe(started - job.arrival)
        if job.stages:
            job.stages("wait", job.arrival, started)
        if job.future.done() or started > job.deadline:
            raise late()
        examples = job.load(predictor)
        ended = time.monotonic()
        self.metrics.decoding.observe(ended - started)
        if job.stages:
            job.stages("decode", started, ended, images=len(examples.items))
        return examples

    def _predict(
        self, loaded: list[tuple[Job, Examples]], predictor: Predictor
    ) -> list[tuple[Job, Answer | Exception]]:
        if not loaded:
            return []
        every = [example for _, examples in loaded for example in examples.items]
        most = self._most(predictor)
        starts = range(0, len(every), most)
        began = time.monotonic()
        answers = _joined([self._call(every[start : start + most], predictor) for start in starts])
        ended = time.monotonic()
        probabilities = answers.probabilities
        # Once for the batch, here: numpy gives up the interpreter for it, and the event loop would wait to get it back.
        best: list[int] = probabilities.argmax(axis=1).tolist()
        known = predictor.knows(answers)
        self._count(best, known, predictor)
        self.monitor.offer(predictor, every, answers)
        results: list[tuple[Job, Answer | Exception]] = []
        start = 0
        for job, examples in loaded:
            if job.stages:
                job.stages("inference", began, ended, batch_images=len(every))
            end = start + len(examples.items)
            remarks = predictor.metadata.input.remarks(examples.items)
            own = None if known is None else known[start:end]
            answer = Answer(probabilities[start:end], best[start:end], examples.many, predictor, own, remarks=remarks)
            results.append((job, answer))
            start = end
        return results

    def _call(self, examples: list[Example], predictor: Predictor) -> Answers:
        feed = predictor.metadata.input.collate(examples)
        started = time.monotonic()
        answers = predictor.answer(feed)
        self.metrics.model.observe(time.monotonic() - started)
        self.metrics.batch_images.observe(len(examples))
        return answers

    def _most(self, predictor: Predictor) -> int:
        return self.max_batch * predictor.metadata.input.in_one

    def _count(self, best: list[int], known: list[bool] | None, predictor: Predictor) -> None:
        for index, count in Counter(best).items():
            self.metrics.predictions.labels(predictor.metadata.classes[index]).inc(count)
        if known is not None and not all(known):
            self.metrics.unknown.inc(known.count(False))


def _explained(job: Job, answer: Answer, examples: Examples) -> Answer | Exception:
    """The answer with its explanations, or why there are none."""
    asked = zip(examples.items, answer.best, strict=True)
    try:
        return replace(answer, explanations=[_explain(job, answer.predictor, *one) for one in asked])
    except Exception as error:  # noqa: BLE001 -- handed to the request that caused it
        return error


def _explain(job: Job, predictor: Predictor, example: Example, best: int) -> Explanation:
    if job.future.done() or time.monotonic() > job.deadline:
        raise late()
    explanation = predictor.explain(example, best)
    if explanation is None:
        problem = f"answers to {predictor.metadata.input.nouns} cannot be explained"
        raise RequestError(422, "no-explanation", problem, "leave explain out")
    return explanation


def _joined(answers: list[Answers]) -> Answers:
    if len(answers) == 1:
        return answers[0]
    scores = [one.familiarity for one in answers if one.familiarity is not None]
    return Answers(np.concatenate([one.probabilities for one in answers]), np.concatenate(scores) if scores else None)


def _give_up(future: asyncio.Future[Answer]) -> None:
    if not future.done():
        future.set_exception(late())


def late() -> RequestError:
    return RequestError(
        503,
        "deadline",
        "the answer would come later than the request's deadline",
        "come again when the service is less busy",
        {"Retry-After": "1"},
    )


def _deliver(results: list[tuple[Job, Answer | Exception]]) -> None:
    """Wake the event loop once for the whole batch."""
    if results:
        results[0][0].future.get_loop().call_soon_threadsafe(_resolve, results)


def _resolve(results: list[tuple[Job, Answer | Exception]]) -> None:
    for job, result in results:
        if job.future.done():
            continue
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
