import { Worker } from 'node:worker_threads'
import { workerModule } from '../../program-files.ts'

/** Starts a thread that loads the worker's code, and then waits for its `WorkerStart`. */
export function startWorkerThread(slot: number): Worker {
  return new Worker(workerModule, { name: `worker ${slot}` })
}
