/* ov_net.h - a <net> or a body of it as layers with ports, edges and an order, and how attributes are read. */
#ifndef WT_OV_NET_H
#define WT_OV_NET_H
#include "model/graph.h"
#include "ov_xml.h"

typedef struct wt_ov_port {
    uint64_t id;
    const char *names;        /* "a,b", commas inside a name as "\,"; NULL: none */
    const char *wanted;       /* the name that a Result wants for it; NULL: none */
    wt_dtype dtype;           /* WT_DTYPE_NONE: not said */
    wt_shape shape;           /* rank -1 where no dims are said: a scalar and an unknown rank look the same */
    struct wt_ov_layer *from; /* input: where it comes from */
    size_t from_out;
    wt_value *value; /* output: what it became */
} wt_ov_port;

typedef struct wt_ov_layer {
    const wt_xml *xml, *data; /* data: NULL without attributes */
    uint64_t id;
    const char *name, *type, *version;
    wt_ov_port *in, *out;
    size_t n_in, n_out;
    struct wt_ov_layer **users; /* layers that have an output of this one as input, one entry an edge */
    size_t n_users, cap_users;
    int color;
} wt_ov_layer;

typedef struct wt_ov_net {
    const wt_xml *xml;
    wt_ov_layer *layers; /* in file order */
    wt_ov_layer **order; /* topological */
    wt_ov_layer **by_id;
    size_t n;
} wt_ov_net;

/* `xml` has the children <layers> and <edges>. All of it lies in the arena; lists of users are from ctx and go with
 * wt_ov_net_free. */
wt_status wt_ov_net_read(wt_ov_net *net, wt_context *ctx, wt_arena *arena, const wt_xml *xml, wt_err *err);
void wt_ov_net_free(wt_ov_net *net, wt_context *ctx);
wt_ov_layer *wt_ov_net_find(const wt_ov_net *net, uint64_t id); /* NULL: none */
/* "layer 12 'name' (Type)" as the place of an error. */
void wt_ov_where(const wt_ov_layer *layer, wt_err *err);
bool wt_ov_is(const wt_ov_layer *layer, const char *type); /* as OpenVINO compares: letters of any case */

/* "f32" and "FP32" alike; false for what the IR has no type for. "dynamic" is WT_DTYPE_NONE. */
bool wt_ov_dtype(const char *text, wt_dtype *out);
const char *wt_ov_element_type(wt_dtype dtype); /* "f32"; NULL: OpenVINO has none */
const char *wt_ov_precision(wt_dtype dtype);    /* "FP32" */
bool wt_ov_parse_u64(const char *text, uint64_t *out);
bool wt_ov_parse_i64(const char *text, int64_t *out);
/* "1,3,?,8..16"; "" is a scalar, "..." an unknown rank. */
bool wt_ov_parse_shape(const char *text, wt_shape *out);
/* Numbers between commas; false when one is none or there are more than max. */
bool wt_ov_parse_list(const char *text, int64_t *out, size_t max, size_t *n);
#endif
