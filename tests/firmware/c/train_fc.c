/* Trains a fully-connected network unit by unit on windows of 16-bit samples, in less memory than row by row. */

#include <wta.h>

#include "board.h"

#define WINDOW 64
#define UNITS 32
#define BATCH 20
#define STEPS 5

static const struct wta_network network = {
    .input = {.channels = WINDOW, .height = 1, .width = 1},
    .depth = 1,
    .layers = {{.maps = UNITS, .kernel = {1, 1}, .stride = {1, 1}}},
    .decoder_kernel = {1, 1},
};

/* wta_train_units_bytes; the program says so when it is too little. */
#define TRAINING_BYTES 40320

static uint32_t memory[TRAINING_BYTES / 4];
static struct wta_trainer trainer;

static wta_status run(void)
{
    static int16_t samples[BATCH][WINDOW];
    struct wta_images batch = {.samples = samples, .kind = WTA_INT16, .len = sizeof samples};
    struct wta_training training;
    uint32_t random = 1, step, i, at;
    wta_status status;

    wta_training_defaults(&training);
    training.lifetime_rate = 0.05f;
    training.rate = 0.01f;
    training.scale = 1.0f / 32768;
    training.batch = BATCH;
    training.steps = STEPS;
    report_number("bytes", (uint32_t)wta_train_units_bytes(&network, &training));
    status = wta_train_units_init(&trainer, &network, &training, 1, memory, sizeof memory);
    for (step = 0; step < STEPS && status == WTA_OK; step++) {
        float loss;
        /* A driver would wait here for the sensor's next samples. */
        for (i = 0; i < BATCH; i++)
            for (at = 0; at < WINDOW; at++) {
                random = random * 1664525u + 1013904223u;
                samples[i][at] = (int16_t)(random >> 16);
            }
        instructions_since_last();
        status = wta_train_step(&trainer, &batch, BATCH, &loss);
        if (step + 1 == STEPS)
            report_number("instructions", instructions_since_last());
        if (status == WTA_OK)
            report_floats("loss", &loss, 1);
    }
    if (status == WTA_OK)
        report_floats("weights", wta_train_parameters(&trainer), wta_parameters_len(&network));
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
