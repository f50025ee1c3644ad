import { isDeepStrictEqual } from 'node:util'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import { Background } from '../runtime/slices.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import { buildPolicy, roundRobin } from './registry.ts'
import type { ServerState } from './server-state.ts'

/**
 * The policy of an upstream. If it cannot take over a change, it is replaced: the next one is built in slices, since a
 * ring of thousands of servers takes a tenth of a second or more. Until it is ready, the one before it serves, without
 * removed or new servers; at the start that is round robin. Most policies are ready at once.
 */
export class ActivePolicy {
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  #current: Policy
  #balance: Balance
  #servers: readonly ServerState[]
  /** The next policy while it is built, and its settings. */
  #building: Background<Policy> | undefined
  #builtFor: Balance | undefined

  constructor(balance: Balance, servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    this.#upstream = upstream
    this.#scoreboard = scoreboard
    this.#current = roundRobin(servers, upstream, scoreboard)
    this.#balance = balance
    this.#servers = servers
    this.apply(balance, servers)
  }

  get current(): Policy {
    return this.#current
  }

  /** Whether another policy is being built to replace it. */
  get isBuilding(): boolean {
    return this.#building !== undefined
  }

  apply(balance: Balance, servers: readonly ServerState[]): void {
    this.#balance = balance
    this.#servers = servers
    if (this.#current.apply(balance, servers)) return this.stop()
    // The policy that is being built is finished even if the list of servers has changed since: if each change
    // restarted a ring, frequent changes would keep any ring from being finished.
    if (this.#building !== undefined && isDeepStrictEqual(this.#builtFor, balance)) return
    this.stop()
    this.#build()
  }

  /** Finishes building the next policy at once, if there is one. */
  finish(): void {
    while (this.#building !== undefined) this.#building.finish()
  }

  /** Stops building. */
  stop(): void {
    this.#building?.cancel()
    this.#building = undefined
  }

  #build(): void {
    this.#builtFor = this.#balance
    const work = buildPolicy(this.#balance, this.#servers, this.#upstream, this.#scoreboard)
    const building = new Background(work, (policy) => this.#take(policy))
    if (!building.isOver) this.#building = building
  }

  #take(policy: Policy): void {
    this.#building = undefined
    this.#current = policy
    if (!policy.apply(this.#balance, this.#servers)) this.#build()
  }
}
