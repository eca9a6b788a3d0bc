"""Prepare your own data: CSV, TSV, JSON, JSONL, Parquet, compressed or not, or any data set on the hub.

    python scripts/prepare_file.py --source MyDataset.jsonl.zst --checkpoint_dir checkpoints/ORG/NAME
    python scripts/prepare_file.py --source ORG/NAME@REVISION
    python scripts/prepare_file.py --source faq.csv --columns instruction=Question,output=Answer

Rows are Alpaca's, ShareGPT's, messages, prompt and completion, or plain text: the names of the columns tell, and what
they told is printed with the first rows. Writes the examples to data/file and, given a checkpoint, their tokens.
"""

from pathlib import Path

from lit_gpt.data.sources.user_file import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, name="file", destination_path=Path("data/file"))
