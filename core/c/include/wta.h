/*
 * wta.h: winner-take-all autoencoders on microcontrollers, from C. Made by cbindgen from core/c/src, not to be edited.
 *
 * Features, classes and novelty scores of images with a network from model.wta, and training, all row by row. There is no
 * allocation and no state but what the caller owns: structs, and the memory that each call is lent, of which a function
 * says how much is needed. The numbers are those of the Rust library, to the bit.
 *
 *     static struct wta_model model;
 *     static uint32_t memory[MEMORY_BYTES / 4];
 *
 *     wta_status status = wta_model_init(&model, bytes, len);
 *     if (status != WTA_OK) fail(wta_status_text(status));
 *     assert(wta_encode_bytes(&model) <= sizeof memory);
 *     struct wta_images image = {.pixels = pixels, .len = sizeof pixels};
 *     status = wta_classify(&model, &image, memory, sizeof memory, scores, 10, &label);
 *
 * What holds for all functions:
 * - A pointer is to as many elements as the call says. What is read has been written before; a struct wta_model or wta_trainer is
 *   either 0 throughout or has been handed to a function that initialises it.
 * - What a call writes, nothing else refers to during the call, no other argument either; what it reads, nothing writes.
 * - NULL, misaligned pointers and lengths that do not fit are answered by a status, and so is any content of bytes,
 *   numbers and descriptions. Nothing aborts, and there is no global state: calls from several threads or interrupts are
 *   independent, as long as they do not share what they write.
 */


#ifndef WTA_H
#define WTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version that this header is of; `wta_version` is the library's. */
#define WTA_VERSION_MAJOR 0
#define WTA_VERSION_MINOR 1
#define WTA_VERSION_PATCH 0
#define WTA_VERSION "0.1.0"


/**
 * What the address of memory must be a multiple of.
 */
#define WTA_ALIGN 4

/**
 * The most encoder layers of a network.
 */
#define WTA_MAX_LAYERS 8

/**
 * Samples are bytes, 0 to 255: `wta_images.kind`.
 */
#define WTA_UINT8 0

/**
 * Samples are bytes, -128 to 127.
 */
#define WTA_INT8 1

/**
 * Samples are 16-bit integers with a sign.
 */
#define WTA_INT16 2

/**
 * Samples are 16-bit integers without one.
 */
#define WTA_UINT16 3

/**
 * Samples are floats.
 */
#define WTA_FLOAT 4

/**
 * Words of a struct wta_model.
 */
#define WTA_MODEL_WORDS 208

/**
 * keep: every map's winner survives (spatial sparsity alone).
 */
#define WTA_KEEP_ALL 0

/**
 * keep: of each map's winners over the batch the share lifetime_rate survives, at least one.
 */
#define WTA_KEEP_LIFETIME 1

/**
 * keep: of each image's winners the per_sample largest survive.
 */
#define WTA_KEEP_PER_SAMPLE 2

/**
 * The largest winners of the whole batch survive, so many of each sample on average.
 */
#define WTA_KEEP_BATCH 3

/**
 * method: gradient descent with momentum, which needs memory for one number per parameter.
 */
#define WTA_SGD 0

/**
 * method: Adam, which needs memory for two.
 */
#define WTA_ADAM 1

/**
 * schedule: the learning rate stays.
 */
#define WTA_CONSTANT 0

/**
 * schedule: it falls straight to 0 after the last step.
 */
#define WTA_LINEAR 1

/**
 * schedule: it is multiplied by step_factor from the share step_at of all steps on.
 */
#define WTA_STEP 2

/**
 * 64-bit words of a struct wta_trainer.
 */
#define WTA_TRAINER_WORDS 80

/**
 * kind: the class whose mean is nearest. One sample of a class is enough to know it.
 */
#define WTA_NEAREST_MEAN 0

/**
 * kind: a linear support vector machine, one class against the rest, by stochastic subgradient descent.
 */
#define WTA_LINEAR_SVM 1

/**
 * event: nothing happened.
 */
#define WTA_EVENT_NONE 0

/**
 * event: each channel's mean and deviation are known; learning begins.
 */
#define WTA_EVENT_CONDITIONED 1

/**
 * event: the network is trained; calibrating begins. value: the mean square of what it leaves of a window.
 */
#define WTA_EVENT_LEARNT 2

/**
 * event: watching begins. value: the threshold.
 */
#define WTA_EVENT_CALIBRATED 3

/**
 * event: enough of the last windows are above the threshold. value: the last one's score.
 */
