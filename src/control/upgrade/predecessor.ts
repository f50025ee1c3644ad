import type { NamedCounts } from '../metrics/counts.ts'
import type { Inheritance, PredecessorMessage, ServerState, SuccessorMessage } from './inheritance.ts'
import { UPGRADE_VARIABLE } from './inheritance.ts'

/** How long it may take to answer, in ms: another program may have set the variable. */
const PATIENCE = 10_000

/** The process that this one replaces, which has started it (successor.ts). */
export class Predecessor {
  readonly inheritance: Inheritance
  /** Takes what it has counted since the inheritance was drawn up. */
  onCounted: (servers: readonly ServerState[]) => void = () => {}
  /** The same for the metrics. */
  onCounts: (counts: readonly NamedCounts[]) => void = () => {}
  readonly #isKnown = Promise.withResolvers<void>()
  /** Resolves once it has ended. */
  readonly ended: Promise<void>

  private constructor(inheritance: Inheritance) {
    this.inheritance = inheritance
    process.on('message', (message: PredecessorMessage) => {
      if (message.type === 'counted') this.onCounted(message.servers)
      if (message.type === 'counts') {
        this.onCounts(message.counts)
        this.#isKnown.resolve()
      }
    })
    this.ended = new Promise((resolve) => process.once('disconnect', resolve))
    void this.ended.then(this.#isKnown.resolve)
    if (inheritance.counts === undefined) this.#isKnown.resolve()
    // The channel does not keep this process running.
    process.channel?.unref()
  }

  /** Resolves once all is known that it had counted for the metrics until this process served, or will not be. */
  get countsKnown(): Promise<void> {
    return this.#isKnown.promise
  }

  /** Resolves to undefined if this process replaces none. */
  static async find(): Promise<Predecessor | undefined> {
    if (process.env[UPGRADE_VARIABLE] === undefined || process.send === undefined) return undefined
    // It is not for the programs that this one starts.
    delete process.env[UPGRADE_VARIABLE]
    const { promise, resolve } = Promise.withResolvers<Inheritance | undefined>()
    process.once('message', (message: PredecessorMessage) => {
      if (message.type === 'inheritance') resolve(message.inheritance)
    })
    process.once('disconnect', () => resolve(undefined))
    const timer = setTimeout(() => resolve(undefined), PATIENCE)
    send({ type: 'begun' })
    const inheritance = await promise
    clearTimeout(timer)
    return inheritance && new Predecessor(inheritance)
  }

  /** This process serves. */
  ready(): void {
    send({ type: 'ready' })
  }

  /** This process cannot serve, for that reason. */
  async failed(message: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    send({ type: 'failed', message }, resolve)
    await promise
  }
}

function send(message: SuccessorMessage, sent: () => void = () => {}): void {
  if (process.connected) process.send!(message, sent)
  else sent()
}
