/* form_lines.c - sets that are lines of one file: plain text, or JSON lines.
 *
 * Each line that is not blank is a sample. JSON lines are objects with "text", or "prompt" and "answer", and optionally
 * "label" (a string or a whole number); other members are left alone. All lines are checked when the set is opened. */
#include "base/hash.h"
#include "base/json.h"
#include "model/dataset/dataset_impl.h"

enum { MAX_LINE = 16 << 20 };

typedef struct lines {
    wt_map map;
} lines;

static uint64_t line_end(const wt_map *map, uint64_t at)
{
    const uint8_t *end = memchr(map->data + at, '\n', (size_t)(map->size - at));
    uint64_t n = end ? (uint64_t)(end - map->data) : map->size;
    while (n > at && map->data[n - 1] == '\r')
        n--;
    return n;
}

static bool blank(const wt_map *map, uint64_t at, uint64_t end)
{
    while (at < end && (map->data[at] == ' ' || map->data[at] == '\t'))
        at++;
    return at == end;
}

static wt_status check_line(const wt_map *map, uint64_t at, uint64_t end, uint64_t number, wt_err *err)
{
    if (end - at > MAX_LINE)
        return wt_fail_at(err, WT_ELIMIT, at, "line %llu is longer than the %d bytes allowed",
                          (unsigned long long)number, (int)MAX_LINE);
    if (!wt_utf8_valid((const char *)map->data + at, (size_t)(end - at)))
        return wt_fail_at(err, WT_EFORMAT, at, "line %llu is not UTF-8", (unsigned long long)number);
    return WT_OK;
}

/* --- JSON lines
 * -------------------------------------------------------------------------------------------------------------------
 */

static wt_status parse_line(json_t **out, const wt_map *map, uint64_t at, uint64_t end, uint64_t number, wt_err *err)
{
    const wt_status st = wt_json_parse(out, (const char *)map->data + at, (size_t)(end - at), map->path, err);
    if (st != WT_OK) {
        wt_fail_at(err, WT_EFORMAT, at, "line %llu is no JSON", (unsigned long long)number);
        return st;
    }
    const bool text = json_is_string(json_object_get(*out, "text"));
    const bool pair = json_is_string(json_object_get(*out, "prompt")) &&
                      json_is_string(json_object_get(*out, "answer"));
    if (text || pair)
        return WT_OK;
    json_decref(*out);
    *out = NULL;
    wt_fail_at(err, WT_EFORMAT, at, "line %llu has neither \"text\" nor \"prompt\" and \"answer\"",
               (unsigned long long)number);
    return WT_EFORMAT;
}

static wt_status json_label(wt_core *core, const json_t *object, wt_entry *e, wt_err *err)
{
    const json_t *label = json_object_get(object, "label");
    if (!label || json_is_null(label))
        return WT_OK;
    if (json_is_string(label)) {
        e->label = wt_arena_strndup(&core->arena, json_string_value(label), json_string_length(label), err);
        return e->label ? WT_OK : WT_ENOMEM;
    }
    if (!json_is_integer(label) || json_integer_value(label) < 0)
        return wt_fail_at(err, WT_EFORMAT, e->record, "line %llu: the label is neither text nor a whole number from 0",
                          (unsigned long long)e->number);
    e->index = json_integer_value(label);
    return WT_OK;
}

/* --- both
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static wt_status add_line(wt_core *core, const wt_map *map, uint64_t at, uint64_t end, uint64_t number, wt_err *err)
{
    wt_entry *e = NULL;
    WT_TRY(check_line(map, at, end, number, err));
    WT_TRY(wt_core_add(core, &e, err));
    e->record = at;
    e->number = number;
    if (core->form != &wt_form_json_lines)
        return WT_OK;
    json_t *object = NULL;
    WT_TRY(parse_line(&object, map, at, end, number, err));
    const wt_status st = json_label(core, object, e, err);
    json_decref(object);
    return st;
}

static wt_status list(wt_core *core, wt_err *err)
{
    lines *l = wt_alloc(core->ctx, 1, sizeof *l, err);
    if (!l)
        return WT_ENOMEM;
    core->state = l;
    WT_TRY(wt_map_open(&l->map, core->ctx, core->path, err));
    uint64_t number = 1;
    wt_status st = WT_OK;
    for (uint64_t at = 0; at < l->map.size && st == WT_OK; number++) {
        if (number == 1 && l->map.size >= 3 && memcmp(l->map.data, "\xef\xbb\xbf", 3) == 0)
            at = 3;
        const uint64_t end = line_end(&l->map, at);
        if (!blank(&l->map, at, end))
            st = add_line(core, &l->map, at, end, number, err);
        for (at = end; at < l->map.size && l->map.data[at] != '\n'; at++) {}
        at++;
    }
    if (st != WT_OK)
        wt_err_where(err, "%s", core->path);
    return st;
}

static wt_status hash(const wt_core *core, wt_entry *e, wt_err *err)
{
    const lines *l = core->state;
    wt_sha256 sha;
    (void)err;
    wt_sha256_init(&sha);
    wt_sha256_add(&sha, l->map.data + e->record, (size_t)(line_end(&l->map, e->record) - e->record));
    wt_sha256_end(&sha, e->hash);
    return WT_OK;
}

static wt_status read_json(const wt_core *core, const wt_entry *e, uint64_t end, wt_sample_store *s, wt_err *err)
{
    const lines *l = core->state;
    json_t *object = NULL;
    WT_TRY(parse_line(&object, &l->map, e->record, end, e->number, err));
    const json_t *text = json_object_get(object, "text"), *answer = json_object_get(object, "answer");
    if (!json_is_string(text))
        text = json_object_get(object, "prompt");
    wt_status st = wt_store_text(s, &core->reader, json_string_value(text), json_string_length(text), err);
    if (st == WT_OK && json_is_string(answer)) {
        wt_buf_add(&s->answer, json_string_value(answer), json_string_length(answer));
        st = wt_buf_status(&s->answer, err);
        s->sample.answer = s->answer.data;
        s->sample.answer_len = s->answer.len;
    }
    json_decref(object);
    return st;
}

static wt_status read_entry(const wt_core *core, const wt_entry *e, wt_sample_store *s, wt_err *err)
{
    const lines *l = core->state;
    const uint64_t end = line_end(&l->map, e->record);
    wt_buf_printf(&s->source, "%s:%llu", wt_path_base(core->path), (unsigned long long)e->number);
    if (core->form == &wt_form_json_lines)
        return read_json(core, e, end, s, err);
    return wt_store_text(s, &core->reader, (const char *)l->map.data + e->record, (size_t)(end - e->record), err);
}

static void close_lines(wt_core *core)
{
    lines *l = core->state;
    if (!l)
        return;
    wt_map_close(&l->map);
    wt_free(core->ctx, l);
}

const wt_form wt_form_lines = { "text", list, hash, NULL, read_entry, close_lines, NULL };
const wt_form wt_form_json_lines = { "json-lines", list, hash, NULL, read_entry, close_lines, NULL };