#define WTA_EVENT_ALARM 4

/**
 * event: the alarm has ended. value: the last window's score.
 */
#define WTA_EVENT_CLEARED 5

/**
 * event: windows are quiet, and nothing is judged: the machine stands still, or the sensor is dead.
 */
#define WTA_EVENT_QUIET 6

/**
 * event: windows are not quiet any more.
 */
#define WTA_EVENT_RESUMED 7

/**
 * phase: finding each channel's mean and deviation.
 */
#define WTA_PHASE_CONDITIONING 0

/**
 * phase: training the network.
 */
#define WTA_PHASE_LEARNING 1

/**
 * phase: finding the threshold.
 */
#define WTA_PHASE_CALIBRATING 2

/**
 * phase: comparing windows with it.
 */
#define WTA_PHASE_WATCHING 3

/**
 * Bytes that are written to flash at a time, at multiples of as many.
 */
#define WTA_FLASH_BLOCK 256

/**
 * 64-bit words of a struct wta_detector.
 */
#define WTA_DETECTOR_WORDS 64

/**
 * What became of a call. But for WTA_OK nothing has been done, unless a function says otherwise.
 *
 * 32 bits wide whatever the compiler does with small enumerations.
 */
enum
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  wta_status : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    WTA_OK = 0,
    /**
     * A pointer is NULL that must not be.
     */
    WTA_ERROR_NULL = 1,
    /**
     * A pointer is not a multiple of its type's alignment, or memory not one of WTA_ALIGN.
     */
    WTA_ERROR_ALIGNMENT = 2,
    /**
     * A buffer, an image or a batch of the wrong length.
     */
    WTA_ERROR_LENGTH = 3,
    /**
     * A struct that was not initialised, or whose initialisation failed.
     */
    WTA_ERROR_UNINITIALISED = 4,
    /**
     * A network, pooling or setting that cannot be, or that does not go with the others.
     */
    WTA_ERROR_INVALID = 5,
    /**
     * Bytes that are no whole and undamaged model.wta of this version.
     */
    WTA_ERROR_MODEL = 6,
    /**
     * A model without what the call needs: parameters, their decoder's part, a classifier, or their form in
     * 8 bits.
     */
    WTA_ERROR_MISSING = 7,
    /**
     * A number that is infinite, not a number or beyond the training's input_limit: in an image, the
     * parameters, or what becomes of them. A trainer can skip such images: skip_bad.
     */
    WTA_ERROR_NOT_FINITE = 8,
    /**
     * A training step whose gradient is out of all bounds; the parameters are as before the step. Lower the
     * learning rate, or set clip_gradient.
     */
    WTA_ERROR_DIVERGED = 9,
    /**
     * A model with preprocessing, layers below or samples that are no bytes: wta_model_init_whole takes it.
     */
    WTA_ERROR_WHOLE = 10,
    /**
     * A function of yours that reads, erases or writes flash has failed.
     */
    WTA_ERROR_FLASH = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wta_status wta_status;
#else
typedef int32_t wta_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The shape of an image or of maps; numbers lie position by position with the channels side by side.
 */
struct wta_shape {
    /**
     * Channels of an image, or maps.
     */
    size_t channels;
    /**
     * Rows.
     */
    size_t height;
    /**
     * Columns.
     */
    size_t width;
};

/**
 * The size of a kernel or window, or from one to the next.
 */
struct wta_size {
    /**
     * Rows.
     */
    size_t height;
    /**
     * Columns.
     */
    size_t width;
};

/**
 * An encoder layer: a convolution that keeps the size ("same"), and ReLU.
 */
struct wta_layer {
    /**
     * Feature maps that the layer makes; units of a fully-connected layer.
     */
    size_t maps;
    /**
     * The kernel; 1 x 1 for a fully-connected layer.
     */
    struct wta_size kernel;
    /**
     * From one position to the next; 1 x 1 for a position at each pixel.
     */
    struct wta_size stride;
};

/**
 * A winner-take-all autoencoder. A fully-connected one has an input of one position whose channels are the
 * numbers of a sample, and kernels of 1 x 1 throughout.
 */
struct wta_network {
    /**
     * The images' shape.
     */
    struct wta_shape input;
    /**
     * Encoder layers, 1 to WTA_MAX_LAYERS.
     */
    size_t depth;
    /**
     * The layers, from the image up; those from depth on are not looked at.
     */
    struct wta_layer layers[WTA_MAX_LAYERS];
    /**
     * The decoder's kernel.
     */
    struct wta_size decoder_kernel;
    /**
     * Whether the decoder's atoms are the encoder's filters: only for one layer with the decoder's kernel.
     */
    bool tied;
};

