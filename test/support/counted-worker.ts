import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { NO_CHALLENGES } from '../../src/runtime/challenge-answers.ts'
import { KeyedLimits } from '../../src/runtime/keyed-limits.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { Tallies } from '../../src/runtime/tallies.ts'
import type { WorkerMessage, WorkerStart } from '../../src/worker/messages.ts'
import { snapshotOf } from './snapshot.ts'
import type { Work } from './work-counter.ts'

const workerModule = new URL('../../src/worker/main.ts', import.meta.url)
const counterModule = new URL('work-counter.ts', import.meta.url)

/** One of Limpet's workers, serving as ever, that can say how much work it has done. */
export class CountedWorker {
  readonly port: number
  readonly #counter: MessagePort

  private constructor(port: number, counter: MessagePort) {
    this.port = port
    this.#counter = counter
  }

  /** Starts a worker with that text as its configuration; it ends with the test. */
  static async start(test: TestContext, config: string): Promise<CountedWorker> {
    const { port1, port2 } = new MessageChannel()
    const snapshot = await snapshotOf(test, config)
    const start: WorkerStart = {
      snapshot,
      scoreboard: new Scoreboard().memory,
      sessions: new SessionTable().memory,
      keyedLimits: new KeyedLimits().memory,
      tally: new Tallies().memoryFor(0),
      slot: 0,
      challenges: NO_CHALLENGES,
      bans: [],
      sockets: snapshot.listeners.map((listener, id) => ({ id, listener })),
    }
    const worker = new Worker(workerModule, {
      workerData: { counter: port2 },
      transferList: [port2],
      execArgv: ['--import', counterModule.href],
    })
    test.after(() => worker.terminate())
    worker.postMessage(start)
    const port = await new Promise<number>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'listening') resolve((message.sockets[0]!.listener as PortListener).port)
        if (message.type === 'log') worker.postMessage({ type: 'log-written', memory: message.batch.memory })
      })
    })
    return new CountedWorker(port, port1)
  }

  /** The work since it was last asked. */
  async work(): Promise<Work> {
    this.#counter.postMessage('take')
    const [work] = await once(this.#counter, 'message')
    return work as Work
  }
}
