#include "json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 200, NUMBER_BYTES = 64 };

static _Noreturn void not_json(struct span text)
{
    fail("what was received is no JSON: %.*s", (int)(text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES), text.at);
}

static bool is_space(char mark)
{
    return mark == ' ' || mark == '\t' || mark == '\r' || mark == '\n';
}

static bool ends_value(char mark)
{
    return is_space(mark) || mark == ',' || mark == ']' || mark == '}';
}

static void skip_space(struct span *text)
{
    while (text->size && is_space(*text->at)) {
        text->at++;
        text->size--;
    }
}

static void skip(struct span *text, size_t count)
{
    text->at += count;
    text->size -= count;
}

/* Return the length of the string that begins here, with its quotes. */
static size_t string_size(struct span text)
{
    size_t place = 1;
    for (;;) {
        const char *end = place < text.size ? memchr(text.at + place, '"', text.size - place) : NULL;
        if (!end)
            not_json(text);
        const char *escape = end;
        while (escape[-1] == '\\' && escape - 1 > text.at)
            escape--;
        place = (size_t)(end - text.at) + 1;
        if ((end - escape) % 2 == 0)
            return place;
    }
}

/* Return the length of the object or array that begins here. */
static size_t nested_size(struct span text)
{
    size_t place = 0;
    int depth = 0;
    while (place < text.size) {
        char mark = text.at[place];
        if (mark == '"') {
            place += string_size((struct span){text.at + place, text.size - place});
            continue;
        }
        place++;
        if (mark == '{' || mark == '[')
            depth++;
        else if ((mark == '}' || mark == ']') && --depth == 0)
            return place;
    }
    not_json(text);
}

static struct span take_value(struct span *text)
{
    skip_space(text);
    if (!text->size)
        not_json(*text);
    size_t size = 0;
    if (*text->at == '"')
        size = string_size(*text);
    else if (*text->at == '{' || *text->at == '[')
        size = nested_size(*text);
    else
        while (size < text->size && !ends_value(text->at[size]))
            size++;
    if (!size)
        not_json(*text);
    struct span value = {text->at, size};
    skip(text, size);
    return value;
}

/* Step over what is before a member or a value; tells whether there is one. */
static bool step_in(struct span *rest, char open, char close)
{
    skip_space(rest);
    if (!rest->size || (*rest->at != open && *rest->at != ',' && *rest->at != close))
        not_json(*rest);
    if (*rest->at == close)
        return false;
    skip(rest, 1);
    skip_space(rest);
    if (!rest->size)
        not_json(*rest);
    return *rest->at != close;
}

bool json_next(struct span *rest, struct span *value)
{
    if (!step_in(rest, '[', ']'))
        return false;
    *value = take_value(rest);
    return true;
}

bool json_next_member(struct span *rest, struct span *name, struct span *value)
{
    if (!step_in(rest, '{', '}'))
        return false;
    *name = json_text(take_value(rest));
    skip_space(rest);
    if (!rest->size || *rest->at != ':')
        not_json(*rest);
    skip(rest, 1);
    *value = take_value(rest);
    return true;
}

bool json_first(struct span array, struct span *value)
{
    return json_next(&array, value);
}

static bool member_of(struct span object, struct span name, struct span *value)
{
    struct span found;
    while (json_next_member(&object, &found, value))
        if (found.size == name.size && !memcmp(found.at, name.at, name.size))
            return true;
    return false;
}

bool json_member(struct span object, const char *name, struct span *value)
{
    return member_of(object, span_of(name), value);
}

bool json_find(struct span object, struct span *value, ...)
{
    va_list names;
    va_start(names, value);
    bool is_found = true;
    const char *name = va_arg(names, const char *);
    *value = object;
    for (; is_found && name; name = va_arg(names, const char *))
        is_found = value->size && *value->at == '{' && json_member(*value, name, value);
    va_end(names);
    return is_found;
}

struct span json_text(struct span string)
{
    if (string.size < 2 || *string.at != '"')
        not_json(string);
    return (struct span){string.at + 1, string.size - 2};
}

double json_number(struct span number)
{
    char text[NUMBER_BYTES] = {0}, *end;
    if (number.size >= sizeof text)
        not_json(number);
    memcpy(text, number.at, number.size);
    double value = strtod(text, &end);
    if (*end || end == text)
        not_json(number);
    return value;
}

static void add_name(struct bytes *out, struct span name, bool is_first)
{
    bytes_print(out, "%s\"%.*s\":", is_first ? "" : ",", (int)name.size, name.at);
}

void json_merge(struct bytes *out, struct span known, struct span patch)
{
    struct span rest = known, name, value, other;
    bool is_first = true;
    bytes_add(out, "{", 1);
    for (; json_next_member(&rest, &name, &value); is_first = false) {
        add_name(out, name, is_first);
        if (!member_of(patch, name, &other))
            bytes_add_span(out, value);
        else if (*value.at == '{' && *other.at == '{')
            json_merge(out, value, other);
        else
            bytes_add_span(out, other);
    }
    for (rest = patch; json_next_member(&rest, &name, &value);) {
        if (member_of(known, name, &other))
            continue;
        add_name(out, name, is_first);
        bytes_add_span(out, value);
        is_first = false;
    }
    bytes_add(out, "}", 1);
}
