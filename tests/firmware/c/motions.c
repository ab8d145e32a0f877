/* Tells motions of a wrist apart in 8 bits, by samples with a sign: rows of floats as a driver gives them, then 16-bit integers. */

#include <wta.h>

#include "board.h"

#define AXES 6
#define STEPS 100
#define CLASSES 4

/* flash.S: the model, and windows of floats, axis after axis. */
extern const uint8_t model_motions[], model_motions_end[];
extern const float windows[], windows_end[];

/* wta_int8_bytes; the program says so when it is too little. */
#define MEMORY_BYTES 564

static uint32_t memory[MEMORY_BYTES / 4];
static int16_t samples[STEPS * AXES];
static struct wta_model model;

/* A row is a time step: a driver would wait here for the sensor's next sample. */
static void row(void *context, size_t image, size_t step, float *to, size_t len)
{
    const float *const *window = context;
    size_t axis;
    (void)image;
    for (axis = 0; axis < len; axis++)
        to[axis] = (*window)[axis * STEPS + step];
}

static void report_text(const char *name, const char *text, size_t len)
{
    /* The names of this model are short. */
    char line[40];
    size_t at = 0;
    while (*name != '\0')
        line[at++] = *name++;
    line[at++] = ' ';
    while (len-- > 0 && at + 1 < sizeof line)
        line[at++] = *text++;
    line[at] = '\0';
    report_line(line);
}

static wta_status classify(const struct wta_images *window, const char *scores_name, size_t *label)
{
    float scores[CLASSES];
    wta_status status = wta_classify_int8(&model, window, memory, sizeof memory, scores, CLASSES, label);
    if (status == WTA_OK)
        report_floats(scores_name, scores, CLASSES);
    return status;
}

static wta_status run(void)
{
    const float *window;
    uint32_t instructions = 0, count = 0;
    wta_status status = wta_model_init_whole(&model, model_motions, (size_t)(model_motions_end - model_motions));
    if (status != WTA_OK)
        return status;
    report_number("bytes", (uint32_t)wta_int8_bytes(&model));
    for (window = windows; window < windows_end; window += AXES * STEPS) {
        struct wta_images rows = {.row = row, .context = (void *)&window};
        struct wta_images integers = {.samples = samples, .kind = WTA_INT16, .len = sizeof samples};
        const char *name;
        size_t label, len, at;
        instructions_since_last();
        status = classify(&rows, "scores", &label);
        instructions += instructions_since_last() / 100;
        if (status == WTA_OK)
            status = wta_model_class_name(&model, label, &name, &len);
        if (status != WTA_OK)
            return status;
        report_text("motion", name, len);
        for (at = 0; at < STEPS * AXES; at++)
            samples[at] = (int16_t)window[at % AXES * STEPS + at / AXES];
        status = classify(&integers, "scores_int16", &label);
        if (status != WTA_OK)
            return status;
        count++;
    }
    /* In hundreds each, lest the sum overflow. */
    report_number("instructions", instructions / count * 100);
    return WTA_OK;
}

int main(void)
{
    wta_status status = run();
    if (status == WTA_OK)
        return 0;
    report_line(wta_status_text(status));
    return 1;
}
