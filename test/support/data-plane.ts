import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { onConnection } from '../../src/downstream/client-socket.ts'
import type { ExchangeObserver } from '../../src/observability/exchange-record.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { WorkerEvent } from '../../src/runtime/worker-event.ts'
import { DataPlane } from '../../src/worker/data-plane.ts'
import { type Pauses, snapshotOf } from './snapshot.ts'

/** A worker's data plane in this thread, behind a port of its own. */
export interface ServingDataPlane {
  readonly port: number
  readonly scoreboard: Scoreboard
  /** What it has reported. */
  readonly events: readonly WorkerEvent[]
  /** Serves by another configuration from now on, in which the listeners do not count. */
  apply(config: unknown, pauses?: Pauses): Promise<void>
  /** Closes the tunnels to the server of that slot, as for the control plane. */
  closeTunnels(server: number, spread: number): void
  /** Resolves once nothing is in flight on the server of that slot. */
  idle(server: number): Promise<void>
}

/** Serves by a configuration, with one listener, whose port does not count; stops with the test. */
export async function startDataPlane(
  test: TestContext,
  config: unknown,
  pauses?: Pauses,
  ...observers: readonly ExchangeObserver[]
): Promise<ServingDataPlane> {
  const snapshot = await snapshotOf(test, config, pauses)
  const scoreboard = new Scoreboard()
  const events: WorkerEvent[] = []
  const plane = new DataPlane(snapshot, scoreboard, new SessionTable(), 0, {
    observers,
    report: (event) => events.push(event),
    stopped: () => {},
  })
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onConnection(
    server,
    (socket) => plane.accept(socket, { listener: snapshot.listeners[0]!, isClosed: false }),
    assert.fail,
  )
  test.after(() => {
    server.close()
    plane.stop()
  })
  const { port } = server.address() as AddressInfo
  // A large configuration takes longer to compile than the next one.
  let previous: Promise<unknown> = Promise.resolve()
  return {
    port,
    scoreboard,
    events,
    async apply(next, pauses) {
      const compiling = Promise.all([snapshotOf(test, next, pauses), previous])
      previous = compiling
      const [snapshot] = await compiling
      await new Promise<void>((resolve) => plane.apply(snapshot, resolve))
    },
    closeTunnels: (server, spread) => plane.closeTunnels(server, spread),
    async idle(server) {
      while (scoreboard.servers.inFlight(server) > 0) await turn()
    },
  }
}
