import { Worker } from 'node:worker_threads'
import { workerModule } from '../../program-files.ts'

/**
 * The memory for what a worker has made last, in MB; V8 frees what is over of it whenever a third is full. With V8's own size, several times as
 * large, clients that make a worker busy have it hold tens of MB that are of no use, and to go through it takes longer than most requests.
 */
const YOUNG_MEMORY = 12

/** Starts a thread that loads the worker's code, and then waits for its `WorkerStart`. */
export function startWorkerThread(slot: number): Worker {
  return new Worker(workerModule, {
    name: `worker ${slot}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEMORY },
  })
}
