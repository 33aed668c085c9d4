/* The machine report, read from made-up /proc and /sys trees; and target profiles. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/json.h"
#include "measure/hardware/hardware.h"
#include "support/test.h"

static void make_folders(const char *root, char *path)
{
    for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
}

static void put(const char *root, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, file);
    make_folders(root, path);
    wt_test_write(path, text, strlen(text));
}

static void link_to(const char *root, const char *file, const char *target)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, file);
    make_folders(root, path);
    assert_int_equal(symlink(target, path), 0);
}

static double at(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* --- reading
 * ---------------------------------------------------------------------------------------------------------------- */
static void lists_of_processors(void **state)
{
    (void)state;
    assert_int_equal(wt_sys_count_list("0"), 1);
    assert_int_equal(wt_sys_count_list("0-3,8"), 5);
    assert_int_equal(wt_sys_count_list("0-1,4-5\n"), 4);
    static const char *const bad[] = { "", "x", "3-1", "0-", "1,,2", "-1", "0-99999999999" };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++)
        assert_int_equal(wt_sys_count_list(bad[i]), -1);
}

static void names_in_their_order(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    put(root, "d/cpu10/x", "");
    put(root, "d/cpu2/x", "");
    put(root, "d/other/x", "");
    wt_sys_names names = wt_sys_list(&r, "/d", "cpu");
    assert_int_equal(names.n, 2);
    assert_string_equal(names.items[0], "cpu2");
    wt_sys_names_free(&names);
    names = wt_sys_list(&r, "/absent", "");
    assert_int_equal(names.n, 0);
    wt_sys_names_free(&names);
    wt_test_context_close(ctx);
}

/* --- a board: four Arm cores, two allowed, half a gigabyte in its control group
 * -------------------------------------------- */
