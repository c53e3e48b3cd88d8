/* Replies as they are written: text in pieces through a small buffer, closed by a NUL byte. */
#ifndef EIM_REPLY_H
#define EIM_REPLY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    int socket;
    bool failed; /* the other side is gone or does not read; nothing more is sent */
    size_t length;
    char buffer[4096];
} eim_reply;

void reply_begin(eim_reply *reply, int socket);

/* Formatted text of at most 255 bytes. */
void reply_text(eim_reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string, quotes and escapes included. */
void reply_string(eim_reply *reply, const char *text);

/* Closes and sends: false where the other side is gone. */
bool reply_end(eim_reply *reply);

#endif
