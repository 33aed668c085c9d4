/* cmd_hardware.c - whet hardware */
#include <string.h>
#include "commands.h"

typedef struct args {
    int measure, list;
    const char *save, *target;
} args;

static const cli_option options[] = {
    CLI_ROW(args, measure, "measure", 0, CLI_FLAG, NULL,
            "measure read bandwidth and the peaks of arithmetic (about a second)"),
    CLI_ROW(args, save, "save", 0, CLI_TEXT, "FILE", "write a target profile of this machine"),
    CLI_ROW(args, target, "target", 0, CLI_TEXT, "NAME",
            "show a target profile instead: one that comes along, or a file"),
    CLI_ROW(args, list, "list-targets", 0, CLI_FLAG, NULL, "names of the profiles that come along"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void line(cli *c, const char *label, const char *text)
{
    if (text && text[0])
        printf("%s%-12s%s %s\n", cli_bold(c), label, cli_reset(c), text);
}

static const char *bytes(const wt_result *r, const char *path, char *out, size_t size)
{
    return cli_bytes(wt_result_number(r, 0, "%s", path), out, size);
}

/* Caches come in powers of two. */
static const char *binary(double n, char *out, size_t size)
{
    snprintf(out, size, n >= 1048576 ? "%.4g MiB" : "%.4g KiB", n / (n >= 1048576 ? 1048576 : 1024));
    return out;
}

/* --- processor
 * ---------------------------------------------------------------------------------------------------------------- */
static void print_isa(cli *c, const wt_result *r)
{
    char text[256] = "";
    for (size_t i = 0; i < wt_result_count(r, "cpu.isa"); i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", wt_result_string(r, "", "cpu.isa[%zu]", i));
    }
    line(c, "isa", text);
}

static void print_caches(cli *c, const wt_result *r)
{
    char text[256] = "", size[32];
    for (size_t i = 0; i < wt_result_count(r, "cpu.caches"); i++) {
        const char *type = wt_result_string(r, "", "cpu.caches[%zu].type", i);
        const double shared = wt_result_number(r, 1, "cpu.caches[%zu].shared_by_threads", i);
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%sL%.0f%s %s", i ? ", " : "",
                 wt_result_number(r, 0, "cpu.caches[%zu].level", i),
                 *type == 'd'   ? " data"
                 : *type == 'i' ? " code"
                                : "",
                 binary(wt_result_number(r, 0, "cpu.caches[%zu].size_bytes", i), size, sizeof size));
        if (shared > 1)
            snprintf(text + strlen(text), sizeof text - strlen(text), " (for %.0f threads)", shared);
    }
    line(c, "caches", text);
}

static void print_cpu(cli *c, const wt_result *r)
{
    char text[256];
    const double cores = wt_result_number(r, 0, "cpu.cores"), total = wt_result_number(r, cores, "cpu.cores_total");
    line(c, "processor", wt_result_string(r, "", "cpu.model"));
    if (cores > 0) {
        snprintf(text, sizeof text, "%.0f of %.0f usable, %.0f hardware threads", cores, total,
                 wt_result_number(r, total, "cpu.threads_total"));
        if (wt_result_has(r, "cpu.quota_cpus"))
            snprintf(text + strlen(text), sizeof text - strlen(text), ", quota of %.3g CPUs",
                     wt_result_number(r, 0, "cpu.quota_cpus"));
        if (wt_result_has(r, "cpu.clock_max_mhz"))
            snprintf(text + strlen(text), sizeof text - strlen(text), ", up to %.3g GHz",
                     wt_result_number(r, 0, "cpu.clock_max_mhz") / 1000);
        line(c, "cores", text);
    }
    print_isa(c, r);
    print_caches(c, r);
}

/* --- the rest
 * ------------------------------------------------------------------------------------------------------------------ */
static void print_memory(cli *c, const wt_result *r)
{
    char text[256], a[32], b[32], d[32];
    if (!wt_result_has(r, "memory.total_bytes"))
        return;
    snprintf(text, sizeof text, "%s", bytes(r, "memory.total_bytes", a, sizeof a));
    if (wt_result_has(r, "memory.available_bytes"))
        snprintf(text, sizeof text, "%s, %s available", a, bytes(r, "memory.available_bytes", b, sizeof b));
    if (wt_result_has(r, "memory.limit_bytes"))
        snprintf(text + strlen(text), sizeof text - strlen(text), ", limited to %s",
                 bytes(r, "memory.limit_bytes", d, sizeof d));
    if (wt_result_has(r, "memory.bandwidth_gb_per_s"))
        snprintf(text + strlen(text), sizeof text - strlen(text), ", %.4g GB/s",
                 wt_result_number(r, 0, "memory.bandwidth_gb_per_s"));
    line(c, "memory", text);
    if (wt_result_has(r, "disk.free_bytes")) {
        snprintf(text, sizeof text, "%s free of %s%s%s", bytes(r, "disk.free_bytes", a, sizeof a),
                 bytes(r, "disk.total_bytes", b, sizeof b), wt_result_has(r, "disk.kind") ? ", " : "",
                 wt_result_string(r, "", "disk.kind"));
        line(c, "disk", text);
    }
}

static void print_accelerators(cli *c, const wt_result *r)
{
    for (size_t i = 0; i < wt_result_count(r, "accelerators"); i++) {
        char text[256];
        const char *kind = wt_result_string(r, "", "accelerators[%zu].kind", i),
                   *driver = wt_result_string(r, "", "accelerators[%zu].driver", i);
        snprintf(text, sizeof text, "%s %s%s%s%s", wt_result_string(r, "", "accelerators[%zu].vendor", i),
                 wt_result_string(r, wt_result_string(r, "", "accelerators[%zu].id", i), "accelerators[%zu].name", i),
                 driver[0] ? ", driver " : "", driver,
                 wt_result_has(r, "cpu.cores_total") && !driver[0] ? ", no driver" : "");
        line(c, !strcmp(kind, "npu") ? "npu" : "gpu", text + (text[0] == ' '));
    }
    if (!wt_result_count(r, "accelerators"))
        line(c, "accelerators", "none");
}

static void print_power(cli *c, const wt_result *r)
{
    char text[256];
    for (size_t i = 0; i < wt_result_count(r, "power.batteries"); i++) {
        snprintf(text, sizeof text, "%s %.0f %%, %s", wt_result_string(r, "", "power.batteries[%zu].name", i),
                 100 * wt_result_number(r, 0, "power.batteries[%zu].charge", i),
                 wt_result_string(r, "", "power.batteries[%zu].status", i));
        line(c, "battery", text);
    }
    for (size_t i = 0; i < wt_result_count(r, "power.meters"); i++)
        if (wt_result_true(r, "power.meters[%zu].readable", i))
            line(c, "energy meter", wt_result_string(r, "", "power.meters[%zu].name", i));
    for (size_t i = 0; i < wt_result_count(r, "thermal"); i++) {
        snprintf(text, sizeof text, "%s %.0f °C", wt_result_string(r, "", "thermal[%zu].name", i),
                 wt_result_number(r, 0, "thermal[%zu].celsius", i));
        if (wt_result_has(r, "thermal[%zu].critical_celsius", i))
            snprintf(text + strlen(text), sizeof text - strlen(text), " (critical %.0f)",
                     wt_result_number(r, 0, "thermal[%zu].critical_celsius", i));
        line(c, "temperature", text);
    }
}

static void print_network(cli *c, const wt_result *r)
{
    for (size_t i = 0; i < wt_result_count(r, "network"); i++) {
        char text[256];
        if (!strcmp(wt_result_string(r, "", "network[%zu].kind", i), "virtual") && !c->common.verbose)
            continue;
        snprintf(text, sizeof text, "%s, %s, %s", wt_result_string(r, "", "network[%zu].name", i),
                 wt_result_string(r, "", "network[%zu].kind", i),
                 wt_result_true(r, "network[%zu].up", i) ? "up" : "down");
        if (wt_result_has(r, "network[%zu].speed_mbit_per_s", i))
            snprintf(text + strlen(text), sizeof text - strlen(text), ", %.0f Mbit/s",
                     wt_result_number(r, 0, "network[%zu].speed_mbit_per_s", i));
        line(c, "network", text);
    }
}

static void print_measured(const wt_result *r)
{
    static const struct {
        const char *key, *name, *unit;
    } rows[] = { { "read_gb_per_s", "memory read", "GB/s" },
                 { "fp32_gflops", "float32 multiply-add", "GFLOP/s" },
                 { "int8_gops", "int8 dot product", "GOP/s" },
                 { "bf16_gflops", "bfloat16 dot product", "GFLOP/s" } };
    if (!wt_result_has(r, "measured"))
        return;
    cli_table *t = cli_table_new("measured\tone core\tall\tunit\twith");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!wt_result_has(r, "measured.%s", rows[i].key))
            continue;
        cli_table_row(t, "%s\t%.4g\t%.4g\t%s\t%s", rows[i].name, wt_result_number(r, 0, "measured.%s.1", rows[i].key),
                      wt_result_number(r, 0, "measured.%s.all", rows[i].key), rows[i].unit,
                      wt_result_string(r, "", "measured.%s.isa", rows[i].key));
    }
    putchar('\n');
    cli_table_print(t, stdout);
}

