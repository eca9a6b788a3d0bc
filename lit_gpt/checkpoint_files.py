"""The names of the files of a checkpoint directory, Hugging Face's and ours. Importable without torch."""

CONFIG = "config.json"
LIT_WEIGHTS = "lit_model.safetensors"
LIT_CONFIG = "lit_config.json"
HASHES = ".sha256.json"
CARD = "README.md"
# Weights in order of preference: the file that holds everything, and the index that stands in its place.
LAYOUTS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
TOKENIZER_PATTERNS = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template*"),
)
# What a copy of a checkpoint takes along besides config and weights: a licence binds derivatives too.
COMPANION_PATTERNS = (*TOKENIZER_PATTERNS, "generation_config.json", "LICENSE*", "NOTICE*", "USE_POLICY*")
