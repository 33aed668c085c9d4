/* read.c - ModelProto: versions, properties, functions, then the graph; and the helpers that all parts of the reader
 * use.
 *
 * The file is mapped and stays mapped with the graph. Errors carry the byte offset and the tensor or node; the path is
 * put in front here, once. */
#include "raise.h"
#include "reader.h"
#include "base/str.h"

wt_status wt_onnx_text(const wt_pb_field *f, const char *what, wt_string *out, wt_err *err)
{
    WT_TRY(wt_pb_expect(f, WT_PB_BYTES, what, err));
    if (!wt_utf8_valid((const char *)f->data, f->len))
        return wt_fail_at(err, WT_EFORMAT, f->offset, "%s is no UTF-8 text", what);
    *out = (wt_string){ (const char *)f->data, f->len };
    return WT_OK;
}

wt_status wt_onnx_copy(wt_arena *arena, wt_string s, const char **out, wt_err *err)
{
    if (!s.len) {
        *out = "";
        return WT_OK;
    }
    *out = wt_arena_strndup(arena, s.data, s.len, err);
    return *out ? WT_OK : WT_ENOMEM;
}

static wt_status join(wt_reader *rd, const wt_pb *parent, uint32_t number, wt_pb_slot *slot, wt_err *err)
{
    wt_pb msg = *parent;
    wt_pb_field f;
    size_t len = 0;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err))
        len += f.number == number ? f.len : 0; /* cannot wrap: parts of one mapped message */
    WT_TRY(st);
    uint8_t *all = wt_arena_alloc(rd->arena, len ? len : 1, 1, err), *to = all;
    if (!all)
        return WT_ENOMEM;
    for (msg = *parent; wt_pb_next(&msg, &f, &st, err);)
        if (f.number == number && f.wire == WT_PB_BYTES && f.len) {
            memcpy(to, f.data, f.len);
            to += f.len;
        }
    slot->msg = wt_pb_over(all, (size_t)(to - all), slot->msg.offset);
    slot->joined = true;
    return st;
}

wt_status wt_onnx_once(wt_reader *rd, const wt_pb *parent, const wt_pb_field *f, const char *what, wt_pb_slot *slot,
                       wt_err *err)
{
    WT_TRY(wt_pb_expect(f, WT_PB_BYTES, what, err));
    if (slot->joined)
        return WT_OK;
    if (slot->msg.pos)
        return join(rd, parent, f->number, slot, err);
    slot->msg = wt_pb_sub(f);
    return WT_OK;
}

wt_status wt_onnx_list(wt_reader *rd, wt_pb msg, uint32_t number, const char *what, wt_pb_list *out, wt_err *err)
{
    *out = (wt_pb_list){ 0 };
    const wt_pb start = msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err))
        if (f.number == number) {
            WT_TRY(wt_pb_expect(&f, WT_PB_BYTES, what, err));
            out->count++;
        }
    WT_TRY(st);
    if (!out->count)
        return WT_OK;
    out->items = wt_arena_alloc(&rd->scratch, out->count, sizeof *out->items, err);
    if (!out->items)
        return WT_ENOMEM;
    size_t i = 0;
    for (msg = start; wt_pb_next(&msg, &f, &st, err);)
        if (f.number == number)
            out->items[i++] = wt_pb_sub(&f);
    return st;
}

