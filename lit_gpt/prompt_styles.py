"""Which prompt style to use: by name, as a checkpoint has it, or as was noted beside trained weights.

    alpaca, chat, raw       plain text, for any model (prompts.py)
    template                the checkpoint's own chat template
    llama-2, vicuna ...     a family's format, for checkpoints without a template: chat_styles/*.jinja

Where no style is named it is the checkpoint's template, else the format of the family whose card has its name, else
alpaca.
"""

from pathlib import Path
from typing import Any

from lit_gpt.cards import load_cards
from lit_gpt.chat_template import TemplateStyle
from lit_gpt.errors import UserError, suggestion
from lit_gpt.files import read_json, write_bytes, write_json
from lit_gpt.prompts import TEXT_STYLES, PromptStyle
from lit_gpt.tokenizer import Declarations, Tokenizer

PROMPT_STYLE_FILE = "prompt_style.json"  # beside trained weights: how they were asked, and so how to ask them
CHAT_STYLES = Path(__file__).with_name("chat_styles")
TEMPLATE = "template"
DEFAULT = "alpaca"


def style_names() -> list[str]:
    """Every name that --prompt_style takes."""
    return [*TEXT_STYLES, TEMPLATE, *sorted(path.stem for path in CHAT_STYLES.glob("*.jinja"))]


def check_style_name(name: str | None) -> None:
    """UserError with the nearest name when there is no such style."""
    if name is not None and name not in (names := style_names()):
        remedy = suggestion(name, names) or "choose one of these"
        raise UserError(f"prompt style {name!r}", f"one of {', '.join(names)}", remedy)


def find_style(name: str | None, checkpoint_dir: Path) -> PromptStyle:
    """The style of that name for a checkpoint's tokenizer; without a name the checkpoint's own, else alpaca."""
    check_style_name(name)
    if name is None:
        return own_style(checkpoint_dir) or TEXT_STYLES[DEFAULT]
    if name in TEXT_STYLES:
        return TEXT_STYLES[name]
    if name != TEMPLATE:
        return _template_style(name, (CHAT_STYLES / f"{name}.jinja").read_text(encoding="utf-8"), checkpoint_dir)
    source = read_template(checkpoint_dir)
    if source is None:
        got, do = f"--prompt_style {TEMPLATE}, but {checkpoint_dir} has no chat template", "choose another style"
        raise UserError(got, "chat_template.jinja, or chat_template in tokenizer_config.json", do)
    return _template_style(TEMPLATE, source, checkpoint_dir)


def own_style(checkpoint_dir: Path) -> PromptStyle | None:
    """The checkpoint's chat template, else the format of its family's card; None where there is neither."""
    if read_template(checkpoint_dir) is not None:
        return find_style(TEMPLATE, checkpoint_dir)
    card = load_cards().get("/".join(checkpoint_dir.resolve().parts[-2:]))  # directories are called ORG/NAME
    return find_style(card.prompt_style, checkpoint_dir) if card and card.prompt_style else None


def style_to_ask_in(
    name: str | None, checkpoint_dir: Path, adapter_dir: Path | None = None, otherwise: str = DEFAULT
) -> PromptStyle:
    """What is named, else what the weights were trained with, else the checkpoint's own, else `otherwise`."""
    if name is not None:
        return find_style(name, checkpoint_dir)
    noted = (read_prompt_style(path, checkpoint_dir) for path in (adapter_dir, checkpoint_dir) if path is not None)
    style = next((style for style in noted if style is not None), None)
    return style or own_style(checkpoint_dir) or TEXT_STYLES[otherwise]


def read_template(checkpoint_dir: Path) -> str | None:
    """The checkpoint's chat template, from any of the files where it may stand."""
    path = checkpoint_dir / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        path = checkpoint_dir / name
        template = read_json(path).get("chat_template") if path.is_file() else None
        if template is not None:
            return _default_one(template, path)
    return None


def _default_one(template: Any, path: Path) -> str:
    """The template, or of several by name the one called default."""
    if isinstance(template, list):
        template = next((one.get("template") for one in template if one.get("name") == "default"), None)
    if not isinstance(template, str):
        raise UserError(f"chat_template in {path}", "a text, or a list with one named default", "mend that file")
    return template


def _template_style(name: str, source: str, checkpoint_dir: Path) -> TemplateStyle:
    tokenizer, declared = Tokenizer(checkpoint_dir), Declarations(checkpoint_dir)
    return TemplateStyle(
        name,
        source,
        frozenset(tokenizer.control_tokens),
        bos=declared.token("bos"),
        eos=declared.token("eos"),
        drops_blank=len(tokenizer.encode(" a")) > len(tokenizer.encode("a")),
    )


def write_prompt_style(directory: Path, style: PromptStyle) -> None:
    """Leave word beside the weights of the style they were trained with."""
    write_json(directory / PROMPT_STYLE_FILE, {"prompt_style": style.name, "version": style.version})


def write_style_template(directory: Path, style: PromptStyle) -> None:
    """Let others ask as well as we do: chat_template.jinja, which Transformers, vLLM and llama.cpp read.

    It takes the place of a template the base had and the weights were not trained with.
    """
    source = style.source if isinstance(style, TemplateStyle) else _plain_template(directory, style.name)
    write_bytes(directory / "chat_template.jinja", source.encode())


def _plain_template(directory: Path, name: str) -> str:
    """A style of plain text in Jinja; a tokenizer that puts a BOS before texts does not do so for templates."""
    bos = "{{- bos_token }}" if Tokenizer(directory).adds_bos else ""
    return bos + (CHAT_STYLES / "plain" / f"{name}.jinja").read_text(encoding="utf-8")


def read_prompt_style(directory: Path, checkpoint_dir: Path) -> PromptStyle | None:
    """The style that the weights in this directory were trained with; None where nothing says so."""
    path = directory / PROMPT_STYLE_FILE
    if not path.is_file():
        return None
    record = read_json(path)
    style = find_style(record["prompt_style"], checkpoint_dir)
    if style.version != record["version"]:
        raise UserError(
            f"{path} asks for version {record['version']} of the prompt style {style.name}",
            f"version {style.version}, the one this program and checkpoint have",
            "choose with --prompt_style, or finetune again",
        )
    return style
