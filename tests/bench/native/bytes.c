#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_BYTES = 1000, FAILED = 1 };

void bytes_reserve(struct bytes *bytes, size_t more)
{
    if (bytes->room - bytes->size >= more)
        return;
    size_t room = bytes->room ? bytes->room * 2 : 256;
    if (room < bytes->size + more)
        room = bytes->size + more;
    char *at = realloc(bytes->at, room);
    if (!at)
        abort();
    bytes->at = at;
    bytes->room = room;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (!size)
        return;
    bytes_reserve(bytes, size);
    memcpy(bytes->at + bytes->size, data, size);
    bytes->size += size;
}

void bytes_add_span(struct bytes *bytes, struct span span)
{
    bytes_add(bytes, span.at, span.size);
}

void bytes_print(struct bytes *bytes, const char *format, ...)
{
    bytes_reserve(bytes, 256);
    for (;;) {
        va_list values;
        va_start(values, format);
        size_t room = bytes->room - bytes->size;
        size_t size = (size_t)vsnprintf(bytes->at + bytes->size, room, format, values);
        va_end(values);
        if (size < room) {
            bytes->size += size;
            return;
        }
        bytes_reserve(bytes, size + 1);
    }
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

bool span_is(struct span span, const char *text)
{
    return span.size == strlen(text) && !memcmp(span.at, text, span.size);
}

bool span_begins(struct span span, const char *text)
{
    size_t size = strlen(text);
    return span.size >= size && !memcmp(span.at, text, size);
}

void *allocate(size_t count, size_t size)
{
    void *at = calloc(count ? count : 1, size);
    if (!at)
        abort();
    return at;
}

void fail(const char *format, ...)
{
    char text[ERROR_BYTES];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(stderr, "%s\n", text);
    fputs("{\"error\":\"", stdout);
    for (const char *place = text; *place; place++) {
        if (*place == '"' || *place == '\\')
            putchar('\\');
        if ((unsigned char)*place < ' ')
            printf("\\u%04x", (unsigned)*place);
        else
            putchar(*place);
    }
    puts("\"}");
    fflush(stdout);
    exit(FAILED);
}
