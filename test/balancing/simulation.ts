/** Models of traffic, by which policies are compared with theory: a test asserts bounds, a script prints figures. */
import type { ServerState } from '../../src/balancing/server-state.ts'
import type { Balance } from '../../src/runtime/snapshot.ts'
import { groupOf, keyOf, serversWith } from './group.ts'

export const REQUESTS = 100_000

/** Requests that nobody finishes: what each server holds at the end. A key for each request. */
export function spreadOf(balance: Balance, size: number, requests = REQUESTS): number[] {
  const { policy } = groupOf(balance, serversWith(Array.from({ length: size }, () => ({}))))
  const held = new Array<number>(size).fill(0)
  for (let request = 0; request < requests; request++) {
    held[policy.pick(keyOf(request), [], 0)!.settings.slot]! += 1
  }
  return held
}

/** The same with no policy: each request to a server at random. */
export function randomSpread(size: number, requests = REQUESTS): number[] {
  const held = new Array<number>(size).fill(0)
  for (let request = 0; request < requests; request++) held[Math.floor(Math.random() * size)]! += 1
  return held
}

/** How far the fullest server is above the mean. */
export function gapOf(held: readonly number[]): number {
  return Math.max(...held) - held.reduce((sum, count) => sum + count, 0) / held.length
}

export interface Traffic {
  /** The mean service time of each server, in ms. Service times are exponential. */
  readonly serviceTimes: readonly number[]
  /** Requests a ms, of all servers together; they come at random (Poisson). */
  readonly rate: number
  /** Whether a server serves one request at a time, in order, or all at once. */
  readonly queueing: boolean
  readonly requests?: number
}

export interface Outcome {
  /** From the pick to the answer, in ms. */
  readonly mean: number
  readonly p99: number
  /** The most that any server had in flight. */
  readonly fullest: number
  /** The share of each server. */
  readonly shares: readonly number[]
  /** The share of requests that took more than a second. */
  readonly late: number
}

/** An open queueing system: what the policy makes of that traffic, once a tenth of it has passed. */
export function outcomeOf(balance: Balance, { serviceTimes, rate, queueing, requests = REQUESTS }: Traffic): Outcome {
  const { policy, scoreboard } = groupOf(balance, serversWith(serviceTimes.map(() => ({}))))
  const answers = new Answers()
  const freeAt = serviceTimes.map(() => 0)
  const counts = serviceTimes.map(() => 0)
  const times: number[] = []
  let fullest = 0
  let now = 0
  for (let request = 0; request < requests * 1.1; request++) {
    now += exponential(1 / rate)
    for (let answer = answers.takeBefore(now); answer !== undefined; answer = answers.takeBefore(now)) {
      answer.server.release()
      policy.answered?.(answer.server, answer.at - answer.from, true, answer.at)
    }
    const server = policy.pick(keyOf(request), [], now)!
    const { slot } = server.settings
    const begin = queueing ? Math.max(now, freeAt[slot]!) : now
    const at = begin + exponential(serviceTimes[slot]!)
    freeAt[slot] = at
    answers.add({ at, from: now, server })
    if (request < requests * 0.1) continue
    fullest = Math.max(fullest, scoreboard.servers.inFlight(slot))
    counts[slot]! += 1
    times.push(at - now)
  }
  times.sort((a, b) => a - b)
  return {
    mean: times.reduce((sum, time) => sum + time, 0) / times.length,
    p99: times[Math.floor(times.length * 0.99)]!,
    fullest,
    shares: counts.map((count) => count / times.length),
    late: times.filter((time) => time > 1000).length / times.length,
  }
}

/** A queue at each of so many alike servers, each so busy; the mean service time is 1 ms. */
export function alike(size: number, utilisation: number): Traffic {
  return { serviceTimes: new Array<number>(size).fill(1), rate: size * utilisation, queueing: true }
}

/** The mean time in such a system in units of the service time, as its size goes to infinity (or, of one choice, exactly). */
export const theory = {
  /** M/M/1. */
  random: (utilisation: number) => 1 / (1 - utilisation),
  /** D/M/1: a server's requests come at even intervals when there are many servers. */
  roundRobin(utilisation: number): number {
    let sigma = utilisation
    for (let i = 0; i < 1000; i++) sigma = Math.exp(-(1 - sigma) / utilisation)
    return 1 / (1 - sigma)
  },
  /** Mitzenmacher 1996, for d = 2: the sum of λ^(2^i − 2). */
  twoChoices(utilisation: number): number {
    let sum = 0
    for (let i = 1; i < 20; i++) sum += utilisation ** (2 ** i - 2)
    return sum
  },
}

function exponential(mean: number): number {
  return -Math.log(1 - Math.random()) * mean
}

interface Answer {
  readonly at: number
  readonly from: number
  readonly server: ServerState
}

/** Answers to come, the earliest first: a binary heap. */
class Answers {
  readonly #heap: Answer[] = []

  add(answer: Answer): void {
    const heap = this.#heap
    let index = heap.push(answer) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.at <= answer.at) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = answer
  }

  takeBefore(time: number): Answer | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.at > time) return undefined
    const last = heap.pop()!
    if (heap.length === 0) return first
    let index = 0
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
    return first
  }
}
