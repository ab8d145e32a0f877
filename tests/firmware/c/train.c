/* Trains a convolutional winner-take-all autoencoder on digits, from scratch, and asks how unlike them something else is. */

#include <wta.h>

#include "board.h"

#define SIDE 28
#define PIXELS (SIDE * SIDE)
#define MAPS 8
#define BATCH 8
#define STEPS 6

extern const uint8_t train_images[], train_images_end[];

static const struct wta_network network = {
    .input = {.channels = 1, .height = SIDE, .width = SIDE},
    .depth = 2,
    .layers = {{.maps = MAPS, .kernel = {5, 5}, .stride = {1, 1}},
               {.maps = MAPS, .kernel = {5, 5}, .stride = {1, 1}}},
    .decoder_kernel = {11, 11},
};

/* wta_train_bytes and wta_novelty_bytes; the program says so when it is too little. */
#define TRAINING_BYTES 47616
#define NOVELTY_BYTES 12544

static uint32_t memory[TRAINING_BYTES / 4];
static uint32_t more_memory[NOVELTY_BYTES / 4];
static struct wta_trainer trainer;
static struct wta_model model;

/* Stripes, as a sensor would give them: row by row, in floats. */
static void stripes(void *context, size_t image, size_t y, float *row, size_t len)
{
    const size_t *period = context;
    size_t x;
    (void)image;
    for (x = 0; x < len; x++)
        row[x] = (x + y) % *period == 0 ? 1.0f : 0.0f;
}

static wta_status run(void)
{
    struct wta_training training;
    struct wta_images digit = {.pixels = train_images, .len = PIXELS};
    size_t period = 3;
    struct wta_images other = {.row = stripes, .context = &period};
    const uint8_t *pixels = train_images;
    uint32_t step;
    float score;
    wta_status status;

    wta_training_defaults(&training);
    training.lifetime_rate = 0.5f;
    training.batch = BATCH;
    training.steps = STEPS;
    report_number("bytes", (uint32_t)wta_train_bytes(&network, &training));
    status = wta_train_init(&trainer, &network, &training, 1, memory, sizeof memory);
    for (step = 0; step < STEPS && status == WTA_OK; step++) {
        struct wta_images batch = {.pixels = pixels, .len = BATCH * PIXELS};
        float loss;
        instructions_since_last();
        status = wta_train_step(&trainer, &batch, BATCH, &loss);
        if (step + 1 == STEPS)
            report_number("instructions", instructions_since_last());
        if (status == WTA_OK)
            report_floats("loss", &loss, 1);
        pixels += BATCH * PIXELS;
    }
    if (status != WTA_OK)
        return status;
    report_floats("weights", wta_train_parameters(&trainer), wta_parameters_len(&network));

    /* The trainer's parameters as a model, without a copy. */
    status = wta_model_of_parameters(&model, &network, NULL, training.scale, wta_train_parameters(&trainer),
                                     wta_parameters_len(&network));
    if (status != WTA_OK)
        return status;
    report_number("bytes", (uint32_t)wta_novelty_bytes(&model));
    status = wta_novelty(&model, &digit, 0, more_memory, sizeof more_memory, &score);
    if (status != WTA_OK)
        return status;
    report_floats("novelty", &score, 1);
    status = wta_novelty(&model, &other, 0, more_memory, sizeof more_memory, &score);
    report_floats("novelty", &score, 1);
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
