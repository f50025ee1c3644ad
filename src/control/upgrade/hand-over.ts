import { handedAnswers } from '../acme/challenges/handed-answers.ts'
import { countsSince, type NamedCounts } from '../metrics/counts.ts'
import type { Parts } from '../parts.ts'
import type { ServerState } from './inheritance.ts'
import { countedSince, serverStates } from './server-states.ts'
import { type Estate, Successor } from './successor.ts'

/** How often the metrics of the next process are brought up to date, in ms: more often than anyone collects them. */
const REPORT_EVERY = 1000

/** From one process to the next: the new one serves, and the old one ends with its last connection. */
export class HandOver {
  readonly #parts: Parts
  readonly #successor: Successor
  /** As they were handed over. */
  readonly #servers: readonly ServerState[]
  /** As the successor knows them. */
  #counts: readonly NamedCounts[]

  private constructor(
    parts: Parts,
    successor: Successor,
    servers: readonly ServerState[],
    counts: readonly NamedCounts[],
  ) {
    this.#counts = counts
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
    estate: Pick<Estate, 'instance' | 'listeners' | 'admin' | 'metrics'>,
    signal: AbortSignal,
  ): Promise<HandOver> {
    const { sessions, scoreboard, supervisor, tls, acme, hosts, discovery, events, counts } = parts
    const ticketKey = tls.tickets.inheritance
    const endSharing = await sessions.keepInStep()
    const servers = serverStates(supervisor.snapshot, scoreboard)
    const counted = counts.all()
    try {
      const successor = await Successor.start(
        {
          ...estate,
          sockets: supervisor.sockets,
          servers,
          ticketKey,
          challenges: handedAnswers(acme.answers),
          hosts: Object.fromEntries(hosts.addresses),
          found: discovery.inheritance,
          newestEvent: events.newest,
          counts: counted,
        },
        signal,
      )
      return new HandOver(parts, successor, servers, counted)
    } catch (error) {
      endSharing()
      throw error
    }
  }

  /** The new process's id. */
  get pid(): number {
    return this.#successor.pid
  }

  /**
   * Accepts no more connections; resolves once the last one has ended.
   *
   * @param predecessorEnded resolves once the process that this one replaced has, which still tells this one what it counts
   */
  async finish(predecessorEnded: Promise<void> | undefined): Promise<void> {
    const { sessions, scoreboard, supervisor, tracing } = this.#parts
    void this.report()
    const reports = setInterval(() => void this.report(), REPORT_EVERY)
    await Promise.all([supervisor.drain(), predecessorEnded])
    clearInterval(reports)
    await Promise.all([sessions.flush(), tracing.close()])
    await this.report()
    await this.#successor.counted(countedSince(this.#servers, serverStates(supervisor.snapshot, scoreboard)))
  }

  /** Tells the next process what this one has counted by now; resolves once that has been sent. */
  report(): Promise<void> {
    const before = this.#counts
    this.#counts = this.#parts.counts.all()
    return this.#successor.counts(countsSince(before, this.#counts))
  }
}
