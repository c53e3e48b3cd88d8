"""`data.yaml`: a YOLO set's description, of which only the class names are read.

A name is what is written there: `yes`, `1e3` and `007` are names too, so no scalar is taken for a truth value or a
number. Aliases, with which a few lines can stand for gigabytes, are refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ei_compat.core.errors import FormatError, LimitError

if TYPE_CHECKING:
    import yaml

LONGEST = 1 << 20  # characters: half a minute of PyYAML at worst; a description of 1,000 classes has 20,000


def described_classes(text: str, *, where: str) -> list[str]:
    """The class names of a description, in the order of their numbers.

    Args:
        text: a YAML mapping whose member `names` is a list, or a mapping from 0, 1, … to names; `nc`, where it is a
            number, is how many.
        where: names the file in errors.

    Raises:
        FormatError: where it is not YAML (with line and column), holds an alias, or its names cannot be.
        LimitError: when it is too large.
    """
    members = _members(_root(text, where=where), where=where)
    if "names" not in members:
        raise FormatError("has no entry 'names'", where=where)
    names = _names(members["names"], where=where)
    told = str(members["nc"].value) if "nc" in members else ""
    if told.isdecimal() and told.lstrip("0") != str(len(names)).lstrip("0"):
        raise FormatError(f"has nc {told[:20]}, but {len(names)} names", where=where)
    return names


def description_of(classes: Sequence[str], folders: Mapping[str, str]) -> str:
    """A description: the folder of pictures of each set (`train`, `val`, `test`), and the class names."""
    import yaml

    names = yaml.safe_dump(
        list(classes), default_flow_style=True, default_style='"', allow_unicode=True, width=float("inf")
    )
    return "".join(f"{role}: {folder}\n" for role, folder in folders.items()) + f"nc: {len(classes)}\nnames: {names}"


def _root(text: str, *, where: str) -> yaml.Node | None:
    import yaml

    if len(text) > LONGEST:
        raise LimitError(f"larger than {LONGEST:,} characters", where=where, fix="is it a description of classes?")
    try:
        return yaml.compose(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        place = where if error.problem_mark is None else _place(error.problem_mark, where=where)
        raise FormatError(f"is not YAML: {error.problem or error.context}", where=place) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a character or an escape that no text holds
        raise FormatError(f"is not YAML: {error}", where=where) from None
    except RecursionError:
        raise FormatError("is nested too deeply", where=where) from None


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    """PyYAML's safe loader, less aliases."""
    import yaml
    from yaml.composer import ComposerError

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise ComposerError(None, None, "aliases are not read", self.current_event.start_mark)
            return super().compose_node(parent, index)

    return Loader


def _members(node: yaml.Node | None, *, where: str) -> dict[str, yaml.Node]:
    """The members of a mapping by their names, which are scalars; none of what is no mapping."""
    from yaml import MappingNode

    members: dict[str, yaml.Node] = {}
    for key, value in node.value if isinstance(node, MappingNode) else ():
        name = _scalar(key, where=where)
        if name in members:
            raise FormatError(f"has {name[:40]!r} twice", where=_place(key.start_mark, where=where))
        members[name] = value
    return members


def _names(node: yaml.Node, *, where: str) -> list[str]:
    from yaml import MappingNode, SequenceNode

    if isinstance(node, SequenceNode):
        return [_scalar(each, where=where) for each in node.value]
    if not isinstance(node, MappingNode):
        raise FormatError("entry 'names' is not a list", where=where)
    numbered = _members(node, where=where)
    if numbered.keys() != {str(number) for number in range(len(numbered))}:
        raise FormatError("classes are not numbered from 0 without a gap", where=where)
    return [_scalar(numbered[str(number)], where=where) for number in range(len(numbered))]


def _scalar(node: yaml.Node, *, where: str) -> str:
    from yaml import ScalarNode

    if not isinstance(node, ScalarNode):
        raise FormatError("a list or a mapping stands where a name belongs", where=_place(node.start_mark, where=where))
    return str(node.value)


def _place(mark: yaml.Mark, *, where: str) -> str:
    return f"{where}, line {mark.line + 1} column {mark.column + 1}"
