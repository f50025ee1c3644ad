import { handedAnswers } from '../acme/challenges/handed-answers.ts'
import type { Parts } from '../parts.ts'
import type { ServerState } from './inheritance.ts'
import { countedSince, serverStates } from './server-states.ts'
import { type Estate, Successor } from './successor.ts'

/** From one process to the next: the new one serves, and the old one ends with its last connection. */
export class HandOver {
  readonly #parts: Parts
  readonly #successor: Successor
  /** As they were handed over. */
  readonly #servers: readonly ServerState[]

  private constructor(parts: Parts, successor: Successor, servers: readonly ServerState[]) {
    this.#parts = parts
    this.#successor = successor
    this.#servers = servers
  }

  /**
   * Starts the program that is on the disk now; resolves once it serves, beside this process.
   *
   * @throws UpgradeError if it does not come up; then nothing has changed
   */
  static async begin(
    parts: Parts,
    estate: Omit<Estate, 'sockets' | 'servers' | 'ticketKey' | 'challenges' | 'newestEvent'>,
    signal: AbortSignal,
  ): Promise<HandOver> {
    const { sessions, scoreboard, supervisor, tls, acme, events } = parts
    const ticketKey = tls.tickets.inheritance
    const endSharing = await sessions.keepInStep()
    const servers = serverStates(supervisor.snapshot, scoreboard)
    try {
      const successor = await Successor.start(
        {
          ...estate,
          sockets: supervisor.sockets,
          servers,
          ticketKey,
          challenges: handedAnswers(acme.answers),
          newestEvent: events.newest,
        },
        signal,
      )
      return new HandOver(parts, successor, servers)
    } catch (error) {
      endSharing()
      throw error
    }
  }

  /** The new process's id. */
  get pid(): number {
    return this.#successor.pid
  }

  /** Accepts no more connections; resolves once the last one has ended. */
  async finish(): Promise<void> {
    const { sessions, scoreboard, supervisor, tracing } = this.#parts
    const drained = supervisor.drain()
    await drained
    await Promise.all([sessions.flush(), tracing.close()])
    await this.#successor.counted(countedSince(this.#servers, serverStates(supervisor.snapshot, scoreboard)))
  }
}
