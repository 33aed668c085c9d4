/* ov_net.c - layers, ports, edges, order. Nothing of the file is believed: ids must be numbers and occur once, edges
 * must end at ports that are there, each input must have exactly one, and there must be no cycle. */
#include "ov_net.h"
#include <stdlib.h>
#include <strings.h>

bool wt_ov_is(const wt_ov_layer *layer, const char *type) { return !strcasecmp(layer->type, type); }

void wt_ov_where(const wt_ov_layer *layer, wt_err *err)
{
    wt_err_where(err, "layer %llu '%.120s' (%.60s)", (unsigned long long)layer->id, layer->name, layer->type);
}

static wt_status bad(const wt_xml *at, wt_err *err, const char *what)
{
    wt_fail(err, WT_EFORMAT, "%s", what);
    wt_err_where(err, "line %zu, <%.60s>", at->line, at->name);
    return WT_EFORMAT;
}

static wt_status bad_layer(const wt_ov_layer *layer, wt_err *err, const char *what, uint64_t port)
{
    wt_fail(err, WT_EFORMAT, "%s %llu", what, (unsigned long long)port);
    wt_ov_where(layer, err);
    return WT_EFORMAT;
}

static size_t count(const wt_xml *parent, const char *name)
{
    size_t n = 0;
    for (const wt_xml *e = wt_xml_child(parent, name); e; e = wt_xml_again(e))
        n++;
    return n;
}

/* --- layers ------------------------------------------------------------------------------------------------------ */
static wt_status read_dims(wt_ov_port *port, const wt_xml *xml, wt_err *err)
{
    port->shape.rank = -1;
    size_t rank = 0;
    for (const wt_xml *dim = wt_xml_child(xml, "dim"); dim; dim = wt_xml_again(dim)) {
        int64_t d = 0;
        if (!dim->text || !wt_ov_parse_i64(dim->text, &d) || d < -1)
            return bad(dim, err, "a dimension must be a number, -1 or more");
        if (rank == WT_MAX_RANK) { /* more than the IR holds: whoever needs the shape infers and refuses it */
            port->shape.rank = -1;
            return WT_OK;
        }
        port->shape.dim[rank++] = d;
        port->shape.rank = (int)rank;
    }
    return WT_OK;
}

static wt_status read_ports(wt_arena *arena, const wt_xml *list, wt_ov_port **out, size_t *n, wt_err *err)
{
    *n = count(list, "port");
    *out = wt_arena_alloc(arena, *n + 1, sizeof **out, err);
    if (!*out)
        return WT_ENOMEM;
    size_t i = 0;
    for (const wt_xml *xml = wt_xml_child(list, "port"); xml; xml = wt_xml_again(xml), i++) {
        wt_ov_port *port = &(*out)[i];
        if (!wt_ov_parse_u64(wt_xml_get(xml, "id"), &port->id))
            return bad(xml, err, "a port must have a number as id");
        if (i && port->id <= port[-1].id)
            return bad(xml, err, "the ids of ports must rise");
        port->names = wt_xml_get(xml, "names");
        const char *precision = wt_xml_get(xml, "precision");
        if (precision && !wt_ov_dtype(precision, &port->dtype))
            port->dtype = WT_DTYPE_NONE; /* refused where data of it are used */
        WT_TRY(read_dims(port, xml, err));
    }
    return WT_OK;
}

static wt_status read_layer(wt_arena *arena, const wt_xml *xml, wt_ov_layer *layer, wt_err *err)
{
    layer->xml = xml;
    layer->data = wt_xml_child(xml, "data");
    layer->name = wt_xml_get(xml, "name");
    layer->type = wt_xml_get(xml, "type");
    layer->version = wt_xml_get(xml, "version");
    if (!wt_ov_parse_u64(wt_xml_get(xml, "id"), &layer->id))
        return bad(xml, err, "a layer must have a number as id");
    if (!layer->type)
        return bad(xml, err, "a layer must have a type");
    if (!layer->name)
        layer->name = "";
    if (!layer->version)
        layer->version = "";
    wt_status st = read_ports(arena, wt_xml_child(xml, "input"), &layer->in, &layer->n_in, err);
    if (st == WT_OK)
        st = read_ports(arena, wt_xml_child(xml, "output"), &layer->out, &layer->n_out, err);
    return st;
}

static int by_id(const void *a, const void *b)
{
    const uint64_t x = (*(wt_ov_layer *const *)a)->id, y = (*(wt_ov_layer *const *)b)->id;
    return x < y ? -1 : x > y;
}

wt_ov_layer *wt_ov_net_find(const wt_ov_net *net, uint64_t id)
{
    const wt_ov_layer key = { .id = id }, *p = &key;
    wt_ov_layer **found = bsearch(&p, net->by_id, net->n, sizeof *net->by_id, by_id);
    return found ? *found : NULL;
}

static wt_status read_layers(wt_ov_net *net, wt_arena *arena, const wt_xml *list, wt_err *err)
{
    net->n = count(list, "layer");
    net->layers = wt_arena_alloc(arena, net->n + 1, sizeof *net->layers, err);
    net->order = wt_arena_alloc(arena, net->n + 1, sizeof *net->order, err);
    net->by_id = wt_arena_alloc(arena, net->n + 1, sizeof *net->by_id, err);
    if (!net->layers || !net->order || !net->by_id)
        return WT_ENOMEM;
    size_t i = 0;
    for (const wt_xml *xml = wt_xml_child(list, "layer"); xml; xml = wt_xml_again(xml), i++) {
        net->by_id[i] = &net->layers[i];
        WT_TRY(read_layer(arena, xml, &net->layers[i], err));
    }
    qsort(net->by_id, net->n, sizeof *net->by_id, by_id);
    for (i = 1; i < net->n; i++)
        if (net->by_id[i]->id == net->by_id[i - 1]->id)
            return bad(net->by_id[i]->xml, err, "two layers have one id");
    return WT_OK;
}

