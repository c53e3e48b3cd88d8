/* What ESP-IDF would generate, with the self-test asked for; the files beside this one declare what we use of it. */
#define CONFIG_EI_SELF_TEST_AT_BOOT 1
