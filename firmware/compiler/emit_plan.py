"""The plans in C: tensors, stages and the functions that run them, once or for both ways to give the input."""

from __future__ import annotations

from dataclasses import replace

from firmware.compiler.emit import Unit, byte_type, comment, layer_prefix, output_heads, owners
from firmware.compiler.plan import Group, Plan
from firmware.compiler.schedule import Stage

ROWS = "row_"  # what the names of the tables for an input row by row start with


def schedules(unit: Unit) -> str:
    """Everything after the layers' constants."""
    shared = replace(unit.plan, image=0, arena=0, bound=0) == replace(unit.rows, image=0, arena=0, bound=0)
    parts = [_plan(unit, unit.plan, "")]
    if not shared:
        parts.append(_plan(unit, unit.rows, ROWS))
    parts.append(_functions(unit, "" if shared else ROWS))
    return "\n".join(parts)


def _plan(unit: Unit, plan: Plan, prefix: str) -> str:
    parts = [_tensors(unit, plan, prefix)]
    for index, group in enumerate(plan.groups):
        rows = [
            _stage(unit, plan, stage, (prefix, group, blank))
            for stage, blank in zip(group.stages, group.blanks, strict=True)
        ]
        parts.append(f"static const eit_stage {prefix}group{index}[] = {{\n" + "\n".join(rows) + "\n};\n")
    groups = ", ".join(f"{{{prefix}group{i}, {len(group.stages)}}}" for i, group in enumerate(plan.groups))
    parts.append(f"static const eit_group {prefix}groups[] = {{\n    {groups}\n}};\n")
    return "\n".join(parts)


def _tensors(unit: Unit, plan: Plan, prefix: str) -> str:
    rows = []
    for number, plane in enumerate(unit.program.planes):
        values = (
            plan.offsets[number], plane.row_bytes, plan.rings[number], plane.height, plane.width, plane.stride,
            plane.channels, plane.pad_left, plane.zero,
        )  # fmt: skip
        rows.append(f"    {{{', '.join(f'{v}u' for v in values)}}}, /* {number}: {comment(plane.name)} */")
    head = "/* offset, row bytes, ring, height, width, plane, channels, left padding, zero point */"
    return f"{head}\nstatic const eit_tensor {prefix}tensors[] = {{\n" + "\n".join(rows) + "\n};\n"


def _stage(unit: Unit, plan: Plan, stage: Stage, place: tuple[str, Group, int]) -> str:
    prefix, group, blank = place
    layer, kernel = unit.program.layers[stage.layer], unit.kernels[stage.layer]
    inputs = [_input(unit, stage, i, prefix) for i in range(len(layer.inputs))]
    inputs = inputs or ["{0, -1, 1, 1, 0, 1}"]
    params = f"{layer_prefix(owners(unit)[stage.layer])}_table" if kernel.arrays or kernel.struct else "0"
    params = params if kernel.struct is None else f"&{params}"
    cut = kernel.cut or unit.program.planes[layer.output].channels
    return (
        f"    {{{kernel.function}, {params}, &{prefix}tensors[{layer.output}],\n"
        f"     {{{', '.join(inputs)}}}, {group.scratch}u, {blank}u, {plan.arena}u, {cut}, {int(stage.complete)}}},"
    )


def _input(unit: Unit, stage: Stage, position: int, prefix: str) -> str:
    source = unit.program.layers[stage.layer].inputs[position]
    rows = source.rows
    window = (stage.producers[position], rows.kernel, rows.stride, rows.before, rows.dilation)
    return f"{{&{prefix}tensors[{source.plane}], {', '.join(map(str, window))}}}"


def _functions(unit: Unit, prefix: str) -> str:
    name, upper = unit.name, unit.name.upper()
    in_type = byte_type(unit, unit.graph.input)
    flip = 0 if unit.graph.input in unit.graph.unsigned else 0x80
    outputs = "\n\n".join(
        f"{head}\n{{\n    return (const {byte_type(unit, index)} *)arena + {unit.plan.offsets[plane]}u;\n}}"
        for head, index, plane in zip(output_heads(unit), unit.graph.outputs, unit.program.outputs, strict=True)
    )
    return f"""#define PICTURE {unit.plan.image}u

{in_type} *{name}_input(void *arena)
{{
    return ({in_type} *)arena + PICTURE;
}}

{outputs}

static eit_status checked(const void *arena, size_t arena_bytes, size_t needed)
{{
    if (arena == 0) {{
        return EIT_ERROR_NULL;
    }}
    if (arena_bytes < needed) {{
        return EIT_ERROR_ARENA_SIZE;
    }}
    return (uintptr_t)arena % {upper}_ARENA_ALIGN != 0u ? EIT_ERROR_ALIGNMENT : EIT_OK;
}}

eit_status {name}_invoke_rows(void *arena, size_t arena_bytes, eit_row_reader read, void *context)
{{
    const eit_reader reader = {{read, context}};
    const eit_status status = checked(arena, arena_bytes, {upper}_ROWS_ARENA_BYTES);
    if (status != EIT_OK) {{
        return status;
    }}
    if (read == 0) {{
        return EIT_ERROR_NULL;
    }}
    return eit_run({prefix}groups, {len(unit.rows.groups)}u, arena, &reader) != 0 ? EIT_ERROR_INPUT : EIT_OK;
}}

eit_status {name}_invoke(void *arena, size_t arena_bytes)
{{
    eit_whole whole = {{(const uint8_t *)arena + PICTURE, {upper}_INPUT_ROW_BYTES, {flip}}};
    const eit_reader reader = {{eit_read_whole, &whole}};
    const eit_status status = checked(arena, arena_bytes, {upper}_ARENA_BYTES);
    if (status == EIT_OK) {{
        eit_run(groups, {len(unit.plan.groups)}u, arena, &reader);
    }}
    return status;
}}
"""
