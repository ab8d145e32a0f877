/* Learns what a sensor's windows look like, unit by unit, and tells a window with a fault by its score. */

#include <stdint.h>
#include <stdio.h>

#include <wta.h>

#define WINDOW 64
#define UNITS 32
#define BATCH 16
#define STEPS 400

static const struct wta_network network = {
    .input = {.channels = WINDOW, .height = 1, .width = 1},
    .depth = 1,
    .layers = {{.maps = UNITS, .kernel = {1, 1}, .stride = {1, 1}}},
    .decoder_kernel = {1, 1},
};

/* wta_train_units_bytes and wta_novelty_bytes; the program says so when it is too little. */
static uint32_t training_memory[39936 / 4];
static uint32_t scoring_memory[896 / 4];
static struct wta_trainer trainer;
static struct wta_model model;

/* A sensor of 12 bits: a tone in one of four phases, and noise. */
static int16_t sample(uint32_t *random, uint32_t phase, uint32_t at)
{
    static const int16_t tone[16] = {0, 383,  707,  924,  1000,  924,  707,  383,
                                     0, -383, -707, -924, -1000, -924, -707, -383};
    *random = *random * 1664525u + 1013904223u;
    return (int16_t)(tone[(at + phase) % 16] + (int16_t)(*random >> 24) - 128);
}

static void window(uint32_t *random, int16_t *to)
{
    uint32_t at;
    uint32_t phase = *random >> 30 << 2;
    for (at = 0; at < WINDOW; at++)
        to[at] = sample(random, phase, at);
}

static wta_status score(int16_t *samples, float *found)
{
    struct wta_images images = {.samples = samples, .kind = WTA_INT16, .len = WINDOW * sizeof *samples};
    return wta_novelty(&model, &images, 0, scoring_memory, sizeof scoring_memory, found);
}

static wta_status run(void)
{
    static int16_t batch[BATCH][WINDOW];
    struct wta_images images = {.samples = batch, .kind = WTA_INT16, .len = sizeof batch};
    struct wta_training training;
    uint32_t random = 1, i, at;
    float loss = 0, largest = 0, fault = 0;
    wta_status status = wta_training_defaults(&training);

    training.batch = BATCH;
    training.steps = STEPS;
    training.scale = 1.0f / 1024;
    training.rate = 0.03f;
    if (wta_train_units_bytes(&network, &training) > sizeof training_memory)
        return WTA_ERROR_LENGTH;
    status = wta_train_units_init(&trainer, &network, &training, 1, training_memory, sizeof training_memory);
    for (i = 0; i < STEPS && status == WTA_OK; i++) {
        uint32_t image;
        for (image = 0; image < BATCH; image++)
            window(&random, batch[image]);
        status = wta_train_step(&trainer, &images, BATCH, &loss);
        if (status == WTA_OK && (i + 1) % 50 == 0)
            printf("step %u: loss %.2f\n", (unsigned)(i + 1), loss);
    }
    if (status != WTA_OK)
        return status;

    /* The trainer's parameters as a model, without a copy. */
    status = wta_model_of_parameters(&model, &network, NULL, training.scale, wta_train_parameters(&trainer),
                                     wta_parameters_len(&network));
    for (i = 0; i < 100 && status == WTA_OK; i++) {
        float found;
        window(&random, batch[0]);
        status = score(batch[0], &found);
        if (status == WTA_OK && found > largest)
            largest = found;
    }
    if (status != WTA_OK)
        return status;
    /* A bearing's knock, once in the window. */
    window(&random, batch[0]);
    for (at = 28; at < 36; at++)
        batch[0][at] = (int16_t)(batch[0][at] + (at % 2 ? 1500 : -1500));
    status = score(batch[0], &fault);
    if (status != WTA_OK)
        return status;
    printf("the largest score of 100 good windows is %.2f, that of a fault %.2f\n", largest, fault);
    return fault > 1.5f * largest ? WTA_OK : WTA_ERROR_INVALID;
}

int main(void)
{
    wta_status status = run();
    if (status == WTA_OK)
        return 0;
    fprintf(stderr, "%s\n", wta_status_text(status));
    return 1;
}