static void make_board(const char *root)
{
    put(root, "proc/cpuinfo",
        "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n");
    put(root, "proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-1\n");
    put(root, "proc/self/cgroup", "0::/app/inner\n");
    put(root, "sys/fs/cgroup/app/inner/memory.max", "max\n");
    put(root, "sys/fs/cgroup/app/memory.max", "536870912\n");
    put(root, "sys/fs/cgroup/app/memory.current", "500000000\n");
    put(root, "sys/fs/cgroup/app/cpu.max", "150000 100000\n");
    put(root, "proc/meminfo",
        "MemTotal:        4000000 kB\nMemFree:  1000000 kB\nMemAvailable:  3000000 kB\nSwapTotal: 0 kB\n");
    put(root, "proc/device-tree/model", "Some Board 5\n");
    put(root, "sys/devices/system/cpu/online", "0-3\n");
    put(root, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/size", "64K\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/level", "3\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/size", "2M\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/shared_cpu_list", "0-3\n");
    put(root, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
}

static void a_board_is_described(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    make_board(root);
    json_t *cpu = wt_hw_cpu(&r), *memory = wt_hw_memory(&r), *sys = wt_hw_system(&r);
    assert_string_equal(text_at(cpu, "model"), "Arm Cortex-A76");
    assert_true(at(cpu, "cores") == 1 && at(cpu, "cores_total") == 4 &&
                at(cpu, "threads_allowed") == 2); /* 1.5 CPUs are one */
    assert_true(fabs(at(cpu, "quota_cpus") - 1.5) < 1e-9);
    assert_true(at(cpu, "clock_max_mhz") == 2400);
    const json_t *caches = json_object_get(cpu, "caches");
    assert_true(json_array_size(caches) == 2 && at(json_array_get(caches, 0), "size_bytes") == 65536);
    assert_true(at(json_array_get(caches, 1), "size_bytes") == 2097152 &&
                at(json_array_get(caches, 1), "shared_by_threads") == 4);
    assert_true(at(memory, "total_bytes") == 4096000000.0 && at(memory, "limit_bytes") == 536870912);
    assert_true(at(memory, "available_bytes") == 36870912); /* what the group has left */
    assert_string_equal(text_at(memory, "huge_pages"), "madvise");
    assert_string_equal(text_at(sys, "board"), "Some Board 5");
    json_decref(cpu);
    json_decref(memory);
    json_decref(sys);
    wt_test_context_close(ctx);
}

static void old_control_groups(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    put(root, "proc/self/cgroup", "4:memory:/box\n3:cpu,cpuacct:/box\n");
    put(root, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000000\n");
    put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 3000 kB\n");
    json_t *memory = wt_hw_memory(&r);
    assert_true(at(memory, "limit_bytes") == 1000000);
    json_decref(memory);
    wt_test_context_close(ctx);
}

/* --- devices
 * --------------------------------------------------------------------------------------------------------------------
 */
static void accelerators_are_found(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    static const char *const devices[][4] = {
        { "0000:00:02.0", "0x030000", "0x8086", "0x46d1" }, /* graphics */
        { "0000:00:0b.0", "0x120000", "0x8086", "0x7d1d" }, /* an NPU by class and id */
        { "0000:01:00.0", "0x0b4000", "0x1e60", "0x2864" }, /* an NPU by id alone */
        { "0000:02:00.0", "0x020000", "0x8086", "0x15f3" }, /* a network card */
        { "0000:03:00.0", "nonsense", "0x8086", "0x15f3" },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(devices); i++) {
        static const char *const files[] = { NULL, "class", "vendor", "device" };
        for (int k = 1; k < 4; k++) {
            char file[128];
            snprintf(file, sizeof file, "sys/bus/pci/devices/%s/%s", devices[i][0], files[k]);
            put(root, file, devices[i][k]);
        }
    }
    link_to(root, "sys/bus/pci/devices/0000:00:02.0/driver", "../../../drivers/i915");
    put(root, "usr/share/misc/pci.ids",
        "# comment\n1234  Nobody\n8086  Intel Corporation\n\t1111  Wrong\n\t46d1  UHD Graphics\n1e60  Hailo\n");
    put(root, "sys/bus/usb/devices/1-1/idVendor", "18d1\n");
    put(root, "sys/bus/usb/devices/1-1/idProduct", "9302\n");
    link_to(root, "sys/class/drm/renderD128/device/driver", "../../../bus/platform/drivers/v3d");
    json_t *list = wt_hw_accelerators(&r);
    assert_int_equal(json_array_size(list), 5);
    const json_t *gpu = json_array_get(list, 0), *npu = json_array_get(list, 1), *hailo = json_array_get(list, 2);
    assert_string_equal(text_at(gpu, "kind"), "gpu");
    assert_string_equal(text_at(gpu, "name"), "UHD Graphics");
    assert_string_equal(text_at(gpu, "driver"), "i915");
    assert_string_equal(text_at(npu, "kind"), "npu");
    assert_true(json_is_null(json_object_get(npu, "driver")));
    assert_string_equal(text_at(hailo, "name"), "Hailo-8");
    assert_string_equal(text_at(json_array_get(list, 3), "bus"), "usb");
    assert_string_equal(text_at(json_array_get(list, 4), "name"), "Broadcom VideoCore");
    json_decref(list);
    wt_test_context_close(ctx);
}

static void power_heat_and_network(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    put(root, "sys/class/power_supply/BAT0/type", "Battery\n");
    put(root, "sys/class/power_supply/BAT0/capacity", "80\n");
    put(root, "sys/class/power_supply/mouse/type", "Battery\n");
    put(root, "sys/class/power_supply/mouse/scope", "Device\n");
    put(root, "sys/class/power_supply/AC/type", "Mains\n");
    put(root, "sys/class/power_supply/AC/online", "1\n");
    put(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    put(root, "sys/class/thermal/thermal_zone0/temp", "45500\n");
    put(root, "sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n");
    put(root, "sys/class/thermal/thermal_zone0/trip_point_0_temp", "90000\n");
    put(root, "sys/class/net/lo/type", "772\n");
    put(root, "sys/class/net/wlan0/type", "1\n");
    put(root, "sys/class/net/wlan0/operstate", "up\n");
    put(root, "sys/class/net/wlan0/wireless/x", "");
    put(root, "sys/class/net/wlan0/speed", "-1\n");
    put(root, "sys/class/net/eth0/type", "1\n");
    put(root, "sys/class/net/eth0/operstate", "down\n");
    put(root, "sys/class/net/eth0/device/x", "");
    put(root, "sys/class/net/eth0/speed", "1000\n");
    json_t *power = wt_hw_power(&r), *heat = wt_hw_thermal(&r), *net = wt_hw_network(&r);
    const json_t *batteries = json_object_get(power, "batteries"), *eth = json_array_get(net, 0),
                 *wlan = json_array_get(net, 1);
    assert_true(json_array_size(batteries) == 1 && fabs(at(json_array_get(batteries, 0), "charge") - 0.8) < 1e-9);
    assert_true(json_is_true(json_object_get(power, "on_mains")));
    assert_true(json_array_size(heat) == 1 && at(json_array_get(heat, 0), "celsius") == 45.5);
    assert_true(at(json_array_get(heat, 0), "critical_celsius") == 90);
    assert_int_equal(json_array_size(net), 2);
    assert_true(!strcmp(text_at(eth, "kind"), "wired") && json_is_false(json_object_get(eth, "up")) &&
                at(eth, "speed_mbit_per_s") == 1000);
    assert_true(!strcmp(text_at(wlan, "kind"), "wireless") && json_is_true(json_object_get(wlan, "up")));
    assert_null(json_object_get(wlan, "speed_mbit_per_s"));
    json_decref(power);
    json_decref(heat);
    json_decref(net);
    wt_test_context_close(ctx);
}

/* A machine of which nothing can be read is described all the same; so is one that lies. */
static void nothing_and_nonsense(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *root = wt_test_tmpdir();
    const wt_sysroot r = { ctx, root };
    json_t *report = wt_hw_report(&r);
    assert_true(json_is_object(report));
    json_decref(report);
    put(root, "proc/cpuinfo", "model name\t: \xff\xfe broken\nflags\t: a b\n");
    put(root, "proc/self/status", "Cpus_allowed_list:\t0-99999999,7,x\n");
    put(root, "proc/self/cgroup", "::::\n0\n:\n0::\n9:memory\n0::/../../../../etc\n");
    put(root, "proc/meminfo", "MemTotal: lots\nMemAvailable\n");
    put(root, "sys/devices/system/cpu/online", "4-1\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/level", "99999999999999999999\n");
    put(root, "sys/class/thermal/thermal_zone0/temp", "hot\n");
    put(root, "sys/class/net/eth0/speed", "fast\n");
    report = wt_hw_report(&r);
    assert_true(json_is_object(report));
    assert_null(json_object_get(json_object_get(report, "cpu"), "model")); /* no UTF-8: left out */
    json_decref(report);
    wt_test_context_close(ctx);
}

/* --- targets
 * ------------------------------------------------------------------------------------------------------------------ */
static bool has_source(const json_t *sources, const char *path)
{
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const char *of = text_at(json_array_get(sources, i), "of");
        const size_t n = strlen(of);
        if (!strncmp(of, path, n) && (path[n] == 0 || path[n] == '.') &&
            text_at(json_array_get(sources, i), "source")[0])
            return true;
    }
    return false;
}

/* Every figure of every profile that comes along has a source. */
static void check_sources(const json_t *o, const json_t *sources, const char *path)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        char inner[256];
        snprintf(inner, sizeof inner, "%s%s%s", path, path[0] ? "." : "", key);
        if (json_is_object(value))
            check_sources(value, sources, inner);
        else if (strcmp(key, "schema") && strcmp(key, "name") && strcmp(key, "title") && strcmp(key, "sources") &&
                 !has_source(sources, inner) && !(json_is_array(value) && !json_array_size(value)))
            fail_msg("%s has no source", inner);
    }
}

static void profiles_name_their_sources(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    size_t n = 0;
    for (; wt_target_name(n); n++) {
        wt_result *r;
        wt_test_ok(wt_target_load(&r, ctx, wt_target_name(n), &err), &err);
        assert_string_equal(wt_result_string(r, "", "schema"), "whet.target/1");
        assert_string_equal(wt_result_string(r, "", "name"), wt_target_name(n));
        check_sources(wt_result_json(r), json_object_get(wt_result_json(r), "sources"), "");
        wt_result_free(r);
    }
    assert_true(n >= 10);
    wt_test_context_close(ctx);
}

static void profiles_from_files(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_result *r, *profile;
    const char *path = wt_test_path(wt_test_tmpdir(), "t.json");
    wt_test_ok(wt_hardware(&r, ctx, 0, &err), &err);
    wt_test_ok(wt_target_from(&profile, ctx, r, "mine", &err), &err);
    wt_test_ok(wt_result_save(profile, ctx, path, 0, &err), &err);
    wt_result_free(profile);
    wt_result_free(r);
    wt_test_ok(wt_target_load(&r, ctx, path, &err), &err);
    assert_string_equal(wt_result_string(r, "", "name"), "mine");
    wt_result_free(r);
    wt_test_ok(wt_target_load(&r, ctx, "this", &err), &err);
    wt_result_free(r);
    wt_test_refused(wt_target_load(&r, ctx, "no-such", &err), WT_EUSAGE, &err, "raspberry-pi-5");
    assert_null(r);
    wt_test_refused(wt_target_load(&r, ctx, "/nonexistent.json", &err), WT_EIO, &err, NULL);
    static const char *const bad[] = { "[]", "{}", "{\"schema\":\"whet.bench/1\"}", "{\"schema\":\"whet.target/1\"}",
                                       "{",  "" };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_test_write(path, bad[i], strlen(bad[i]));
        wt_test_refused(wt_target_load(&r, ctx, path, &err), WT_EFORMAT, &err, NULL);
        assert_null(r);
    }
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_processors),    cmocka_unit_test(names_in_their_order),
        cmocka_unit_test(a_board_is_described),   cmocka_unit_test(old_control_groups),
        cmocka_unit_test(accelerators_are_found), cmocka_unit_test(power_heat_and_network),
        cmocka_unit_test(nothing_and_nonsense),   cmocka_unit_test(profiles_name_their_sources),
        cmocka_unit_test(profiles_from_files),
    };
    return wt_test_run("hardware", tests, WT_ARRAY_LEN(tests));
}
