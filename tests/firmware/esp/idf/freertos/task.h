void vTaskDelay(TickType_t ticks);