/**
 * A model in use, for the caller to lay where he likes; it may be copied. What the words are is the
 * library's affair.
 *
 * It refers to the bytes or parameters that it was made of, which must stay where they are.
 */
struct wta_model {
    /**
     * 0 before the initialisation.
     */
    size_t words[WTA_MODEL_WORDS];
};

/**
 * What becomes of the maps of the code: features.
 */
struct wta_pooling {
    /**
     * The window of which the maximum, or the mean, is taken; 1 x 1 for no pooling.
     */
    struct wta_size kernel;
    /**
     * From one window to the next; 1 x 1 for no pooling.
     */
    struct wta_size stride;
    /**
     * Whether features are square roots: the activations' are pooled.
     */
    bool root;
    /**
     * Whether the mean of a window is taken, and not the maximum.
     */
    bool average;
    /**
     * Whether the mean of a position's activations is taken off them first; what falls below 0 becomes 0.
     */
    bool triangle;
};

/**
 * What is known of a model.
 */
struct wta_info {
    /**
     * The images' shape.
     */
    struct wta_shape input;
    /**
     * The shape of the code.
     */
    struct wta_shape code;
    /**
     * The shape of the features: the code, pooled. There are channels x height x width of them.
     */
    struct wta_shape features;
    /**
     * Classes of the classifier, which is how many scores it gives; 0 for no classifier.
     */
    size_t classes;
    /**
     * What bytes of an image are multiplied by.
     */
    float scale;
    /**
     * Whether wta_encode can be called.
     */
    bool encodes;
    /**
     * Whether wta_classify can be called.
     */
    bool classifies;
    /**
     * Whether wta_encode_int8 can be called.
     */
    bool encodes_int8;
    /**
     * Whether wta_classify_int8 can be called.
     */
    bool classifies_int8;
    /**
     * Whether the decoder's parameters are there, which wta_novelty and training need.
     */
    bool reconstructs;
    /**
     * Whether the input holds channel after channel, not position after position.
     */
    bool planar;
    /**
     * Whether the input are the features of another model, which is not in the bytes.
     */
    bool stacked;
};

/**
 * Writes row y of an image: len floats, width x channels, with the channels of a pixel side by side. Rows
 * are asked for from the first to the last, more than once in training and for novelty scores. It must
 * return, as longjmp may not pass through this library, and must not use the model, trainer or memory of the
 * call that it is part of.
 */
typedef void (*wta_row_fn)(void *context, size_t image, size_t y, float *row, size_t len);

/**
 * One or more images, or a sensor's samples: windows of time steps with their channels side by side.
 *
 * Either bytes, one for each number of the input, which are multiplied by the model's or the training's
 * scale: set pixels, len and perhaps stride. Or a function that gives rows of floats, which are used as they
 * are: set row and perhaps context, and leave pixels NULL. Or numbers of another kind, which are multiplied
 * by the scale: set samples, kind, len and perhaps stride, both in bytes, and leave pixels NULL. What is not
 * set is 0.
 */
struct wta_images {
    /**
     * The first image's pixels, row by row; or NULL.
     */
    const uint8_t *pixels;
    /**
     * Bytes from there to the end of the last image.
     */
    size_t len;
    /**
     * Bytes from one image to the next; 0 when there are none between them.
     */
    size_t stride;
    /**
     * Where pixels is NULL, what gives an image's rows.
     */
    wta_row_fn row;
    /**
     * What that function is called with.
     */
    void *context;
    /**
     * Where pixels is NULL, the first image's numbers of that kind, row by row; or NULL.
     */
    const void *samples;
    /**
     * WTA_INT8, WTA_INT16, WTA_UINT16, WTA_FLOAT or WTA_UINT8.
     */
    uint32_t kind;
};

/**
 * How a network is trained. wta_training_defaults sets all of it.
 */