wt_status wt_onnx_read_opsets(wt_reader *rd, const wt_pb_list *list, wt_onnx_opsets *out, wt_err *err)
{
    wt_opset *items = wt_arena_alloc(rd->arena, list->count + 1, sizeof *items, err);
    if (!items)
        return WT_ENOMEM;
    *out = (wt_onnx_opsets){ items, 0 };
    for (size_t i = 0; i < list->count; i++) {
        wt_pb msg = list->items[i];
        wt_pb_field f;
        wt_string domain = { 0 };
        wt_opset import = { 0 };
        wt_status st = WT_OK;
        while (wt_pb_next(&msg, &f, &st, err))
            if (f.number == OPSET_DOMAIN) {
                WT_TRY(wt_onnx_text(&f, "OperatorSetIdProto.domain", &domain, err));
            } else if (f.number == OPSET_VERSION) {
                WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "OperatorSetIdProto.version", err));
                import.version = (int64_t)f.value;
            }
        WT_TRY(st);
        if (domain.len == 7 && !memcmp(domain.data, "ai.onnx", 7))
            domain.len = 0;
        WT_TRY(wt_onnx_copy(rd->arena, domain, &import.domain, err));
        if (import.version < 0 || import.version > INT32_MAX)
            return wt_fail_at(err, WT_EFORMAT, list->items[i].offset, "opset version %lld", (long long)import.version);
        if (!domain.len && (import.version < WT_ONNX_MIN_OPSET || import.version > WT_ONNX_MAX_OPSET)) {
            wt_fail_at(err, WT_EUNSUPPORTED, list->items[i].offset, "opset %lld; opsets %d to %d can be read",
                       (long long)import.version, WT_ONNX_MIN_OPSET, WT_ONNX_MAX_OPSET);
            wt_err_hint(err, "export the model again at opset 21, or run onnx.version_converter on it");
            return WT_EUNSUPPORTED;
        }
        items[out->count++] = import;
    }
    return WT_OK;
}

/* The highest, where a file imports a domain more than once; 0: not imported. */
static int64_t opset_of(const wt_onnx_opsets *opsets, const char *domain)
{
    int64_t version = 0;
    for (size_t i = 0; i < opsets->count; i++)
        if (!strcmp(opsets->items[i].domain, domain) && opsets->items[i].version > version)
            version = opsets->items[i].version;
    return version;
}

int64_t wt_onnx_version(const wt_reader *rd, const wt_frame *frame, const char *domain)
{
    const int64_t version = frame ? opset_of(&frame->opsets, domain) : 0;
    return version ? version : opset_of(&rd->opsets, domain);
}

static wt_status read_metadata(wt_reader *rd, wt_pb msg, wt_err *err)
{
    wt_pb_list list;
    WT_TRY(wt_onnx_list(rd, msg, MODEL_METADATA, "ModelProto.metadata_props", &list, err));
    rd->root->metadata = wt_arena_alloc(rd->arena, list.count + 1, sizeof *rd->root->metadata, err);
    if (!rd->root->metadata)
        return WT_ENOMEM;
    rd->root->n_metadata = list.count;
    for (size_t i = 0; i < list.count; i++) {
        wt_pb_field f;
        wt_string key = { 0 }, value = { 0 };
        wt_status st = WT_OK;
        while (wt_pb_next(&list.items[i], &f, &st, err))
            if (f.number == ENTRY_KEY)
                WT_TRY(wt_onnx_text(&f, "metadata_props' key", &key, err));
            else if (f.number == ENTRY_VALUE)
                WT_TRY(wt_onnx_text(&f, "metadata_props' value", &value, err));
        WT_TRY(st);
        WT_TRY(wt_onnx_copy(rd->arena, key, &rd->root->metadata[i].key, err));
        WT_TRY(wt_onnx_copy(rd->arena, value, &rd->root->metadata[i].value, err));
    }
    return WT_OK;
}

static wt_status scan_model(wt_reader *rd, wt_pb msg, wt_pb_slot *graph, wt_err *err)
{
    const wt_pb parent = msg;
    wt_pb_field f;
    wt_string producer = { 0 };
    wt_status st = WT_OK;
    bool has_version = false;
    while (wt_pb_next(&msg, &f, &st, err)) {
        switch (f.number) {
        case MODEL_IR_VERSION:
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "ModelProto.ir_version", err));
            rd->ir_version = (int64_t)f.value;
            has_version = true;
            break;
        case MODEL_PRODUCER_NAME: WT_TRY(wt_onnx_text(&f, "ModelProto.producer_name", &producer, err)); break;
        case MODEL_GRAPH: WT_TRY(wt_onnx_once(rd, &parent, &f, "ModelProto.graph", graph, err)); break;
        default: break;
        }
    }
    WT_TRY(st);
    if (!has_version || !graph->msg.pos)
        return wt_fail_at(err, WT_EFORMAT, 0, "no ONNX model: %s is missing", has_version ? "the graph" : "ir_version");
    if (rd->ir_version < 1 || rd->ir_version > 1000)
        return wt_fail_at(err, WT_EFORMAT, 0, "no ONNX model: ir_version is %lld", (long long)rd->ir_version);
    rd->root->ir_version = rd->ir_version;
    rd->root->format = "onnx";
    return wt_onnx_copy(rd->arena, producer, &rd->root->producer, err);
}

