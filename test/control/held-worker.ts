import { Worker } from 'node:worker_threads'
import { Gate } from './gate.ts'

const workerModule = new URL('../../src/worker/main.ts', import.meta.url)
const holdModule = new URL('hold-worker.ts', import.meta.url)

/** A real worker whose acknowledgements pass a gate. */
export class HeldWorker {
  readonly gate = new Gate()
  readonly thread = new Worker(workerModule, {
    workerData: { gate: this.gate.memory },
    execArgv: ['--import', holdModule.href],
  })
}
