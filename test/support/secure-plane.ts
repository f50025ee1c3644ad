import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { onConnection } from '../../src/downstream/client-socket.ts'
import type { Entrance } from '../../src/downstream/entrance.ts'
import type { ExchangeObserver } from '../../src/observability/exchange-record.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Listener, Snapshot } from '../../src/runtime/snapshot.ts'
import { difference, patched } from '../../src/runtime/snapshot-patch.ts'
import type { Certificate, ListenerTls } from '../../src/runtime/tls-settings.ts'
import type { WorkerEvent } from '../../src/runtime/worker-event.ts'
import { DataPlane } from '../../src/worker/data-plane.ts'
import { snapshotOf } from './snapshot.ts'

/** The TLS of a listener, as it is unless a test says otherwise. */
export function secureListener(certificates: readonly string[], settings: Partial<ListenerTls> = {}): ListenerTls {
  return {
    certificates,
    unknownNames: 'default',
    protocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    ciphers:
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    handshakeTimeout: 10_000,
    ...settings,
  }
}

/** What clients meet. */
export interface SecureSettings {
  /** What a file says besides its listeners. */
  readonly config: object
  /** Those of the listener, in order. */
  readonly certificates: readonly Certificate[]
  readonly tls?: Partial<ListenerTls>
  readonly ticketKey?: Uint8Array
  readonly proxyProtocol?: boolean
  readonly observers?: readonly ExchangeObserver[]
}

/** A worker's data plane in this thread, behind a port of its own that speaks TLS. */
export class SecurePlane {
  readonly port: number
  readonly plane: DataPlane
  readonly scoreboard: Scoreboard
  readonly entrance: { listener: Listener; isClosed: boolean }
  #snapshot: Snapshot
  #settings: SecureSettings
  readonly #events: WorkerEvent[]
  readonly #changes: EventEmitter

  /** Starts one, which stops with the test. */
  static async start(test: TestContext, settings: SecureSettings): Promise<SecurePlane> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const whole = { ticketKey: randomBytes(48), ...settings }
    const snapshot = await secureSnapshot(test, whole, port)
    const secure = new SecurePlane(whole, snapshot, port)
    onConnection(server, (socket) => secure.plane.accept(socket, secure.entrance as Entrance), assert.fail)
    test.after(() => {
      server.close()
      secure.plane.stop()
    })
    return secure
  }

  private constructor(settings: SecureSettings, snapshot: Snapshot, port: number) {
    this.port = port
    this.#settings = settings
    this.#snapshot = snapshot
    this.scoreboard = new Scoreboard()
    this.#events = []
    this.#changes = new EventEmitter()
    this.entrance = { listener: snapshot.listeners[0]!, isClosed: false }
    this.plane = new DataPlane(snapshot, this.scoreboard, new SessionTable(), 0, {
      observers: settings.observers ?? [],
      report: (event) => {
        this.#events.push(event)
        this.#changes.emit('event')
      },
      stopped: () => {},
    })
  }

  /** Serves by other settings from now on. What they leave as it was is the same object in the next Snapshot, as in a worker. */
  async apply(test: TestContext, settings: Partial<SecureSettings>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings }
    const before = this.#snapshot
    const next = { ...(await secureSnapshot(test, this.#settings, this.port)), generation: before.generation + 1 }
    const snapshot = patched(before, difference(before, next))
    this.#snapshot = snapshot
    await new Promise<void>((resolve) => {
      this.plane.apply(snapshot, () => {
        this.entrance.listener = snapshot.listeners[0]!
        resolve()
      })
    })
  }

  /** What was reported so far. */
  get events(): readonly WorkerEvent[] {
    return this.#events
  }

  /** Resolves to the first event of that type. */
  async event<Type extends WorkerEvent['type']>(type: Type): Promise<Extract<WorkerEvent, { type: Type }>> {
    for (;;) {
      const event = this.#events.find((event) => event.type === type)
      if (event !== undefined) return event as Extract<WorkerEvent, { type: Type }>
      await once(this.#changes, 'event')
    }
  }
}

/** A Snapshot with one listener, which speaks TLS. */
export async function secureSnapshot(
  test: TestContext,
  { config, certificates, tls, ticketKey, proxyProtocol = false }: SecureSettings,
  port: number,
): Promise<Snapshot> {
  const snapshot = await snapshotOf(test, { listeners: [{ address: '127.0.0.1', port }], ...config })
  const names = certificates.map(({ name }) => name)
  const listener = { address: '127.0.0.1', port, proxyProtocol, tls: secureListener(names, tls) }
  return { ...snapshot, listeners: [listener], certificates, ...(ticketKey && { ticketKey }) }
}
