"""Near-duplicates: what is found is what brute force finds, and what datasketch finds."""

import random

from datasketch import MinHash, MinHashLSH

from lit_gpt.data.similarity import NearDuplicates, shingles

WORDS = "the quick brown fox jumps over a lazy dog while seven small birds sing in an old green tree".split()


def edited(text, n_edits, rng):
    words = text.split()
    for _ in range(n_edits):
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words)


def pool(n=150, seed=3):
    """Texts, and copies of them with zero to eight words changed."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choice(WORDS) for _ in range(rng.randint(20, 90))) for _ in range(n)]
    return texts, [edited(text, rng.randint(0, 8), rng) for text in texts]


def jaccard(a, b):
    a, b = set(shingles(a)), set(shingles(b))
    return len(a & b) / len(a | b)


def test_finds_what_brute_force_finds():
    texts, copies = pool()
    index = NearDuplicates(0.8)
    for text in texts:
        index.add(text)
    n_found = 0
    for copy in copies:
        best = max(range(len(texts)), key=lambda number: jaccard(copy, texts[number]))
        match = index.find(copy)
        if jaccard(copy, texts[best]) >= 0.8:
            assert match is not None and match.number == best and match.similarity == jaccard(copy, texts[best])
            n_found += 1
        else:
            assert match is None
    assert 20 < n_found < 140


def test_datasketch_finds_the_same():
    texts, copies = pool(n=60, seed=4)

    def sketch(text):
        minhash = MinHash(num_perm=128)
        minhash.update_batch([part.encode() for part in shingles(text)])
        return minhash

    theirs, ours = MinHashLSH(num_perm=128, params=(32, 4)), NearDuplicates(0.8)
    for number, text in enumerate(texts):
        theirs.insert(number, sketch(text))
        ours.add(text)
    for copy in copies:
        found = {number for number in theirs.query(sketch(copy)) if jaccard(copy, texts[number]) >= 0.8}
        match = ours.find(copy)
        assert ({match.number} if match else set()) == found


def test_short_texts_are_one_shingle():
    index = NearDuplicates(0.8)
    index.add("Yes, it is")
    assert index.find("yes, it  IS") == (0, 1.0)
    assert index.find("No, it is") is None
