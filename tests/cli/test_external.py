"""``--allow-external``, which `score`, `rank` and `matrix` share."""

import numpy as np
import pytest
from cli_runs import assert_one_line, features_and_labels, run

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def files(tmp_path):
    """Write features whose numbers lie in another folder, and labels."""
    h5py = pytest.importorskip("h5py")
    x, y = features_and_labels()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "x.bin").write_bytes(x.tobytes())
    (tmp_path / "theirs").mkdir()
    with h5py.File(tmp_path / "theirs" / "x.h5", "w") as file:
        file.create_dataset(
            "x", x.shape, "f8", external=[(str(tmp_path / "raw" / "x.bin"), 0, x.nbytes)]
        )
    np.save(tmp_path / "y.npy", y)
    return str(tmp_path / "theirs" / "x.h5"), str(tmp_path / "y.npy")


@pytest.mark.parametrize("command", ["score", "rank", "matrix"])
def test_files_in_other_folders_are_read_where_it_is_allowed(command, files, capsys) -> None:
    features, labels = files
    words = {
        "score": [features, labels],
        "rank": [features, "--labels", labels],
        "matrix": [features, "--labels", labels],
    }[command]
    code, out, err = run(capsys, command, *words)
    assert (code, "is not in its folder" in err) == (2, True)
    if command != "rank":  # which still writes its headings
        assert out == ""
        assert_one_line(err, "is not in its folder")
    code, out, err = run(capsys, command, *words, "--allow-external", "--json")
    assert (code, err) == (0, "")
    assert "h_score" in out or "scores" in out
