#include "eit_small.h"

#include "eit_engine.h"
#include "eit_port.h"

/* Rows of an input that must exist before output row y can be made. */
static uint32_t rows_needed(const eit_input *input, uint32_t y)
{
    uint32_t end = y * input->stride + (uint32_t)(input->kernel - 1u) * input->dilation + 1u;
    if (end <= input->pad) {
        return 0u;
    }
    end -= input->pad;
    return end < input->tensor->height ? end : input->tensor->height;
}

/* The stage whose row is missing for the next row of stage `current`, or `current` itself. */
static uint32_t missing(const eit_stage *stages, const uint16_t *done, uint32_t current)
{
    const eit_stage *stage = &stages[current];
    for (uint32_t i = 0; i < EIT_INPUTS && stage->input[i].tensor != 0; i++) {
        const eit_input *input = &stage->input[i];
        if (input->producer >= 0 && done[input->producer] < rows_needed(input, done[current])) {
            return (uint32_t)input->producer;
        }
    }
    return current;
}

#if EIT_PADDING
/* Writes the zero point into the padding of channels first..end-1 of a finished row. */
static void fill_padding(const eit_tensor *tensor, uint8_t *row, uint32_t first, uint32_t end)
{
    const uint32_t left = tensor->pad_left;
    const uint32_t right = (uint32_t)tensor->plane - tensor->width - left;
    row += first * tensor->plane;
    for (uint32_t c = first; c < end; c++) {
        for (uint32_t i = 0; i < left; i++) {
            row[i] = tensor->zero;
        }
        for (uint32_t i = 0; i < right; i++) {
            row[left + tensor->width + i] = tensor->zero;
        }
        row += tensor->plane;
    }
}
#endif

#if EIT_LIMITS
void eit_limit(const eit_requant *q, const eit_tensor *tensor, uint8_t *row, uint32_t first, uint32_t end)
{
    const uint8_t low = q->low;
    const uint8_t high = q->high;
    if (low != 0u || high != 255u) {
        uint8_t *const last = row + end * tensor->plane;
        for (row += first * tensor->plane; row != last; row++) {
            *row = *row < low ? low : *row > high ? high : *row;
        }
    }
}
#endif

int eit_read_whole(void *context, uint32_t y, uint8_t *row)
{
    const eit_whole *whole = context;
    const uint8_t *in = whole->pixels + y * whole->row_bytes;
    uint32_t i = 0;
    if ((((uintptr_t)in | (uintptr_t)row) & 3u) == 0u) {
        const uint32_t flip = whole->flip * 0x01010101u;
        for (; i + 4u <= whole->row_bytes; i += 4u) {
            *(uint32_t *)(void *)(row + i) = *(const uint32_t *)(const void *)(in + i) ^ flip;
        }
    }
    for (; i < whole->row_bytes; i++) {
        row[i] = in[i] ^ whole->flip;
    }
    return 0;
}

/* One inference, and who takes part in it. */
typedef struct {
    const eit_group *groups;
    uint32_t count;
    uint8_t *arena;
    const eit_reader *reader;
    int status; /* what the reader returned */
    uint32_t workers;
#if EIT_WORKERS > 1
    eit_port port;
#endif
} eit_team;

/* Both workers have made their part of the row. */
static void meet(eit_team *team, uint32_t worker)
{
#if EIT_WORKERS > 1
    if (team->workers > 1u) {
        eit_port_meet(&team->port, worker);
    }
#else
    (void)team;
    (void)worker;
#endif
}

/* A worker's part of row y; the first one reads the input. Whether to stop. */
static int make_row(eit_team *team, const eit_stage *stage, uint32_t y, uint32_t worker)
{
    const eit_tensor *output = stage->output;
    uint8_t *row = eit_row(output, team->arena, y);
    uint32_t first = 0;
    uint32_t end = output->channels;
    int stop = 0;
    if (stage->kernel == 0) {
        if (worker == 0u) {
            team->status = team->reader->read(team->reader->context, y, row + output->pad_left);
        } else {
            end = 0;
        }
        meet(team, worker);
        stop = team->status != 0;
    } else if (team->workers > 1u) {
        first = worker == 0u ? 0u : stage->cut;
        end = worker == 0u ? stage->cut : end;
    }
    if (first < end) {
        if (stage->kernel != 0) {
            stage->kernel(stage, team->arena, y, first, end);
        }
#if EIT_PADDING
        if (output->plane != output->width) {
            fill_padding(output, row, first, end);
        }
#endif
    }
#ifdef EIT_TRACE
    EIT_TRACE(stage, team->arena, y);
#endif
    meet(team, worker);
    return stop;
}

static void work(eit_team *team, uint32_t worker)
{
    for (uint32_t group = 0; group < team->count; group++) {
        const eit_stage *stages = team->groups[group].stages;
        uint16_t done[EIT_MAX_STAGES] = {0};
        for (uint32_t target = team->groups[group].count; target-- > 0u;) {
            uint8_t path[EIT_MAX_STAGES]; /* each wants a row of the next one */
            uint32_t depth = 0;
            path[0] = (uint8_t)target;
            while (stages[target].complete != 0u && done[target] < stages[target].output->height) {
                const uint32_t s = path[depth];
                const uint32_t source = missing(stages, done, s);
                if (source != s) {
                    path[++depth] = (uint8_t)source;
                    continue;
                }
                if (make_row(team, &stages[s], done[s], worker) != 0) {
                    return;
                }
                done[s]++;
                depth -= depth != 0u;
            }
        }
    }
}

#if EIT_WORKERS > 1
static void second(void *team)
{
    work(team, 1u);
}
#endif

int eit_run(const eit_group *groups, uint32_t count, uint8_t *arena, const eit_reader *reader)
{
    eit_team team;
    team.groups = groups;
    team.count = count;
    team.arena = arena;
    team.reader = reader;
    team.status = 0;
    team.workers = 1u;
#if EIT_WORKERS > 1
    team.workers = 2u;
    if (eit_port_start(&team.port, second, &team) != 0) {
        team.workers = 1u; /* alone, then */
    }
#endif
    work(&team, 0u);
#if EIT_WORKERS > 1
    if (team.workers > 1u) {
        eit_port_wait(&team.port);
    }
#endif
    return team.status;
}
