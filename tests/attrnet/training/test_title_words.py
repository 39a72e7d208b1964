import numpy as np

from fashiontrend.attrnet.training import title_words

OFTEN = title_words.LEAST_TEXTS


def test_frequent_words_are_marked_and_rare_ones_left_out():
    marks = title_words.mark(["Red Shirt"] * OFTEN + ["Blue shirt, red"] * OFTEN + ["odd shirt"], 3)
    assert marks.shape == (2 * OFTEN + 1, 3)
    assert sorted(marks.sum(0)) == [OFTEN, 2 * OFTEN, 2 * OFTEN + 1]
    assert sorted(marks[-1]) == [0, 0, 1]


def test_a_listing_without_text_says_nothing():
    marks = title_words.mark(["shirt"] * OFTEN + [" "], 4)
    assert np.isnan(marks[-1]).all()
    assert not np.isnan(marks[:-1]).any()


def test_chinese_characters_are_words_of_their_own():
    marks = title_words.mark(["红色衬衫"] * OFTEN + ["红裙"] * OFTEN, 10)
    assert (marks.sum(1) > 0).all()
    assert sorted(marks.sum(0))[-1] == 2 * OFTEN


def test_too_few_or_too_different_texts_mark_nothing():
    assert title_words.mark(["a b"], 2).tolist() == [[0, 0]]
    assert not title_words.mark([f"word{n}" for n in range(OFTEN)], 2).any()
    assert title_words.mark(["shirt"], 0).shape == (1, 0)
