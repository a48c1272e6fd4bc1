/* Values found in JSON where they lie: strict about structure, which is scanned; strings keep their escapes. */
#ifndef JSON_H
#define JSON_H

#include "bytes.h"

/* Find the value of a name in an object. Fails where it is no JSON. */
bool json_member(struct span object, const char *name, struct span *value);
/* The same along several names, each in the object before; the last one is NULL. */
bool json_find(struct span object, struct span *value, ...);
/* Find the first of an array's values. */
bool json_first(struct span array, struct span *value);
/* Take the next value off an array of which `rest` is left; begin with the whole array. */
bool json_next(struct span *rest, struct span *value);
/* Take the next member off an object in the same way. */
bool json_next_member(struct span *rest, struct span *name, struct span *value);
/* Return what is between a string's quotes. */
struct span json_text(struct span string);
double json_number(struct span number);
/* Add an object that has the members of both; objects in both are merged, of all else the patch's is taken. */
void json_merge(struct bytes *out, struct span known, struct span patch);

#endif
