/* The board, QEMU's mps2-an386: a Cortex-M4F. On a real one, the vector table and the start come from the chip's vendor,
   and the report goes through what there is: a UART, RTT. */

#include "board.h"

/* Symbols of board.ld. */
extern uint32_t bss_start[], bss_end[], data_start[], data_end[], stack_top[];
extern const uint32_t data_in_flash[];

#define PAINT 0xccccccccu

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CPACR REGISTER(0xe000ed88u)
#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)

/* Instructions in a tick at 25 MHz with -icount shift=0. */
#define PER_TICK 40u

/* Semihosting: asks the debugger, or QEMU. */
static uint32_t semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* A line of at most 160 characters; what does not fit is dropped. */
struct line {
    char text[162];
    size_t len;
};

static void push(struct line *line, char c)
{
    if (line->len < 160)
        line->text[line->len++] = c;
}

static void push_text(struct line *line, const char *text)
{
    while (*text != '\0')
        push(line, *text++);
}

static void end(struct line *line)
{
    line->text[line->len] = '\n';
    line->text[line->len + 1] = '\0';
    semihosting(4 /* SYS_WRITE0 */, line->text);
}

void report_line(const char *text)
{
    struct line line;
    line.len = 0;
    push_text(&line, text);
    end(&line);
}

void report_number(const char *name, uint32_t number)
{
    char digits[10];
    size_t count = 0;
    struct line line;
    line.len = 0;
    push_text(&line, name);
    push(&line, ' ');
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        push(&line, digits[--count]);
    end(&line);
}

void report_floats(const char *name, const float *values, size_t len)
{
    size_t i = 0;
    while (i < len) {
        struct line line;
        line.len = 0;
        push_text(&line, name);
        do {
            union {
                float value;
                uint32_t bits;
            } number;
            int shift;
            number.value = values[i++];
            push(&line, ' ');
            for (shift = 28; shift >= 0; shift -= 4)
                push(&line, "0123456789abcdef"[(number.bits >> shift) & 15]);
        } while (i < len && i % 8 != 0);
        end(&line);
    }
}

uint32_t stack_high_water(void)
{
    const volatile uint32_t *word = bss_end;
    while (word < stack_top && *word == PAINT)
        word++;
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}

uint32_t instructions_since_last(void)
{
    static uint32_t last;
    uint32_t now = SYST_CVR, ticks = (last - now) & 0xffffff; /* It counts down. */
    last = now;
    return ticks * PER_TICK;
}

void board_exit(int failed)
{
    /* ADP_Stopped_ApplicationExit, or a run-time error. */
    semihosting(0x18 /* SYS_EXIT */, (const void *)(failed ? 0x20023u : 0x20026u));
    for (;;) {
    }
}

static void fault(void)
{
    report_line("fault");
    board_exit(1);
}

void reset(void);

void reset(void)
{
    const uint32_t *from = data_in_flash;
    volatile uint32_t *to;
    volatile uint32_t *stack;
    int failed;

    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    /* Below the stack's pointer, nothing is in use. */
    __asm__ volatile("mov %0, sp" : "=r"(stack));
    for (to = bss_end; to < stack; to++)
        *to = PAINT;
    CPACR |= 0xfu << 20; /* The FPU, before its first use. */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    SYST_RVR = 0xffffff;
    SYST_CVR = 0;
    SYST_CSR = 5; /* The processor's clock, no interrupt. */

    failed = main();
    if (!failed) {
        report_number("stack", stack_high_water());
        report_line("done");
    }
    board_exit(failed);
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};
