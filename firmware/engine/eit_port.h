/*
 * The second core: what EIT_WORKERS 2 needs of an operating system. eit_port.c has it for FreeRTOS on chips with two
 * cores (ESP32, ESP32-S3) and for POSIX threads; another system brings its own eit_port.c and defines EIT_PORT_FIELDS.
 */
#ifndef EIT_PORT_H
#define EIT_PORT_H

#include "eit.h"

#if EIT_WORKERS > 1

#if defined(EIT_PORT_FIELDS)
/* the caller's own */
#elif defined(ESP_PLATFORM)
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#define EIT_PORT_STACK 2048u /* bytes of the second worker's stack, which lie on the first one's */
#define EIT_PORT_FIELDS                                                                                                \
    TaskHandle_t tasks[2];                                                                                             \
    uint32_t arrived[2];                                                                                               \
    StaticTask_t memory;                                                                                               \
    StackType_t stack[EIT_PORT_STACK / sizeof(StackType_t)];
#else
#include <pthread.h>
#define EIT_PORT_FIELDS                                                                                                \
    pthread_t thread;                                                                                                  \
    pthread_mutex_t lock;                                                                                              \
    pthread_cond_t both;                                                                                               \
    uint32_t arrived, times;
#endif

/* A second worker. It lives as long as one inference, on the stack of who asked for it. */
typedef struct {
    EIT_PORT_FIELDS
    void (*work)(void *);
    void *argument;
} eit_port;

/* Calls work(argument) on the other core; 0, or not where that cannot be. */
int eit_port_start(eit_port *port, void (*work)(void *), void *argument);

/* Waits until both workers, 0 and 1, have called it as often; what either wrote before is then seen by both. */
void eit_port_meet(eit_port *port, uint32_t worker);

/* Waits until work has returned. */
void eit_port_wait(eit_port *port);

#endif

#endif
