#include "eit_port.h"

#if EIT_WORKERS > 1 && defined(ESP_PLATFORM)

static void task(void *argument)
{
    eit_port *port = argument;
    port->work(port->argument);
    xTaskNotifyGive(port->tasks[0]);
    vTaskSuspend(0); /* deleted by eit_port_wait: its memory must outlive it */
}

int eit_port_start(eit_port *port, void (*work)(void *), void *argument)
{
#if portNUM_PROCESSORS > 1
    port->work = work;
    port->argument = argument;
    port->arrived[0] = 0;
    port->arrived[1] = 0;
    port->tasks[0] = xTaskGetCurrentTaskHandle();
    port->tasks[1] = xTaskCreateStaticPinnedToCore(task, "eit", sizeof port->stack, port, uxTaskPriorityGet(0),
                                                   port->stack, &port->memory, xPortGetCoreID() == 0 ? 1 : 0);
    return port->tasks[1] == 0;
#else
    (void)task;
    (void)port;
    (void)work;
    (void)argument;
    return 1;
#endif
}

/* Both run at the same pace: waiting is short, and a notification would take longer than a row. */
void eit_port_meet(eit_port *port, uint32_t worker)
{
    const uint32_t times = port->arrived[worker] + 1u;
    __atomic_store_n(&port->arrived[worker], times, __ATOMIC_RELEASE);
    while ((int32_t)(__atomic_load_n(&port->arrived[1u - worker], __ATOMIC_ACQUIRE) - times) < 0) {
    }
}

void eit_port_wait(eit_port *port)
{
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    while (eTaskGetState(port->tasks[1]) != eSuspended) {
        vTaskDelay(1);
    }
    vTaskDelete(port->tasks[1]);
}

#elif EIT_WORKERS > 1

static void *thread(void *argument)
{
    eit_port *port = argument;
    port->work(port->argument);
    return 0;
}

int eit_port_start(eit_port *port, void (*work)(void *), void *argument)
{
    port->work = work;
    port->argument = argument;
    port->arrived = 0;
    port->times = 0;
    if (pthread_mutex_init(&port->lock, 0) != 0) {
        return 1;
    }
    if (pthread_cond_init(&port->both, 0) != 0) {
        pthread_mutex_destroy(&port->lock);
        return 1;
    }
    if (pthread_create(&port->thread, 0, thread, port) != 0) {
        pthread_cond_destroy(&port->both);
        pthread_mutex_destroy(&port->lock);
        return 1;
    }
    return 0;
}

void eit_port_meet(eit_port *port, uint32_t worker)
{
    (void)worker;
    pthread_mutex_lock(&port->lock);
    const uint32_t times = port->times;
    if (++port->arrived == 2u) {
        port->arrived = 0;
        port->times++;
        pthread_cond_signal(&port->both);
    }
    while (port->times == times) {
        pthread_cond_wait(&port->both, &port->lock);
    }
    pthread_mutex_unlock(&port->lock);
}

void eit_port_wait(eit_port *port)
{
    pthread_join(port->thread, 0);
    pthread_cond_destroy(&port->both);
    pthread_mutex_destroy(&port->lock);
}

#else

typedef int eit_one_worker_needs_no_port; /* C has no empty files */

#endif
