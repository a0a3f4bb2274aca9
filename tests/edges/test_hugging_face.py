"""Models of transformers, with random weights: what is scored by default, padding not included."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hscore_fast.torch import rank_models  # noqa: E402

# transformers tells of dependencies' old names, and of token ids that so small a vocabulary lacks.
pytestmark = pytest.mark.filterwarnings("ignore")

TEXT = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGE = {"image_size": 32, "patch_size": 8, "intermediate_size": 32, "hidden_size": 16}
STAGES = {"hidden_sizes": [8, 12, 16, 24], "depths": [1] * 4}


def made(kind, config, **options):
    return getattr(transformers, kind)(getattr(transformers, config)(**options))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_models_of_text() -> None:
    gpt = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    t5 = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    wide = {**TEXT, "intermediate_size": 32}
    models = {
        "bert": made("BertModel", "BertConfig", **wide),
        "classifier": made("BertForSequenceClassification", "BertConfig", **wide),
        "tagger": made("BertForTokenClassification", "BertConfig", **wide),
        "gpt2": made("GPT2LMHeadModel", "GPT2Config", **gpt),
        "llama": made("LlamaModel", "LlamaConfig", **wide),
        "t5": made("T5EncoderModel", "T5Config", **t5),
    }
    y = torch.arange(60) % 3
    texts = [torch.randint(2, 20, (3 + row % 5,)) + 9 * int(label) for row, label in enumerate(y)]

    def batches(size):
        for row in range(0, len(texts), size):
            ids = torch.nn.utils.rnn.pad_sequence(texts[row : row + size], batch_first=True)
            mask = (ids > 0).long()
            yield {"input_ids": ids, "attention_mask": mask, "labels": y[row : row + size]}

    found = {size: rank_models(models, batches(size)) for size in (4, 30)}
    scores = {size: {entry.name: entry.score for entry in found[size]} for size in found}
    assert set(scores[4]) == {
        *("bert:output", "classifier:classifier.input", "tagger:classifier.input"),
        *("gpt2:lm_head.input", "llama:output", "t5:output"),
    }
    assert scores[4] == pytest.approx(scores[30], rel=1e-4, abs=1e-5)


def test_models_of_images() -> None:
    vit = {**IMAGE, "num_hidden_layers": 2, "num_attention_heads": 2}
    swin = {"image_size": 32, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 1]}
    models = {
        "vit": made("ViTForImageClassification", "ViTConfig", **vit),
        "swin": made("SwinModel", "SwinConfig", **swin, window_size=4),
        "convnext": made("ConvNextModel", "ConvNextConfig", **STAGES),
        "resnet": made("ResNetForImageClassification", "ResNetConfig", **STAGES, embedding_size=8),
    }
    x, y = torch.randn(40, 3, 32, 32), torch.arange(40) % 2
    batches = [{"pixel_values": x[part], "labels": y[part]} for part in (slice(20), slice(20, 40))]
    widths = {entry.name: entry.n_features for entry in rank_models(models, batches)}
    assert widths == {
        "vit:classifier.input": 16,
        "swin:output": 16,
        "convnext:output": 24,
        "resnet:classifier.1.input": 24,
    }
