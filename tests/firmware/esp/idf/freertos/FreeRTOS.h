/* Types as on an ESP32 with two cores: ESP-IDF counts stacks in bytes. */
#ifndef INC_FREERTOS_H
#define INC_FREERTOS_H
#include <stdint.h>
typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint8_t StackType_t;
typedef struct {
    void *fields[86];
} StaticTask_t;
#ifndef portNUM_PROCESSORS
#define portNUM_PROCESSORS 2
#endif
#define pdTRUE ((BaseType_t)1)
#define portMAX_DELAY ((TickType_t)0xffffffffu)
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms) / 10)
BaseType_t xPortGetCoreID(void);
#endif
