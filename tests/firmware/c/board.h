/* What the C programs share: a report to whoever debugs the board, the stack's depth, a counter of instructions. */

#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* A line of text. */
void report_line(const char *text);

/* A line of a name and a number. */
void report_number(const char *name, uint32_t number);

/* Lines of a name and the bits of numbers, in hexadecimal. */
void report_floats(const char *name, const float *values, size_t len);

/* The most bytes that have been on the stack. */
uint32_t stack_high_water(void);

/* Instructions from one call to the next, at most 600 million; to within 40 of them. */
uint32_t instructions_since_last(void);

/* Ends the program, and QEMU. */
void board_exit(int failed);

/* The program. Returns 0 when all went well. */
int main(void);

#endif