struct wta_training {
    /**
     * Which winners survive: WTA_KEEP_ALL, WTA_KEEP_LIFETIME, WTA_KEEP_PER_SAMPLE or WTA_KEEP_BATCH.
     */
    uint32_t keep;
    /**
     * For WTA_KEEP_LIFETIME: more than 0, at most 1.
     */
    float lifetime_rate;
    /**
     * For WTA_KEEP_PER_SAMPLE and WTA_KEEP_BATCH: at least 1.
     */
    size_t per_sample;
    /**
     * WTA_SGD or WTA_ADAM.
     */
    uint32_t method;
    /**
     * For WTA_SGD: at least 0, less than 1.
     */
    float momentum;
    /**
     * For WTA_ADAM: decay of the first moment.
     */
    float beta1;
    /**
     * For WTA_ADAM: decay of the second moment.
     */
    float beta2;
    /**
     * For WTA_ADAM: more than 0.
     */
    float epsilon;
    /**
     * The learning rate at the start, more than 0.
     */
    float rate;
    /**
     * WTA_CONSTANT, WTA_LINEAR or WTA_STEP.
     */
    uint32_t schedule;
    /**
     * For WTA_STEP: between 0 and 1.
     */
    float step_at;
    /**
     * For WTA_STEP: more than 0, at most 1.
     */
    float step_factor;
    /**
     * Weight decay of filters and atoms; 0 for none.
     */
    float decay;
    /**
     * What bytes of images are multiplied by; that of the model, when they are to be encoded by one.
     */
    float scale;
    /**
     * Images in a step, at least 1.
     */
    size_t batch;
    /**
     * Steps in all, for the schedule.
     */
    uint64_t steps;
    /**
     * With input_high: every number of an image is clamped to this range, after the scale. Both 0 for none.
     */
    float input_low;
    /**
     * See input_low.
     */
    float input_high;
    /**
     * An image with a number of more than this absolute value, before it is clamped, is bad, as one with
     * NaN is; 0 for no limit.
     */
    float input_limit;
    /**
     * The largest norm of the gradient, which is made smaller where it exceeds it; 0 for none.
     */
    float clip_gradient;
    /**
     * Not 0: bad images are skipped, as wta_train_skipped tells; else a step refuses them.
     */
    uint32_t skip_bad;
};

/**
 * A training in progress, for the caller to lay where he likes; it must not be copied to go on with both.
 * What the words are is the library's affair.
 */
struct wta_trainer {
    /**
     * 0 before the initialisation.
     */
    uint64_t words[WTA_TRAINER_WORDS];
};

/**
 * What learns classes. wta_learner_defaults sets all of it. It holds no pointer, and may be a constant: what
 * is learnt lies in memory that each call is lent.
 */
struct wta_learner {
    /**
     * WTA_NEAREST_MEAN or WTA_LINEAR_SVM.
     */
    uint32_t kind;
    /**
     * Numbers of a sample.
     */
    size_t features;
    /**
     * The most classes, which are 0, 1, 2 and so on. Each is known from its first sample on.
     */
    size_t classes;
    /**
     * For WTA_LINEAR_SVM: the learning rate of a class's first step, above 0, at most 1.
     */
    float rate;
    /**
     * For WTA_LINEAR_SVM: the factor of the weights' squares, 0 to 1.
     */
    float regularisation;
    /**
     * For WTA_LINEAR_SVM: whether what a score lacks is squared.
     */
    bool squared;
    /**
     * For WTA_LINEAR_SVM: whether the learning rate stays.
     */
    bool constant_rate;
    /**
     * For WTA_LINEAR_SVM: whether weights are averaged, in memory for a second set of them.
     */
    bool averaged;
};

/**
 * What a model.wta is written of.
 */
struct wta_model_parts {
    /**
     * The network.
     */
    const struct wta_network *network;
    /**
     * The pooling of the features; NULL for none.
     */
    const struct wta_pooling *pooling;
    /**
     * What bytes of an image are multiplied by; above 0.
     */
    float scale;
    /**
     * The network's parameters, or those of its encoder alone; NULL for none.
     */
    const float *parameters;
    /**
     * How many there are.
     */
    size_t parameters_len;
    /**
     * The classifier's weights, class after class; NULL for no classifier.
     */
    const float *weights;
    /**
     * Its biases, one per class.
     */
    const float *biases;
    /**
     * Its classes.
     */
    size_t classes;
};

/**
 * What a detector is told. wta_detector_defaults sets all of it.
 */
