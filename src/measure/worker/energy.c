/* energy.c - see energy.h. RAPL counters wrap (a package at 100 W in some 40 minutes), so every look adds a difference;
 * the battery only says its power now, so that counts for the time since the last look. */
#include "measure/worker/energy.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"

static bool read_text(const char *folder, const char *name, char *text, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return true;
}

static bool read_number(const char *folder, const char *name, uint64_t *out)
{
    char text[64], *end;
    if (!read_text(folder, name, text, sizeof text))
        return false;
    *out = strtoull(text, &end, 10);
    return end != text;
}

/* Packages only: their sub-domains (cores, memory) are parts of them, and "psys" is the sum of all. */
static void find_rapl(wt_meter *m, const char *root)
{
    char name[64], folder[192];
    for (int i = 0; i < 64 && m->n < WT_METER_DOMAINS; i++) {
        snprintf(folder, sizeof folder, "%s/sys/class/powercap/intel-rapl:%d", root, i);
        if (!read_text(folder, "name", name, sizeof name))
            break;
        if (strncmp(name, "package", 7) != 0 || !read_number(folder, "energy_uj", &m->last[m->n]))
            continue;
        if (!read_number(folder, "max_energy_range_uj", &m->range[m->n]))
            m->range[m->n] = 0;
        memcpy(m->path[m->n++], folder, sizeof folder);
    }
    m->kind = m->n ? WT_METER_RAPL : WT_METER_NONE;
}

static double battery_watts(const char *folder)
{
    char status[64];
    uint64_t power, current, voltage;
    if (!read_text(folder, "status", status, sizeof status) || strcmp(status, "Discharging") != 0)
        return NAN; /* on the mains it says what it is charged with */
    if (read_number(folder, "power_now", &power))
        return (double)power * 1e-6;
    if (read_number(folder, "current_now", &current) && read_number(folder, "voltage_now", &voltage))
        return (double)current * 1e-6 * (double)voltage * 1e-6;
    return NAN;
}

static void find_battery(wt_meter *m, const char *root)
{
    static const char *const names[] = { "BAT0", "BAT1", "battery", "bms", "CMB0" };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        snprintf(m->path[0], sizeof m->path[0], "%s/sys/class/power_supply/%s", root, names[i]);
        if (isfinite(battery_watts(m->path[0]))) {
            m->kind = WT_METER_BATTERY;
            m->n = 1;
            return;
        }
    }
}

void wt_meter_open(wt_meter *m, const char *root)
{
    *m = (wt_meter){ .at_ns = wt_now_ns() };
    find_rapl(m, root);
    if (m->kind == WT_METER_NONE)
        find_battery(m, root);
}

static double rapl_joules(wt_meter *m)
{
    double sum = 0;
    for (int i = 0; i < m->n; i++) {
        uint64_t now;
        if (!read_number(m->path[i], "energy_uj", &now))
            return NAN;
        const uint64_t spent = now >= m->last[i] ? now - m->last[i] : now + m->range[i] - m->last[i];
        m->last[i] = now;
        sum += (double)spent * 1e-6;
    }
    return sum;
}

double wt_meter_read(wt_meter *m)
{
    const uint64_t now = wt_now_ns();
    const double seconds = (double)(now - m->at_ns) * 1e-9;
    m->at_ns = now;
    if (m->kind == WT_METER_NONE)
        return NAN;
    m->joules += m->kind == WT_METER_RAPL ? rapl_joules(m) : battery_watts(m->path[0]) * seconds;
    return m->joules;
}

const char *wt_meter_name(const wt_meter *m)
{
    static const char *const names[] = { "none", "rapl", "battery" };
    return names[m->kind];
}
