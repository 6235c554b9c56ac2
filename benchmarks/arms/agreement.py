"""Whether answers of documents decoded together are those of one at a time without guesses.

Where they differ, how much likelier the one token is than the other where they part: of two that
are all but equally likely, the order in which a pass adds up decides.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from benchmarks.cases import Job, choose_task


def compare_answers(job: Job) -> dict[str, Any]:
    """Answer a job's documents both ways.

    Returns:
        ``answers`` one at a time without guesses, by document; ``batched``, those of many at once
        with guesses; ``margins``, for each document on which they differ the distance of the two
        tokens' logarithmic probabilities where they part.
    """
    from setaccio.runtime import Extractor, load_model

    model = load_model(job.model, context=job.context, threads=job.threads)
    task, most = choose_task(job.case, job.model, job.adapter), job.case.max_tokens
    found = []
    for parallel, guess in ((1, False), (job.parallel, True)):
        extractor = Extractor(
            model,
            task,
            adapter=job.adapter or None,
            parallel=parallel,
            guess=guess,
            max_tokens=most,
        )
        answers = extractor.extract_all(job.case.documents())
        found.append({answer.id: answer.raw for answer in answers})
    serial, batched = found
    texts = {document.id: document.text for document in job.case.documents()}
    apart = [key for key in serial if serial[key] != batched[key]]
    margins = []
    if apart:
        judge = _Judge(job)
        prompts = {key: extractor.tokenise(texts[key]) for key in apart}
        margins = [judge.margin(prompts[key], serial[key], batched[key]) for key in apart]
    return {"answers": serial, "batched": batched, "margins": margins}


class _Judge:
    """The same model in llama-cpp-python, one token after the other."""

    def __init__(self, job: Job) -> None:
        import llama_cpp

        self._llama = llama_cpp.Llama(
            job.model,
            n_ctx=job.context,
            n_threads=job.threads,
            lora_path=job.adapter or None,
            verbose=False,
        )

    def margin(self, prompt: list[int], one: str, other: str) -> float:
        """By how much the tokens differ with which two answers part."""
        import llama_cpp

        end = [self._llama.token_eos()]
        left, right = (
            self._llama.tokenize(text.encode(), add_bos=False, special=False) + end
            for text in (one, other)
        )
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right)))  # noqa: B905
        self._llama.reset()
        self._llama.eval([*prompt, *left[:same]])
        logits = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        return abs(float(logits[left[same]] - logits[right[same]]))
