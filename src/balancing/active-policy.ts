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
 * removed or new servers; at the start that is round robin. Most policies are ready at once, and if the one before has no
 * server left, the next one is built at once, however long that takes.
 */
export class ActivePolicy {
  readonly #upstream: number
  readonly #scoreboard: Scoreboard
  #current: Policy
  #balance: Balance
  #servers: readonly ServerState[]
  /** The servers that the current policy knows. */
  #served: readonly ServerState[]
  /** The next policy while it is built, its settings, and its servers. */
  #building: Background<Policy> | undefined
  #builtFor: Balance | undefined
  #builtOf: readonly ServerState[] = []

  constructor(balance: Balance, servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    this.#upstream = upstream
    this.#scoreboard = scoreboard
    this.#current = roundRobin(servers, upstream, scoreboard)
    this.#balance = balance
    this.#servers = this.#served = servers
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
    if (this.#current.apply(balance, servers)) {
      this.#served = servers
      return this.stop()
    }
    const isUrgent = servers.some(isOpen) && !this.#served.some(isOpen)
    // The policy that is being built is finished even if the list of servers has changed since: if each change
    // restarted a ring, frequent changes would keep any ring from being finished.
    if (!isUrgent && this.#building !== undefined && isDeepStrictEqual(this.#builtFor, balance)) return
    this.stop()
    this.#build()
    if (isUrgent) this.finish()
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
    this.#builtOf = this.#servers
    const work = buildPolicy(this.#balance, this.#servers, this.#upstream, this.#scoreboard)
    const building = new Background(work, (policy) => this.#take(policy))
    if (!building.isOver) this.#building = building
  }

  #take(policy: Policy): void {
    this.#building = undefined
    this.#current = policy
    const isCurrent = policy.apply(this.#balance, this.#servers)
    this.#served = isCurrent ? this.#servers : this.#builtOf
    if (!isCurrent) this.#build()
  }
}

/** Whether the operator has it take new users. */
function isOpen({ isRemoved, settings }: ServerState): boolean {
  return !isRemoved && !settings.down && !settings.drain && !settings.away
}
