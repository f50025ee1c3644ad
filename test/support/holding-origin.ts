import { EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { httpOrigin, type Origin } from './origin.ts'
import { RawClient } from './raw-client.ts'

/**
 * A server that answers `<name>`: for `/at-once` immediately, for other paths when the test calls `answer`. Once it is
 * released, it answers everything immediately.
 */
export class HoldingOrigin {
  readonly name: string
  origin!: Origin
  /** The paths of the requests that it has got, in order. */
  readonly asked: string[] = []
  readonly #held: ServerResponse[] = []
  readonly #arrivals = new EventEmitter().setMaxListeners(0)
  #isReleased = false

  static async start(test: TestContext, name: string): Promise<HoldingOrigin> {
    const holding = new HoldingOrigin(name)
    holding.origin = await httpOrigin(test, (request, response) => {
      request.resume()
      holding.asked.push(request.url!)
      if (request.url === '/at-once' || holding.#isReleased) response.end(`<${holding.name}>`)
      else holding.#held.push(response)
      holding.#arrivals.emit('request')
    })
    return holding
  }

  private constructor(name: string) {
    this.name = name
  }

  get address(): string {
    return this.origin.address
  }

  /** Resolves once it has got that many requests. */
  async hears(count: number): Promise<void> {
    while (this.asked.length < count) await once(this.#arrivals, 'request')
  }

  /** Sends a request on a new client, which takes one of the server's places until it is answered. */
  async occupy(test: TestContext, port: number): Promise<RawClient> {
    const client = await RawClient.connect(test, port)
    const before = this.asked.length
    client.get('/occupy')
    await this.hears(before + 1)
    return client
  }

  /** Answers the request that has waited longest. */
  answer(): void {
    this.#held.shift()!.end(`<${this.name}>`)
  }

  /** Answers all requests, and from now on each immediately. */
  release(): void {
    this.#isReleased = true
    while (this.#held.length > 0) this.answer()
  }
}
