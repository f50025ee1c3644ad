/** Loaded into Limpet before its own code: its second worker does not start before the file that LET_START names is there. */
import { existsSync } from 'node:fs'
import { threadName } from 'node:worker_threads'

const cell = new Int32Array(new SharedArrayBuffer(4))
while (threadName === 'worker 1' && !existsSync(process.env.LET_START!)) Atomics.wait(cell, 0, 0, 10)