struct wta_detector_settings {
    /**
     * Samples in a window.
     */
    size_t window;
    /**
     * Numbers in a sample.
     */
    size_t channels;
    /**
     * Units of a fully-connected network, or maps of a convolutional one.
     */
    size_t units;
    /**
     * For wta_detector_init_convolutional: samples that a filter spans. 0 for a fully-connected network.
     */
    size_t kernel;
    /**
     * Samples from the start of one window to that of the next.
     */
    size_t hop;
    /**
     * Of the network's initial weights.
     */
    uint64_t seed;
    /**
     * Training steps.
     */
    uint32_t steps;
    /**
     * Windows in a step.
     */
    size_t batch;
    /**
     * The learning rate; 0 for one that suits the window.
     */
    float rate;
    /**
     * Samples at the start from which each channel's mean and deviation are learnt.
     */
    uint32_t conditioning;
    /**
     * Samples are kept within so many deviations.
     */
    float saturation;
    /**
     * Windows that are not louder than this share of the learnt deviation are passed over.
     */
    float quiet;
    /**
     * Whether loudness counts: each window's mean and deviation are left in.
     */
    bool loudness;
    /**
     * Windows that give the threshold.
     */
    uint32_t calibration;
    /**
     * The share of normal windows that may be above it.
     */
    float false_alarms;
    /**
     * So many of the last windows above it raise an alarm.
     */
    uint32_t needed;
    /**
     * How many the last windows are, at most 32.
     */
    uint32_t of;
    /**
     * The alarm ends when at most so many of them are above it.
     */
    uint32_t release;
    /**
     * The learning rate while watching; 0 for a network that stays.
     */
    float adapting;
};

/**
 * A detector: where it is, and which memory it works in. wta_detector_init fills it; its words are for the
 * library.
 */
struct wta_detector {
    /**
     * For the library.
     */
    uint64_t words[WTA_DETECTOR_WORDS];
};

/**
 * What happened.
 */
struct wta_event {
    /**
     * WTA_EVENT_NONE, WTA_EVENT_ALARM, ...
     */
    uint32_t event;
    /**
     * What goes with it; 0 where nothing does.
     */
    float value;
};

/**
 * Where a detector is.
 */
struct wta_detector_info {
    /**
     * WTA_PHASE_CONDITIONING, WTA_PHASE_LEARNING, ...
     */
    uint32_t phase;
    /**
     * How far it is in its phase: samples of conditioning, steps of learning, windows otherwise.
     */
    uint32_t done;
    /**
     * How far that goes; 0 for watching, which has no end.
     */
    uint32_t end;
    /**
     * Windows that were passed over: quiet ones, and those with a NaN.
     */
    uint32_t skipped;
    /**
     * The score of the last window that was judged; 0 before the first.
     */
    float score;
    /**
     * The threshold; infinite before it is known.
     */
    float threshold;
    /**
     * Whether there is an alarm.
     */
    bool alarmed;
    /**
     * Whether the last windows were quiet.
     */
    bool quiet;
};

/**
 * Two slots of flash, 0 and 1, each of at least wta_detector_state_bytes, that can be erased without the
 * other. The functions return 0 when they have done it.
 */
