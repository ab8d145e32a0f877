/* Classifies handwritten digits, in f32 and in 8 bits, with networks that were trained on a desktop and lie in flash as model.wta. */

#include <wta.h>

#include "board.h"

#define PIXELS (28 * 28)
#define CLASSES 10

/* flash.S; in a program of your own, the array of the header that `wta export --c` writes. */
extern const uint8_t model_f32[], model_f32_end[], model_int8[], model_int8_end[];
extern const uint8_t test_images[], test_images_end[];

/* wta_encode_bytes and wta_int8_bytes of these networks; the program says so when it is too little. */
#define MEMORY_BYTES 15360

/* Words, so that it is aligned. */
static uint32_t memory[MEMORY_BYTES / 4];
static struct wta_model model;

typedef wta_status classify(const struct wta_model *, const struct wta_images *, void *, size_t, float *, size_t,
                            size_t *);

static wta_status classify_all(classify *classify, const char *scores_name, const char *class_name)
{
    const uint8_t *pixels;
    uint32_t instructions = 0, count = 0;
    for (pixels = test_images; pixels < test_images_end; pixels += PIXELS) {
        struct wta_images image = {.pixels = pixels, .len = PIXELS};
        float scores[CLASSES];
        size_t label;
        wta_status status;
        instructions_since_last();
        status = classify(&model, &image, memory, sizeof memory, scores, CLASSES, &label);
        instructions += instructions_since_last() / 1000;
        if (status != WTA_OK)
            return status;
        report_floats(scores_name, scores, CLASSES);
        report_number(class_name, (uint32_t)label);
        count++;
    }
    /* In thousands each, lest the sum overflow. */
    report_number("instructions", instructions / count * 1000);
    return WTA_OK;
}

static wta_status run(void)
{
    wta_status status = wta_model_init(&model, model_f32, (size_t)(model_f32_end - model_f32));
    if (status != WTA_OK)
        return status;
    report_number("bytes", (uint32_t)wta_encode_bytes(&model));
    status = classify_all(wta_classify, "scores", "class");
    if (status != WTA_OK)
        return status;

    status = wta_model_init(&model, model_int8, (size_t)(model_int8_end - model_int8));
    if (status != WTA_OK)
        return status;
    report_number("bytes", (uint32_t)wta_int8_bytes(&model));
    return classify_all(wta_classify_int8, "scores_int8", "class_int8");
}

int main(void)
{
    wta_status status = run();
    if (status == WTA_OK)
        return 0;
    report_line(wta_status_text(status));
    return 1;
}
