/* A disk in memory that can fail and lose power.
 *
 * It keeps what was synced apart from what was only written: disk_sim_lose_power drops, keeps or
 * tears (at 512 bytes) every unsynced write and every unsynced name, at random. */
#pragma once
#include "server/store/disk.h"

typedef enum {
    SIM_NO_FAULT,
    SIM_DEAD,        /* this call and all that follow fail */
    SIM_ERROR,       /* this call fails with EIO */
    SIM_NO_SPACE,    /* this call, if it writes or makes a file, fails with ENOSPC */
    SIM_SHORT_WRITE, /* this call, if it writes, writes half */
    SIM_INTERRUPT,   /* this call, if it reads or writes, fails with EINTR */
} SimFault;

Disk *disk_sim_new(void);
void disk_sim_free(Disk *disk);

/* From now on, call number `call` (counted from 1) meets `fault`. */
void disk_sim_plan(Disk *disk, uint64_t call, SimFault fault);
/* Calls since the last plan. */
uint64_t disk_sim_calls(Disk *disk);
/* What a power cut leaves. Only while no store is open. */
void disk_sim_lose_power(Disk *disk, GRand *random);