static void print_sources(cli *c, const wt_result *r)
{
    if (!wt_result_count(r, "sources"))
        return;
    printf("\nsources\n");
    for (size_t i = 0; i < wt_result_count(r, "sources"); i++)
        printf("  %s%s%s: %s\n", cli_dim(c), wt_result_string(r, "", "sources[%zu].of", i), cli_reset(c),
               wt_result_string(r, "", "sources[%zu].source", i));
}

static void print(cli *c, const wt_result *r)
{
    char text[256];
    line(c, "target", wt_result_string(r, "", "title"));
    snprintf(text, sizeof text, "%s, %s %s%s%s",
             wt_result_string(r, wt_result_string(r, "", "system.os"), "system.distribution"),
             wt_result_string(r, "", "system.os"), wt_result_string(r, "", "system.kernel"),
             wt_result_true(r, "system.virtual_machine") ? ", virtual machine" : "",
             wt_result_true(r, "system.container") ? ", container" : "");
    if (wt_result_has(r, "system"))
        line(c, "system", text);
    line(c, "board", wt_result_string(r, "", "system.board"));
    line(c, "architecture", wt_result_string(r, wt_result_string(r, "", "cpu.architecture"), "system.architecture"));
    print_cpu(c, r);
    print_memory(c, r);
    print_accelerators(c, r);
    print_power(c, r);
    print_network(c, r);
    print_measured(r);
    print_sources(c, r);
}

