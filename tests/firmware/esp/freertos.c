/* What eit_port.c calls of FreeRTOS, on POSIX threads: a task is a thread, which ends where it is suspended. */
#define _POSIX_C_SOURCE 200809L
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

struct tskTaskControlBlock {
    pthread_t thread;
    TaskFunction_t code;
    void *argument;
    sem_t notified;
    int suspended;
};
typedef char fits[sizeof(struct tskTaskControlBlock) <= sizeof(StaticTask_t) ? 1 : -1];

static struct tskTaskControlBlock first; /* the one that was there before */
static __thread TaskHandle_t self;

static void check(int right)
{
    if (!right) {
        abort();
    }
}

static void *run(void *task)
{
    self = task;
    self->code(self->argument);
    abort(); /* a task never returns */
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    if (self == 0) {
        self = &first;
        check(sem_init(&first.notified, 0, 0) == 0);
    }
    return self;
}

BaseType_t xPortGetCoreID(void)
{
    return self == 0 || self == &first ? 0 : 1;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t task)
{
    check(task == 0);
    return 5u;
}

TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *argument,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *memory,
                                           BaseType_t core)
{
    TaskHandle_t task = (TaskHandle_t)memory;
    check(name != 0 && stack != 0 && stack_bytes >= 1024u && priority == 5u && core == 1);
    task->code = code;
    task->argument = argument;
    task->suspended = 0;
    check(pthread_create(&task->thread, 0, run, task) == 0);
    return task;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    check(sem_post(&task->notified) == 0);
    return pdTRUE;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    check(clear == pdTRUE && ticks == portMAX_DELAY && sem_wait(&self->notified) == 0);
    return 1u;
}

void vTaskSuspend(TaskHandle_t task)
{
    check(task == 0);
    __atomic_store_n(&self->suspended, 1, __ATOMIC_RELEASE);
    pthread_exit(0);
}

eTaskState eTaskGetState(TaskHandle_t task)
{
    return __atomic_load_n(&task->suspended, __ATOMIC_ACQUIRE) ? eSuspended : eRunning;
}

void vTaskDelete(TaskHandle_t task)
{
    check(pthread_join(task->thread, 0) == 0);
}

void vTaskDelay(TickType_t ticks)
{
    const struct timespec time = {0, (long)ticks * 1000000};
    nanosleep(&time, 0);
}