static wt_status read_model(wt_reader *rd, wt_pb msg, wt_err *err)
{
    wt_pb_slot graph = { 0 };
    wt_pb_list opsets, functions;
    WT_TRY(scan_model(rd, msg, &graph, err));
    WT_TRY(wt_onnx_list(rd, msg, MODEL_OPSET_IMPORT, "ModelProto.opset_import", &opsets, err));
    WT_TRY(wt_onnx_read_opsets(rd, &opsets, &rd->opsets, err));
    if (!opsets.count)
        return wt_fail_at(err, WT_EFORMAT, 0, "the model says no opset: opset_import is missing");
    rd->root->opsets = (wt_opset *)(uintptr_t)rd->opsets.items;
    rd->root->n_opsets = rd->opsets.count;
    WT_TRY(read_metadata(rd, msg, err));
    WT_TRY(wt_onnx_list(rd, msg, MODEL_FUNCTIONS, "ModelProto.functions", &functions, err));
    WT_TRY(wt_onnx_read_functions(rd, &functions, err));
    WT_TRY(wt_onnx_read_graph(rd, NULL, rd->root, graph.msg, err));
    WT_TRY(wt_onnx_raise(rd->root, rd->version, rd->cap_version, err));
    return wt_graph_verify(rd->root, WT_EFORMAT, err);
}

static wt_status read_bytes(wt_graph *root, wt_context *ctx, const uint8_t *bytes, size_t len, const char *dir,
                            wt_err *err)
{
    wt_reader rd = { .ctx = ctx, .root = root, .arena = &root->arena, .dir = dir };
    wt_arena_init(&rd.scratch, ctx);
    const wt_status st = len ? read_model(&rd, wt_pb_over(bytes, len, 0), err)
                             : wt_fail(err, WT_EFORMAT, "the file is empty");
    wt_arena_free(&rd.scratch);
    wt_free(ctx, rd.key);
    wt_free(ctx, rd.version);
    return st;
}

wt_status wt_onnx_read_bytes(wt_graph **out, wt_context *ctx, const void *bytes, size_t len, const char *dir,
                             wt_err *err)
{
    *out = NULL;
    wt_graph *root = NULL;
    WT_TRY(wt_graph_new(&root, ctx, err));
    const wt_status st = read_bytes(root, ctx, bytes, len, dir, err);
    if (st != WT_OK)
        wt_graph_close(root);
    else
        *out = root;
    return st;
}

/* "node ..." becomes "model.onnx: node ...". */
static void put_path(wt_err *err, const char *path)
{
    char inner[sizeof err->where];
    if (!err)
        return;
    memcpy(inner, err->where, sizeof inner);
    err->where[0] = '\0';
    if (inner[0])
        wt_err_where(err, "%s: %s", path, inner);
    else
        wt_err_where(err, "%s", path);
}

static wt_status read_file(wt_graph *root, wt_context *ctx, const char *path, const char *dir, wt_err *err)
{
    WT_TRY(wt_grow(ctx, (void **)&root->maps, &root->cap_maps, 1, sizeof *root->maps, err));
    WT_TRY(wt_map_open(&root->maps[0], ctx, path, err));
    root->n_maps = 1;
    const wt_map *map = &root->maps[0];
    if (map->size > SIZE_MAX)
        return wt_fail(err, WT_EUNSUPPORTED, "the file is larger than this machine can address");
    const uint8_t *bytes = map->data;
    return read_bytes(root, ctx, bytes, (size_t)map->size, dir, err);
}

wt_status wt_onnx_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    wt_graph *root = NULL;
    wt_status st = wt_graph_new(&root, ctx, err);
    char *dir = st == WT_OK ? wt_path_dir(ctx, path, err) : NULL;
    if (st == WT_OK)
        st = dir ? read_file(root, ctx, path, dir, err) : WT_ENOMEM;
    wt_free(ctx, dir);
    if (st == WT_OK) {
        *out = root;
        return WT_OK;
    }
    put_path(err, path);
    wt_graph_close(root);
    return st;
}