/* --- edges ---------------------------------------------------------------------------------------------------------
 */
static wt_ov_port *find_port(wt_ov_port *ports, size_t n, uint64_t id)
{
    for (size_t lo = 0, hi = n; lo < hi;) {
        const size_t mid = lo + (hi - lo) / 2;
        if (ports[mid].id == id)
            return &ports[mid];
        if (ports[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static wt_status read_edge(wt_ov_net *net, wt_context *ctx, const wt_xml *xml, wt_err *err)
{
    uint64_t from_id, from_port, to_id, to_port;
    if (!wt_ov_parse_u64(wt_xml_get(xml, "from-layer"), &from_id) ||
        !wt_ov_parse_u64(wt_xml_get(xml, "from-port"), &from_port) ||
        !wt_ov_parse_u64(wt_xml_get(xml, "to-layer"), &to_id) || !wt_ov_parse_u64(wt_xml_get(xml, "to-port"), &to_port))
        return bad(xml, err, "an edge must say from-layer, from-port, to-layer and to-port as numbers");
    wt_ov_layer *from = wt_ov_net_find(net, from_id), *to = wt_ov_net_find(net, to_id);
    if (!from || !to)
        return bad(xml, err, from ? "no layer has the id of to-layer" : "no layer has the id of from-layer");
    wt_ov_port *out = find_port(from->out, from->n_out, from_port), *in = find_port(to->in, to->n_in, to_port);
    if (!out)
        return bad_layer(from, err, "an edge starts at an output that is not there: port", from_port);
    if (!in)
        return bad_layer(to, err, "an edge ends at an input that is not there: port", to_port);
    if (in->from)
        return bad_layer(to, err, "two edges end at one input: port", to_port);
    in->from = from;
    in->from_out = (size_t)(out - from->out);
    WT_TRY(wt_grow(ctx, (void **)&from->users, &from->cap_users, from->n_users + 1, sizeof *from->users, err));
    from->users[from->n_users++] = to;
    return WT_OK;
}

static wt_status read_edges(wt_ov_net *net, wt_context *ctx, const wt_xml *list, wt_err *err)
{
    size_t done = 0;
    for (const wt_xml *xml = wt_xml_child(list, "edge"); xml; xml = wt_xml_again(xml)) {
        if (done++ % 4096 == 0)
            WT_TRY(wt_check_cancel(ctx, err));
        WT_TRY(read_edge(net, ctx, xml, err));
    }
    for (size_t i = 0; i < net->n; i++)
        for (size_t k = 0; k < net->layers[i].n_in; k++)
            if (!net->layers[i].in[k].from)
                return bad_layer(&net->layers[i], err, "no edge ends at input port", net->layers[i].in[k].id);
    return WT_OK;
}

/* --- order ---------------------------------------------------------------------------------------------------------
 */
enum { NEW = 0, OPEN, DONE };

/* Depth first without recursion: the stack holds the way down, each layer with the number of inputs looked at. */
static wt_status sort(wt_ov_net *net, wt_arena *arena, wt_err *err)
{
    wt_ov_layer **stack = wt_arena_alloc(arena, net->n + 1, sizeof *stack, err);
    size_t *next = wt_arena_alloc(arena, net->n + 1, sizeof *next, err), done = 0;
    if (!stack || !next)
        return WT_ENOMEM;
    for (size_t i = 0; i < net->n; i++) {
        size_t depth = 0;
        if (net->layers[i].color == NEW) {
            stack[depth] = &net->layers[i];
            next[depth++] = 0;
            net->layers[i].color = OPEN;
        }
        while (depth) {
            wt_ov_layer *layer = stack[depth - 1];
            if (next[depth - 1] == layer->n_in) {
                layer->color = DONE;
                net->order[done++] = layer;
                depth--;
                continue;
            }
            wt_ov_layer *from = layer->in[next[depth - 1]++].from;
            if (from->color == OPEN) {
                wt_fail(err, WT_EFORMAT, "the layer needs its own result: edges form a cycle");
                wt_ov_where(layer, err);
                return WT_EFORMAT;
            }
            if (from->color == DONE)
                continue;
            from->color = OPEN;
            stack[depth] = from;
            next[depth++] = 0;
        }
    }
    return WT_OK;
}

wt_status wt_ov_net_read(wt_ov_net *net, wt_context *ctx, wt_arena *arena, const wt_xml *xml, wt_err *err)
{
    const wt_xml *layers = wt_xml_child(xml, "layers");
    *net = (wt_ov_net){ .xml = xml };
    if (!layers)
        return bad(xml, err, "there is no <layers> in it");
    WT_TRY(read_layers(net, arena, layers, err));
    WT_TRY(read_edges(net, ctx, wt_xml_child(xml, "edges"), err));
    return sort(net, arena, err);
}

void wt_ov_net_free(wt_ov_net *net, wt_context *ctx)
{
    for (size_t i = 0; i < net->n; i++)
        wt_free(ctx, net->layers[i].users);
    net->n = 0;
}
