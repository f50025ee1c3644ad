/** Limpet before the containers of a service, on a real engine, with users who ask while something happens to the containers. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Asker, type Trouble, talk } from '../support/asker.ts'
import { Dice } from '../support/dice.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { seed } from '../support/seed.ts'
import { startAllowListProxy } from './allow-list-proxy.ts'
import { DyingContainer, type Service } from './dying-container.ts'
import { docker } from './engine.ts'

/** 200 users who pause for 667 ms on average ask 300 times a second. */
const LONGEST_PAUSE = 1333

/** What is shown of a request that failed. */
const FIELDS = 'time method status server upstreamStatus seconds queued reason failure bytesReceived'.split(' ')

export interface Crowd {
  /** How many containers there are; 3 by default. */
  readonly containers?: number
  readonly users: number
  readonly websockets: number
}

export interface Rolling {
  readonly service: Service
  readonly containers: readonly DyingContainer[]
  readonly limpet: Limpet
  /** Ends all of Limpet's connections to the engine. */
  cut(): void
  /** So many more users come, and stay until the end. */
  join(users: number): void
  /** Ends the load. Resolves to what went wrong since `startRolling`, and how WebSockets were closed. */
  finish(): Promise<Outcome>
}

export interface Outcome {
  readonly trouble: readonly Trouble[]
  /** WebSockets that could not be opened. */
  readonly refused: readonly string[]
  readonly codes: ReadonlySet<number>
  readonly answers: number
  /** Users who are on another server than at the beginning, or have got another cookie. */
  readonly moved: number
}

let count = 0

/** Starts a service of some containers, Limpet that finds them, and users who ask until the end. */
export async function startRolling(
  test: TestContext,
  { containers: size = 3, users, websockets }: Crowd,
  { linger, options = [] }: Pick<Service, 'linger' | 'options'>,
): Promise<Rolling> {
  const service = { name: `limpet-rolling-${process.pid}-${++count}`, linger, options }
  const containers = Array.from({ length: size }, (_, index) => new DyingContainer(test, service, index + 1))
  for (const container of containers) await container.start()
  const proxy = await startAllowListProxy(test, '/var/run/docker.sock')
  const upstream = {
    affinity: { type: 'cookie', secrets: ['the same secret in every replica'] },
    queue: { timeout: '20s' },
    servers: { from: 'docker', host: proxy.host },
  }
  const limpet = await startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    accessLog: { format: 'json', fields: FIELDS },
    routes: [{ path: '/*', upstream: service.name }],
    upstreams: { [service.name]: upstream },
  })
  const trouble: Trouble[] = []
  const refused: string[] = []
  const codes = new Set<number>()
  const stop = new AbortController()
  test.after(() => stop.abort())
  const askers = Array.from({ length: users }, (_, index) => {
    return new Asker(limpet.port, new Dice(seed + index), LONGEST_PAUSE)
  })
  await Promise.all(askers.map((asker) => asker.run(AbortSignal.abort(), trouble)))
  assert.deepEqual(trouble, [])
  const homes = askers.map(({ server }) => server)
  const running = [
    ...askers.map((asker) => asker.run(stop.signal, trouble)),
    ...Array.from({ length: websockets }, () => talk(limpet.port, stop.signal, refused, codes)),
  ]
  await pause(500)
  return {
    service,
    containers,
    limpet,
    cut: proxy.cut,
    join(users) {
      for (let index = 0; index < users; index++) {
        const asker = new Asker(limpet.port, new Dice(seed - 1 - index), LONGEST_PAUSE)
        running.push(asker.run(stop.signal, trouble))
      }
    },
    async finish() {
      for (const container of containers) await container.listens()
      await pause(1000)
      stop.abort()
      await Promise.all(running)
      assert.deepEqual(proxy.refused, [])
      const moved = askers.filter(({ server, cookies }, index) => server !== homes[index] || cookies !== 1).length
      const answers = askers.reduce((sum, asker) => sum + asker.answers, 0)
      const outcome = { trouble, refused, codes, answers, moved }
      test.diagnostic(
        `${answers} answers, ${trouble.length} errors ${inWords(trouble)}, WebSockets closed by ${[...codes]}`,
      )
      const failed = limpet.log.all.filter((line) => /"status":5/.test(line))
      for (const line of failed.slice(0, 5)) test.diagnostic(line)
      return outcome
    },
  }
}

function inWords(trouble: readonly Trouble[]): string {
  const counts = new Map<Trouble, number>()
  for (const each of trouble) counts.set(each, (counts.get(each) ?? 0) + 1)
  return [...counts].map(([each, times]) => `(${each}: ${times})`).join(' ')
}

/** Replaces containers one after the other by new ones, as Compose recreates them. */
export async function replace({ containers }: Rolling, replacements: number): Promise<void> {
  for (let round = 0; round < replacements; round++) {
    const container = containers[round % containers.length]!
    await container.stop()
    await container.remove()
    await container.start()
    await pause(500)
  }
}

export function assertNothingHappened({ trouble, refused, moved, answers }: Outcome): void {
  assert.deepEqual(trouble, [])
  assert.deepEqual(refused, [])
  assert.equal(moved, 0, 'everyone is where they were, with the cookie that they had')
  assert.ok(answers > 0)
}

/** Kills containers one after the other, and starts others in their place. */
export async function kill({ containers }: Rolling, times: number): Promise<void> {
  for (let round = 0; round < times; round++) {
    const container = containers[round % containers.length]!
    await docker('kill', container.id)
    await container.remove()
    await container.start()
    await pause(500)
  }
}

/** A POST in flight may have had its effect, so it is not sent again. */
export function assertOnlyPostsFailed({ trouble, refused, moved }: Outcome): void {
  assert.deepEqual(
    trouble.filter((each) => each !== 'POST 502'),
    [],
  )
  assert.deepEqual(refused, [])
  assert.equal(moved, 0)
}
