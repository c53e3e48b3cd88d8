#include "eim_json.h"

#include <stdlib.h>
#include <string.h>

enum state { VALUE, FIRST_VALUE, KEY, FIRST_KEY, COLON, AFTER, STRING, ESCAPE, HEX, NUMBER, WORD };

void json_begin(json_parser *parser, json_listener listener, void *context)
{
    memset(parser, 0, sizeof *parser);
    parser->listener = listener;
    parser->context = context;
    parser->state = VALUE;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static void report(json_parser *parser, json_kind kind, double number)
{
    const bool inner = parser->depth == 2 && parser->object[1];
    const json_value value = {parser->depth, parser->keys[0], inner ? parser->keys[1] : "", kind, number};
    if (parser->depth > 0) {
        parser->listener(parser->context, &value);
    }
}

static json_status ended(json_parser *parser)
{
    parser->state = AFTER;
    return parser->depth == 0 ? JSON_DONE : JSON_MORE;
}

static json_status opened(json_parser *parser, bool object)
{
    if (parser->depth == JSON_MAX_DEPTH || (parser->depth == 0 && !object)) {
        return JSON_ERROR;
    }
    report(parser, object ? JSON_OBJECT : JSON_ARRAY, 0.0);
    parser->object[parser->depth++] = object;
    parser->state = object ? FIRST_KEY : FIRST_VALUE;
    return JSON_MORE;
}

static json_status closed(json_parser *parser, bool object)
{
    if (parser->depth == 0 || parser->object[parser->depth - 1] != object) {
        return JSON_ERROR;
    }
    parser->depth--;
    return ended(parser);
}

static void keep(json_parser *parser, char byte)
{
    if (parser->length < sizeof parser->text - 1u) {
        parser->text[parser->length] = byte;
    }
    parser->length += parser->length < sizeof parser->text;
}

static void begin_text(json_parser *parser, enum state state, bool is_key)
{
    parser->length = 0;
    parser->is_key = is_key;
    parser->state = state;
}

static json_status begin_word(json_parser *parser, const char *rest, json_kind kind)
{
    parser->expected = rest;
    parser->word = kind;
    parser->state = WORD;
    return JSON_MORE;
}

static json_status begin_value(json_parser *parser, char byte)
{
    if (byte == '{' || byte == '[') {
        return opened(parser, byte == '{');
    }
    if (parser->depth == 0) {
        return JSON_ERROR;
    }
    if (byte == '"') {
        begin_text(parser, STRING, false);
        return JSON_MORE;
    }
    if (byte == '-' || is_digit(byte)) {
        begin_text(parser, NUMBER, false);
        keep(parser, byte);
        return JSON_MORE;
    }
    switch (byte) {
    case 't':
        return begin_word(parser, "rue", JSON_TRUE);
    case 'f':
        return begin_word(parser, "alse", JSON_FALSE);
    case 'n':
        return begin_word(parser, "ull", JSON_NULL);
    default:
        return JSON_ERROR;
    }
}

static json_status end_string(json_parser *parser)
{
    if (!parser->is_key) {
        report(parser, JSON_STRING, 0.0);
        return ended(parser);
    }
    if (parser->depth <= 2) {
        const size_t length = parser->length < JSON_MAX_KEY ? parser->length : JSON_MAX_KEY;
        memcpy(parser->keys[parser->depth - 1], parser->text, length);
        parser->keys[parser->depth - 1][length] = '\0';
    }
    parser->state = COLON;
    return JSON_MORE;
}

static json_status in_string(json_parser *parser, char byte)
{
    if (byte == '"') {
        return end_string(parser);
    }
    if ((unsigned char)byte < 0x20u) {
        return JSON_ERROR;
    }
    if (byte == '\\') {
        parser->state = ESCAPE;
    } else {
        keep(parser, byte);
    }
    return JSON_MORE;
}

/* Escaped characters are no part of any key that matters: one stands in for each. */
static json_status in_escape(json_parser *parser, char byte)
{
    if (byte == 'u') {
        parser->hex = 4;
        parser->state = HEX;
        return JSON_MORE;
    }
    if (byte == '\0' || strchr("\"\\/bfnrt", byte) == NULL) {
        return JSON_ERROR;
    }
    keep(parser, '\\');
    parser->state = STRING;
    return JSON_MORE;
}

static json_status in_hex(json_parser *parser, char byte)
{
    if (!is_digit(byte) && !(byte >= 'a' && byte <= 'f') && !(byte >= 'A' && byte <= 'F')) {
        return JSON_ERROR;
    }
    if (--parser->hex == 0) {
        keep(parser, '\\');
        parser->state = STRING;
    }
    return JSON_MORE;
}

static const char *digits(const char *text)
{
    while (is_digit(*text)) {
        text++;
    }
    return text;
}

/* Whether text is a number as JSON writes them: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const char *text)
{
    text += *text == '-';
    const char *end = digits(text);
    if (end == text || (*text == '0' && end != text + 1)) {
        return false;
    }
    if (*end == '.') {
        text = end + 1;
        end = digits(text);
        if (end == text) {
            return false;
        }
    }
    if (*end == 'e' || *end == 'E') {
        text = end + 1;
        text += *text == '+' || *text == '-';
        end = digits(text);
        if (end == text) {
            return false;
        }
    }
    return *end == '\0';
}

static json_status after_value(json_parser *parser, char byte)
{
    if (is_space(byte)) {
        return JSON_MORE;
    }
    if (byte == '}' || byte == ']') {
        return closed(parser, byte == '}');
    }
    if (byte != ',') {
        return JSON_ERROR;
    }
    parser->state = parser->object[parser->depth - 1] ? KEY : VALUE;
    return JSON_MORE;
}

static json_status in_number(json_parser *parser, char byte)
{
    if (is_digit(byte) || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' || byte == '-') {
        keep(parser, byte);
        return JSON_MORE;
    }
    if (parser->length >= sizeof parser->text) {
        return JSON_ERROR;
    }
    parser->text[parser->length] = '\0';
    if (!is_number(parser->text)) {
        return JSON_ERROR;
    }
    report(parser, JSON_NUMBER, strtod(parser->text, NULL));
    ended(parser);
    return after_value(parser, byte); /* what follows a number ends it */
}

static json_status in_word(json_parser *parser, char byte)
{
    if (byte != *parser->expected++) {
        return JSON_ERROR;
    }
    if (*parser->expected != '\0') {
        return JSON_MORE;
    }
    report(parser, parser->word, 0.0);
    return ended(parser);
}

static json_status between(json_parser *parser, char byte)
{
    if (is_space(byte)) {
        return JSON_MORE;
    }
    switch (parser->state) {
    case COLON:
        parser->state = VALUE;
        return byte == ':' ? JSON_MORE : JSON_ERROR;
    case FIRST_KEY:
        if (byte == '}') {
            return closed(parser, true);
        }
        /* fall through */
    case KEY:
        begin_text(parser, STRING, true);
        return byte == '"' ? JSON_MORE : JSON_ERROR;
    case FIRST_VALUE:
        if (byte == ']') {
            return closed(parser, false);
        }
        /* fall through */
    default:
        return begin_value(parser, byte);
    }
}

json_status json_push(json_parser *parser, char byte)
{
    switch (parser->state) {
    case STRING:
        return in_string(parser, byte);
    case ESCAPE:
        return in_escape(parser, byte);
    case HEX:
        return in_hex(parser, byte);
    case NUMBER:
        return in_number(parser, byte);
    case WORD:
        return in_word(parser, byte);
    case AFTER:
        return after_value(parser, byte);
    default:
        return between(parser, byte);
    }
}
