"""The data inside the package are the ones they claim to be."""

import numpy as np
import sklearn.datasets

from hscore_fast.datasets import load_digits


def test_digits_have_the_documented_shapes_and_types():
    images, labels = load_digits()
    assert (images.shape, images.dtype) == ((1797, 64), np.uint8)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    counts = np.bincount(labels)
    assert (counts.min(), counts.max(), len(counts)) == (174, 183, 10)


def test_digits_equal_the_copy_of_scikit_learn():
    images, labels = load_digits()
    theirs = sklearn.datasets.load_digits()
    np.testing.assert_array_equal(images, theirs.data)
    np.testing.assert_array_equal(labels, theirs.target)


def test_digits_have_three_blank_pixels_and_rank_61():
    images, _ = load_digits()
    assert np.flatnonzero(np.ptp(images, axis=0) == 0).tolist() == [0, 32, 39]
    assert np.linalg.matrix_rank(images - images.mean(axis=0)) == 61


def test_each_call_returns_arrays_of_its_own():
    images, labels = load_digits()
    images[:] = 0
    labels[:] = 0
    again, labels_again = load_digits()
    assert again.any()
    assert labels_again.any()
