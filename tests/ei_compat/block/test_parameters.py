"""parameters.json, read, written and used as a command line."""

from __future__ import annotations

import pytest

from ei_compat.block.parameters import (
    from_arguments,
    parameters_as_json,
    parse_parameters,
    read_parameters,
    to_arguments,
    write_parameters,
)
from ei_compat.core.errors import FormatError, UsageError


def item(kind: str, value: object, **more: object) -> dict[str, object]:
    return {"name": kind, "param": f"the-{kind}", "type": kind, "value": value} | more


EVERY_TYPE = [
    item("string", "dense: 32", allowEmpty=True, placeholder="x", hint="y", multiline=False),
    item("int", "30", help="how many", readonly=True, showForImplementationVersion=[1, 2]),
    item("float", 0.001, createMacro=True, configType="training"),
    item("select", "b", valid=["a", {"value": "b", "label": "B"}], section="advanced"),
    item("boolean", True),
    item("bucket", "7", optional=True),
    item("dataset", "birds"),
    item("flag", "true", showIf={"parameter": "the-boolean", "operator": "eq", "value": "true"}),
    item("secret", "s3cret"),
    item("float", None, optional=True, futureField={"a": 1}) | {"param": "none"},
]
BLOCK = {
    "version": 1,
    "type": "machine-learning",
    "info": {"name": "n", "operatesOn": "image"},
    "parameters": EVERY_TYPE,
}


@pytest.mark.parametrize("document", [EVERY_TYPE, BLOCK, BLOCK | {"extra": 1}], ids=["bare list", "v1", "more"])
def test_parameters_are_written_as_they_were_read(document, tmp_path):
    block = parse_parameters(document)
    written = parameters_as_json(block)
    items = written if isinstance(written, list) else written["parameters"]
    assert items[:-1] == EVERY_TYPE[:-1]
    assert items[-1] == {key: value for key, value in EVERY_TYPE[-1].items() if value is not None}
    write_parameters(tmp_path / "parameters.json", block)
    assert read_parameters(tmp_path / "parameters.json") == block


def test_every_type_to_an_argument_and_back():
    block = parse_parameters(BLOCK)
    arguments = to_arguments(block)
    assert arguments == [
        *("--the-string", "dense: 32", "--the-int", "30", "--the-float", "0.001", "--the-select", "b"),
        *(
            "--the-boolean",
            "true",
            "--the-bucket",
            "7",
            "--the-dataset",
            "birds",
            "--the-flag",
            "--the-secret",
            "s3cret",
        ),
    ]
    values, rest = from_arguments(block, [*arguments, "--data-directory", "data"])
    assert rest == ["--data-directory", "data"]
    assert values == {
        "the-string": "dense: 32",
        "the-int": 30,
        "the-float": 0.001,
        "the-select": "b",
        "the-boolean": True,
        "the-bucket": "7",
        "the-dataset": "birds",
        "the-flag": True,
        "the-secret": "s3cret",
    }
    assert to_arguments(block, values) == arguments


def test_values_that_differ_from_the_defaults():
    block = parse_parameters(BLOCK)
    arguments = to_arguments(block, {"the-flag": False, "the-string": "", "the-int": "5", "none": 2.5})
    assert "--the-flag" not in arguments
    assert arguments[:4] == ["--the-string", "", "--the-int", "5"]
    assert arguments[-2:] == ["--none", "2.5"]
    values, _ = from_arguments(block, ["--the-int=7", "--the-boolean", "false"])
    assert (values["the-int"], values["the-boolean"], values["the-flag"]) == (7, False, False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"the-int": "many"}, "--the-int: 'many' is not of type int"),
        ({"the-int": 1.5}, "--the-int: 1.5 is not of type int"),
        ({"the-float": "x"}, "--the-float: 'x' is not of type float"),
        ({"the-select": "c"}, "--the-select: 'c' is not of a, b"),
        ({"the-flag": "perhaps"}, "--the-flag: 'perhaps' is not of type flag"),
        ({"other": 1}, "the block has no parameter 'other'"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(UsageError, match=message):
        to_arguments(parse_parameters(BLOCK), values)


def test_an_option_without_its_value():
    with pytest.raises(UsageError, match="--the-int: has no value"):
        from_arguments(parse_parameters(BLOCK), ["--the-int"])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x", "is neither a list of parameters nor of version 1"),
        ({"version": 2}, "is neither a list of parameters nor of version 1"),
        ({"version": 1, "type": "dsp"}, "has no type or no info.name"),
        ({"version": 1, "parameters": {}}, "is not a list"),
        ([{"name": "n"}], r"parameters.json\[0\], param: field required"),
        ([item("int", "x")], r"\[0\]\.value: 'x' is not of type int"),
        ([item("colour", "x")], r"\[0\], type: input should be 'string', "),
        ([item("select", "x")], r"\[0\]\.valid: a select without choices"),
        ([item("int", 1), item("int", 2)], r"\[1\]\.param: 'the-int' is no option's name, or used twice"),
        ([item("int", 1) | {"param": "--x"}], "'--x' is no option's name"),
    ],
)
def test_bad_parameters(document, message):
    with pytest.raises(FormatError, match=message):
        parse_parameters(document)


# .ei-block-config and deployment-metadata.json