struct wta_slots {
    /**
     * Handed to the functions.
     */
    void *context;
    /**
     * Reads `len` bytes from byte `at` of a slot on.
     */
    int32_t (*read)(void *context, size_t slot, size_t at, uint8_t *to, size_t len);
    /**
     * Erases a slot.
     */
    int32_t (*erase)(void *context, size_t slot);
    /**
     * Writes WTA_FLASH_BLOCK bytes from byte `at` of an erased slot on.
     */
    int32_t (*write)(void *context, size_t slot, size_t at, const uint8_t *block);
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, which is WTA_VERSION where the header is that of the library; in static
 * memory.
 */
const char *wta_version(void);

/**
 * A sentence that says what a status means, in static memory.
 */
const char *wta_status_text(int32_t status);

/**
 * Floats in the parameters of a network: for each layer its filters and biases, then the decoder's atoms
 * (none if tied) and bias. 0 for a network that cannot be.
 */
size_t wta_parameters_len(const struct wta_network *network);

/**
 * Checks a model.wta and makes a model of it, which refers to the bytes: they must stay as they are for as
 * long as the model is used. They must lie at a multiple of 4, better 16. Takes one pass over the bytes and
 * one over the numbers. WTA_ERROR_WHOLE for a model with preprocessing, a whole stack or samples that are no
 * bytes: wta_model_init_whole takes it.
 */
wta_status wta_model_init(struct wta_model *model, const uint8_t *bytes, size_t len);

/**
 * Makes a model, without classifier, of a network's parameters: those of a trainer, for example. There are
 * wta_parameters_len of them, which must stay where they are; when they have changed (after a training
 * step), the model is one of the new ones. Bytes of images will be multiplied by scale. pooling may be NULL
 * for none.
 */
wta_status wta_model_of_parameters(struct wta_model *model,
                                   const struct wta_network *network,
                                   const struct wta_pooling *pooling,
                                   float scale,
                                   const float *parameters,
                                   size_t len);

/**
 * Says what is known of a model.
 */
wta_status wta_model_info(const struct wta_model *model, struct wta_info *info);

/**
 * Says where the name of a class lies in the model's bytes, UTF-8 without a 0 at its end, and how many bytes
 * it has. WTA_ERROR_MISSING for a model whose classes are called 0, 1, 2 and so on, WTA_ERROR_LENGTH for a
 * class that the classifier does not have.
 */
wta_status wta_model_class_name(const struct wta_model *model, size_t class_, const char **name, size_t *len);

/**
 * Says what a model's network is.
 */
wta_status wta_model_network(const struct wta_model *model, struct wta_network *network);

/**
 * Bytes of memory that wta_encode and wta_classify need; 0 for a model that can do neither.
 */
size_t wta_encode_bytes(const struct wta_model *model);

/**
 * Computes the features of the first of the images, row by row. features gets as many floats as wta_info's
 * features say, position by position with the maps side by side. memory has at least wta_encode_bytes bytes;
 * what it holds does not matter.
 */
wta_status wta_encode(const struct wta_model *model,
                      const struct wta_images *images,
                      void *memory,
                      size_t bytes,
                      float *features,
                      size_t features_len);

/**
 * Classifies the first of the images, row by row. scores gets a score for each class, and label the class
 * with the largest (the first of several). label may be NULL. memory has at least wta_encode_bytes bytes;
 * what it holds does not matter.
 */
wta_status wta_classify(const struct wta_model *model,
                        const struct wta_images *images,
                        void *memory,
                        size_t bytes,
                        float *scores,
                        size_t scores_len,
                        size_t *label);

/**
 * Bytes of memory that wta_encode_int8 and wta_classify_int8 need; 0 for a model that can do neither. With
 * wta_model_init, images whose rows come from a function need 4 x width x channels bytes more.
 */
size_t wta_int8_bytes(const struct wta_model *model);

/**
 * wta_encode in 8-bit integers. Images are of any kind, with a sign or without; numbers beyond those that
 * the network was quantised for are cut off. memory has at least wta_int8_bytes bytes.
 */
wta_status wta_encode_int8(const struct wta_model *model,
                           const struct wta_images *images,
                           void *memory,
                           size_t bytes,
                           float *features,
                           size_t features_len);

/**
 * wta_classify in 8-bit integers. Images are of any kind, with a sign or without; numbers beyond those that
 * the network was quantised for are cut off. memory has at least wta_int8_bytes bytes.
 */
wta_status wta_classify_int8(const struct wta_model *model,
                             const struct wta_images *images,
                             void *memory,
                             size_t bytes,
                             float *scores,
                             size_t scores_len,
                             size_t *label);

/**
 * Bytes of memory that wta_novelty needs; 0 for a model without decoder.
 */
size_t wta_novelty_bytes(const struct wta_model *model);

/**
 * Scores how unlike the training data the first of the images is. score gets half the squared error of its
 * reconstruction from the largest activation of each map; if `keep` is not 0, from the `keep` largest of
 * these. memory has at least wta_novelty_bytes bytes.
 */
wta_status wta_novelty(const struct wta_model *model,
                       const struct wta_images *images,
                       size_t keep,
                       void *memory,
                       size_t bytes,
                       float *score);

/**
 * wta_model_init for any model.wta, also with preprocessing, with the layers below of a stack, and with
 * samples that are not bytes. All other functions take the model then. It links more code: a program whose
 * models need none of that calls wta_model_init.
 */
wta_status wta_model_init_whole(struct wta_model *model, const uint8_t *bytes, size_t len);

/**
 * Sets what usually does: lifetime sparsity of 20%, batches of 32, gradient descent with a momentum of 0.9
 * and a constant rate of 0.001, a scale of 1/255. Adam and the others get their usual constants.
 */
wta_status wta_training_defaults(struct wta_training *training);

/**
 * Bytes of memory that training needs: parameters, gradient, moments, winners and rows. 0 for a network or
 * settings that cannot be.
 */
size_t wta_train_bytes(const struct wta_network *network, const struct wta_training *training);

/**
 * Starts training from initial parameters that are a function of the seed.
 *
 * memory has at least wta_train_bytes bytes, which are the trainer's from now on: it begins with the
 * parameters, behind which the moments lie. It must stay where it is.
 */
wta_status wta_train_init(struct wta_trainer *trainer,
                          const struct wta_network *network,
                          const struct wta_training *training,
                          uint64_t seed,
                          void *memory,
                          size_t bytes);

/**
 * Starts training from a model's parameters, which are copied; the model must have its decoder, and neither
 * preprocessing nor layers below, which training does not apply. Else as wta_train_init.
 */
wta_status wta_train_init_model(struct wta_trainer *trainer,
                                const struct wta_model *model,
                                const struct wta_training *training,
                                void *memory,
                                size_t bytes);

/**
 * Goes on with a training after so many steps. The memory's first wta_parameters_len floats are the
 * parameters; the next as many (twice as many for WTA_ADAM) are the moments. A program that wants to go on
 * after a reset saves both. Else as wta_train_init.
 */
wta_status wta_train_resume(struct wta_trainer *trainer,
                            const struct wta_network *network,
                            const struct wta_training *training,
                            uint64_t steps_done,
                            void *memory,
                            size_t bytes);

/**
 * One step on `count` images, as many as the training's batch, each of which is gone through three times (by
 * wta_train_units_init, see there). In loss, which may be NULL: half the squared error summed over an image,
 * averaged over the batch, and FLT_MAX for more than that. When it fails, the parameters and moments are as
 * before.
 */
wta_status wta_train_step(struct wta_trainer *trainer,
                          const struct wta_images *images,
                          size_t count,
                          float *loss);

/**
 * The parameters as they are now, wta_parameters_len floats: the start of the trainer's memory. NULL for a
 * trainer that was not initialised.
 */
const float *wta_train_parameters(const struct wta_trainer *trainer);

/**
 * Steps done; 0 for a trainer that was not initialised.
 */
uint64_t wta_train_steps_done(const struct wta_trainer *trainer);

/**
 * How many images of the last step were bad and skipped; 0 for a trainer that was not initialised.
 */
size_t wta_train_skipped(const struct wta_trainer *trainer);

/**
 * wta_train_bytes for wta_train_units_init; 0 also for a network that it does not take.
 */
size_t wta_train_units_bytes(const struct wta_network *network, const struct wta_training *training);

/**
 * wta_train_init for a fully-connected network of one layer, which is then trained unit by unit: with the
 * same weights, without a stored gradient, so in less memory unless batches are large (wta_train_units_bytes
 * and wta_train_bytes say), and in fewer instructions where few survive. All other functions take the
 * trainer then.
 *
 * An image is read twice in a step, once more for every 8 units, and once more for each unit that it
 * survives in, then in no order: images from slow memory are better copied to RAM. WTA_ERROR_INVALID for any
 * other network.
 */
wta_status wta_train_units_init(struct wta_trainer *trainer,
                                const struct wta_network *network,
                                const struct wta_training *training,
                                uint64_t seed,
                                void *memory,
                                size_t bytes);

/**
 * wta_train_init_model for training unit by unit: see wta_train_units_init.
 */
wta_status wta_train_units_init_model(struct wta_trainer *trainer,
                                      const struct wta_model *model,
                                      const struct wta_training *training,
                                      void *memory,
                                      size_t bytes);

/**
 * wta_train_resume for training unit by unit, also of what was trained row by row: see wta_train_units_init.
 */
wta_status wta_train_units_resume(struct wta_trainer *trainer,
                                  const struct wta_network *network,
                                  const struct wta_training *training,
                                  uint64_t steps_done,
                                  void *memory,
                                  size_t bytes);

/**
 * Sets what does well on a few hundred samples.
 */
wta_status wta_learner_defaults(struct wta_learner *learner, uint32_t kind, size_t features, size_t classes);

/**
 * Bytes of memory that a learner needs; 0 for one that cannot be.
 */
size_t wta_learner_bytes(const struct wta_learner *learner);

/**
 * Begins without a class. The memory is the learner's from now on: to go on after a restart, keep its bytes.
 */
wta_status wta_learner_begin(const struct wta_learner *learner, void *memory, size_t bytes);

/**
 * Learns that a sample is of a class.
 */
wta_status wta_learner_update(const struct wta_learner *learner,
                              void *memory,
                              size_t bytes,
                              const float *features,
                              size_t len,
                              size_t class_);

/**
 * Forgets a class, which may then be learnt anew.
 */
wta_status wta_learner_forget(const struct wta_learner *learner, void *memory, size_t bytes, size_t class_);

/**
 * Says the class of a sample, and the score of each class: of the nearest mean the negative squared
 * distance, of a support vector machine the decision value, and minus infinity of a class that is not
 * known. scores may be NULL for none. WTA_ERROR_MISSING while no class is known.
 */
wta_status wta_learner_classify(const struct wta_learner *learner,
                                void *memory,
                                size_t bytes,
                                const float *features,
                                size_t len,
                                float *scores,
                                size_t classes,
                                size_t *label);

/**
 * Writes what was learnt as a linear classifier, for wta_model_write: classes x features weights and classes
 * biases. A class that is not known never wins in it.
 */
wta_status wta_learner_svm(const struct wta_learner *learner,
                           void *memory,
                           size_t bytes,
                           float *weights,
                           size_t weights_len,
                           float *biases,
                           size_t biases_len);

/**
 * Bytes of the model.wta of these parts; 0 for parts that cannot be.
 */
size_t wta_model_write_bytes(const struct wta_model_parts *parts);

/**
 * Writes the model.wta of these parts to the first wta_model_write_bytes of `to`, and how many they are to
 * written. wta_model_init takes the bytes, and so does `wta import` on a desktop.
 */
wta_status wta_model_write(const struct wta_model_parts *parts, uint8_t *to, size_t bytes, size_t *written);

/**
 * Sets what a detector does for which nothing else is said: a fully-connected network of `units` for windows
 * of `window` samples of `channels` numbers, half a window from one to the next, 1,000 steps of 16 windows,
 * 400 windows for the threshold at 1% false alarms, an alarm at 3 windows of 4.
 */
wta_status wta_detector_defaults(struct wta_detector_settings *settings,
                                 size_t window,
                                 size_t channels,
                                 size_t units);

/**
 * Bytes of memory that a detector needs; 0 for settings that cannot be.
 */
size_t wta_detector_bytes(const struct wta_detector_settings *settings);

/**
 * Bytes of flash that a saved state takes in each slot, a multiple of WTA_FLASH_BLOCK; 0 for settings that
 * cannot be.
 */
size_t wta_detector_state_bytes(const struct wta_detector_settings *settings);

/**
 * Begins to learn, with a fully-connected network. The memory is the detector's from now on.
 */
wta_status wta_detector_init(struct wta_detector *detector,
                             const struct wta_detector_settings *settings,
                             void *memory,
                             size_t bytes);

/**
 * Begins to learn, with a convolutional network: settings with a kernel.
 */
wta_status wta_detector_init_convolutional(struct wta_detector *detector,
                                           const struct wta_detector_settings *settings,
                                           void *memory,
                                           size_t bytes);

/**
 * Takes in samples up to the first event or an error: `count` of them, `count * channels` numbers. *taken is
 * how many were; go on with the others. Each call costs some 2,000 instructions beside those of its samples:
 * hand over what a queue or a DMA buffer has, not single samples.
 */
wta_status wta_detector_push_i16(struct wta_detector *detector,
                                 const int16_t *samples,
                                 size_t count,
                                 size_t *taken,
                                 struct wta_event *event);

/**
 * wta_detector_push_i16 for floats. Infinite numbers count as large ones; windows with a NaN are passed
 * over.
 */
wta_status wta_detector_push_f32(struct wta_detector *detector,
                                 const float *samples,
                                 size_t count,
                                 size_t *taken,
                                 struct wta_event *event);

/**
 * The stream was interrupted: the window that is being filled is dropped.
 */
wta_status wta_detector_gap(struct wta_detector *detector);

/**
 * Forgets everything and begins anew, as after a repair of the machine. A saved state stays.
 */
wta_status wta_detector_restart(struct wta_detector *detector);

/**
 * Says where a detector is.
 */
wta_status wta_detector_get_info(const struct wta_detector *detector, struct wta_detector_info *info);

/**
 * Writes the state to the slot that does not hold the newest one, so that a loss of power at any moment
 * leaves a whole state. WTA_ERROR_FLASH when a function of the slots fails; the newest state is still there
 * then.
 */
wta_status wta_detector_save(struct wta_detector *detector, const struct wta_slots *slots);

/**
 * Takes the newest whole state of these settings, if there is one, and goes on from there; *found says
 * whether.
 */
wta_status wta_detector_restore(struct wta_detector *detector, const struct wta_slots *slots, bool *found);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WTA_H */
