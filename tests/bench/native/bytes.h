/* Bytes that grow, pieces of text that lie elsewhere, and how a measurement fails. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    char *at;
    size_t size, room;
};

struct span {
    const char *at;
    size_t size;
};

/* Have room for `more` bytes behind what is there. */
void bytes_reserve(struct bytes *bytes, size_t more);
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_add_span(struct bytes *bytes, struct span span);
/* Add text as printf writes it. */
void bytes_print(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_free(struct bytes *bytes);

struct span span_of(const char *text);
bool span_is(struct span span, const char *text);
bool span_begins(struct span span, const char *text);

/* Allocate `count` zeroed things of `size`; there is no program without them. */
void *allocate(size_t count, size_t size);

/* Print the error as a line of JSON and end the process: what failed must not pass for a figure. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
