/* made_model.c - see made_model.h. */
#include "made_model.h"
#include "gguf_put.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- reading descriptions ------------------------------------------------------------------------------------------
 */
static char *read_text(const char *name)
{
    char where[128];
    snprintf(where, sizeof where, "tests/run/language/golden/%s.txt", name);
    FILE *f = fopen(wt_test_source(where), "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

static bool begins(const char *line, const char *start)
{
    const size_t n = strlen(start);
    return !strncmp(line, start, n) && (line[n] == ' ' || line[n] == 0);
}

static void read_row(made_model *m, const char *line)
{
    made_row *row = &m->row[m->n_rows++];
    char *at = NULL;
    assert_true(m->n_rows <= WT_ARRAY_LEN(m->row));
    row->position = strtoul(line + 4, &at, 10);
    row->stride = strtoul(at, &at, 10);
    while (*at == ' ') {
        assert_true(row->n < WT_ARRAY_LEN(row->value));
        row->value[row->n++] = strtof(at, &at);
    }
}

static void read_line(made_model *m, char *line)
{
    char *at = line;
    if (begins(line, "run"))
        assert_int_equal(sscanf(line, "run %" SCNd64 " %lf", &m->context, &m->tolerance), 2);
    else if (begins(line, "range"))
        m->range = strtod(line + 6, NULL);
    else if (begins(line, "row"))
        read_row(m, line);
    else if (begins(line, "tokens"))
        for (at += 6; *at == ' ';)
            m->token[m->n_tokens++] = (int32_t)strtol(at, &at, 10);
    else if (begins(line, "key") || begins(line, "tensor"))
        made_model_add(m, line);
    else
        assert_int_equal(line[0], '#');
}

static void read_lines(made_model *m, char *text)
{
    for (char *line = text, *next; *line; line = next) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = 0;
        next = end + 1;
        read_line(m, line);
    }
}

void made_model_read(made_model *m, const char *name)
{
    *m = (made_model){ 0 };
    char *words = read_text("words"), *own = read_text(name);
    const size_t a = 1 << 16;
    m->text = calloc(2, a);
    assert_non_null(m->text);
    memcpy(m->text, own, a);
    memcpy(m->text + a, words, a);
    free(words);
    free(own);
    read_lines(m, m->text);
    read_lines(m, m->text + a);
}

void made_model_free(made_model *m)
{
    free(m->text);
    *m = (made_model){ 0 };
}

void made_model_add(made_model *m, const char *now)
{
    assert_true(m->n_lines < WT_ARRAY_LEN(m->line));
    m->line[m->n_lines++] = (char *)(uintptr_t)now;
}

void made_model_change(made_model *m, const char *start, const char *now)
{
    for (size_t i = 0; i < m->n_lines; i++)
        if (begins(m->line[i], start)) {
            if (now)
                m->line[i] = (char *)(uintptr_t)now;
            else
                memmove(m->line + i, m->line + i + 1, (--m->n_lines - i) * sizeof *m->line);
            return;
        }
    fail_msg("no line begins with '%s'", start);
}

/* --- writing GGUF --------------------------------------------------------------------------------------------------
 */
/* The next word of a line; *at is behind it. */
static const char *word(const char **at, size_t *len)
{
    while (**at == ' ')
        (*at)++;
    const char *start = *at;
    *at += strcspn(*at, " ");
    *len = (size_t)(*at - start);
    return start;
}

static void put_value(gguf_bytes *b, int type, const char *s, size_t len)
{
    if (type == 8)
        gp_text(b, s, len);
    else if (type == 6)
        gp_float(b, strtof(s, NULL));
    else
        gp_number(b, (uint64_t)strtoll(s, NULL, 10), type == 7 ? 1 : 4);
}

/* "key KIND NAME VALUE..." */
static void put_key(gguf_bytes *b, const char *line)
{
    static const struct {
        const char *name;
        int type;
    } kinds[] = { { "u32", 4 }, { "i32", 5 }, { "f32", 6 }, { "bool", 7 }, { "str", 8 } };
    const char *at = line + 3;
    size_t kind_len, name_len, len;
    const char *kind = word(&at, &kind_len), *name = word(&at, &name_len);
    int type = -1;
    for (size_t i = 0; i < WT_ARRAY_LEN(kinds); i++)
        if (!strncmp(kind, kinds[i].name, strlen(kinds[i].name)))
            type = kinds[i].type;
    assert_true(type >= 0);
    gp_text(b, name, name_len);
    if (kind[kind_len - 1] != 's') {
        gp_number(b, (uint64_t)type, 4);
        const char *value = word(&at, &len);
        put_value(b, type, value, len);
        return;
    }
    uint64_t count = 0;
    for (const char *look = at; *word(&look, &len);)
        count++;
    gp_number(b, 9, 4);
    gp_number(b, (uint64_t)type, 4);
    gp_number(b, count, 8);
    while (count--) {
        const char *value = word(&at, &len);
        put_value(b, type, value, len);
    }
}

typedef struct tensor_line {
    char name[96];
    double scale, offset;
    uint64_t dim[4], count;
    uint32_t rank;
} tensor_line;

static void read_tensor(tensor_line *t, const char *line)
{
    int used = 0;
    *t = (tensor_line){ .count = 1 };
    assert_int_equal(sscanf(line, "tensor %95s %lf %lf%n", t->name, &t->scale, &t->offset, &used), 3);
    for (char *at = (char *)(uintptr_t)line + used; *at == ' '; t->rank++) {
        assert_true(t->rank < 4);
        t->dim[t->rank] = strtoull(at, &at, 10);
        t->count *= t->dim[t->rank];
    }
}

/* splitmix64 from the FNV-1a hash of the name, the top 24 bits as [-1, 1). */
static void put_numbers(gguf_bytes *b, const tensor_line *t)
{
    uint64_t state = UINT64_C(0xCBF29CE484222325);
    for (const char *s = t->name; *s; s++)
        state = (state ^ (uint8_t)*s) * UINT64_C(0x100000001B3);
    for (uint64_t i = 0; i < t->count; i++) {
        uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        z ^= z >> 31;
        const double u = ((double)(z >> 40) - (1 << 23)) / (1 << 23);
        gp_float(b, (float)(t->offset + t->scale * u));
    }
}

static void poison(const made_model *m, gguf_bytes *b, const char *tensor, size_t at)
{
    for (size_t i = 0; i < m->n_lines; i++) {
        char name[96];
        unsigned long index;
        unsigned bits;
        if (sscanf(m->line[i], "poison %95s %lu %x", name, &index, &bits) != 3 || strcmp(name, tensor))
            continue;
        assert_true(at + 4 * index + 4 <= b->len);
        for (size_t k = 0; k < 4; k++)
            b->at[at + 4 * index + k] = (uint8_t)(bits >> 8 * k);
    }
}

static void put_infos(const made_model *m, gguf_bytes *b)
{
    tensor_line t;
    uint64_t offset = 0;
    for (size_t i = 0; i < m->n_lines; i++)
        if (begins(m->line[i], "tensor")) {
            read_tensor(&t, m->line[i]);
            gp_text(b, t.name, strlen(t.name));
            gp_number(b, t.rank, 4);
            for (uint32_t k = 0; k < t.rank; k++)
                gp_number(b, t.dim[k], 8);
            gp_number(b, 0, 4);
            gp_number(b, offset, 8);
            offset += (4 * t.count + 31) / 32 * 32;
        }
    gp_pad(b, 0);
}

const char *made_model_write(const made_model *m, const char *file)
{
    static const char *folder;
    gguf_bytes b = { 0 };
    size_t keys = 0, tensors = 0;
    if (!folder)
        folder = wt_test_tmpdir();
    for (size_t i = 0; i < m->n_lines; i++) {
        keys += begins(m->line[i], "key");
        tensors += begins(m->line[i], "tensor");
    }
    gp_bytes(&b, "GGUF", 4);
    gp_number(&b, 3, 4);
    gp_number(&b, tensors, 8);
    gp_number(&b, keys, 8);
    for (size_t i = 0; i < m->n_lines; i++)
        if (begins(m->line[i], "key"))
            put_key(&b, m->line[i]);
    put_infos(m, &b);
    for (size_t i = 0; i < m->n_lines; i++)
        if (begins(m->line[i], "tensor")) {
            tensor_line t;
            const size_t at = b.len;
            read_tensor(&t, m->line[i]);
            put_numbers(&b, &t);
            poison(m, &b, t.name, at);
            gp_pad(&b, at);
        }
    const char *path = wt_test_path(folder, file);
    wt_test_write(path, b.at, b.len);
    free(b.at);
    return path;
}

const char *made_model_path(made_model *m, const char *name)
{
    char file[96];
    made_model_read(m, name);
    snprintf(file, sizeof file, "%s.gguf", name);
    return made_model_write(m, file);
}
