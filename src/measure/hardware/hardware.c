/* hardware.c - the verb: all parts of the machine in one document, and what a target profile takes from it. */
#include "measure/hardware/hardware.h"
#include <stdio.h>
#include "base/json.h"

void wt_hw_set_text(json_t *o, const char *key, const char *text)
{
    json_t *value = text && text[0] ? json_string(text) : NULL;
    if (value)
        json_object_set_new(o, key, value);
}

void wt_hw_set_number(json_t *o, const char *key, int64_t value)
{
    json_object_set_new(o, key, json_integer((json_int_t)value));
}

json_t *wt_hw_report(const wt_sysroot *r)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "whet.hardware/1", "system",
                     wt_hw_system(r), "cpu", wt_hw_cpu(r), "memory", wt_hw_memory(r), "disk", wt_hw_disk(r, "."),
                     "accelerators", wt_hw_accelerators(r), "power", wt_hw_power(r), "thermal", wt_hw_thermal(r),
                     "network", wt_hw_network(r));
}

wt_status wt_hardware(wt_result **out, wt_context *ctx, int measure, wt_err *err)
{
    const wt_sysroot root = { ctx, "" };
    *out = NULL;
    json_t *report = wt_hw_report(&root);
    if (!report)
        return wt_fail(err, WT_ENOMEM, "no memory for the report");
    if (measure) {
        wt_status st = wt_hw_measure(report, ctx, err);
        if (st == WT_OK)
            st = wt_check_cancel(ctx, err);
        if (st != WT_OK) {
            json_decref(report);
            return st;
        }
    }
    return wt_result_take(out, ctx, report, err);
}

/* --- as a target
 * -------------------------------------------------------------------------------------------------------------- */
static void copy(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value)
        json_object_set_new(to, key, json_deep_copy(value));
}

static json_t *part(const json_t *report, const char *name, const char *const *keys, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        copy(o, json_object_get(report, name), keys[i]);
    return o;
}

static json_t *accelerators(const json_t *report)
{
    static const char *const keys[] = { "kind", "vendor", "name", "id", "driver", "memory_bytes" };
    json_t *list = json_array();
    const json_t *found = json_object_get(report, "accelerators");
    for (size_t i = 0; i < json_array_size(found); i++) {
        json_t *o = json_object();
        for (size_t k = 0; k < WT_ARRAY_LEN(keys); k++)
            copy(o, json_array_get(found, i), keys[k]);
        json_array_append_new(list, o);
    }
    return list;
}

wt_status wt_target_from(wt_result **out, wt_context *ctx, const wt_result *hardware, const char *name, wt_err *err)
{
    static const char *const cpu[] = { "model", "vendor", "isa", "cores", "clock_max_mhz", "caches" };
    static const char *const memory[] = { "total_bytes", "limit_bytes" };
    const json_t *report = wt_result_json(hardware);
    char title[256];
    snprintf(title, sizeof title, "%s",
             wt_result_string(hardware, wt_result_string(hardware, name, "cpu.model"), "system.board"));
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:[{s:s, s:s}]}", "schema", "whet.target/1", "name", name,
                          "title", title, "cpu", part(report, "cpu", cpu, WT_ARRAY_LEN(cpu)), "memory",
                          part(report, "memory", memory, WT_ARRAY_LEN(memory)), "accelerators", accelerators(report),
                          "sources", "of", "all", "source",
                          "what the operating system of that machine said, and what was measured on it");
    if (o) {
        copy(json_object_get(o, "cpu"), json_object_get(report, "system"), "architecture");
        copy(o, report, "measured");
    }
    *out = NULL;
    return wt_result_take(out, ctx, o, err);
}
