"""Settings and fixtures that several files of tests share."""

import os

import numpy as np
import pytest
from hypothesis import settings

# The same examples every time where a failure must be somebody's doing; new ones at home.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60, database=None)
settings.register_profile("home", deadline=None, max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "home"))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Leave the repository, whose package folder would hide the installed package."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path, elsewhere):
    """Put features and labels into the working folder; return the score they have."""
    import h5py
    from cli_runs import ROWS, features_and_labels

    from hscore_fast import h_score

    features, labels = features_and_labels()
    np.save(tmp_path / "x.npy", features)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "both.npz", x=features, y=labels)
    np.savez_compressed(tmp_path / "words.npz", np.array(["ant", "bee", "cow"])[labels])
    np.save(tmp_path / "short.npy", labels[:-1])
    np.save(tmp_path / "one_class.npy", np.zeros(ROWS, int))
    np.save(tmp_path / "objects.npy", np.array([{}, []] * 30, object), allow_pickle=True)
    (tmp_path / "two.csv").write_text("id,name\n1,a\n")
    with h5py.File(tmp_path / "chunked.h5", "w") as file:
        file.create_dataset("x", data=features, chunks=(7, 2), compression="gzip")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-8])
    return h_score(features, labels)
