/* energy.h - joules, where the machine has a meter: processor packages (RAPL through powercap), else the battery. */
#ifndef WT_ENERGY_H
#define WT_ENERGY_H
#include "base/base.h"

enum { WT_METER_DOMAINS = 8 };
typedef enum wt_meter_kind { WT_METER_NONE, WT_METER_RAPL, WT_METER_BATTERY } wt_meter_kind;
typedef struct wt_meter {
    wt_meter_kind kind;
    int n;
    char path[WT_METER_DOMAINS][192]; /* counters of microjoules, or the battery's folder */
    uint64_t last[WT_METER_DOMAINS], range[WT_METER_DOMAINS];
    double joules;  /* since it was opened */
    uint64_t at_ns; /* of the last look */
} wt_meter;

/* root: "" or a folder that stands for /. No meter is no error: kind says so. */
void wt_meter_open(wt_meter *m, const char *root);
/* Joules since the meter was opened: of everything that runs, idle power included. NaN without a meter, or once it
 * fails. */
double wt_meter_read(wt_meter *m);
const char *wt_meter_name(const wt_meter *m); /* "rapl", "battery", "none" */
#endif
