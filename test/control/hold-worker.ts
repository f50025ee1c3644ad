/** Loaded into a worker before its own code: each time that it acknowledges a Snapshot, it first passes the test's gate. */
import { parentPort, workerData } from 'node:worker_threads'
import type { WorkerMessage } from '../../src/worker/messages.ts'
import { Gate } from './gate.ts'

const gate = new Gate((workerData as { readonly gate: SharedArrayBuffer }).gate)
const port = parentPort!
const post = port.postMessage.bind(port)

port.postMessage = (message: WorkerMessage) => {
  if (message.type === 'applied') gate.pass()
  post(message)
}
