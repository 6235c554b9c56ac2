"""Many documents at once: the same answers, whatever is decoded beside them.

Run: pytest tests/runtime/decode/test_decoder.py
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from setaccio.data import Document, Task
from setaccio.runtime import Extractor
from setaccio.runtime.decode.context import BatchContext
from setaccio.runtime.decode.context_pool import SMALL_MODEL_BYTES, default_contexts
from setaccio.runtime.decode.decoder import Passes, decode
from setaccio.runtime.decode.request import Completion, Feed, Request
from setaccio.runtime.decode.sampling import apply_mask, make_sampler
from setaccio.runtime.grammar.constraint import Grammar, compile_schema
from setaccio.runtime.model.load import LoadedModel, load_model
from setaccio.runtime.prompt.prompts import Prompt, Prompts

BUDGET = 40
TEXTS = [
    "Onion Soup\nChop 2 onions. Melt ½ cup butter and fry the onions in it. Add 1 l stock.",
    "Pancakes need 250 g flour, 2 eggs and 1/2 l milk. Whisk. Fry in a hot pan until brown.",
    "Crème brûlée: heat 4 dl cream with 1 vanilla pod. Beat 5 yolks with 80 g sugar. Bake.",
    "洋葱汤 is made of 3 onions and water. Boil.",
    "Mix.",
    "Take 12 plums. Stone them. Lay them on the dough. Strew 3 tbsp sugar over them. " * 3,
]
CLOSE = 0.2  # logits nearer than this may change places when sums are added up in another order


@pytest.fixture(scope="module")
def prompts(model: LoadedModel, recipe: Task) -> Prompts:
    return Prompts(model, recipe)


@pytest.fixture(scope="module")
def grammar(model: LoadedModel, recipe: Task) -> Grammar:
    return compile_schema(model, recipe.json_schema)


def answer(
    model: LoadedModel,
    prompts: Prompts,
    grammar: Grammar | None,
    texts: Sequence[str] = TEXTS,
    parallel: int = 1,
    prompt_lookup: bool = False,
    passes: Passes | None = None,
    contexts: int | None = None,
) -> dict[str, Completion]:
    def requests() -> Iterator[Request]:
        for text in texts:
            made = prompts.make(text)
            yield Request(text, made.rest, BUDGET, document=made.document, grammar=grammar)

    found = decode(
        model,
        prompts.prefix,
        requests(),
        parallel=parallel,
        prompt_lookup=prompt_lookup,
        contexts=contexts,
        passes=passes,
    )
    return dict(found)


def generated(completion: Completion) -> list[int]:
    return list(completion.tokens[: len(completion.probabilities)])


def is_near_tie(
    model: LoadedModel, made: Prompt, grammar: Grammar | None, common: list[int], pair: list[int]
) -> bool:
    """Whether two tokens are all but equally likely after the prompt and the common tokens."""
    context = BatchContext(model)
    context.reserve(1, model.context)
    row = context.decode([Feed(0, 0, [*made.prefix, *made.rest, *common], 1)])[0].copy()
    context.close()
    if grammar is not None:
        matcher = grammar.start()
        for token in common:
            matcher.accept(token)
        row = apply_mask(row, matcher.mask())
    return bool(abs(row[pair[0]] - row[pair[1]]) < CLOSE)


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize(
    ("parallel", "prompt_lookup", "contexts"),
    [(1, True, 1), (3, False, 1), (4, True, 2), (16, True, 1), (16, True, 3), (5, False, 5)],
)
def test_neither_parallel_nor_contexts_nor_prompt_lookup_nor_order_change_answers(
    model: LoadedModel,
    prompts: Prompts,
    grammar: Grammar,
    constrained: bool,
    parallel: int,
    prompt_lookup: bool,
    contexts: int,
) -> None:
    rule = grammar if constrained else None
    alone = answer(model, prompts, rule)
    for texts in (TEXTS, TEXTS[::-1]):
        together = answer(model, prompts, rule, texts, parallel, prompt_lookup, contexts=contexts)
        assert together.keys() == alone.keys()
        for text, completion in together.items():
            one, other = generated(alone[text]), generated(completion)
            if one != other:
                at = next(
                    i for i, pair in enumerate(zip(one, other, strict=False)) if len({*pair}) > 1
                )
                pair = [one[at], other[at]]
                assert is_near_tie(model, prompts.make(text), rule, one[:at], pair), text


def test_forced_and_drafted_tokens_save_passes(
    model: LoadedModel, prompts: Prompts, grammar: Grammar
) -> None:
    plain, helped = Passes(), Passes()
    for passes in (plain, helped):
        found = answer(model, prompts, grammar, prompt_lookup=passes is helped, passes=passes)
        passes.evaluated -= sum(len(prompts.make(text).rest) for text in found)
    tokens = sum(len(generated(completion)) for completion in found.values())
    assert plain.forward < tokens + len(TEXTS)
    assert helped.drafted >= helped.accepted > 0
    assert helped.forward < plain.forward


@pytest.mark.parametrize("contexts", [1, 2])
def test_whoever_watches_sees_tokens_before_documents(
    model: LoadedModel, prompts: Prompts, grammar: Grammar, contexts: int
) -> None:
    passes, seen = Passes(), []
    requests = (
        Request(text, made.rest, BUDGET, document=made.document, grammar=grammar)
        for text in TEXTS
        for made in [prompts.make(text)]
    )
    found = decode(
        model,
        prompts.prefix,
        requests,
        parallel=2,
        contexts=contexts,
        passes=passes,
        watch=lambda counts: seen.append((counts.running, counts.written)),
    )
    answers = dict(found)
    assert len(seen) > len(TEXTS) and max(running for running, _ in seen) == 2
    assert seen[-1][0] == passes.running == 0
    assert passes.written == sum(len(generated(each)) for each in answers.values())


def test_probabilities_are_those_of_the_model(
    model: LoadedModel, prompts: Prompts, grammar: Grammar
) -> None:
    text = TEXTS[0]
    made = prompts.make(text)
    done = answer(model, prompts, grammar, [text])[text]
    assert len(done.probabilities) == len(done.removed) <= done.generated
    context = BatchContext(model)
    context.reserve(1, model.context)
    tokens = generated(done)
    fed = [*made.prefix, *made.rest, *tokens[:-1]]
    rows = context.decode([Feed(0, 0, fed, len(tokens))]).astype(np.float64)
    chances = np.exp(rows - rows.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    context.close()
    matcher = grammar.start()
    asked = 0
    for row, token, chance, removed in zip(
        chances, tokens, done.probabilities, done.removed, strict=True
    ):
        forced = bool(matcher.forced())
        mask = apply_mask(np.zeros(row.size, np.float32), matcher.mask()) == 0
        if not forced:
            asked += 1
            assert chance == pytest.approx(row[token], abs=0.02)
            assert removed == pytest.approx(row[~mask].sum(), abs=0.02)
        matcher.accept(token)
    assert asked > 5


def test_sampling_is_reproducible_and_stays_inside_the_nucleus(
    model: LoadedModel, prompts: Prompts, grammar: Grammar
) -> None:
    made = prompts.make(TEXTS[1])

    def draw(seed: int, top_p: float) -> tuple[int, ...]:
        choose = make_sampler(1.5, seed, top_p)
        request = Request(0, made.rest, BUDGET, grammar=grammar, choose=choose)
        return next(decode(model, prompts.prefix, [request]))[1].tokens

    assert draw(3, 0.9) == draw(3, 0.9)
    assert len({draw(seed, 1.0) for seed in range(4)}) > 1
    assert draw(1, 1e-9) == answer(model, prompts, grammar, [TEXTS[1]])[TEXTS[1]].tokens


def test_one_bad_request_does_not_end_the_others(
    model: LoadedModel, prompts: Prompts, grammar: Grammar
) -> None:
    def refuse(*_: object) -> int:
        raise ValueError("nothing suits")

    made = prompts.make(TEXTS[0])
    good = Request("good", made.rest, BUDGET, grammar=grammar)
    bad = Request("bad", made.rest, BUDGET, grammar=grammar, choose=refuse)
    done = dict(decode(model, prompts.prefix, [good, bad, good.under("too")], parallel=2))
    assert done["bad"].finish == "error"
    assert done["bad"].message == "nothing suits"
    assert done["good"].tokens == done["too"].tokens


@pytest.mark.parametrize("contexts", [1, 2])
def test_the_model_is_whole_again_after_llama_cpp_failed(
    model: LoadedModel, prompts: Prompts, grammar: Grammar, contexts: int
) -> None:
    before = {text: done.tokens for text, done in answer(model, prompts, grammar).items()}
    short = Request(1, prompts.make(TEXTS[0]).rest, BUDGET, grammar=grammar)
    too_long = Request(0, [5] * (2 * model.context), BUDGET)
    with pytest.raises(RuntimeError, match=r"llama\.cpp could not decode"):
        list(decode(model, prompts.prefix, [short, too_long], parallel=2, contexts=contexts))
    after = answer(model, prompts, grammar, parallel=4, contexts=contexts)
    assert {text: done.tokens for text, done in after.items()} == before


def test_contexts_are_given_back_and_end_with_the_model(
    tiny_gguf: Path, prompts: Prompts, grammar: Grammar
) -> None:
    before = set(threading.enumerate())
    model = load_model(tiny_gguf, threads=2)
    requests = [
        Request(number, prompts.make(text).rest, BUDGET) for number, text in enumerate(TEXTS)
    ]
    running = decode(model, prompts.prefix, requests, parallel=4, contexts=2)
    next(running)
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2
    running.close()
    assert len(dict(decode(model, prompts.prefix, requests, parallel=4, contexts=2))) == len(TEXTS)
    assert set(threading.enumerate()) - before == threads  # the same ones worked again
    between = decode(model, prompts.prefix, requests, parallel=4, contexts=2)
    next(between)
    model.close()  # while passes are under way
    assert not any(thread.is_alive() for thread in threads)
    with pytest.raises(RuntimeError, match="was closed"):
        list(between)


def test_every_pass_is_one_piece(
    model: LoadedModel, prompts: Prompts, grammar: Grammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[list[Feed]] = []
    lay_out = BatchContext._lay_out

    def watched(context: BatchContext, feeds: Sequence[Feed]) -> int:
        passes.append(list(feeds))
        return lay_out(context, feeds)

    monkeypatch.setattr(BatchContext, "_lay_out", watched)
    answer(model, prompts, grammar, parallel=4, prompt_lookup=True, contexts=1)
    assert max(map(len, passes)) == 4
    for feeds in passes:
        assert len({feed.size for feed in feeds}) == 1
        first = feeds[0].sequence
        assert [feed.sequence for feed in feeds] == list(range(first, first + len(feeds)))
    # Documents of different lengths ended at different times; those above them moved down.
    sizes = {len(feeds) for feeds in passes}
    assert {1, 4} < sizes <= {1, 2, 3, 4}


@pytest.mark.parametrize("contexts", [1, 3])
def test_the_seconds_of_all_documents_are_no_more_than_it_took(
    model: LoadedModel, prompts: Prompts, grammar: Grammar, contexts: int
) -> None:
    began = time.perf_counter()
    done = answer(model, prompts, grammar, parallel=6, contexts=contexts)
    took = time.perf_counter() - began
    assert 0 < sum(completion.seconds for completion in done.values()) <= took


def test_small_models_get_a_context_for_each_thread_and_large_ones_one(tiny_gguf: Path) -> None:
    model = load_model(tiny_gguf, threads=3)
    assert [default_contexts(model, parallel) for parallel in (1, 2, 16)] == [1, 2, 3]
    model.size_bytes = SMALL_MODEL_BYTES + 1
    assert default_contexts(model, 16) == 1
    model.close()


def test_nested_abandoned_and_threaded_use(tiny_gguf: Path) -> None:
    model = load_model(tiny_gguf)
    extractor = Extractor(model, max_tokens=12, parallel=3)
    documents = [Document(str(i), text) for i, text in enumerate(TEXTS)]
    expected = [extraction.raw for extraction in extractor.extract_all(documents)]
    found = []
    for extraction in extractor.extract_all(documents):
        found.append(extraction.raw)
        assert extractor.extract(documents[0]).raw == expected[0]
    assert found == expected
    next(extractor.extract_all(documents))  # the rest is never asked for
    results: dict[int, list[str]] = {}

    def work(number: int) -> None:
        results[number] = [extraction.raw for extraction in extractor.extract_all(documents)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {0: expected, 1: expected}
    model.close()
