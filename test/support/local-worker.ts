import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Clients } from '../../src/downstream/clients.ts'
import { Generation } from '../../src/exchange/generation.ts'
import type { ServerStream, ServerStreams } from '../../src/exchange/server-stream.ts'
import { UpstreamGroup } from '../../src/exchange/upstream-group.ts'
import { WorkerContext } from '../../src/exchange/worker-context.ts'
import type { ExchangeObserver, ExchangeRecord, Protocol } from '../../src/observability/exchange-record.ts'
import { Notices } from '../../src/observability/notices.ts'
import { Router } from '../../src/routing/router.ts'
import type { Deadlines } from '../../src/runtime/deadlines.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { WorkerEvent } from '../../src/runtime/worker-event.ts'
import { ServerConnections } from '../../src/upstream/server-connections.ts'
import { snapshotOf } from './snapshot.ts'

/** What is recorded of an exchange; of its request, only the protocol. */
type Ended = Pick<ExchangeRecord, 'status' | 'bytesSent' | 'serverNames' | 'upstreamStatuses'> & { protocol: Protocol }

/**
 * The parts that a worker serves with, in this thread and connected as in a DataPlane, for tests that bring their own
 * clients and check what is recorded.
 */
export class LocalWorker implements ExchangeObserver {
  readonly context: WorkerContext
  readonly clients: Clients
  readonly scoreboard: Scoreboard
  readonly #changes = new EventEmitter().setMaxListeners(0)
  readonly #records: Ended[] = []
  #pauses = 0
  #isServerFull = false

  private constructor(scoreboard: Scoreboard, deadlines: Deadlines | undefined, report: (event: WorkerEvent) => void) {
    this.scoreboard = scoreboard
    this.context = new WorkerContext([this], new Notices(report), deadlines)
    this.clients = new Clients(this.context, scoreboard, 0)
  }

  /**
   * Starts with this configuration; stops with the test.
   *
   * @param deadlines for a test that moves the clock
   * @param report gets the events
   */
  static async start(
    test: TestContext,
    settings: object,
    deadlines?: Deadlines,
    report: (event: WorkerEvent) => void = () => {},
  ): Promise<LocalWorker> {
    const snapshot = await snapshotOf(test, { listeners: [{ address: '127.0.0.1', port: 0 }], ...settings })
    const scoreboard = new Scoreboard()
    const sessions = new SessionTable()
    const worker = new LocalWorker(scoreboard, deadlines, report)
    const { context } = worker
    const groups = snapshot.upstreams.map((upstream) => {
      const streams = worker.#watching(new ServerConnections(upstream, context))
      return new UpstreamGroup(upstream, scoreboard, sessions, 0, context.deadlines, streams)
    })
    context.generation = new Generation(snapshot, new Router(snapshot.routes), groups)
    test.after(() => {
      for (const group of groups) group.retire()
      context.deadlines.stop()
    })
    return worker
  }

  /** Counts how often a server is paused, and notes whether one takes what is written for it. */
  #watching(streams: ServerStreams): ServerStreams {
    return {
      apply: (...of) => streams.apply(...of),
      close: () => streams.close(),
      open: (...of): ServerStream => {
        const stream = streams.open(...of)
        const pause = stream.pause.bind(stream)
        stream.pause = () => {
          pause()
          this.#pauses++
          this.#changes.emit('change')
        }
        const flush = stream.flush.bind(stream)
        stream.flush = () => {
          const takesMore = flush()
          this.#isServerFull = !takesMore
          this.#changes.emit('flush')
          return takesMore
        }
        return stream
      },
    }
  }

  ended({ request: { protocol }, status, bytesSent, serverNames, upstreamStatuses }: ExchangeRecord): void {
    assert.equal(this.context.scratch.length, 0, 'what is left would be sent on the connection of another exchange')
    this.#records.push({ protocol, status, bytesSent, serverNames, upstreamStatuses })
    this.#changes.emit('change')
  }

  /** How many exchanges are over. */
  get count(): number {
    return this.#records.length
  }

  /** Resolves to the records of all exchanges that are over, once there are that many. */
  async records(count: number): Promise<readonly Ended[]> {
    while (this.#records.length < count) await once(this.#changes, 'change')
    return this.#records
  }

  /** Resolves once a server has been paused because the client does not read. */
  async serverPaused(): Promise<void> {
    while (this.#pauses === 0) await once(this.#changes, 'change')
  }
  /** Resolves once that many requests wait for servers of the first upstream. */
  async waiting(count: number): Promise<void> {
    while (this.scoreboard.queues.waiting(0) < count) await turn()
  }

  /** Resolves once something more has been sent to a server, to whether that takes no more for now. */
  async serverFull(): Promise<boolean> {
    await once(this.#changes, 'flush')
    return this.#isServerFull
  }
}
