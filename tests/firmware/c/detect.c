/* Learns a motor's normal vibration, keeps it through a loss of power, and tells a fault of the bearing. */

#include <wta.h>

#include "board.h"

#define WINDOW 128
#define UNITS 16

/* wta_detector_bytes and wta_detector_state_bytes; the program says so when they are too little. */
#define DETECTOR_BYTES 36304
#define STATE_BYTES 17664

/* Windows whose scores are reported. */
#define MOST 200

extern const int16_t bearing_normal[], bearing_normal_end[], bearing_inner[], bearing_inner_end[];

static uint32_t memory[DETECTOR_BYTES / 4];
static struct wta_detector detector;

/* Two slots of flash: here memory, on a board pages that its driver erases and writes. */
static uint8_t flash[2][STATE_BYTES];

static int32_t read_flash(void *context, size_t slot, size_t at, uint8_t *to, size_t len)
{
    size_t i;
    (void)context;
    if (slot >= 2 || at > STATE_BYTES || len > STATE_BYTES - at)
        return -1;
    for (i = 0; i < len; i++)
        to[i] = flash[slot][at + i];
    return 0;
}

static int32_t erase_flash(void *context, size_t slot)
{
    size_t i;
    (void)context;
    if (slot >= 2)
        return -1;
    for (i = 0; i < STATE_BYTES; i++)
        flash[slot][i] = 0xff;
    return 0;
}

static int32_t write_flash(void *context, size_t slot, size_t at, const uint8_t *block)
{
    size_t i;
    (void)context;
    if (slot >= 2 || at > STATE_BYTES - WTA_FLASH_BLOCK)
        return -1;
    for (i = 0; i < WTA_FLASH_BLOCK; i++)
        flash[slot][at + i] = block[i];
    return 0;
}

static const struct wta_slots slots = {.context = NULL, .read = read_flash, .erase = erase_flash, .write = write_flash};

/* Pushes a recording until the detector is in a phase; *reached says whether it is. */
static wta_status learn(const int16_t *samples, size_t count, uint32_t phase, bool *reached)
{
    struct wta_detector_info info;
    wta_status status = wta_detector_get_info(&detector, &info);
    while (status == WTA_OK && count > 0 && info.phase != phase) {
        struct wta_event event;
        size_t taken;
        status = wta_detector_push_i16(&detector, samples, count, &taken, &event);
        samples += taken;
        count -= taken;
        if (status == WTA_OK)
            status = wta_detector_get_info(&detector, &info);
    }
    *reached = info.phase == phase;
    return status == WTA_OK ? wta_detector_gap(&detector) : status;
}

/* Watches a recording: the scores of its windows, its alarms, and the windows up to the first of them. */
static wta_status watch(const char *name, const int16_t *samples, size_t count)
{
    static float scores[MOST];
    struct wta_detector_info info;
    uint32_t begun, seen = 0, alarms = 0, first = 0;
    size_t left = count;
    wta_status status = wta_detector_get_info(&detector, &info);
    begun = info.done;
    while (status == WTA_OK && left > 0) {
        struct wta_event event;
        size_t taken, some = left < WINDOW / 2 ? left : WINDOW / 2;
        status = wta_detector_push_i16(&detector, samples, some, &taken, &event);
        samples += taken;
        left -= taken;
        if (status != WTA_OK)
            break;
        status = wta_detector_get_info(&detector, &info);
        if (info.done - begun != seen) {
            seen = info.done - begun;
            if (seen <= MOST)
                scores[seen - 1] = info.score;
        }
        if (event.event == WTA_EVENT_ALARM && ++alarms == 1)
            first = seen;
    }
    report_floats(name, scores, seen < MOST ? seen : MOST);
    report_number("alarms", alarms);
    report_number("first", first);
    return status == WTA_OK ? wta_detector_gap(&detector) : status;
}

static wta_status run(void)
{
    size_t normal = (size_t)(bearing_normal_end - bearing_normal);
    size_t learnt = normal / 2, calibrating = normal / 4, unseen = normal - learnt - calibrating, bytes;
    struct wta_detector_settings settings;
    struct wta_detector_info info;
    bool done = false;
    wta_status status;

    wta_detector_defaults(&settings, WINDOW, 1, UNITS);
    settings.steps = 500;
    settings.calibration = 200;
    bytes = wta_detector_bytes(&settings);
    report_number("bytes", (uint32_t)bytes);
    report_number("state", (uint32_t)wta_detector_state_bytes(&settings));
    if (bytes > sizeof memory || wta_detector_state_bytes(&settings) > STATE_BYTES)
        return WTA_ERROR_LENGTH;
    status = wta_detector_init(&detector, &settings, memory, bytes);
    /* The recording is short: it is heard again and again. On a machine, samples come as they are measured. */
    while (status == WTA_OK && !done)
        status = learn(bearing_normal, learnt, WTA_PHASE_CALIBRATING, &done);
    for (done = false; status == WTA_OK && !done;)
        status = learn(bearing_normal + learnt, calibrating, WTA_PHASE_WATCHING, &done);
    if (status == WTA_OK)
        status = wta_detector_save(&detector, &slots);
    if (status != WTA_OK)
        return status;

    /* The power is lost, and comes back. */
    for (bytes = 0; bytes < sizeof memory / 4; bytes++)
        memory[bytes] = 0xdeadbeefu;
    status = wta_detector_init(&detector, &settings, memory, wta_detector_bytes(&settings));
    if (status == WTA_OK)
        status = wta_detector_restore(&detector, &slots, &done);
    if (status != WTA_OK || !done)
        return status == WTA_OK ? WTA_ERROR_FLASH : status;
    status = wta_detector_get_info(&detector, &info);
    report_floats("threshold", &info.threshold, 1);

    instructions_since_last();
    if (status == WTA_OK)
        status = watch("normal", bearing_normal + learnt + calibrating, unseen);
    report_number("instructions", instructions_since_last() / (uint32_t)unseen);
    if (status == WTA_OK)
        status = watch("inner", bearing_inner, (size_t)(bearing_inner_end - bearing_inner));
    return status;
}

int main(void)
{
    wta_status status = run();
    if (status == WTA_OK)
        return 0;
    report_line(wta_status_text(status));
    return 1;
}
