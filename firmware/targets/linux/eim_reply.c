#define _POSIX_C_SOURCE 200809L

#include "eim_reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

void reply_begin(eim_reply *reply, int socket)
{
    reply->socket = socket;
    reply->failed = false;
    reply->length = 0;
}

static void flush(eim_reply *reply)
{
    size_t sent = 0;
    while (!reply->failed && sent < reply->length) {
        const ssize_t count = send(reply->socket, reply->buffer + sent, reply->length - sent, MSG_NOSIGNAL);
        if (count >= 0) {
            sent += (size_t)count;
        } else if (errno != EINTR) {
            reply->failed = true; /* EAGAIN too: the socket's send timeout has passed */
        }
    }
    reply->length = 0;
}

static void put(eim_reply *reply, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reply->length == sizeof reply->buffer) {
            flush(reply);
        }
        reply->buffer[reply->length++] = bytes[i];
    }
}

void reply_text(eim_reply *reply, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0) {
        put(reply, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1u);
    }
}

void reply_string(eim_reply *reply, const char *text)
{
    put(reply, "\"", 1);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            put(reply, "\\", 1);
            put(reply, text, 1);
        } else if ((unsigned char)*text < 0x20u) {
            reply_text(reply, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            put(reply, text, 1);
        }
    }
    put(reply, "\"", 1);
}

bool reply_end(eim_reply *reply)
{
    put(reply, "", 1);
    flush(reply);
    return !reply->failed;
}