/* --- the verb
 * -------------------------------------------------------------------------------------------------------------------
 */
static int list_targets(const cli *c)
{
    if (c->common.json)
        printf("{\"schema\":\"whet.hardware/1\",\"targets\":[");
    for (size_t i = 0; wt_target_name(i); i++)
        printf(c->common.json ? "%s\"%s\"" : "%s%s\n", c->common.json && i ? "," : "", wt_target_name(i));
    if (c->common.json)
        puts("]}");
    return cli_flush();
}

/* What the profile is called: the file's name without folder and extension. */
static void profile_name(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    snprintf(out, size, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
}

static wt_status save(cli *c, const wt_result *hardware, const char *path, wt_err *err)
{
    char name[128];
    wt_result *profile;
    profile_name(path, name, sizeof name);
    wt_status st = wt_target_from(&profile, c->ctx, hardware, name[0] ? name : "this", err);
    if (st != WT_OK)
        return st;
    st = wt_result_save(profile, c->ctx, path, c->common.force, err);
    wt_result_free(profile);
    return st;
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->list)
        return list_targets(c);
    if (a->target && (a->measure || a->save))
        return cli_usage(c, "'--target' shows a profile; it does not go with '--measure' or '--save'");
    wt_status st = a->target ? wt_target_load(&result, c->ctx, a->target, &err)
                             : wt_hardware(&result, c->ctx, a->measure, &err);
    if (st == WT_OK && a->save)
        st = save(c, result, a->save, &err);
    if (st != WT_OK) {
        wt_result_free(result);
        result = NULL;
    }
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_hardware = {
    .name = "hardware",
    .summary = "says what this machine is, and what a target device is",
    .usage = "[--measure] [--save FILE] [--target NAME]",
    .details = "Cores are those that this process may use: affinity and control groups are looked at. --measure is "
               "best run when\n"
               "nothing else is.",
    .options = options,
    .args_size = sizeof(args),
    .run = run,
};
