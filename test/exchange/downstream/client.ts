import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import type { Protocol } from '../../../src/observability/exchange-record.ts'
import type { LocalWorker } from '../../support/local-worker.ts'

/** A request as the conformance suite words it, for whatever protocol. */
export interface Asked {
  /** GET if left out. */
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  /** The length of its body, or that nobody knows it beforehand; left out for no body. */
  readonly body?: number | 'unknown'
  /** The protocol that it would like to switch to. */
  readonly upgrade?: string
}

/** One request and its response, as a client controls and sees them. */
export interface ClientExchange {
  readonly response: Received
  /** Sends bytes of the body; of a switched protocol, bytes of that. */
  send(bytes: Buffer): void
  /** The body is complete; of a switched protocol, this direction is. */
  end(trailers?: Readonly<Record<string, string>>): void
  /** Breaks the rules in the middle of the body. */
  breakRules(): void
  /** Goes away at once. */
  leave(): void
  /** Reads no more of the response until `resume`. */
  pause(): void
  resume(): void
  /** Resolves once no more is taken from the client, though it has more to send: to the bytes that were taken so far. */
  held(): Promise<number>
}

export interface Client {
  ask(request: Asked): ClientExchange
}

/** A kind of client that the suite can be run for. */
export interface ClientKind {
  readonly name: string
  /** Whether `bytesSent` counts more than data. */
  readonly countsFraming: boolean
  /** The protocol in records. */
  readonly protocol: Protocol
  /** The status by which it learns that protocols have been switched. */
  readonly statusOfSwitch: number
  /** Such a client of a worker; it ends with the test. */
  start(test: TestContext, worker: LocalWorker): Promise<Client>
}

export interface ReceivedHead {
  readonly status: number
  /** By lower-case name. */
  readonly fields: Readonly<Record<string, string>>
}

/** What a client has received of a response. */
export class Received {
  /** Interim responses. */
  readonly interim: ReceivedHead[] = []
  /** The fields behind the body. */
  trailers: Readonly<Record<string, string>> = {}
  #head: ReceivedHead | undefined
  readonly #pieces: Buffer[] = []
  #length = 0
  #outcome: 'whole' | 'reset' | undefined
  readonly #changes = new EventEmitter().setMaxListeners(0)

  inform(head: ReceivedHead): void {
    this.interim.push(head)
    this.#changes.emit('change')
  }

  respond(head: ReceivedHead): void {
    this.#head = head
    this.#changes.emit('change')
  }

  data(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#length += bytes.length
    this.#changes.emit('change')
  }

  /** Nothing more follows. */
  finish(outcome: 'whole' | 'reset'): void {
    this.#outcome ??= outcome
    this.#changes.emit('change')
  }

  /** Resolves once there are that many interim responses. */
  async informed(count: number): Promise<void> {
    while (this.interim.length < count) await this.#change(`${count} interim responses`)
  }

  async head(): Promise<ReceivedHead> {
    while (this.#head === undefined) await this.#change('a head')
    return this.#head
  }

  /** Resolves once the body has that many bytes, to those that it has. */
  async body(length: number): Promise<Buffer> {
    while (this.#length < length) await this.#change(`${length} bytes of a body`)
    return Buffer.concat(this.#pieces)
  }

  /** Resolves once nothing more follows: to the response, and whether it is whole. */
  async over() {
    while (this.#outcome === undefined) await once(this.#changes, 'change')
    const { status = 0, fields = {} } = this.#head ?? {}
    return { status, fields, body: Buffer.concat(this.#pieces), outcome: this.#outcome }
  }

  #change(awaited: string): Promise<unknown> {
    if (this.#outcome !== undefined) throw new Error(`the response ended (${this.#outcome}) without ${awaited}`)
    return once(this.#changes, 'change')
  }
}
