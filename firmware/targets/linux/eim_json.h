/*
 * A JSON reader that takes one byte at a time and keeps nothing but its place: requests have no terminator and may hold
 * a hundred thousand numbers. Values are reported as they end, with the key they have in the outermost object and, one
 * level down, the key in that.
 */
#ifndef EIM_JSON_H
#define EIM_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_DEPTH 16
#define JSON_MAX_KEY 31    /* longer keys are cut; none that matters is longer */
#define JSON_MAX_NUMBER 63 /* characters */

typedef enum { JSON_MORE, JSON_DONE, JSON_ERROR } json_status;
typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

/* Where a value stands: in the outermost object `depth` is 1 and `key` its name; inside of that value `depth` is 2 or
 * more, and `inner` the name within it if that is an object. An array or object is reported when it begins. */
typedef struct {
    int depth;
    const char *key;
    const char *inner;
    json_kind kind;
    double number;
} json_value;

typedef void (*json_listener)(void *context, const json_value *value);

typedef struct {
    json_listener listener;
    void *context;
    int state;
    int depth;
    bool object[JSON_MAX_DEPTH]; /* what each open bracket is */
    char keys[2][JSON_MAX_KEY + 1];
    char text[JSON_MAX_NUMBER + 1]; /* of a number, a word or a key */
    size_t length;
    bool is_key;
    unsigned hex;         /* digits of \uXXXX still to come */
    const char *expected; /* the rest of true, false or null */
    json_kind word;
} json_parser;

void json_begin(json_parser *parser, json_listener listener, void *context);

/* JSON_DONE after the byte that closes the outermost object; JSON_ERROR where it is none or not JSON. */
json_status json_push(json_parser *parser, char byte);

#endif
